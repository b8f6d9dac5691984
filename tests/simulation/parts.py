"""Parts of a small world beside pods and Services: routers, runs, experiments, calls of plugins.

Frozen values; they carry no rule and no judgement.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from serinus.core.rollout.calls import StepAsked


class Order(NamedTuple):
    """All that a router is told at once."""

    weight: int = 0
    tested: bool = False
    """A header route gives requests to the canary, nobody knows how many."""
    mirrored: bool = False
    """The canary gets copies of requests."""
    tried: tuple[tuple[str, int], ...] = ()
    """Services of an experiment, and what each gets of stable's part."""


@dataclass(frozen=True, slots=True)
class Router:
    weight: int = 0
    tested: bool = False
    mirrored: bool = False
    tried: tuple[tuple[str, int], ...] = ()
    lagging: tuple[Order, ...] = ()
    """Earlier orders that the data plane may still obey."""
    apart: Order | None = None
    """What another of its objects still says: a write was cut short between the two."""
    written_at: int | None = None
    readable: bool = True

    @property
    def order(self) -> Order:
        return Order(self.weight, self.tested, self.mirrored, self.tried)

    @property
    def written(self) -> tuple[Order, ...]:
        """What its objects say."""
        return (self.order,) if self.apart is None else (self.order, self.apart)

    @property
    def orders(self) -> tuple[Order, ...]:
        """All that may be obeyed now."""
        return (*self.written, *self.lagging)


@dataclass(frozen=True, slots=True)
class Run:
    name: str
    version: str
    step: int | None
    """None in the background."""
    phase: str = "Running"
    stopped: bool = False
    attempt: int = 0
    """Ghost: of which attempt it was when it was created."""


@dataclass(frozen=True, slots=True)
class Trial:
    """An Experiment of a step."""

    name: str
    version: str
    step: int
    phase: str = "Running"
    stopped: bool = False
    attempt: int = 0
    """Ghost, as a run's."""
    ready: tuple[int, ...] = ()
    """Ready pods of each of its templates that gets a weight; () if none does."""
    noted: bool = False
    """It knows that a router may send requests to its pods."""
    written: int = 1
    """Its resourceVersion."""


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a step plugin in the controller's memory: under way, or answered."""

    asked: StepAsked
    phase: str = ""
    at: int | None = None


@dataclass(frozen=True, slots=True)
class Told:
    """Ghost: an operation of a step's plugin, as the plugin itself knows of it."""

    started: str
    """Of the Run that it belongs to."""
    index: int
    operation: str
    attempt: int
    """In which the Run was noted."""
    version: str
    calls: int = 0
    phase: str = ""
    """What it answered last."""
