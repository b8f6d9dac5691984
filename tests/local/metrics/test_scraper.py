"""Scraping real addresses on a clock that the test moves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest
from aiohttp import web

from serinus.base.clock import Clock
from serinus.local.metrics.labels import Labels
from serinus.local.metrics.promql.query import VectorResult, query_instant
from serinus.local.metrics.samples import Sample, Samples, make_matcher
from serinus.local.metrics.scraper import NOBODY_LISTENS, Scraper, attach
from serinus.local.metrics.sources import Target
from support.steady import run_steady

T0 = datetime(2026, 1, 1, tzinfo=UTC)
T0_MS = int(T0.timestamp() * 1000)


class Pages:
    """An HTTP server whose `/metrics` of each name the test writes; counts what was asked."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}
        self.asked: list[str] = []
        self.types: dict[str, str] = {}
        self.held = asyncio.Event()
        self.held.set()
        self.url = ""

    def target(self, name: str, **labels: str) -> Target:
        return Target(f"{self.url}/{name}/metrics", {"pod": name, **labels})

    async def answer(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        self.asked.append(name)
        await self.held.wait()
        if name not in self.texts:
            return web.Response(status=503)
        headers = {"content-type": self.types.get(name, "text/plain; version=0.0.4")}
        return web.Response(body=self.texts[name].encode(), headers=headers)


@asynccontextmanager
async def pages() -> AsyncIterator[Pages]:
    served = Pages()
    application = web.Application()
    application.router.add_get("/{name}/metrics", served.answer)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0]
    served.url = f"http://{host}:{port}"
    try:
        yield served
    finally:
        await runner.cleanup()


