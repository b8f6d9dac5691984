"""What errors do: to their key, to the rest of their plan, to the person who should hear."""

from __future__ import annotations

import pytest

from serinus.base.errors import SerinusError
from serinus.control.retry import Refused, asked_wait_seconds, fate, is_refusal
from serinus.control.telling.refusals import STEADY_SECONDS, Refusals
from serinus.control.writing.doubts import is_doubtful
from serinus.kube import errors as kube
from serinus.traffic.router import RoutingError
from support.virtual import run_virtual, virtual_clock


def api(kind: type[kube.ApiError], status: int, retry_after: float | None = None) -> kube.ApiError:
    return kind(status, kind.__name__, "why", None, retry_after)


LOST = kube.NoAnswer("lost", sent=True)
UNSENT = kube.NoAnswer("no connection", sent=False)
ROWS = [
    # error, told after so many failures, refusal of a patch, of a create, may have taken effect
    (api(kube.Conflict, 409), 5, False, False, False),
    (api(kube.AlreadyExists, 409), 1, True, True, False),
    (api(kube.NotFound, 404), 5, False, True, False),
    (api(kube.Forbidden, 403), 1, True, True, False),
    (api(kube.Invalid, 422), 1, True, True, False),
    (api(kube.BadRequest, 400), 1, True, True, False),
    (api(kube.ApiError, 413), 1, True, True, False),
    (api(kube.Unauthorized, 401), 1, False, False, False),
    (api(kube.TooManyRequests, 429), 5, False, False, False),
    (api(kube.Unavailable, 503), 5, False, False, True),
    (LOST, 5, False, False, True),
    (UNSENT, 5, False, False, False),
    (kube.UnreadableAnswer("no JSON"), 1, False, False, True),
    (RoutingError("no rule"), 1, True, True, False),
    (SerinusError("template is gone"), 1, True, True, False),
    (Refused([RoutingError("x")], None), 1, True, True, False),
]


@pytest.mark.parametrize(("error", "told", "of_patch", "of_create", "doubtful"), ROWS)
def test_the_table_of_errors(
    error: Exception, told: int, of_patch: bool, of_create: bool, doubtful: bool
) -> None:
    assert (fate(error).told, fate(error).traced) == (told, False)
    assert is_refusal(error, creates=False) is of_patch
    assert is_refusal(error, creates=True) is of_create
    assert is_doubtful(error) is doubtful


def test_a_bug_of_ours_is_told_at_once_with_its_trace() -> None:
    assert (fate(KeyError("x")).told, fate(KeyError("x")).traced) == (1, True)


def test_a_busy_server_says_how_long_to_wait() -> None:
    assert asked_wait_seconds(api(kube.TooManyRequests, 429, 7.0)) == 7.0
    assert asked_wait_seconds(api(kube.Conflict, 409)) == 0.0
    assert asked_wait_seconds(KeyError("x")) == 0.0


def test_words_of_a_refusal_that_change_each_time_stay_for_a_while() -> None:
    async def story() -> list[tuple[str, ...]]:
        clock, key = virtual_clock(), ("shop", "web")
        refusals = Refusals(clock)
        seen = []
        for number in range(3):
            refusals.note(key, [SerinusError(f"denied, request {number}")])
            seen.append(refusals.of(key))
            await clock.sleep_wall(STEADY_SECONDS * 0.6)
        refusals.note(key, [])
        return [*seen, refusals.of(key)]

    assert run_virtual(story()) == [
        ("denied, request 0",),
        ("denied, request 0",),
        ("denied, request 2",),
        (),
    ]
