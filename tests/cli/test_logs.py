"""What logs look like, for machines and for people."""

from __future__ import annotations

import json
import logging
import sys

from serinus.cli.logs import JsonLines, Sentences


def record(**added: object) -> logging.LogRecord:
    made = logging.LogRecord(
        "serinus.rollout", logging.WARNING, "", 0, "%s failed", ("a look",), None
    )
    made.__dict__.update(added)
    return made


def test_a_line_for_machines_has_what_the_call_added() -> None:
    line = json.loads(JsonLines().format(record(key="shop/web", error="409")))
    assert (line["level"], line["message"], line["key"]) == ("warning", "a look failed", "shop/web")


def test_a_sentence_for_people_says_of_what_and_why() -> None:
    said = Sentences().format(record(key="shop/web", error="409 AlreadyExists"))
    assert said == "warning: a look failed (key: shop/web, error: 409 AlreadyExists)"
    assert Sentences().format(record()) == "warning: a look failed"


def test_a_fault_of_ours_keeps_its_trace() -> None:
    made = record()
    try:
        raise ValueError("odd")
    except ValueError:
        made.exc_info = sys.exc_info()
    assert Sentences().format(made).splitlines()[-1] == "ValueError: odd"
