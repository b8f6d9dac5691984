"""Events: counted, bounded, never in the way."""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from serinus.base.clock import Clock
from serinus.kube.client import Client
from serinus.kube.events import EventRecorder
from serinus.kube.transport import AsgiTransport
from support.objectserver import ObjectServer, refuse
from support.virtual import run_virtual, virtual_clock

EVENTS = "/api/v1/namespaces/shop/events"
ABOUT = {"apiVersion": "v1", "kind": "Pod", "namespace": "shop", "name": "a", "uid": "u1"}


def recorded(
    story: Callable[[EventRecorder, ObjectServer, Clock], Coroutine[Any, Any, None]],
) -> None:
    async def run() -> None:
        server, clock = ObjectServer(), virtual_clock(speed=10)
        recorder = EventRecorder(Client(AsgiTransport(server), clock), clock, "tester")
        await story(recorder, server, clock)

    run_virtual(run())


def test_the_same_again_counts_up_and_another_message_is_another_event() -> None:
    async def story(recorder: EventRecorder, server: ObjectServer, clock: Clock) -> None:
        for _ in range(3):
            await recorder.emit(ABOUT, "Normal", "Created", "made it")
            await clock.sleep(60)
        await recorder.emit(ABOUT, "Warning", "Failed", "x" * 5000)
        first, second = server.listed(EVENTS)
        assert (first["count"], first["type"], first["reason"]) == (3, "Normal", "Created")
        assert first["firstTimestamp"] == "2026-01-01T00:00:00Z"
        assert first["lastTimestamp"] == "2026-01-01T00:02:00Z"
        assert first["involvedObject"] == ABOUT
        assert first["source"] == {"component": "tester"}
        assert len(second["message"]) == 1024

    recorded(story)


def test_an_event_that_the_server_has_forgotten_is_written_anew() -> None:
    async def story(recorder: EventRecorder, server: ObjectServer, clock: Clock) -> None:
        await recorder.emit(ABOUT, "Normal", "Created", "made it")
        server.objects.clear()
        await clock.sleep(1)
        await recorder.emit(ABOUT, "Normal", "Created", "made it")
        assert [event["count"] for event in server.listed(EVENTS)] == [1]

    recorded(story)


def test_a_flood_about_one_object_is_cut_and_others_are_still_heard() -> None:
    async def story(recorder: EventRecorder, server: ObjectServer, clock: Clock) -> None:
        for number in range(300):
            await recorder.emit(ABOUT, "Normal", "Again", f"{number}")
        assert server.count() == 100
        await recorder.emit(ABOUT | {"name": "b", "uid": "u2"}, "Normal", "Once", "x")
        assert server.count() == 101
        await recorder.emit(ABOUT, "Warning", "Failed", "what went wrong is told all the same")
        assert server.count() == 102
        await clock.sleep_wall(601)
        for number in range(100):
            await recorder.emit(ABOUT, "Normal", "Later", f"{number}")
        assert server.count() == 104

    recorded(story)


def test_a_server_that_refuses_events_is_no_error() -> None:
    async def story(recorder: EventRecorder, server: ObjectServer, clock: Clock) -> None:
        server.script = lambda *_: refuse(403, "Forbidden")
        await recorder.emit(ABOUT, "Normal", "Created", "made it")
        server.script = None
        await recorder.emit(ABOUT, "Normal", "Created", "made it")
        assert [event["count"] for event in server.listed(EVENTS)] == [1]

    recorded(story)


def test_a_lost_event_is_warned_about_unless_its_namespace_goes(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def story(recorder: EventRecorder, server: ObjectServer, clock: Clock) -> None:
        why = "unable to create new content in namespace shop because it is being terminated"
        for said, warned in ((why, 0), ("no", 1)):
            server.script = lambda *_, said=said: refuse(403, said)
            await recorder.emit(ABOUT, "Normal", "Created", said)
            found = [one for one in caplog.records if one.levelno >= logging.WARNING]
            assert len(found) == warned

    recorded(story)
