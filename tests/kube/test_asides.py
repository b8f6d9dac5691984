"""Warnings that come with an answer: read from the header, and heard by who creates."""

from __future__ import annotations

import asyncio

import pytest

from serinus.base.clock import Clock
from serinus.kube.asides import texts
from serinus.kube.client import Client
from serinus.kube.resource import REPLICASETS
from serinus.kube.transport.wire import Request, Response


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("", ()),
        ('299 - "unknown field \\"spec.x\\""', ('unknown field "spec.x"',)),
        ('299 - "a, b", 299 kubernetes "c\\\\d"', ("a, b", "c\\d")),
        ('199 - "not of an API server"', ()),
        ("299 - without quotes", ()),
    ],
    ids=str,
)
def test_the_texts_are_taken_out_of_the_header(header: str, said: tuple[str, ...]) -> None:
    assert tuple(texts({"warning": header} if header else {})) == said


class _Warns:
    """A server that takes everything and warns of it."""

    def __init__(self, **headers: str) -> None:
        self._headers = headers

    async def send(self, request: Request) -> Response:
        return Response(201, self._headers, request.body or b"{}")


def heard(**headers: str) -> list[tuple[str, ...]]:
    told: list[tuple[str, ...]] = []
    client = Client(_Warns(**headers), Clock())  # type: ignore[arg-type]
    asyncio.run(client.create(REPLICASETS, {"kind": "ReplicaSet"}, "ns", warned=told.append))
    return told


def test_who_creates_hears_them() -> None:
    assert heard(warning='299 - "unknown field"') == [("unknown field",)]
    assert heard() == []
