"""Leader election: one writes at a time, whatever clocks, networks and processes do."""

from __future__ import annotations

import random
import re
from datetime import datetime, timedelta

import pytest

from kube.election import LOCK, SPACE, Court, court
from serinus.kube.errors import NoAnswer, NotLeading
from serinus.kube.fence import FencedTransport
from serinus.kube.leader import Terms
from serinus.kube.resource import EVENTS, LEASES
from serinus.kube.transport import Request, Response
from support.virtual import EPOCH, run_virtual


def test_the_first_leads_at_once_and_says_so() -> None:
    async def story() -> None:
        async with court() as it:
            a = it.candidate("a")
            await it.clock.sleep(1)
            spec = (await it.lease())["spec"]
            assert spec.pop("renewTime") == spec.pop("acquireTime") == "2026-01-01T00:00:00.000000Z"
            assert spec == {
                "holderIdentity": "a",
                "leaseDurationSeconds": 15,
                "leaseTransitions": 0,
            }
            await it.clock.sleep(60)
            assert a.began == [0.0]
            lease = await it.lease()
            renewed = datetime.fromisoformat(lease["spec"]["renewTime"])
            assert timedelta(seconds=58) <= renewed - EPOCH <= timedelta(seconds=61)
            assert lease["spec"]["acquireTime"] == "2026-01-01T00:00:00.000000Z"
            await a.stop()
            told = sorted(
                (event["reason"], event["message"], event["involvedObject"]["name"])
                for event in (await it.admin.list(EVENTS, SPACE)).items
            )
            assert told == [
                ("LeaderElection", "a became leader", LOCK),
                ("LeaderElection", "a stopped leading", LOCK),
            ]

    run_virtual(story())


def test_a_lease_that_is_released_is_taken_within_a_retry_period() -> None:
    async def story() -> None:
        async with court() as it:
            a = it.candidate("a")
            await it.clock.sleep(1)
            b = it.candidate("b")
            await it.clock.sleep(20)
            assert it.writers() == ["a"]
            await a.stop()
            ended = it.clock.wall()
            spec = (await it.lease())["spec"]
            assert (spec["holderIdentity"], spec["leaseDurationSeconds"]) == ("", 1)
            await it.clock.sleep(3)
            assert it.writers() == ["a", "b"]
            assert b.began[0] - ended <= 2
            assert (await it.lease())["spec"]["leaseTransitions"] == 1

    run_virtual(story())


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("skew", [0.0, 3600.0, -3600.0], ids=["same", "ahead", "behind"])
def test_a_killed_leader_is_succeeded_within_lease_and_retry_whatever_the_clocks_show(
    seed: int, skew: float
) -> None:
    async def story() -> None:
        async with court(seed) as it:
            a = it.candidate("a")
            await it.clock.sleep(1)
            b, c = it.candidate("b", skew), it.candidate("c", -skew)
            await it.clock.sleep(random.Random(seed).uniform(10, 20))
            killed = it.clock.wall()
            await a.kill()
            await it.clock.sleep(30)
            successors = [one for one in (b, c) if one.began]
            assert len(successors) == 1
            waited = successors[0].began[0] - killed
            assert 15 - 2 <= waited <= 15 + 2
            assert it.writers() == ["a", successors[0].name]

    run_virtual(story())


def test_a_leader_that_is_cut_off_stops_before_another_may_begin() -> None:
    async def story() -> None:
        async with court() as it:
            a = it.candidate("a")
            await it.clock.sleep(1)
            b = it.candidate("b")
            await it.clock.sleep(9)
            a.network.cut = True
            cut = it.clock.wall()
            await it.clock.sleep(30)
            assert a.task.done()
            assert "could not be renewed within 10 s" in a.task.result()
            assert b.began[0] - cut >= 15 - 2.5
            a.network.cut = False
            await it.clock.sleep(30)
            assert it.writers() == ["a", "b"], "what lost the lease does not write again"

    run_virtual(story())


