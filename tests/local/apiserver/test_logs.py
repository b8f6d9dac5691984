"""Logs of pods through the source that the node hands in."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest

from local.apiserver.api import Api, story
from serinus.local.apiserver.reading.logs import LogOptions

PODS = "/api/v1/namespaces/default/pods"


async def pod(api: Api, *containers: str) -> None:
    spec = {"containers": [{"name": name, "image": "i"} for name in containers]}
    await api.ok("POST", PODS, {"metadata": {"name": "p"}, "spec": spec})


class Source:
    """Remembers what it was asked; gives two chunks."""

    def __init__(self) -> None:
        self.asked: list[Any] = []

    async def __call__(
        self, namespace: str, name: str, container: str, options: LogOptions
    ) -> AsyncIterator[bytes]:
        self.asked.append((namespace, name, container, options))
        if options.previous:
            raise LookupError("it has not run before")
        return self._chunks()

    async def _chunks(self) -> AsyncIterator[bytes]:
        yield b"one\n"
        yield b"two\n"


def test_the_options_of_a_request_reach_the_source() -> None:
    source = Source()

    async def tell(api: Api) -> None:
        await pod(api, "c")
        await api.clock.sleep(60)
        query = {"tailLines": "5", "sinceSeconds": "30", "timestamps": "true", "follow": "true"}
        answer = await api.call("GET", f"{PODS}/p/log", query=query)
        assert (answer.status, answer.body) == (200, b"one\ntwo\n")
        assert answer.headers["content-type"].startswith("text/plain")
        since = datetime(2026, 1, 1, 0, 0, 30, tzinfo=UTC)
        options = LogOptions(follow=True, timestamps=True, tail_lines=5, since=since)
        assert source.asked == [("default", "p", "c", options)]

    story(tell, log_source=source)


@pytest.mark.parametrize(
    ("query", "code", "words"),
    [
        ({"container": "x"}, 400, "container x is not valid for pod p"),
        ({}, 400, "choose one of: [c d]"),
        ({"container": "c", "tailLines": "many"}, 400, "tailLines 'many'"),
        ({"container": "c", "previous": "true"}, 404, "it has not run before"),
        ({"container": "c", "previous": "true", "follow": "true"}, 404, "it has not run before"),
    ],
)
def test_what_cannot_be_shown_is_refused_before_the_first_byte(
    query: dict[str, str], code: int, words: str
) -> None:
    async def tell(api: Api) -> None:
        await pod(api, "c", "d")
        refusal = await api.refused("GET", f"{PODS}/p/log", query=query)
        assert refusal["code"] == code
        assert words in refusal["message"]

    story(tell, log_source=Source())


def test_an_empty_log_is_an_empty_answer_and_no_pod_a_404() -> None:
    async def nothing(*asked: Any) -> AsyncIterator[bytes]:
        for _ in ():
            yield b""

    async def tell(api: Api) -> None:
        assert (await api.refused("GET", f"{PODS}/p/log"))["code"] == 404
        await pod(api, "c")
        answer = await api.call("GET", f"{PODS}/p/log")
        assert (answer.status, answer.body) == (200, b"")

    story(tell, log_source=nothing)


@pytest.mark.parametrize("action", ["exec", "attach", "portforward"])
def test_streams_into_pods_are_refused_in_words(action: str) -> None:
    async def tell(api: Api) -> None:
        await pod(api, "c")
        refusal = await api.refused("POST", f"{PODS}/p/{action}")
        assert f"{action} is not served by the embedded cluster" in refusal["message"]

    story(tell)
