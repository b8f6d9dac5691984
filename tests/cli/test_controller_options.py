"""What `serinus controller` takes and refuses before it asks any server."""

from __future__ import annotations

import pytest

from serinus.cli.main import main


@pytest.mark.parametrize("option", ["--qps", "--burst"])
def test_a_controller_that_may_ask_nothing_is_refused(
    option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        main(["controller", option, "0"])
    assert end.value.code == 2
    assert option in capsys.readouterr().err
