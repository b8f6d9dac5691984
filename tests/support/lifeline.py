"""A life-line for the processes that tests start: what still runs when pytest is gone is killed.

However pytest ends, by SIGTERM or `kill -9` too: a small process of its own reads a pipe, and the
pipe's end is the end of pytest. Only leaders of sessions are held; what they started goes with
their group.
"""

from __future__ import annotations

import subprocess
import sys
from functools import cache

_KEEPER = """
import os, signal, sys
held = set()
for line in sys.stdin:
    word, pid = line.split()
    (held.add if word == "hold" else held.discard)(int(pid))
for pid in held:
    try:
        os.killpg(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass
"""


class Lifeline:
    """Runs the keeper; `pid` is the id of a process that leads a session, started by the caller."""

    def __init__(self) -> None:
        self._keeper = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _KEEPER],
            stdin=subprocess.PIPE,
            start_new_session=True,
            text=True,
        )

    def hold(self, pid: int) -> None:
        """From now on the process ends with us at the latest."""
        self._tell(f"hold {pid}")

    def let_go(self, pid: int) -> None:
        """It has ended and was waited for: the number may be another's soon."""
        self._tell(f"gone {pid}")

    def _tell(self, line: str) -> None:
        assert self._keeper.stdin is not None
        self._keeper.stdin.write(line + "\n")
        self._keeper.stdin.flush()


@cache
def lifeline() -> Lifeline:
    """The one of this test session, started when first needed."""
    return Lifeline()
