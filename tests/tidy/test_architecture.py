"""Who may know whom, and which doors are the only ones."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from serinus.api.validation import later
from serinus.metrics import registry as providers
from serinus.traffic import registry as routers
from tidy.source import PACKAGE, modules, name, tree

TIME_DOOR = {"base/clock.py"}
"""The sample service is a program of its own that pods run; it knows nothing of the package."""
PROGRAMS = {"local/sample/service.py", "local/sample/__main__.py"}
BANNED = {
    "time.time",
    "time.monotonic",
    "time.perf_counter",
    "time.sleep",
    "datetime.now",
    "datetime.utcnow",
    "datetime.datetime.now",
    "asyncio.sleep",
    "random.random",
    "random.choice",
    "random.randint",
    "random.uniform",
    "random.shuffle",
}


def test_time_and_chance_come_in_by_one_door() -> None:
    used = [
        f"{name(path)}:{node.lineno} {ast.unparse(node.func)}"
        for path in modules()
        if name(path) not in TIME_DOOR | PROGRAMS
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in BANNED
    ]
    assert used == []


@pytest.mark.parametrize("room", ["traffic", "metrics"])
def test_adapters_do_not_import_each_other(room: str) -> None:
    """One that is a folder has parts, which may know each other and no other adapter."""
    shared = {"router", "provider", "registry", "__init__"}
    files = [(path, _adapter(path, room)) for path in sorted((PACKAGE / room).rglob("*.py"))]
    adapters = {adapter for _, adapter in files} - shared
    assert len(adapters) > (1 if room == "traffic" else 0)
    known = [
        f"{name(path)} imports {module}"
        for path, adapter in files
        if adapter in adapters
        for module in imports(path)
        if module.startswith(f"serinus.{room}.")
        and module.split(".")[2] in adapters - {adapter, adapter.split("_")[0]}
    ]
    assert known == []


def _adapter(path: Path, room: str) -> str:
    return path.relative_to(PACKAGE / room).parts[0].removesuffix(".py")


def test_what_the_validation_lets_pass_is_what_is_registered() -> None:
    assert list(later.ROUTERS) == [point.name for point in routers.BUILT_IN]
    assert list(later.PROVIDERS) == [point.name for point in providers.BUILT_IN]


def test_the_core_imports_only_what_cannot_act() -> None:
    banned = {"asyncio", "logging", "os", "time", "random", "socket", "subprocess", "pathlib", "io"}
    third = {"aiohttp", "yaml", "click", "rich", "uvicorn"}
    known = [
        f"{name(path)} imports {module}"
        for path in sorted((PACKAGE / "core").rglob("*.py"))
        for module in imports(path)
        if module.split(".")[0] in banned | third
    ]
    assert known == []


def imports(path: Path) -> list[str]:
    """Every module that a file names in an import."""
    found: list[str] = []
    for node in ast.walk(tree(path)):
        match node:
            case ast.Import():
                found += [alias.name for alias in node.names]
            case ast.ImportFrom():
                found.append(node.module or "")
    return found
