"""What a metric provider is: a pure pair, what to ask -> HTTP requests, answers -> an outcome.

A provider opens no connection, reads no clock, no environment and no secret: the shell
(`control/`) fills secrets into the requests, sends them and hands the answers back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from serinus.core.analysis.answers import Outcome
from serinus.core.http import HttpAnswer, HttpRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What a provider may know besides the metric.

    `addresses` holds the default address of a provider by its name, as the composition has it.
    """

    now: datetime
    addresses: Mapping[str, str] = field(default_factory=dict)


class Provider(Protocol):
    """`spec` is the provider's own field of a metric, its arguments filled in."""

    def requests(self, spec: Any, context: Context) -> tuple[HttpRequest, ...]:
        """What to ask, in this order. Raises SerinusError if the spec cannot be asked at all."""
        ...

    def value(self, spec: Any, answers: Sequence[HttpAnswer]) -> Outcome:
        """What the answers mean; Trouble for anything unexpected, never an exception."""
        ...

    def about(self, spec: Any) -> Mapping[str, str]:
        """What to keep in the status about the metric, such as the resolved query."""
        ...
