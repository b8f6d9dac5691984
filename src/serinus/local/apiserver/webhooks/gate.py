"""The gate that a write passes: it asks nobody itself, it says who is still to be asked.

A write is synchronous from reading the old object to storing the new one. If a webhook has to be
asked first, `Gate` raises `Pending`; `through` asks, and the write begins again. The gate knows
the answer then, as long as the object is still the one that was asked about.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec

from serinus.local.apiserver.admission import StoreView
from serinus.local.apiserver.errors import StatusError
from serinus.local.apiserver.kinds.webhook_configurations import GROUP, MUTATING, VALIDATING
from serinus.local.apiserver.webhooks.configured import (
    Subject,
    Webhook,
    concerned,
)

T = TypeVar("T")
Object = Mapping[str, Any]
ATTEMPTS = 5
"""So often a write begins again when somebody else changed its object in the meantime."""
_ordered = msgspec.json.Encoder(order="deterministic").encode


@dataclass(frozen=True, slots=True)
class Question:
    """One round of asking: the webhooks, and the object that they are asked about."""

    sort: str
    webhooks: tuple[Webhook, ...]
    subject: Subject
    value: Object | None
    old: Object | None


class Pending(Exception):
    """The write cannot go on before `question` is answered."""

    def __init__(self, question: Question) -> None:
        super().__init__(question.sort)
        self.question = question


@dataclass(slots=True, eq=False)
class Gate:
    """What is known of one request's webhooks; without `view` nobody is ever asked."""

    view: StoreView | None = None
    caller: str = ""
    answers: dict[bytes, Object | None] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    def mutated(self, subject: Subject, value: Object | None, old: Object | None) -> Object | None:
        """`value` as the mutating webhooks want it; None stays None (a deletion)."""
        if self.view is None:
            return value
        webhooks = tuple(concerned(self.view, MUTATING, subject, value, old))
        if not webhooks:
            return value
        return self._answer(Question(MUTATING, webhooks, subject, value, old))

    def validate(self, subject: Subject, value: Object | None, old: Object | None) -> None:
        """Passes if all validating webhooks allow the write; StatusError otherwise."""
        if self.view is None:
            return
        webhooks = tuple(concerned(self.view, VALIDATING, subject, value, old))
        if webhooks:
            self._answer(Question(VALIDATING, webhooks, subject, value, old))

    def _answer(self, question: Question) -> Object | None:
        key = self.key(question)
        if key not in self.answers:
            raise Pending(question)
        return self.answers[key]

    def key(self, question: Question) -> bytes:
        """What makes two questions the same: all but what the server makes up anew each time."""
        return _ordered([question.sort, _steady(question.value), _steady(question.old)])


def _steady(value: Object | None) -> Object | None:
    if value is None:
        return None
    metadata = {k: v for k, v in value["metadata"].items() if k not in _MADE_UP}
    if metadata.get("generateName"):
        metadata.pop("name", None)
    return {**value, "metadata": metadata}


_MADE_UP = frozenset(("uid", "creationTimestamp", "deletionTimestamp", "managedFields"))


Ask = Callable[[Gate, Question], Awaitable[Object | None]]
OPEN = Gate()
"""Nobody is asked: for writes of the server itself."""


def gate_for(view: StoreView, caller: str) -> Gate:
    """A gate for one request, open if no webhook is configured."""
    if not (view.list(GROUP, MUTATING) or view.list(GROUP, VALIDATING)):
        return OPEN
    return Gate(view, caller)


async def through(gate: Gate, ask: Ask, write: Callable[[], Awaitable[T]]) -> T:
    """Do `write`, with `ask` for what it waits for; StatusError 409 in the end."""
    for _ in range(ATTEMPTS):
        try:
            return await write()
        except Pending as pending:
            question = pending.question
            gate.answers[gate.key(question)] = await ask(gate, question)
    raise StatusError(
        409, "Conflict", "the object was changed each time that its webhooks were asked; try again"
    )
