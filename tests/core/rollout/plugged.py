"""A world with step plugins: what they are called for, what they answer. See `world.py`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace as with_
from typing import Any

from core.rollout import world
from serinus.api.argo import StepPluginStatus
from serinus.core.rollout import actions as act
from serinus.core.rollout.calls import Answered, Phase, StepAnswer, StepAsked, StepCall
from serinus.core.rollout.snapshot import Snapshot

RUNNING, DONE = StepAnswer(phase=Phase.RUNNING), StepAnswer(phase=Phase.SUCCESSFUL)
FAILED = StepAnswer(phase=Phase.FAILED, message="no seats")
ERROR = StepAnswer(phase=Phase.ERROR, message="no route")


class World(world.World):
    """Every call is answered once, as a controller that lives on remembers it."""

    def __init__(self, steps: Iterable[Any], **options: Any) -> None:
        super().__init__(steps, **options)
        self.calls: list[StepCall] = []
        self.answers: dict[StepAsked, Answered] = {}
        self.plugin: Callable[[StepCall], StepAnswer | None] = lambda call: None
        """What step plugins answer; None while they do not."""

    def snapshot(self) -> Snapshot:
        return with_(super().snapshot(), step_answers=dict(self.answers))

    def reconcile(self, keep: Callable[[act.Action], bool] = lambda _: True) -> bool:
        written = super().reconcile(lambda a: keep(a) and not isinstance(a, act.CallStep))
        calls = [action.call for action in self.last.actions if isinstance(action, act.CallStep)]
        return any([written, *(self._call(call) for call in calls)])

    def _call(self, call: StepCall) -> bool:
        if call.asked in self.answers:
            return False
        self.calls.append(call)
        answer = self.plugin(call)
        if answer is not None:
            self.answers[call.asked] = self.answered(answer)
        return answer is not None

    def answered(self, answer: StepAnswer) -> Answered:
        return Answered(answer, self.now)

    # --- What tests look at -----------------------------------------------------------------------

    def entries(self) -> list[tuple[int, str, str, int]]:
        noted: tuple[StepPluginStatus, ...] = self.status.canary.step_plugin_statuses
        return [(e.index, e.operation, e.phase, e.executions) for e in noted]

    def called(self) -> list[tuple[int, str, int]]:
        return [(c.asked.index, c.asked.operation, c.asked.number) for c in self.calls]


def plugin(name: str = "gate", **config: Any) -> dict[str, Any]:
    return {"plugin": {"name": name, "config": config}}


STEPS = [{"setWeight": 25}, plugin(key="v"), {"setWeight": 50}, {"pause": {}}]
TWO = [plugin("first"), plugin("second"), {"setWeight": 25}, {"pause": {}}]


def first_deploy(steps: Iterable[Any]) -> World:
    """A world whose v1 is deployed, stable and at rest."""
    made = World(steps)
    made.run()
    made.timeline.clear()
    made.events.clear()
    return made


def at_the_plugin(answer: StepAnswer | None = None, steps: list[Any] = STEPS) -> World:
    """A release whose plugin always answers so; it stands where that leads."""
    made = first_deploy(steps)
    made.plugin = lambda call: answer
    made.release("v2")
    made.run(2000)
    return made


def but(answer: StepAnswer, **changes: Any) -> StepAnswer:
    """The same answer with other fields."""
    fields = {"phase": answer.phase, "message": answer.message, "state": answer.state}
    return StepAnswer(**{**fields, **changes})