def test_a_network_that_swallows_everything_is_a_lost_lease_too() -> None:
    async def story() -> None:
        async with court() as it:
            a = it.candidate("a")
            await it.clock.sleep(4)
            a.network.silent = True
            silent = it.clock.wall()
            while not a.task.done():
                await it.clock.sleep(0.1)
            farewell = 3.1  # the last event is tried
            assert it.clock.wall() - silent <= 10 + farewell + 5
            assert not a.elector.leads

    run_virtual(story())


def test_renewals_that_are_slow_but_come_keep_the_lease() -> None:
    async def story() -> None:
        async with court() as it:
            a = it.candidate("a")
            await it.clock.sleep(1)
            it.candidate("b")
            a.network.slow_seconds = 1.5
            await it.clock.sleep(300)
            assert it.writers() == ["a"]
            assert not a.task.done()

    run_virtual(story())


def test_a_machine_that_slept_writes_nothing_on_waking() -> None:
    """Its timers were stopped too: the first thing that it does may be the write it was about."""

    async def story() -> None:
        async with court() as it:
            a = it.candidate("a")
            await it.clock.sleep(1)
            b = it.candidate("b")
            await it.clock.sleep(4.25)
            a.clock.suspend(60)
            a.network.refusal = Response(500, {}, b"")  # its renewal may wake later
            await it.clock.sleep(70)
            assert a.refused > 0
            assert it.writers() == ["a", "b"]
            assert b.began[0] < 25

    run_virtual(story())


def test_busy_servers_conflicts_and_errors_do_not_lose_the_lease() -> None:
    async def story() -> None:
        async with court() as it:
            a = it.candidate("a")
            await it.clock.sleep(1)
            b = it.candidate("b")
            for status, headers in ((500, {}), (429, {"retry-after": "1"}), (409, {})):
                a.network.refusal = Response(status, headers, b'{"kind":"Status"}')
                await it.clock.sleep(5)
                a.network.refusal = None
                await it.clock.sleep(10)
                note = {"metadata": {"labels": {"touched": str(status)}}}
                await it.admin.patch(LEASES, LOCK, note, SPACE)
                await it.clock.sleep(10)
            assert (it.writers(), b.began) == (["a"], [])
            lease = await it.lease()
            assert lease["metadata"]["labels"] == {"touched": "409"}, "others' fields survive"
            assert lease["spec"]["leaseTransitions"] == 0

    run_virtual(story())


def test_a_lease_that_another_takes_by_force_ends_the_work_at_the_next_look() -> None:
    async def story() -> None:
        async with court() as it:
            a = it.candidate("a")
            await it.clock.sleep(10)
            await it.admin.patch(LEASES, LOCK, {"spec": {"holderIdentity": "thief"}}, SPACE)
            it.writes.clear()
            await it.clock.sleep(6)
            assert a.task.done()
            assert "now held by thief" in a.task.result()
            it.writes.clear()  # what no fence can know: who edits the lease ends its promise
            await it.clock.sleep(10)
            assert it.writes == []

    run_virtual(story())


def test_a_lease_that_is_deleted_is_taken_again_by_its_holder() -> None:
    async def story() -> None:
        async with court() as it:
            a = it.candidate("a")
            await it.clock.sleep(10.4)
            await it.admin.delete(LEASES, LOCK, SPACE)
            while (a.network.sent[-1].method, "leases" in a.network.sent[-1].path) != (
                "POST",
                True,
            ):
                await it.clock.sleep(0.01)
            await it.clock.sleep(0.01)
            assert await it.holder() == "a"
            assert not a.task.done()

    run_virtual(story())


def test_a_candidate_that_may_not_read_leases_says_so_and_goes_on_asking() -> None:
    async def story() -> None:
        async with court() as it:
            a = it.candidate("a")
            body = b'{"kind":"Status","code":403,"reason":"Forbidden","message":"no leases"}'
            a.network.refusal = Response(403, {}, body)
            await it.clock.sleep(60)
            assert re.search(r"403 Forbidden: no leases", a.elector.problem or "")
            assert 25 <= len(a.network.sent) <= 60
            a.network.refusal = None
            await it.clock.sleep(3)
            assert (a.elector.problem, a.elector.leads) == (None, True)

    run_virtual(story())


