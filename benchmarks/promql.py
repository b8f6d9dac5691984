"""The embedded metrics: instant queries over the ring, and a round of scrapes over 20 pods."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import aiohttp

from benchmarks.figure import Figure, median, seconds_of
from benchmarks.servers import ask, has_prometheus, prometheus, sample_services
from serinus.base.clock import Clock
from serinus.local.metrics.labels import NAME
from serinus.local.metrics.promql.compile import compile_query
from serinus.local.metrics.promql.query import query_instant
from serinus.local.metrics.samples import Samples
from serinus.local.metrics.scraper import ACCEPT, Scraper
from serinus.local.metrics.sources import Target

PODS = 10
SCRAPED_PODS = 20
HOUR_SECONDS = 3600
T0_MS = 1_700_000_000_000
AT_MS = T0_MS + 3000 * 1000
QUERY = """
  sum(rate(http_requests_total{app="checkout", code=~"5.."}[2m]))
  / sum(rate(http_requests_total{app="checkout"}[2m]))"""


def figures() -> Iterator[Figure]:
    samples = filled()
    ours = seconds_of(lambda: query_instant(samples, QUERY, AT_MS), calls=200)
    yield Figure(
        "error rate over 30 series",
        ours / 1e-3,
        "one millisecond",
        at_most=1.0,
        detail=f"{ours * 1e6:.0f} us a query",
    )
    compile_query.cache_clear()
    first = seconds_of(lambda: compile_query.__wrapped__(QUERY), calls=100)
    yield Figure(
        "parse and compile it", first / ours, "answering it", detail=f"{first * 1e6:.0f} us"
    )
    yield beside_prometheus(samples, ours)
    yield asyncio.run(scrape_round())


def filled() -> Samples:
    """An hour of three series on each of ten pods, a sample each 15 s."""
    samples = Samples()
    for number in range(PODS):
        pod = {"namespace": "production", "pod": f"checkout-{number}", "app": "checkout"}
        for code, step in (("200", 100.0), ("404", 3.0), ("500", 1.0)):
            labels = {NAME: "http_requests_total", **pod, "code": code, "job": "checkout"}
            for tick in range(0, HOUR_SECONDS, 15):
                samples.append(labels, T0_MS + tick * 1000, tick / 15 * (step + number))
    return samples


def beside_prometheus(samples: Samples, ours: float) -> Figure:
    """The same query over HTTP to Debian's Prometheus on the same samples."""
    what = "the same asked of Prometheus 2.42 by HTTP"
    if not has_prometheus():
        return Figure(what, skipped="needs Debian's package `prometheus`: make test-deps")
    points = {
        tuple(series.labels.pairs.items()): list(zip(series.times, series.values, strict=True))
        for series in samples.select([])
    }
    with tempfile.TemporaryDirectory() as folder, prometheus(Path(folder), points) as url:
        theirs = seconds_of(
            lambda: ask(url, "/api/v1/query", query=QUERY, time=AT_MS / 1000), calls=50
        )
    return Figure(what, theirs / ours, "our evaluation of it", detail=f"{theirs * 1e6:.0f} us")


async def scrape_round() -> Figure:
    """Twenty sample services, as processes: scraping, reading and storing against only asking."""
    with (
        tempfile.TemporaryDirectory() as folder,
        sample_services(Path(folder), SCRAPED_PODS) as ports,
    ):
        urls = [f"http://127.0.0.1:{port}/metrics" for port in ports]
        rounds, bare = await measured_rounds(urls)
    return Figure(
        f"a scrape round of {SCRAPED_PODS} pods",
        rounds / bare,
        "the bare HTTP requests",
        at_most=3.0,
        detail=f"{rounds * 1e3:.1f} ms, requests alone {bare * 1e3:.1f} ms",
    )


async def measured_rounds(urls: list[str]) -> tuple[float, float]:
    """Median seconds of a scrape round, and of the same requests with nothing done about them."""
    samples = Samples()
    targets = [
        Target(url, {"namespace": "production", "pod": f"p{number}", "job": "checkout"})
        for number, url in enumerate(urls)
    ]
    scraper = Scraper(Clock(), samples, lambda: targets)
    rounds, bare = [], []
    async with aiohttp.ClientSession(headers={"accept": ACCEPT}) as session:

        async def ask(url: str) -> bytes:
            async with session.get(url) as answer:
                return await answer.read()

        for _ in range(40):
            began = time.perf_counter()
            await asyncio.gather(*map(ask, urls))
            bare.append(time.perf_counter() - began)
            began = time.perf_counter()
            await scraper.scrape_now()
            rounds.append(time.perf_counter() - began)
    await scraper.close()
    if any(state.error for state in scraper.states()):
        raise RuntimeError(f"a scrape failed: {scraper.states()}")
    return median(rounds), median(bare)
