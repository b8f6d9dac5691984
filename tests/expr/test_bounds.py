"""No text and no value brings anything but an answer or an ExprError, in bounded time."""

from __future__ import annotations

import random
import re
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serinus.expr.condition import compile_expression, evaluate
from serinus.expr.errors import ExprError
from serinus.expr.regex import compile_pattern

NOW = datetime(2026, 1, 1, tzinfo=UTC)

PIECES = [
    "result",
    "foo",
    "nil",
    "true",
    "false",
    "0",
    "1",
    "-1",
    "2.5",
    "1e308",
    "9223372036854775807",
    "'a'",
    '""',
    "`x`",
    "[",
    "]",
    "{",
    "}",
    "(",
    ")",
    ",",
    ":",
    ";",
    ".",
    "?.",
    "??",
    "?",
    "+",
    "-",
    "*",
    "/",
    "%",
    "**",
    "==",
    "!=",
    "<",
    "<=",
    ">",
    ">=",
    "and",
    "or",
    "not",
    "in",
    "matches",
    "contains",
    "startsWith",
    "..",
    "|",
    "#",
    "#acc",
    "#index",
    "let",
    "x",
    "=",
    "if",
    "else",
    "len(",
    "all(",
    "any(",
    "filter(",
    "map(",
    "reduce(",
    "sum(",
    "max(",
    "median(",
    "sort(",
    "sortBy(",
    "groupBy(",
    "keys(",
    "int(",
    "float(",
    "string(",
    "round(",
    "split(",
    "repeat(",
    "join(",
    "toJSON(",
    "fromJSON(",
    "now()",
    "date(",
    "duration(",
    "flatten(",
    "concat(",
    "uniq(",
    "get(",
    "take(",
    "first(",
    "last(",
    "isNaN(",
    "default(",
    "asInt(",
    "abs(",
    "ceil(",
    "type(",
    ".name",
    "[0]",
    "[-1]",
    "[1:]",
    "$env",
    ".Unix()",
    ".Format('2006')",
    "bitshl(",
    "mean(",
    "replace(",
    "trim(",
]
VALUES: tuple[Any, ...] = (
    None, True, 0, -1, 2**62, 0.5, float("nan"), float("inf"), "", "text", [], [1.0, float("nan")],
    ["a", "b"], [[1], [2, [3]]], {}, {"name": [1, {"x": None}]}, [None], [{"name": 1}],
)  # fmt: skip

LEAVES = [
    "result",
    "foo",
    "nil",
    "true",
    "1",
    "0",
    "-3",
    "2.5",
    "'ab'",
    "[1,2]",
    "{a:1}",
    "1..3",
    "now()",
    "duration('1s')",
    "9223372036854775807",
    "(0/0)",
    "[]",
    "#",
]
FORMS = (
    """
(A + B)  (A - B)  (A * B)  (A / B)  (A % B)  (A ** B)  (A == B)  (A < B)  (A and B)
(A or B)  (not A)  (-A)  (A ?? B)  (A ? B : C)  (A in B)  (A matches B)  (A contains B)
(A..B)  A[B]  A[B:C]  A?.name  [A, B, C]  {(A): B}  len(A)  string(A)  int(A)  float(A)
max(A, B)  median(A)  sort(A)  uniq(A)  flatten(A)  concat(A, B)  toJSON(A)  fromJSON(A)
split(A, B)  repeat(A, B)  replace(A, B, C)  join(A, B)  get(A, B)  map(A, B)  filter(A, B)
reduce(A, B, C)  groupBy(A, B)  sortBy(A, B)  sum(A, B)  all(A, B)  (let v = A; B)  date(A)
duration(A)  round(A)  take(A, B)  bitshl(A, B)  abs(A)  toPairs(A)  fromPairs(A)  type(A)
""".strip()
    .replace("\n", "  ")
    .split("  ")
)


def answer(source: str, result: Any) -> Any:
    try:
        env = {"result": result, "foo": {"name": 1}}
        return evaluate(compile_expression(source, frozenset(env)), env, NOW)
    except ExprError as error:
        return error


@pytest.mark.parametrize("seed", range(20))
def test_random_texts_of_the_language_never_break_it(seed: int) -> None:
    rng = random.Random(seed)
    evaluated = 0
    for _ in range(600):
        source = " ".join(rng.choice(PIECES) for _ in range(rng.randint(1, 9)))
        source += ")" * max(0, source.count("(") - source.count(")"))
        evaluated += not isinstance(answer(source, rng.choice(VALUES)), ExprError)
    assert evaluated > 3


def grown(rng: random.Random, depth: int) -> str:
    """A text that the grammar accepts, so that evaluation is reached."""
    if depth == 0:
        return rng.choice(LEAVES)
    one, two, three = (grown(rng, depth - 1) for _ in range(3))
    form = rng.choice(FORMS)
    return re.sub("[ABC]", lambda m: {"A": one, "B": two, "C": three}[m.group()], form)


@pytest.mark.parametrize("seed", range(20))
def test_well_formed_texts_over_any_value_never_break_it(seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(300):
        answer(f"map([1], {grown(rng, rng.randint(1, 3))})", rng.choice(VALUES))


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.text(max_size=60))
def test_any_text_at_all_never_breaks_it(source: str) -> None:
    answer(source, [0.5])


