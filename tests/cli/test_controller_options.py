"""What `serinus controller` takes and refuses before it asks any server."""

from __future__ import annotations

import pytest

from serinus.api import ambassador, smi
from serinus.cli.controller import AMBASSADOR_VERSIONS, SMI_VERSIONS
from serinus.cli.main import main


@pytest.mark.parametrize("option", ["--qps", "--burst"])
def test_a_controller_that_may_ask_nothing_is_refused(
    option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        main(["controller", option, "0"])
    assert end.value.code == 2
    assert option in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--traffic-split-api-version", "--ambassador-api-version"])
def test_a_version_that_there_never_was_is_refused(
    option: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as end:
        main(["controller", option, "v9"])
    assert end.value.code == 2
    assert "v9" in capsys.readouterr().err


def test_the_versions_that_are_offered_are_those_that_the_router_speaks() -> None:
    assert SMI_VERSIONS == smi.VERSIONS
    told = [version.partition("/") for version in AMBASSADOR_VERSIONS]
    assert {group for group, _, _ in told} == {ambassador.GROUP}
    assert tuple(version for _, _, version in told) == ambassador.VERSIONS
