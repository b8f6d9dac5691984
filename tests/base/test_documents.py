"""YAML as kubectl reads it: words, numbers, keys; and written so that kubectl reads the same."""

from __future__ import annotations

from typing import Any

import pytest

from serinus.base.documents import Document, Flaw, read_documents, write_document


def value_of(text: str) -> Any:
    (found,) = read_documents(text)
    assert isinstance(found, Document), found
    return found.value


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("y", True),
        ("N", False),
        ("on", True),
        ("Off", False),
        ("yep", "yep"),
        ("010", 8),
        ("0x1F", 31),
        ("0o17", 15),
        ("0b101", 5),
        ("-0x10", -16),
        ("1_000", 1000),
        ("1:30", "1:30"),
        ("1e3", 1000),
        ("08", 8),
        ("1.50", 1.5),
        (".5", 0.5),
        ("1.2.3", "1.2.3"),
        ("2024-01-31T08:00:00Z", "2024-01-31T08:00:00Z"),
        ("~", None),
        ("'y'", "y"),
    ],
)
def test_a_plain_word_is_what_kubectl_sends(word: str, value: Any) -> None:
    found = value_of(f"a: {word}\n")["a"]
    assert (type(found), found) == (type(value), value)


def test_a_key_is_always_text() -> None:
    assert value_of("on: 1\n8080: 2\n1.5: 3\nname: 4\n") == {
        "true": 1,
        "8080": 2,
        "1.5": 3,
        "name": 4,
    }


def test_a_key_that_cannot_be_text_is_a_flaw_with_its_line() -> None:
    assert list(read_documents("a: 1\n---\n? [x]\n: 2\n")) == [
        Document({"a": 1}, 1, {"a": 1}),
        Flaw(3, "is no YAML: a key must be text, not a list or an object"),
    ]


def test_merged_keys_are_there() -> None:
    text = "base: &base {cpu: 1, memory: 2}\nmine:\n  <<: *base\n  cpu: 3\n"
    assert value_of(text)["mine"] == {"cpu": 3, "memory": 2}


@pytest.mark.parametrize(
    "text", ["y", "No", "on", "1e3", "010", "0o17", "1:30", "1_0", "~", "", "08"]
)
def test_what_is_written_is_read_again_as_the_same_text(text: str) -> None:
    written = write_document({"labels": {"app": text}, text: [text, 1, True, None, 1.5]})
    assert value_of(written) == {"labels": {"app": text}, text: [text, 1, True, None, 1.5]}
    if text != "1:30":  # as text it needs no quotes, for kubectl
        assert f"app: '{text}'" in written