class Bench:
    """A scraper with its ring, targets and gauges, at a time that `tick` moves."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.clock = Clock(1, T0, lambda: self.seconds)
        self.samples = Samples()
        self.targets: list[Target] = []
        self.gauges: list[Sample] = []
        self.scraper = Scraper(self.clock, self.samples, lambda: self.targets, lambda: self.gauges)

    async def tick(self, seconds: float = 15) -> None:
        self.seconds += seconds
        await self.scraper.scrape_now()

    def values(self, query: str) -> dict[str, float]:
        result = query_instant(self.samples, query, self.clock.millis())
        assert isinstance(result, VectorResult)
        return {str(labels): value for labels, value in result.elements}


def test_series_get_the_labels_of_their_target_and_its_health() -> None:
    async def story() -> None:
        async with pages() as served:
            bench = Bench()
            served.texts["a"] = 'x_total{code="200",pod="mine"} 3\n'
            bench.targets = [served.target("a", job="shop", none="")]
            await bench.tick()
            await bench.scraper.close()
            assert bench.values('{__name__=~"x_total|up|scrape_samples_scraped"}') == {
                'x_total{code="200", exported_pod="mine", job="shop", pod="a"}': 3.0,
                'up{job="shop", pod="a"}': 1.0,
                'scrape_samples_scraped{job="shop", pod="a"}': 1.0,
            }

    run_steady(story())


def test_a_page_behind_two_services_is_asked_once_and_kept_for_both() -> None:
    async def story() -> None:
        async with pages() as served:
            bench = Bench()
            served.texts["a"] = "x 1\n"
            bench.targets = [served.target("a", job="one"), served.target("a", job="two")]
            await bench.tick()
            await bench.scraper.close()
            assert served.asked == ["a"]
            assert bench.values("x") == {
                'x{job="one", pod="a"}': 1.0,
                'x{job="two", pod="a"}': 1.0,
            }

    run_steady(story())


def test_a_series_that_a_page_no_longer_has_ends_at_that_scrape() -> None:
    async def story() -> None:
        async with pages() as served:
            bench = Bench()
            bench.targets = [served.target("a")]
            served.texts["a"] = "x 1\ny 1\n"
            await bench.tick()
            served.texts["a"] = "x 2\n"
            await bench.tick()
            await bench.scraper.close()
            assert bench.values('{__name__=~"x|y"}') == {'x{pod="a"}': 2.0}

    run_steady(story())


@pytest.mark.parametrize(
    ("page", "kind", "word"),
    [
        (None, "", "answered 503, wanted 200"),
        ("x 1\nhello world\n", "", "line 2: 'hello world'"),
        ("x{a=1} 1\n", "", "a=1"),
    ],
)
def test_a_target_that_fails_is_down_and_its_series_end(
    page: str | None, kind: str, word: str
) -> None:
    async def story() -> None:
        async with pages() as served:
            bench = Bench()
            bench.targets = [served.target("a"), served.target("b")]
            served.texts |= {"a": "x 1\n", "b": "x 1\n"}
            await bench.tick()
            if page is None:
                del served.texts["a"]
            else:
                served.texts["a"] = page
            await bench.tick()
            assert bench.values("up") == {'up{pod="a"}': 0.0, 'up{pod="b"}': 1.0}
            assert bench.values("x") == {'x{pod="b"}': 1.0}
            assert [word in state.error for state in bench.scraper.states()] == [True, False]
            served.texts["a"] = "x 5\n"
            await bench.tick()
            await bench.scraper.close()
            assert bench.values("x") == {'x{pod="a"}': 5.0, 'x{pod="b"}': 1.0}
            assert [state.error for state in bench.scraper.states()] == ["", ""]

    run_steady(story())


def test_a_target_that_does_not_answer_in_time_is_down_and_holds_up_no_other() -> None:
    async def story() -> None:
        async with pages() as served:
            bench = Bench()
            bench.scraper.timeout_seconds = 0.05
            served.texts["a"] = "x 1\n"
            served.held.clear()
            bench.targets = [served.target("a"), Target("http://127.0.0.1:1/metrics", {"pod": "b"})]
            await bench.tick()
            served.held.set()
            await bench.scraper.close()
            assert bench.values("up") == {'up{pod="a"}': 0.0, 'up{pod="b"}': 0.0}
            errors = {s.target.labels["pod"]: s.error for s in bench.scraper.states()}
            assert errors["a"] == "no answer within 0.05 s"
            assert errors["b"] == NOBODY_LISTENS

    run_steady(story())


def test_a_pod_that_does_not_listen_yet_is_no_news_but_one_that_answers_oddly_is(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def story() -> None:
        async with pages() as served:
            bench = Bench()
            silent = Target("http://127.0.0.1:9/metrics", {"pod": "b"})
            bench.targets = [served.target("a"), silent]
            await bench.tick()
            await bench.tick()
            await bench.scraper.close()
            assert sorted(bench.values("up").values()) == [0.0, 0.0]
            told = f"scrape of {served.url}/a/metrics failed: answered 503, wanted 200"
            assert [record.getMessage() for record in caplog.records] == [told]

    run_steady(story())


def test_a_target_that_goes_takes_all_its_series_with_it_at_that_round() -> None:
    async def story() -> None:
        async with pages() as served:
            bench = Bench()
            bench.targets = [served.target("a"), served.target("b")]
            served.texts |= {"a": "x 1\n", "b": "x 1\n"}
            await bench.tick()
            bench.targets = [served.target("b")]
            await bench.tick()
            await bench.scraper.close()
            assert bench.values('{__name__=~".+",pod="a"}') == {}
            assert bench.values("up") == {'up{pod="b"}': 1.0}

    run_steady(story())


def test_labels_that_change_in_place_start_new_series_and_end_the_old() -> None:
    async def story() -> None:
        async with pages() as served:
            bench = Bench()
            served.texts["a"] = "x 1\n"
            bench.targets = [served.target("a", role="new")]
            await bench.tick()
            bench.targets = [served.target("a", role="trusted")]
            await bench.tick()
            await bench.scraper.close()
            assert bench.values("x") == {'x{pod="a", role="trusted"}': 1.0}

    run_steady(story())


def test_gauges_are_read_each_round_and_end_when_their_source_drops_them() -> None:
    async def story() -> None:
        bench = Bench()
        bench.gauges = [Sample("m", {"pod": "a"}, 5), Sample("m", {"pod": "b"}, 6)]
        await bench.tick()
        bench.gauges = [Sample("m", {"pod": "b"}, 7)]
        await bench.tick()
        assert bench.values("m") == {'m{pod="b"}': 7.0}

    run_steady(story())


def test_times_that_a_page_writes_count_only_if_asked_for() -> None:
    async def story() -> None:
        async with pages() as served:
            bench = Bench()
            bench.targets = [served.target("a")]
            served.texts["a"] = f"x 1 {T0_MS}\n"
            await bench.tick()
            assert bench.values("timestamp(x)") == {'{pod="a"}': T0_MS / 1000 + 15}
            bench.scraper.honour_timestamps = True
            served.texts["a"] = f"y 1 {T0_MS + 1}\n"
            await bench.tick()
            await bench.scraper.close()
            assert bench.values("timestamp(y)") == {'{pod="a"}': (T0_MS + 1) / 1000}

    run_steady(story())


def test_openmetrics_pages_are_read_too() -> None:
    async def story() -> None:
        async with pages() as served:
            bench = Bench()
            bench.targets = [served.target("a")]
            served.types["a"] = "application/openmetrics-text; version=1.0.0"
            served.texts["a"] = 'x_total 4 1.5 # {id="k"} 1\n# EOF\n'
            await bench.tick()
            await bench.scraper.close()
            assert bench.values("x_total") == {'x_total{pod="a"}': 4.0}

    run_steady(story())


def test_rounds_lie_on_multiples_of_the_period_of_a_fast_clock() -> None:
    async def story() -> None:
        async with pages() as served:
            loop = asyncio.get_running_loop()
            clock = Clock(300, T0, loop.time)
            samples = Samples()
            served.texts["a"] = "x 1\n"
            targets = [served.target("a")]
            scraper = Scraper(clock, samples, lambda: targets, period_seconds=15)
            task = asyncio.create_task(scraper.run())
            found = [make_matcher("__name__", "=", "x")]
            async with asyncio.timeout(30):
                while sum(len(series.times) for series in samples.select(found)) < 5:
                    await clock.sleep(5)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            (series,) = samples.select(found)
            late = [(time - T0_MS) % 15_000 for time in series.times]
            assert late.count(0) + sum(1 for ms in late if ms > 150) == len(late)
            rounds = [(time - T0_MS) // 15_000 for time in series.times]
            assert rounds == sorted(set(rounds))
            assert len(asyncio.all_tasks()) == 1

    run_steady(story())


def test_what_is_older_than_the_retention_goes_while_live_series_stay() -> None:
    async def story() -> None:
        async with pages() as served:
            bench = Bench()
            bench.samples.retention_ms = 60_000
            served.texts |= {"a": "x 1\n", "b": "x 2\n"}
            bench.targets = [served.target("a"), served.target("b")]
            await bench.tick()
            bench.targets = [served.target("b")]
            for _ in range(8):
                await bench.tick()
            await bench.scraper.close()
            assert bench.values("count_over_time(x[1h])") == {'{pod="b"}': 5.0}
            assert {s.labels.pairs["pod"] for s in bench.samples.select([])} == {"b"}

    run_steady(story())


@pytest.mark.parametrize(
    ("own", "target", "expected"),
    [
        ({"a": "1"}, {"b": "2"}, {"a": "1", "b": "2"}),
        ({"a": "1"}, {"a": "2"}, {"exported_a": "1", "a": "2"}),
        (
            {"a": "1", "exported_a": "x"},
            {"a": "2"},
            {"exported_exported_a": "1", "exported_a": "x", "a": "2"},
        ),
        ({"a": ""}, {"b": "2"}, {"b": "2"}),
    ],
)
def test_a_label_that_both_have_is_the_targets(
    own: Mapping[str, str], target: Mapping[str, str], expected: dict[str, str]
) -> None:
    assert attach(own, target) == Labels(expected)
