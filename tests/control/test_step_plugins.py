"""Releases with step plugins: through the whole controller, to ASGI servers and entry points."""

from __future__ import annotations

import json
from typing import Any

import pytest

from control import scenes
from control.plugged import (
    HTTP,
    OWN,
    SECRET,
    URL,
    Json,
    OwnPlugin,
    Seats,
    a_secret,
    entries,
    events,
    manifests,
    own_points,
    told,
)
from control.scenes import command, condition, end_state, release, status, until, until_phase
from control.test_crashes import Cut, rested
from serinus.control.kinds import ROLLOUTS
from serinus.core.rollout import commands
from serinus.steps import Operation, Phase, StepAnswer, StepCall, Tools
from support.asgi_network import AsgiNetwork
from support.cluster import NAMESPACE, PaperCluster, controlled, paper_cluster
from support.virtual import run_virtual

# --- By HTTP -------------------------------------------------------------------------------------


def test_a_release_waits_for_its_server_and_goes_on() -> None:
    async def tell(cluster: PaperCluster, seats: Seats) -> None:
        seats.says = lambda call: (
            {"phase": "Running", "message": "1 of 2", "state": {"n": 1}, "requeueAfterSeconds": 11}
            if call["call"] < 3
            else {"phase": "Successful", "message": "2 of 2"}
        )
        await until(cluster, lambda: _heard(seats, 2))
        now = await status(cluster)
        waiting = condition(now, "Waiting")
        assert waiting["reason"] == "WaitingForStepPlugin"
        assert waiting["message"] == "step plugin http of step 2 is Running: 1 of 2"
        await until_phase(cluster, "Healthy")
        assert await entries(cluster) == [(1, "Run", "Successful", 3)]
        assert await events(cluster, "StepPluginTransition") == [
            "Step plugin http of step 2 (Run) transitioned from '' to 'Running'",
            "Step plugin http of step 2 (Run) transitioned from 'Running' to 'Successful': 2 of 2",
        ]

    seats = told(tell, HTTP)
    assert seats.heard() == [("Run", 1), ("Run", 2), ("Run", 3)]
    first, second, _ = seats.calls
    assert (first["state"], second["state"]) == (None, {"n": 1})
    assert first["rollout"]["name"] == "web"
    assert (first["input"], first["stepIndex"], first["version"]) == ({"seats": 2}, 1, "1")
    assert first["canaryHash"] != first["stableHash"]
    assert seats.tokens == [SECRET] * 3


async def _heard(seats: Seats, count: int) -> bool:
    return len(seats.calls) >= count


def test_a_server_that_fails_the_step_gets_the_release_rolled_back() -> None:
    async def tell(cluster: PaperCluster, seats: Seats) -> None:
        seats.says = lambda call: {"phase": "Failed", "message": f"sold out, by {SECRET}"}
        await until_phase(cluster, "Degraded")
        await cluster.clock.sleep(60)
        end = await end_state(cluster)
        assert (end["abort"], end["weight"], end["stable"]) == (True, 0, "web:v1")
        message = (await status(cluster))["message"]
        assert message.endswith("Step plugin http of step 2 failed: sold out, by *****")

    assert told(tell, HTTP).heard() == [("Run", 1)]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((500, {"oops": 1}), "http://seats:8080/reserve answered 500:"),
        ((200, {"phase": "Perhaps"}), "what the contract does not know"),
        ((200, {"phase": "Running", "state": SECRET}), "holds the value of a secret"),
        ((200, {"phase": "Running", "state": "x" * 20_000}), "more than 16384 bytes"),
    ],
    ids=["status", "phase", "secret", "size"],
)
def test_an_answer_outside_the_contract_is_an_error_that_is_tried_again(
    answer: tuple[int, Json], words: str
) -> None:
    async def tell(cluster: PaperCluster, seats: Seats) -> None:
        seats.status, said = answer
        seats.says = lambda call: said if call["call"] == 1 else {"phase": "Successful"}
        await until(cluster, lambda: _heard(seats, 1))
        await cluster.clock.sleep(5)
        (entry,) = (await status(cluster))["canary"]["stepPluginStatuses"]
        assert (entry["phase"], entry["executions"], entry["backoff"]) == ("Error", 1, "30s")
        assert words in entry["message"]
        assert SECRET not in json.dumps(await scenes.rollout(cluster))
        seats.status = 200
        await until_phase(cluster, "Healthy")

    assert told(tell, HTTP).heard() == [("Run", 1), ("Run", 2)]