@pytest.mark.parametrize(
    "source",
    [
        "(" * 500 + "1" + ")" * 500,
        "[" * 5000 + "]" * 5000,
        "-" * 5000 + "1",
        "not " * 2000 + "true",
        "1" + " + 1" * 2000,
        "true" + " && true" * 1200,
        "1" + " ? 1 : 1" * 800,
        "a" + ".a" * 3000,
        "map([1]," * 1000 + "1" + ")" * 1000,
        "let x = 1;" * 500 + "x",
        "result" + "[0]" * 3000,
        "x" * 20_000,
        "[" + "1," * 4000 + "1]",
        "1..9223372036854775807",
        "repeat('abc', 100000000)",
        "map(1..10000, map(1..10000, #))",
        "reduce(1..60, #acc + #acc, 'a')",
        "reduce(1..60, concat(#acc, #acc), [1])",
        "len(string(reduce(1..60, [#acc, #acc], 1)))",
        "reduce(1..60, [#acc, #acc], 1) == reduce(1..60, [#acc, #acc], 1)",
        "flatten(reduce(1..60, [#acc, #acc], 1))",
        "toJSON(reduce(1..60, {a: #acc, b: #acc}, 1))",
        "flatten(reduce(1..50000, [#acc], 1))",
        "uniq(1..100000)",
        "all(1..100000, # in 1..100000)",
        "replace(repeat('a', 1000), 'a', repeat('b', 10000))",
        "join(map(1..900, repeat('x', 1000)), repeat('y', 1000))",
        "repeat('a', 5000) matches '(a+)+$' && repeat('a', 100000) matches '(a*)*(b|c)d'",
        "'x' matches '((((a{30}){30}){30}){30}){30}'",
        "'x' matches '(((){1000}){1000}){1000}'",
        "fromJSON(repeat('[', 100000))",
        "bitshl(1, 9223372036854775807)",
        "date('0001-01-01') - duration('2562047h')",
        "2 ** 1e308 ** 1e308",
        "split(repeat('a', 900000), 'a') | map(#) | map(#) | map(#)",
    ],
)
def test_what_is_too_much_is_an_answer_or_an_error_soon(source: str) -> None:
    answer(source, [0.5])


@pytest.mark.timeout(20)
def test_the_budget_bounds_the_work_of_one_evaluation() -> None:
    for source in ("map(1..10000, map(1..10000, #))", "uniq(1..100000)"):
        assert "memory budget exceeded" in str(answer(source, None))


PATTERNS = [
    "a", "^a", "a$", "^$", "a|b", "a*b+c?", "(ab)+", "[a-c]+", "[^a]", r"\d+", r"\w\W", r"\bab\b",
    r"\Bab", "a{2,3}b", "a{2}", "a{2,}", "(?i)AB", "(?:a|b)c", "a.c", "[]a]", "[a-]", r"[\d-]",
    "(a|b)*c", "x*", "a??b", "(?P<n>a)b", r"\.", "(a+)+b", "(|a)b", "a{,2}",
]  # fmt: skip
TEXTS = [
    "",
    "a",
    "b",
    "ab",
    "abc",
    "aab",
    "aaab",
    "AB",
    "a\nc",
    "c",
    "]",
    "-",
    "4 2",
    " ab ",
    "xab",
]


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_pattern_matches_what_pythons_engine_matches(pattern: str) -> None:
    # {,2} is plain text in RE2
    theirs = re.compile(r"a\{,2\}" if pattern == "a{,2}" else pattern.replace("$", r"\Z"), re.ASCII)
    for text in TEXTS:
        assert compile_pattern(pattern).search(text) is bool(theirs.search(text)), text


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        (r"(?m)^b$", "a\nb\nc", True), (r"^b$", "a\nb\nc", False), (r"(?s)a.c", "a\nc", True),
        (r"[[:digit:]]{3}", "x123", True), (r"[[:^alpha:]]", "abc", False),
        (r"\x41\x{42}", "AB", True),
        (r"\Qa.b\E", "a.b", True), (r"\Qa.b\E", "axb", False), (r"\Aab\z", "ab", True),
        (r"(?i:ab)c", "ABc", True), (r"(?i:ab)c", "ABC", False), (r"a(?i)b", "aB", True),
        (r".*", "error-rate", True), (r"error-(rate|count)", "error-count", True),
    ],
)  # fmt: skip
def test_patterns_of_go(pattern: str, text: str, found: bool) -> None:
    assert compile_pattern(pattern).search(text) is found


@pytest.mark.parametrize(
    "pattern",
    [
        r"(",
        r")",
        r"*",
        r"a**",
        r"[",
        r"[b-a]",
        r"\1",
        r"(?=a)",
        r"(?<!a)",
        r"a{1001}",
        r"a{3,2}",
        r"\z\q",
        r"(?P<n",
        r"[[:nope:]]",
        r"\x{zz}",
        r"+a",
    ],
)
def test_what_re2_does_not_have_is_refused(pattern: str) -> None:
    with pytest.raises(ExprError, match="regular expression"):
        compile_pattern(pattern)
