"""A call of a step plugin and its answer, as plain values: what planner, shell and plugin speak.

The contract that docs/step-plugins.md words. Knows no plugin and no way to reach one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any


class Operation(StrEnum):
    """What a plugin is asked to do; the values are the original's."""

    RUN = "Run"
    """Do the step, or say how far it is."""
    TERMINATE = "Terminate"
    """The rollout is promoted whatever came of it: stop what is under way."""
    ABORT = "Abort"
    """The rollout goes back: undo what was done."""


class Phase(StrEnum):
    """What a plugin says of an operation; the values are the original's."""

    RUNNING = "Running"
    """Under way: ask again."""
    SUCCESSFUL = "Successful"
    FAILED = "Failed"
    """Over, and the rollout with it: an abort."""
    ERROR = "Error"
    """It could not be told: ask again."""


FINAL = (Phase.SUCCESSFUL, Phase.FAILED)


@dataclass(frozen=True, slots=True)
class StepAsked:
    """One call. After a crash the same one is made again, so it names what was meant."""

    index: int
    """Of the step, from 0."""
    plugin: str
    operation: str
    attempt: str
    """When the step was entered; another one after a retry or for another revision."""
    number: int
    """From 1, for each operation of an attempt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepCall:
    """All that a plugin is told."""

    asked: StepAsked
    namespace: str
    name: str
    uid: str
    """Of the Rollout."""
    canary_hash: str
    """The revision on trial now; the canary's pods carry it in `rollouts-pod-template-hash`."""
    stable_hash: str
    config: Any = None
    """The step's `config`; None also when the steps were changed since."""
    state: Any = None
    """What the plugin last answered as its state in this attempt."""

    @property
    def id(self) -> str:
        """The same for the same call, whoever makes it: a key of idempotence."""
        asked = self.asked
        return f"{self.uid}/{asked.attempt}/{asked.index}/{asked.operation}/{asked.number}"


@dataclass(frozen=True, slots=True, kw_only=True)
class StepAnswer:
    """What a plugin says."""

    phase: Phase
    message: str = ""
    """For people; it goes into the status and into events."""
    state: Any = None
    """JSON that comes with the next call; None leaves what there is."""
    requeue_after_seconds: float = 0.0
    """Running: when to ask again. Below the least that is kept to, the usual time is taken."""


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer and when it came."""

    answer: StepAnswer
    at: datetime
