"""What the tests of this folder start ends with pytest, however pytest ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from e2e.product import gone

PARENT = """
import sys, threading
from e2e.product import Product
from pathlib import Path

product = Product(Path(sys.argv[1]))
brief = product.run([sys.executable, "-c", "pass"])
brief.wait()
staying = product.run(["sh", "-c", "sleep 600 & echo $! && wait"])
print(staying.pid, staying.until_line(r"\\d+")[0], flush=True)
threading.Event().wait()
"""


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_no_process_outlives_the_tests(end: int, tmp_path: Path) -> None:
    tests = Path(__file__).parents[1]
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path)],
        env=os.environ | {"PYTHONPATH": str(tests)},
        stdout=subprocess.PIPE,
        text=True,
    ) as parent:
        assert parent.stdout is not None
        family = [psutil.Process(int(word)) for word in parent.stdout.readline().split()]
        parent.send_signal(end)
    assert len(family) == 2
    assert gone(family) == []
