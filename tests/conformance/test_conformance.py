"""One suite, two backends: the embedded server always, a real cluster where one is named."""

from __future__ import annotations

import os
import re

import pytest

from conformance.backends import REAL, run_embedded, run_real
from conformance.case import Case, all_cases
from tidy.source import ROOT

CASES = all_cases()
PAGE = ROOT / "docs" / "conformance.md"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_embedded(case: Case) -> None:
    run_embedded(case)


@pytest.mark.skipif(
    REAL not in os.environ, reason=f"{REAL} names no kubeconfig (docs/conformance.md)"
)
def test_real_cluster(subtests: pytest.Subtests) -> None:
    for case in CASES:
        if case.differs:
            continue
        with subtests.test(case.name):
            run_real(case)


def test_every_rule_by_which_the_embedded_server_differs_is_on_the_page_and_in_a_case() -> None:
    listed = re.findall(r"^\| `([a-z0-9-]+)` \|", PAGE.read_text(), re.MULTILINE)
    assert sorted(listed) == sorted({case.differs for case in CASES if case.differs})


def test_there_are_as_many_cases_as_we_say() -> None:
    assert len(CASES) >= 250