def test_another_clients_lease_is_respected_and_its_fields_are_kept() -> None:
    """As client-go writes it, with a duration of its own and a field that we do not know."""

    async def story() -> None:
        async with court() as it:
            spec = {
                "holderIdentity": "go",
                "leaseDurationSeconds": 40,
                "acquireTime": "2020-01-01T00:00:00.000000Z",
                "renewTime": "2020-01-01T00:00:00.000000Z",
                "leaseTransitions": 7,
            }
            lease = {"metadata": {"name": LOCK, "annotations": {"team": "x"}}, "spec": spec}
            await it.admin.create(LEASES, lease, SPACE)
            a = it.candidate("a")
            await it.clock.sleep(39)
            assert a.began == [], "its times are old by our clock, which says nothing"
            await it.clock.sleep(3)
            assert a.began
            taken = await it.lease()
            assert taken["metadata"]["annotations"] == {"team": "x"}
            assert taken["spec"]["leaseTransitions"] == 8
            assert taken["spec"]["acquireTime"].startswith("2026-01-01T00:00:4")

    run_virtual(story())


@pytest.mark.parametrize("seed", range(25))
def test_one_writes_at_a_time_under_any_weather(seed: int) -> None:
    """Cuts, silence, slowness, sleep, kills and new candidates, from a seed, for ten minutes."""
    rng = random.Random(seed)

    async def story() -> None:
        async with court(seed) as it:
            for name in "abc":
                it.candidate(name, rng.uniform(-100, 100))
            for _ in range(60):
                await _something_happens(it, rng)
                await it.clock.sleep(rng.choice([0.1, 1.0, 5.0, 12.0, 20.0]))
                assert it.strays() == []
            for one in it.candidates:
                one.network.cut = one.network.silent = False
                one.network.slow_seconds = 0.0
            it.candidate("last")
            calm = it.clock.wall()
            await it.clock.sleep(60)
            assert len(it.writers(calm + 30)) == 1, "in calm weather one works on"
            assert len(it.writes) > 100

    run_virtual(story())


async def _something_happens(it: Court, rng: random.Random) -> None:
    alive = [one for one in it.candidates if not one.task.done()]
    if len(alive) < 3:
        it.candidate(f"n{len(it.candidates)}", rng.uniform(-100, 100))
        return
    leading = [one for one in alive if one.elector.leads]
    one = rng.choice(leading or alive) if rng.random() < 0.7 else rng.choice(alive)
    match rng.randrange(6):
        case 0:
            one.network.cut = not one.network.cut
        case 1:
            one.network.silent = not one.network.silent
        case 2:
            one.network.slow_seconds = rng.choice([0.0, 0.5, 2.0, 4.0])
        case 3:
            one.clock.suspend(rng.choice([1.0, 12.0, 20.0, 100.0]))
        case 4:
            await one.kill()
        case _:
            await one.stop()


@pytest.mark.parametrize(
    ("terms", "text"),
    [
        ((15, 15, 2), "renew deadline < lease duration"),
        ((15, 10, 10), "retry period < renew deadline"),
        ((15, 10, 0), "0 < retry period"),
        ((15.5, 10, 2), "whole seconds, got 15.5 s"),
    ],
)
def test_terms_without_sense_are_refused(terms: tuple[float, float, float], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        Terms(*terms)


def test_a_write_is_given_no_longer_than_the_lease_has() -> None:
    """After that another may write: what hangs until then is given up."""

    async def story() -> None:
        async with court() as it:
            a = it.candidate("a")
            await it.clock.sleep(5)
            renewed = it.clock.uptime() - 10 + a.elector.fence.seconds_left
            transport = FencedTransport(a.network, a.elector.fence)
            a.network.silent = True
            with pytest.raises(NoAnswer) as caught:
                await transport.send(Request("PATCH", "/x", timeout_seconds=None))
            assert caught.value.sent
            assert it.clock.uptime() == pytest.approx(renewed + 15)
            with pytest.raises(NotLeading, match="PATCH /x: not sent: this process does not lead"):
                await transport.send(Request("PATCH", "/x"))

    run_virtual(story())
