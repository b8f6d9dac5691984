"""Settings of all tests, and how they are shared between processes (`pytest -n 2`, `make test`).

Generated examples are the same in every run and have no deadline. A file is run by one process, and
so is everything under `e2e/`: those tests share a cluster, and mostly wait.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import settings

settings.register_profile("serinus", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("serinus")
TOGETHER = "tests/e2e/"
FIRST = (TOGETHER, "tests/simulation/")
"""What takes longest."""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Whole files, in the order of their collection."""
    from xdist.scheduler import LoadFileScheduling

    class Scheduling(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return TOGETHER if nodeid.startswith(TOGETHER) else super()._split_scope(nodeid)

    config.option.loadscopereorder = False
    return Scheduling(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What takes longest begins first, where another process takes the rest."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: [not item.nodeid.startswith(one) for one in FIRST])
