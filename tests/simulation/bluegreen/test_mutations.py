"""The proof that the blue-green hunt can fail: rules switched off, and mistakes put back."""

from __future__ import annotations

from dataclasses import replace

import pytest

from serinus.core.rollout.actions import Plan, PointService
from serinus.core.rollout.plan import plan
from serinus.core.rollout.snapshot import Snapshot
from simulation.bluegreen.explore import (
    AUTO,
    MEASURED,
    released,
    search,
    sound,
    switched,
)
from simulation.mutants import mistaken
from simulation.search import Budget


def test_what_s4_holds_is_a_switch_while_endpoints_are_not_known() -> None:
    """The small world always knows them: one look is enough to see what the rule is for."""
    from serinus.core.routing import Unknown
    from simulation.bluegreen.doing import seen
    from simulation.bluegreen.explore import settled

    world = settled(released(AUTO), sound, lambda w: w.ready("B") == 2 and w.recorded == "B")
    known = seen(world)
    service = replace(known.services["preview"], endpoints=Unknown("not listed yet"))
    blind = replace(known, services={**known.services, "preview": service})
    moves = [a for a in plan(blind, check=False).actions if isinstance(a, PointService)]
    assert "active" not in {move.service for move in moves}


# --- Mistakes of the original ---------------------------------------------------------------------


def switched_with_no_look_at_stable(snapshot: Snapshot, made: Plan) -> Plan:
    """The original's abort: the selector goes back whether or not anybody is there."""
    service, stable = snapshot.services["active"], snapshot.rollout.status.stable_rs
    if not snapshot.rollout.status.abort or service.selector_hash == stable:
        return made
    move = PointService("active", service.resource_version, stable, snapshot.now)
    others = tuple(a for a in made.actions if not isinstance(a, PointService))
    return replace(made, actions=(*others, move))


def drops_an_abort(snapshot: Snapshot, made: Plan) -> Plan:
    """Issue 4461 of the original: an abort beside a full promotion is forgotten."""
    status = made.status
    if status is None or not status.abort:
        return made
    from msgspec.structs import replace as with_fields

    return replace(made, status=with_fields(status, abort=False, aborted_at=None))


@pytest.mark.parametrize(
    ("answer", "harm"),
    [
        (switched_with_no_look_at_stable, "S"),
        (drops_an_abort, "S6"),
    ],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_a_mistake_of_the_original_put_back_is_found(answer: object, harm: str) -> None:
    planner = mistaken(answer=answer)  # type: ignore[arg-type]
    found = search(switched(MEASURED), planner, Budget(2, 1), 4_000)
    assert found.faults, "nobody minds"
    assert found.faults[0].startswith(harm), str(found)