def test_an_abort_is_told_to_the_server_and_the_release_rests() -> None:
    async def tell(cluster: PaperCluster, seats: Seats) -> None:
        seats.says = lambda call: {"phase": "Successful", "state": {"seat": call["stepIndex"]}}
        await until_phase(cluster, "Paused", 3)
        await command(cluster, commands.abort())
        await until_phase(cluster, "Degraded")
        await cluster.clock.sleep(60)
        version = (await scenes.rollout(cluster))["metadata"]["resourceVersion"]
        await cluster.clock.sleep(600)
        assert (await scenes.rollout(cluster))["metadata"]["resourceVersion"] == version
        assert (await entries(cluster))[2:] == [
            (2, "Abort", "Successful", 1),
            (1, "Abort", "Successful", 1),
        ]

    other = {"name": "http", "config": {"url": URL}}
    seats = told(tell, HTTP, other)
    assert seats.heard() == [("Run", 1), ("Run", 1), ("Abort", 1), ("Abort", 1)]
    assert [call["stepIndex"] for call in seats.calls] == [1, 2, 2, 1]
    assert seats.calls[2]["state"] == {"seat": 2}
    assert seats.reserved == 0


@pytest.mark.parametrize("done", [False, True], ids=["not done", "done"])
@pytest.mark.parametrize("cut", [*range(9, 22)])
def test_a_controller_that_dies_leaves_nothing_done_twice(cut: int, done: bool) -> None:
    """The server keeps what it did by id: whatever is lost, it reserves once and frees once."""

    async def story() -> None:
        seats = Seats()
        seats.says = lambda call: {"phase": "Running" if call["call"] == 1 else "Successful"}
        made: list[Cut] = []

        def wrap(inner: Any) -> Cut:
            made.append(Cut(inner, cut, done=done))
            return made[-1]

        async with paper_cluster() as cluster:
            network = AsgiNetwork(cluster.clock, seats=seats)
            await a_secret(cluster)
            async with controlled(cluster, asker=network):
                await cluster.apply(manifests(HTTP))
                await until_phase(cluster, "Healthy")
            async with controlled(cluster, wrap, asker=network):
                await release(cluster, "web:v2")
                await cluster.clock.sleep(20)
            async with controlled(cluster, asker=network):
                await rested(cluster, "web:v2", "Healthy")
                end = await end_state(cluster)
                assert (end["stable"], end["phase"]) == ("web:v2", "Healthy")
                assert await entries(cluster) == [(1, "Run", "Successful", 2)]
        assert set(seats.heard()) == {("Run", 1), ("Run", 2)}
        assert len({call["attempt"] for call in seats.calls}) == 1
        assert len(seats.answers) == 2

    run_virtual(story())


def test_a_slow_server_holds_no_other_release_up() -> None:
    async def story() -> None:
        async with paper_cluster() as cluster:
            network = AsgiNetwork(cluster.clock, seats=Seats())
            network.latency_seconds = 50.0
            slow = {**HTTP, "config": {"url": URL, "timeoutSeconds": 60}}
            async with controlled(cluster, asker=network):
                for name in [f"web{n}" for n in range(12)]:
                    text = manifests(slow).split("---")
                    keep = [part for part in text if "AnalysisTemplate" not in part]
                    await cluster.apply("---".join(keep).replace("web", name))
                await cluster.apply(scenes.other_shop("quick"))
                await until(cluster, lambda: _is(cluster, "quick", "Healthy"))
                for name in [f"web{n}" for n in range(12)]:
                    await until(cluster, lambda name=name: _is(cluster, name, "Healthy"))  # type: ignore[misc]
                    await release(cluster, f"{name}:v2", name)
                await until(cluster, lambda: _asked(network, 12))
                await release(cluster, "quick:v2", "quick")
                await cluster.clock.sleep(45)
                assert (await status(cluster, "quick"))["phase"] == "Healthy"

    run_virtual(story())


async def _is(cluster: PaperCluster, name: str, phase: str) -> bool:
    return bool((await status(cluster, name)).get("phase") == phase)


async def _asked(network: AsgiNetwork, count: int) -> bool:
    return len(network.sent) >= count


# --- In Python -----------------------------------------------------------------------------------


