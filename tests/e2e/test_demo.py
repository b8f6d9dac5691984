"""`serinus demo` as a person runs it, to its end and broken off."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from e2e.product import Product, gone


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Product]:
    product = Product(tmp_path)
    yield product
    product.close()


@pytest.mark.long
def test_it_promotes_the_good_release_rolls_the_bad_one_back_and_reports_both(
    home: Product,
) -> None:
    file = home.home / "report.json"
    demo = home.start("demo", "--speed", "60", "--report", str(file))
    assert demo.wait() == 0, demo.out
    good, bad = json.loads(file.read_text())["releases"]
    assert (good["verdict"], bad["verdict"]) == ("promoted", "rolled back")
    for release, phase in ((good, "Healthy"), (bad, "Degraded")):
        assert release["phase"].startswith(phase)
        assert release["traffic"]["lost_while_weights_moved"] == 0
        assert len(release["traffic"]["requests"]) == 2
    assert set(good["traffic"]["errors"]) == set()
    assert set(bad["traffic"]["errors"]) == {"v3.error-every-20"}
    assert bad["bad_to_zero_weight_seconds"] > 0
    for said in ("✔ promoted", "✔ rolled back", "next, try:", "serinus up --example checkout"):
        assert said in demo.out
    assert left(home) == []


@pytest.mark.parametrize("moment", ["starting a cluster", r"release v2", r"weight"])
def test_ctrl_c_leaves_neither_a_process_nor_a_file(home: Product, moment: str) -> None:
    demo = home.start("demo", "--speed", "60")
    demo.until_line(moment)
    family = demo.family()
    os.killpg(demo.pid, signal.SIGINT)
    assert demo.wait() == 130, demo.out
    assert gone(family) == []
    assert left(home) == []
    assert "Traceback" not in demo.out


def left(home: Product) -> list[str]:
    """Processes that were started with this home, and what lies in its temporary folder."""
    return [
        *(str(one) for one in psutil.process_iter() if temporary_folder(one) == str(home.home)),
        *(path.name for path in home.home.glob("serinus-*")),
    ]


def temporary_folder(process: psutil.Process) -> str:
    try:
        return process.environ().get("TMPDIR", "")
    except psutil.Error:
        return ""
