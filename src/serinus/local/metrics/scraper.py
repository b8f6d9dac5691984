"""Asks every target for `/metrics` each period and writes the answers into the ring.

Periods pass on the clock that is handed in; time-outs are seconds of the wall, because an answer
takes as long as it takes. Knows no query and no object of the cluster: targets and gauges are
callables that are asked anew in each round.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import aiohttp

from serinus.base.clock import Clock
from serinus.base.errors import SerinusError
from serinus.local.metrics.exposition import ExpositionError, parse_head, parse_lines
from serinus.local.metrics.labels import NAME, Labels, labels_of
from serinus.local.metrics.samples import Sample, Samples, Series
from serinus.local.metrics.sources import Target

ACCEPT = "text/plain;version=0.0.4;q=1,application/openmetrics-text;version=1.0.0;q=0.5"
PAGE_LIMIT_BYTES = 16 * 1024 * 1024
SERIES_LIMIT = 20_000
NOBODY_LISTENS = "nobody listens there"
"""How a pod looks while it starts or ends: news of `up`, not of the log that people read."""
log = logging.getLogger(__name__)


class ScrapeError(SerinusError):
    """A target that did not give its metrics; says what it did instead."""


@dataclass(slots=True)
class _Scraped:
    """What is remembered of one target between rounds."""

    target: Target
    labels: Labels
    heads: dict[str, Series] = field(default_factory=dict)  # `name{labels}` as written -> series
    last: dict[Series, None] = field(default_factory=dict)  # series of the last good scrape
    reports: tuple[Series, ...] = ()
    error: str = ""
    at_ms: int = 0


@dataclass(frozen=True, slots=True)
class TargetState:
    """How the last scrape of a target went; `error` is empty if well. `at_ms` 0: not yet."""

    target: Target
    error: str
    at_ms: int


class Scraper:
    """Fills `samples`; one round each `period_seconds` of the clock, on its multiples.

    A target that has not answered when the next round comes is left out of that round; after
    `timeout_seconds` of the wall it is down. `honour_timestamps` takes the times that a target
    writes beside its values; off, because a target's wall clock is not this clock.
    """

    def __init__(
        self,
        clock: Clock,
        samples: Samples,
        targets: Callable[[], Sequence[Target]],
        gauges: Callable[[], Iterable[Sample]] = tuple,
        period_seconds: float = 15.0,
    ) -> None:
        self.timeout_seconds = 5.0
        self.honour_timestamps = False
        self._clock = clock
        self._samples = samples
        self._targets = targets
        self._gauges = gauges
        self.period_seconds = period_seconds
        self._period_ms = round(period_seconds * 1000)
        self._known: dict[str, dict[Labels, _Scraped]] = {}  # by address: one GET serves all
        self._gauge_series: dict[Series, None] = {}
        self._session: aiohttp.ClientSession | None = None
        self._open: dict[str, asyncio.Task[None]] = {}
        self._forgotten_ms = 0

    async def run(self) -> None:
        """Scrape until cancelled; leaves no connection and no task behind."""
        try:
            while True:
                due_ms = (self._clock.millis() // self._period_ms + 1) * self._period_ms
                await self._clock.sleep_until(datetime.fromtimestamp(due_ms / 1000, UTC))
                self._begin_round(self._stamp(due_ms))
        finally:
            await self.close()

    async def scrape_now(self) -> None:
        """One whole round, now; returns when every target has answered or timed out."""
        self._begin_round(self._clock.millis())
        while self._open:
            await asyncio.wait(list(self._open.values()))

    async def close(self) -> None:
        """Cancel what is under way and close the connections; a later round opens new ones."""
        tasks = list(self._open.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()
            self._session = None

    def states(self) -> list[TargetState]:
        """How each target of the last round fares, in the order of the targets."""
        return [
            TargetState(scraped.target, scraped.error, scraped.at_ms)
            for same in self._known.values()
            for scraped in same.values()
        ]

    def _stamp(self, due_ms: int) -> int:
        """The due instant if the round begins within 1 % of the period after it, else now."""
        now_ms = self._clock.millis()
        return due_ms if 0 <= now_ms - due_ms <= self._period_ms // 100 else now_ms

    def _begin_round(self, at_ms: int) -> None:
        self._take_targets(at_ms)
        self._write_gauges(at_ms)
        for url in self._known:
            if url not in self._open:
                task = asyncio.create_task(self._scrape(url, at_ms), name=f"scrape {url}")
                self._open[url] = task
                task.add_done_callback(self._closed(url))
        if at_ms - self._forgotten_ms > self._samples.retention_ms // 16:
            self._forget(at_ms)

    def _closed(self, url: str) -> Callable[[asyncio.Task[None]], None]:
        def forget(_: asyncio.Task[None]) -> None:
            self._open.pop(url, None)

        return forget

    def _take_targets(self, at_ms: int) -> None:
        """Ask for the targets; those that are gone or have other labels now end here."""
        wanted: dict[str, dict[Labels, Target]] = {}
        for target in self._targets():
            wanted.setdefault(target.url, {})[labels_of(target.labels.items())] = target
        for url, same in list(self._known.items()):
            for labels in [labels for labels in same if labels not in wanted.get(url, {})]:
                _end_all(same.pop(labels), at_ms)
            if not same:
                del self._known[url]
        for url, targets in wanted.items():
            known = self._known.setdefault(url, {})
            for labels, target in targets.items():
                if labels not in known:
                    known[labels] = _Scraped(target, labels)

    def _forget(self, at_ms: int) -> None:
        """Drop old values, and with them what is remembered of series: they may be new ones now."""
        self._samples.forget_before(at_ms)
        self._forgotten_ms = at_ms
        for same in self._known.values():
            for scraped in same.values():
                scraped.heads.clear()
                scraped.reports = ()

    def _write_gauges(self, at_ms: int) -> None:
        seen: dict[Series, None] = {}
        for sample in self._gauges():
            series = self._samples.series(labels_of([*sample.labels.items(), (NAME, sample.name)]))
            series.append(at_ms, sample.value)
            seen[series] = None
        for series in self._gauge_series:
            if series not in seen:
                series.end(at_ms)
        self._gauge_series = seen

    async def _scrape(self, url: str, at_ms: int) -> None:
        """Ask one address once and write the answer for each target that has it."""
        began = self._clock.wall()
        lines: list[tuple[str, float, int | None]] = []
        error = ""
        try:
            lines = await self._fetch(url)
        except (ScrapeError, ExpositionError) as problem:
            error = str(problem)
        except TimeoutError:
            error = f"no answer within {self.timeout_seconds:g} s"
        except aiohttp.ClientConnectorError:
            error = NOBODY_LISTENS
        except (aiohttp.ClientError, OSError, UnicodeDecodeError) as problem:
            error = f"{type(problem).__name__}: {problem}"
        took = self._clock.wall() - began
        for scraped in self._known.get(url, {}).values():
            self._record(scraped, lines, error, at_ms)
            self._report(scraped, at_ms, took, 0 if scraped.error else len(lines))

    async def _fetch(self, url: str) -> list[tuple[str, float, int | None]]:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                headers={"accept": ACCEPT, "user-agent": "serinus-scraper"},
                connector=aiohttp.TCPConnector(limit=0),
                trust_env=False,
            )
        async with asyncio.timeout(self.timeout_seconds), self._session.get(url) as answer:
            if answer.status != 200:
                raise ScrapeError(f"answered {answer.status}, wanted 200")
            body = bytearray()
            async for piece in answer.content.iter_any():
                body += piece
                if len(body) > PAGE_LIMIT_BYTES:
                    raise ScrapeError(f"answered more than {PAGE_LIMIT_BYTES >> 20} MiB")
        openmetrics = answer.content_type == "application/openmetrics-text"
        lines = parse_lines(body.decode(), openmetrics=openmetrics)
        if len(lines) > SERIES_LIMIT:
            raise ScrapeError(f"answered {len(lines)} samples, the limit is {SERIES_LIMIT}")
        return lines

    def _record(
        self,
        scraped: _Scraped,
        lines: Sequence[tuple[str, float, int | None]],
        error: str,
        at_ms: int,
    ) -> None:
        """Write the values, and the end of each series that the scrape before had and this not."""
        seen: dict[Series, None] = {}
        try:
            if not error:
                seen = self._write(scraped, lines, at_ms)
        except ExpositionError as problem:
            error = str(problem)
        if error and error != scraped.error:
            level = logging.DEBUG if error == NOBODY_LISTENS else logging.WARNING
            log.log(level, "scrape of %s failed: %s", scraped.target.url, error)
        scraped.error, scraped.at_ms = error, at_ms
        if error:
            scraped.heads.clear()
        for series in scraped.last:
            if series not in seen:
                series.end(at_ms)
        scraped.last = seen

    def _write(
        self,
        scraped: _Scraped,
        lines: Sequence[tuple[str, float, int | None]],
        at_ms: int,
    ) -> dict[Series, None]:
        heads = scraped.heads
        new = {h: parse_head(h) for h, _, _ in lines if h not in heads}  # all good before any write
        for head, own in new.items():
            heads[head] = self._samples.series(attach(own, scraped.labels.pairs))
        seen: dict[Series, None] = {}
        for head, value, stamp in lines:
            series = heads[head]
            series.append(stamp if stamp and self.honour_timestamps else at_ms, value)
            seen[series] = None
        if len(heads) > 2 * len(lines) + 1000:  # a target that names new series all the time
            scraped.heads = {head: heads[head] for head, _, _ in lines}
        return seen

    def _report(self, scraped: _Scraped, at_ms: int, took: float, count: int) -> None:
        if not scraped.reports:
            names = ("up", "scrape_duration_seconds", "scrape_samples_scraped")
            scraped.reports = tuple(
                self._samples.series(scraped.labels.changed(NAME, name)) for name in names
            )
        values = (0.0 if scraped.error else 1.0, took, float(count))
        for series, value in zip(scraped.reports, values, strict=True):
            series.append(at_ms, value)


def attach(own: Mapping[str, str], target: Mapping[str, str]) -> Labels:
    """A series' own labels and its target's; where both have one, its own becomes `exported_x`.

    Source: Prometheus with `honor_labels: false`, which repeats the prefix until it is free.
    """
    pairs = dict(target)
    for name, value in own.items():
        if name in target:
            while name in target or name in own:
                name = f"exported_{name}"
        pairs[name] = value
    return labels_of(pairs.items())


def _end_all(scraped: _Scraped, at_ms: int) -> None:
    for series in (*scraped.last, *scraped.reports):
        series.end(at_ms)
