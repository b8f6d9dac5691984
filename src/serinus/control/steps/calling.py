"""Calls of step plugins under way: made beside the workers, their answers kept for the plan.

An answer wakes the Rollout's key; nothing here decides, and nothing of it survives a crash: the
status says what was begun, and the plan calls again. Secrets live only inside one call.
"""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from typing import Any

import msgspec

from serinus.api.analysis import SecretKeyRef
from serinus.api.argo import Rollout
from serinus.base.clock import Clock
from serinus.base.errors import FieldProblem, SerinusError
from serinus.control.analysis.asking import Asker, redacted
from serinus.control.analysis.secrets import read_secret
from serinus.control.looking.interest import Key
from serinus.core.http import HttpAnswer, HttpRequest
from serinus.core.rollout.calls import Answered, Phase, StepAnswer, StepAsked, StepCall
from serinus.kube.client import Client
from serinus.steps.plugin import ConfiguredPlugin, StepPlugin
from serinus.steps.registry import load_step_plugin

_log = logging.getLogger("serinus.steps")
AT_ONCE = 32
"""Calls that may be under way; further ones wait for a place."""
LONGEST_WALL_SECONDS = 65.0
"""Of one call, whatever its plugin does."""
LARGEST_STATE_BYTES = 16_384
"""The state lies in the status of the Rollout, with all else that it remembers."""
LONGEST_MESSAGE = 1_000

Load = Callable[[str], StepPlugin]


class StepPlugins:
    """Each plugin once, made when it is first asked for."""

    def __init__(self, load: Load = load_step_plugin) -> None:
        self._load, self._made = load, dict[str, StepPlugin]()

    def of(self, name: str) -> StepPlugin:
        """Raises SerinusError with the known names."""
        if name not in self._made:
            self._made[name] = self._load(name)
        return self._made[name]

    def problems(self, rollout: Rollout) -> Iterator[FieldProblem]:
        """Steps whose plugin is not there, or cannot be run with their config."""
        canary = rollout.spec.strategy.canary
        for index, step in enumerate(canary.steps if canary else ()):
            if step.plugin is None or not step.plugin.name:
                continue
            path = f"spec.strategy.canary.steps[{index}].plugin"
            try:
                plugin = self.of(step.plugin.name)
            except SerinusError as error:
                yield FieldProblem(f"{path}.name", str(error))
                continue
            if isinstance(plugin, ConfiguredPlugin):
                for text in plugin.problems(step.plugin.config):
                    yield FieldProblem(f"{path}.config", text)


class _Lent:
    """The Tools of one call; remembers the secrets that it gave away."""

    def __init__(self, client: Client, asker: Asker, namespace: str) -> None:
        self._client, self._asker, self._namespace = client, asker, namespace
        self.secrets: dict[str, str] = {}

    async def send(self, request: HttpRequest) -> HttpAnswer:
        return await self._asker.send(request)

    async def secret(self, name: str, key: str) -> str:
        where = SecretKeyRef(name=name, key=key)
        found = await read_secret(self._client, self._namespace, where)
        self.secrets[f"{name}/{key}"] = found
        return found


class StepCalls:
    """The tasks and answers of all Rollouts. `wake` is called with the key when one has come."""

    def __init__(
        self,
        client: Client,
        clock: Clock,
        asker: Asker,
        wake: Callable[[Key], None],
        plugins: StepPlugins,
    ) -> None:
        self._client, self._clock, self._asker, self._wake = client, clock, asker, wake
        self._plugins = plugins
        self._places = asyncio.Semaphore(AT_ONCE)
        self._tasks: dict[Key, dict[StepAsked, asyncio.Task[None]]] = {}
        self._answers: dict[Key, dict[StepAsked, Answered]] = {}

    def call(self, key: Key, call: StepCall) -> None:
        """Makes a call, unless it is under way or answered."""
        tasks = self._tasks.setdefault(key, {})
        if call.asked in tasks or call.asked in self._answers.get(key, {}):
            return
        task = asyncio.get_running_loop().create_task(self._called(key, call))
        tasks[call.asked] = task
        task.add_done_callback(lambda _: self._done(key, call.asked, task))

    def answers(self, key: Key, awaited: Collection[StepAsked]) -> Mapping[StepAsked, Answered]:
        """What has come of what is awaited; what nobody waits for any more is ended."""
        for asked, task in list(self._tasks.get(key, {}).items()):
            if asked not in awaited:
                task.cancel()
        kept = {a: found for a, found in self._answers.get(key, {}).items() if a in awaited}
        if kept:
            self._answers[key] = kept
        else:
            self._answers.pop(key, None)
        return dict(kept)

    def forget(self, key: Key) -> None:
        """The Rollout is gone."""
        self.answers(key, ())

    async def close(self) -> None:
        """Cancels what is under way."""
        tasks = [task for of_key in self._tasks.values() for task in of_key.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _done(self, key: Key, asked: StepAsked, task: asyncio.Task[None]) -> None:
        tasks = self._tasks.get(key, {})
        if tasks.get(asked) is task:
            del tasks[asked]
        if not tasks:
            self._tasks.pop(key, None)

    async def _called(self, key: Key, call: StepCall) -> None:
        lent = _Lent(self._client, self._asker, call.namespace)
        async with self._places:
            answer = await self._answer(call, lent)
        answered = Answered(_clean(answer, lent.secrets), self._clock.now())
        self._answers.setdefault(key, {})[call.asked] = answered
        self._wake(key)

    async def _answer(self, call: StepCall, lent: _Lent) -> StepAnswer:
        try:
            async with asyncio.timeout(LONGEST_WALL_SECONDS):
                plugin = self._plugins.of(call.asked.plugin)
                answer: Any = await plugin.call(call, lent)
        except TimeoutError:
            return _error(f"no answer within {LONGEST_WALL_SECONDS:g} s")
        except SerinusError as error:
            return _error(str(error))
        except Exception as error:  # noqa: BLE001 - a bug is an answer too, or the step hangs
            where = redacted("".join(traceback.format_tb(error.__traceback__)), lent.secrets)
            text = f"the plugin failed: {type(error).__name__}"
            _log.error(text, extra={"call": call.id, "rollout": call.name, "where": where})
            return _error(text)
        if not isinstance(answer, StepAnswer):
            return _error(f"the plugin answered a {type(answer).__name__}, not a StepAnswer")
        return answer


def _error(message: str) -> StepAnswer:
    return StepAnswer(phase=Phase.ERROR, message=message)


def _clean(answer: StepAnswer, secrets: Mapping[str, str]) -> StepAnswer:
    """Without secrets, and with a state that a status can hold."""
    try:
        phase, state = Phase(answer.phase), msgspec.json.encode(answer.state).decode()
    except (TypeError, ValueError) as error:
        return _error(redacted(f"the plugin's answer cannot be kept: {error}", secrets))
    if redacted(state, secrets) != state:
        return _error("the plugin's state holds the value of a secret; leave it out")
    if len(state.encode()) > LARGEST_STATE_BYTES:
        return _error(f"the plugin's state has more than {LARGEST_STATE_BYTES} bytes")
    message = redacted(str(answer.message), secrets)[:LONGEST_MESSAGE]
    return replace(answer, phase=phase, message=message, state=msgspec.json.decode(state))
