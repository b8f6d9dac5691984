"""The fixture of stories: it plays a script and compares what users saw with the golden text."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stories import golden
from stories.stage import told
from support.virtual import run_virtual

Tell = Callable[..., None]


@pytest.fixture
def tell(request: pytest.FixtureRequest) -> Tell:
    """`tell(manifests, script, extra, at_rest=...)`: see `stories.stage.told`."""
    path = Path(str(request.path))
    page = path.with_name(path.stem.removeprefix("test_") + ".txt")
    order = [golden.sentence(n) for n in re.findall(r"^def (test_\w+)", path.read_text(), re.M)]

    def played(manifests: str, script: str, *extra: Any, **more: Any) -> None:
        seen = run_virtual(told(manifests, script, *extra, **more))
        assert seen == golden.kept(page, request.node.name, seen, order)

    return played
