"""Where the mount paths of a container really are: a process here has no file system of its own.

Absolute paths that a manifest writes into `command`, `args`, `env`, `workingDir`, probes and hooks
are replaced where they stand for themselves; what a program or a file has built in is not. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True)
class Mounts:
    """Mount paths -> real paths, both absolute; `variables` are told to the process."""

    paths: Mapping[str, str]
    variables: Mapping[str, str]

    def real(self, text: str) -> str:
        """`text` with every mount path in it replaced by the real one."""
        return self._pattern.sub(lambda found: self.paths[found[0]], text) if self.paths else text

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        longest = sorted(self.paths, key=len, reverse=True)
        # a path begins at the start or behind `=`, `:`, a comma, a blank or a quote, and ends
        # there too, or goes on below; `x/data`, `$DIR/data` and `/data.old` are other paths
        either = "|".join(map(re.escape, longest))
        return re.compile(rf"(?<![\w./)}}\]*~$-])(?:{either})(?![\w.-])")


NO_MOUNTS = Mounts({}, {})


def mount_variable(volume: str) -> str:
    """The variable that tells where a volume is."""
    return "SERINUS_MOUNT_" + re.sub(r"\W", "_", volume).upper()
