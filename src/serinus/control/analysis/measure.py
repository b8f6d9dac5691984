"""Measurements under way: asks providers beside the workers and keeps the answers for the plan.

An answer wakes the run's key; nothing here decides, and nothing of it survives a crash: the status
says what was started, and the plan asks again. Secrets live only inside one measurement.
"""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from serinus.base.clock import Clock
from serinus.base.errors import SerinusError
from serinus.control.analysis.asking import Asker, redacted
from serinus.control.analysis.secrets import read_secret
from serinus.core.analysis.actions import Measure
from serinus.core.analysis.answers import Answer, Asked, NoData, Outcome, Trouble, Value
from serinus.kube.client import Client
from serinus.metrics.provider import Context, Provider
from serinus.metrics.registry import load_provider

_log = logging.getLogger("serinus.measure")
AT_ONCE = 64
"""Measurements that may be under way; further ones wait for a place."""


@dataclass(frozen=True, slots=True)
class RunKey:
    """One AnalysisRun; the uid tells a run from an earlier one of the same name."""

    namespace: str
    name: str
    uid: str


class Measurer:
    """The tasks and answers of all runs.

    `wake` is called with (namespace, name) when an answer has come; `addresses` are default
    addresses of providers by name.
    """

    def __init__(
        self,
        client: Client,
        clock: Clock,
        asker: Asker,
        wake: Callable[[tuple[str, str]], None],
        *,
        addresses: Mapping[str, str] | None = None,
        load: Callable[[str], Provider] = load_provider,
    ) -> None:
        self._client, self._clock, self._asker, self._wake = client, clock, asker, wake
        self._addresses = dict(addresses or {})
        self._load = load
        self._places = asyncio.Semaphore(AT_ONCE)
        self._tasks: dict[tuple[RunKey, Asked], asyncio.Task[None]] = {}
        self._answers: dict[RunKey, dict[Asked, Answer]] = {}

    def ask(self, run: RunKey, measure: Measure) -> None:
        """Starts a measurement, unless it is under way or answered."""
        key = (run, measure.asked)
        if key in self._tasks or measure.asked in self._answers.get(run, {}):
            return
        task = asyncio.get_running_loop().create_task(self._measured(run, measure))
        self._tasks[key] = task
        task.add_done_callback(lambda _: self._tasks.pop(key, None))

    def cancel(self, run: RunKey, asked: Asked) -> None:
        """Nobody waits for it any more."""
        task = self._tasks.get((run, asked))
        if task is not None:
            task.cancel()
        self._answers.get(run, {}).pop(asked, None)

    def answers(self, run: RunKey) -> Mapping[Asked, Answer]:
        """What has come and was not forgotten."""
        return dict(self._answers.get(run, {}))

    def recorded(self, run: RunKey, asked: Asked) -> None:
        """The answer is in the status: forget it."""
        answers = self._answers.get(run, {})
        answers.pop(asked, None)
        if not answers:
            self._answers.pop(run, None)

    def forget(self, namespace: str, name: str, uid: str = "") -> None:
        """Drops everything of runs of that name, but of the one with `uid`."""
        for run, asked in list(self._tasks):
            if (run.namespace, run.name) == (namespace, name) and run.uid != uid:
                self._tasks[run, asked].cancel()
        for run in list(self._answers):
            if (run.namespace, run.name) == (namespace, name) and run.uid != uid:
                del self._answers[run]

    async def close(self) -> None:
        """Cancels what is under way and closes the session."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._asker.close()

    async def _measured(self, run: RunKey, measure: Measure) -> None:
        about: Mapping[str, str] = {}
        async with self._places:
            try:
                (name,) = measure.provider.names()
                provider = self._load(name)
                spec = getattr(measure.provider, _attribute(measure, name))
                about = provider.about(spec)
                outcome = await self._outcome(run, measure, (name, provider))
            except SerinusError as error:
                outcome = Trouble(str(error))
            except Exception as error:  # noqa: BLE001 - a bug is an answer too, or the run hangs
                _log.exception("%s/%s: measuring %s", run.namespace, run.name, measure.asked)
                outcome = Trouble(f"the provider failed: {type(error).__name__}")
        answer = Answer(outcome, self._clock.now(), about)
        self._answers.setdefault(run, {})[measure.asked] = answer
        self._wake((run.namespace, run.name))

    async def _outcome(self, run: RunKey, measure: Measure, found: tuple[str, Provider]) -> Outcome:
        name, provider = found
        spec = getattr(measure.provider, _attribute(measure, name))
        secrets = {
            argument: await read_secret(self._client, run.namespace, reference, f"args.{argument}")
            for argument, reference in measure.secrets.items()
        }
        context = Context(now=self._clock.now(), addresses=self._addresses)
        try:
            requests = provider.requests(spec, context)
            answers = [await self._asker.send(request.filled(secrets)) for request in requests]
            return _without(provider.value(spec, answers), secrets)
        except SerinusError as error:
            return Trouble(redacted(str(error), secrets))
        except Exception as error:  # noqa: BLE001 - told here, where the secrets are known
            trace = redacted("".join(traceback.format_exception(error)), secrets)
            _log.error("%s/%s: measuring %s: %s", run.namespace, run.name, measure.asked, trace)
            return Trouble(f"the provider failed: {type(error).__name__}")


def _attribute(measure: Measure, name: str) -> str:
    """The Struct's own name of a provider's field."""
    fields = measure.provider.__struct_encode_fields__
    return measure.provider.__struct_fields__[fields.index(name)]


def _without(outcome: Outcome, secrets: Mapping[str, str]) -> Outcome:
    match outcome:
        case Trouble(message):
            return Trouble(redacted(message, secrets))
        case Value(_, text, metadata) | NoData(_, text, _, metadata):
            clean = {key: redacted(value, secrets) for key, value in metadata.items()}
            return replace(outcome, text=redacted(text, secrets), metadata=clean)
