"""What a step plugin is: an object that is called, and answers at once how far its step is.

A plugin keeps nothing between calls: what it has to remember is the state in its answer. It may be
called twice for one call (a crash, a lost answer); `StepCall.id` tells it. Knows no plan.
"""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

from serinus.core.http import HttpAnswer, HttpRequest
from serinus.core.rollout.calls import StepAnswer, StepCall


class Tools(Protocol):
    """What the controller lends a plugin for one call."""

    async def send(self, request: HttpRequest) -> HttpAnswer:
        """An answer of whatever status. Raises SerinusError if none came."""
        ...

    async def secret(self, name: str, key: str) -> str:
        """A Secret's value, from the Rollout's namespace; it is cut out of what is told later.

        Raises SerinusError if there is none.
        """
        ...


class StepPlugin(Protocol):
    """One object for all rollouts, made without arguments."""

    async def call(self, call: StepCall, tools: Tools) -> StepAnswer:
        """Do or look at what `call.operation` asks. Must not block the event loop.

        An exception counts as an answer Error; a SerinusError's text is shown to people.
        """
        ...


@runtime_checkable
class ConfiguredPlugin(Protocol):
    """A plugin that can tell beforehand what is wrong with a step's `config`."""

    def problems(self, config: Any) -> tuple[str, ...]:
        """What is wrong, one sentence each; nothing if it can be run."""
        ...