def test_a_python_plugin_is_found_by_its_entry_point_and_may_read_secrets() -> None:
    async def says(call: StepCall, tools: Tools) -> StepAnswer:
        token = await tools.secret("key", "k")
        if call.asked.operation == Operation.RUN and call.state is None:
            return StepAnswer(phase=Phase.RUNNING, message=f"used {token}", state={"half": True})
        return StepAnswer(phase=Phase.SUCCESSFUL)

    async def tell(cluster: PaperCluster, seats: Seats) -> None:
        await until(cluster, lambda: _own_calls(1))
        await cluster.clock.sleep(5)
        (entry,) = (await status(cluster))["canary"]["stepPluginStatuses"]
        assert (entry["message"], entry["status"]) == ("used *****", {"half": True})
        await until_phase(cluster, "Healthy")

    OwnPlugin.says = says  # type: ignore[assignment]
    told(tell, OWN)
    assert [(c.asked.number, c.config, c.state) for c in OwnPlugin.calls] == [
        (1, {"seats": 2}, None),
        (2, {"seats": 2}, {"half": True}),
    ]


async def _own_calls(count: int) -> bool:
    return len(OwnPlugin.calls) >= count


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (KeyError("k"), "the plugin failed: KeyError"),
        ("never", "no answer within 65 s"),
        (None, "the plugin answered a NoneType, not a StepAnswer"),
        (StepAnswer(phase=Phase.RUNNING, state=object()), "cannot be kept"),
    ],
    ids=["exception", "hanging", "nothing", "no JSON"],
)
def test_a_python_plugin_that_misbehaves_is_an_error_and_asked_again(
    fault: Any, words: str
) -> None:
    async def tell(cluster: PaperCluster, seats: Seats) -> None:
        async def says(call: StepCall, tools: Tools) -> Any:
            if call.asked.number > 1:
                return StepAnswer(phase=Phase.SUCCESSFUL)
            if isinstance(fault, Exception):
                raise fault
            if fault == "never":
                await cluster.clock.sleep_wall(1000)
            return fault

        OwnPlugin.says = says  # type: ignore[assignment]
        await until(cluster, lambda: _entry_is(cluster, "Error"))
        (entry,) = (await status(cluster))["canary"]["stepPluginStatuses"]
        assert words in entry["message"]
        await until_phase(cluster, "Healthy")

    async def quiet(call: StepCall, tools: Tools) -> StepAnswer:
        return StepAnswer(phase=Phase.RUNNING)

    OwnPlugin.says = quiet  # type: ignore[assignment]
    told(tell, OWN)


async def _entry_is(cluster: PaperCluster, phase: str) -> bool:
    found = (await status(cluster))["canary"].get("stepPluginStatuses", ())
    return any(entry["phase"] == phase for entry in found)


# --- Names and settings --------------------------------------------------------------------------


def test_a_plugin_of_the_originals_is_refused_by_name_before_anything_runs() -> None:
    wrong = ({"name": "argoproj-labs/sample"}, {"name": "http", "config": {"url": "seats"}})

    async def story() -> None:
        plugins = own_points()
        async with paper_cluster() as cluster, controlled(cluster, step_plugins=plugins):
            await cluster.apply(manifests(*wrong))
            await until_phase(cluster, "Degraded")
            message = condition(await status(cluster), "InvalidSpec")["message"]
        assert "steps[1].plugin.name: no step plugin is named 'argoproj-labs/sample'" in message
        assert "known: acme/seats, http (plugins of Argo Rollouts are Go binaries" in message
        assert "steps[2].plugin.config: url 'seats' is not one of http or https" in message

    run_virtual(story())


def test_a_disabled_plugin_is_passed_over() -> None:
    async def story() -> None:
        seats = Seats()
        async with paper_cluster() as cluster:
            network = AsgiNetwork(cluster.clock, seats=seats)
            off = frozenset({"http"})
            async with controlled(cluster, asker=network, disabled_step_plugins=off):
                await cluster.apply(manifests(HTTP))
                await until_phase(cluster, "Healthy")
                await release(cluster, "web:v2")
                await until_phase(cluster, "Paused")
                (entry,) = (await status(cluster))["canary"]["stepPluginStatuses"]
                assert (entry["disabled"], entry["phase"]) == (True, "Successful")
        assert seats.calls == []

    run_virtual(story())


def test_a_rollout_that_is_deleted_ends_its_call() -> None:
    async def tell(cluster: PaperCluster, seats: Seats) -> None:
        ended: list[bool] = []

        async def says(call: StepCall, tools: Tools) -> StepAnswer:
            try:
                await cluster.clock.sleep_wall(60)
            finally:
                ended.append(True)
            return StepAnswer(phase=Phase.SUCCESSFUL)

        OwnPlugin.says = says  # type: ignore[assignment]
        await until(cluster, lambda: _own_calls(1))
        await cluster.admin.delete(ROLLOUTS, "web", NAMESPACE)
        await cluster.clock.sleep(5)
        assert ended == [True]

    told(tell, OWN)
