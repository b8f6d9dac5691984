"""One suite, two backends: the embedded server always, a real cluster where one is named."""

from __future__ import annotations

import asyncio
import os
import re
from pathlib import Path

import pytest

from conformance.backends import REAL, on_real, run_embedded, run_real
from conformance.case import Case, all_cases
from local.apiserver.served import serving
from serinus.base.clock import Clock
from serinus.local.apiserver.app import ApiServer
from serinus.local.kubeconfig import kubeconfig, write_kubeconfig
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


def test_a_cluster_behind_a_kubeconfig_is_asked_over_http(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The embedded server stands in for the real cluster: what carries the cases there works."""

    async def tell(cases: list[Case]) -> list[str]:
        server = ApiServer(Clock())
        async with serving(server) as url:
            monkeypatch.setenv(REAL, str(write_kubeconfig(tmp_path, kubeconfig(url, {}))))
            for case in cases:
                await on_real(case)
        found = server.view.list("", "namespaces")
        return [value["metadata"]["name"] for value in found]

    plain = [case for case in CASES if not case.differs and not case.controllers]
    left = asyncio.run(tell(plain[::8]))
    assert sorted(left) == ["default", "kube-public", "kube-system"]


def test_every_rule_by_which_the_embedded_server_differs_is_on_the_page_and_in_a_case() -> None:
    listed = re.findall(r"^\| `([a-z0-9-]+)` \|", PAGE.read_text(), re.MULTILINE)
    assert sorted(listed) == sorted({case.differs for case in CASES if case.differs})


def test_there_are_as_many_cases_as_we_say() -> None:
    assert len(CASES) >= 400
