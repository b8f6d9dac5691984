"""The list of conformance cases: small async functions, and rows of refusals.

`tests/conformance/cases/*.py` add to it; a case runs on every backend, unless it names the rule by
which the embedded server differs on purpose (`docs/conformance.md` lists the rules): then it says
what the embedded server does, and a real cluster is not asked.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from conformance.handle import Conformance

Tell = Callable[[Conformance], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Case:
    """One case. `controllers`: it needs the workload controllers and a node to be at work."""

    name: str
    tell: Tell
    differs: str = ""
    controllers: bool = False


_cases: dict[str, Case] = {}


def case(*, differs: str = "", controllers: bool = False, name: str = "") -> Callable[[Tell], Tell]:
    """Add a function to the suite under its name, which is a sentence, or under `name`."""

    def add(tell: Tell) -> Tell:
        _add(Case(name or str(getattr(tell, "__name__", "")), tell, differs, controllers))
        return tell

    return add


def refusal(
    name: str, method: str, path: str, body: Any = None, *, differs: str = "", **options: Any
) -> None:
    """Add a row: a request in an empty namespace that is refused.

    `before` is a list of (path, object) that are created first; the other options are those of
    `Conformance.refused`.
    """
    before = options.pop("before", ())

    async def tell(k: Conformance) -> None:
        for where, value in before:
            await k.made(where, value)
        await k.refused(method, path, body, **options)

    _add(Case(name, tell, differs))


def _add(new: Case) -> None:
    assert new.name not in _cases, f"two cases are called {new.name}"
    _cases[new.name] = new


def all_cases() -> list[Case]:
    """All cases, of all files, in the order of their files."""
    for path in sorted((Path(__file__).parent / "cases").glob("[a-z]*.py")):
        import_module(f"conformance.cases.{path.stem}")
    return list(_cases.values())
