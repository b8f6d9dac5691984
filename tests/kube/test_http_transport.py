"""The transport over real sockets: TLS, certificates, renewed tokens, broken connections."""

from __future__ import annotations

import asyncio
import random
import socket
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
import uvicorn

from serinus.base.clock import Clock
from serinus.kube import auth, errors
from serinus.kube.client import Client
from serinus.kube.informer import Informer
from serinus.kube.resource import CONFIGMAPS
from serinus.kube.transport import HttpTransport, Request
from support.kubeconfigs import encoded, kubeconfig
from support.objectserver import ObjectServer, respond
from support.steady import run_steady

MAPS = "/api/v1/namespaces/shop/configmaps"
DEADLINE_SECONDS = 30


class Meta(msgspec.Struct, frozen=True, rename="camel"):
    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""


class ConfigMap(msgspec.Struct, frozen=True):
    metadata: Meta
    data: dict[str, str] = {}


class _Server(uvicorn.Server):
    def __init__(self, settings: uvicorn.Config) -> None:
        super().__init__(settings)
        self.up = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.up.set()


@asynccontextmanager
async def serving(app: Any, **options: Any) -> AsyncIterator[int]:
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    settings = uvicorn.Config(
        app, log_level="critical", lifespan="off", timeout_graceful_shutdown=1, **options
    )
    server = _Server(settings)
    task = asyncio.create_task(server._serve(sockets=[listener]))
    await server.up.wait()
    try:
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        await task


def within_deadline(story: Callable[[], Coroutine[Any, Any, None]]) -> None:
    async def run() -> None:
        async with asyncio.timeout(DEADLINE_SECONDS):
            await story()

    run_steady(run())


def tls_options(authority: Path) -> dict[str, Any]:
    return {
        "ssl_certfile": str(authority / "server.pem"),
        "ssl_keyfile": str(authority / "server.key"),
        "ssl_ca_certs": str(authority / "ca.pem"),
    }


def test_an_informer_follows_a_server_over_sockets_with_a_path_prefix() -> None:
    async def story() -> None:
        server = ObjectServer()

        async def prefixed(scope: Any, receive: Any, send: Any) -> None:
            assert scope["path"].startswith("/secret/")
            await server({**scope, "path": scope["path"].removeprefix("/secret")}, receive, send)

        clock = Clock()
        server.put(MAPS, {"metadata": {"name": "a"}, "data": {"x": "1"}})
        async with serving(prefixed) as port:
            client = Client(HttpTransport(f"http://127.0.0.1:{port}/secret/"), clock)
            informer = Informer(client, CONFIGMAPS, ConfigMap, clock, jitter=random.Random(1))
            changed: asyncio.Queue[ConfigMap | None] = asyncio.Queue()
            informer.on_change(lambda old, new: changed.put_nowait(new))
            task = asyncio.create_task(informer.run())
            assert (await changed.get()).data == {"x": "1"}
            big = "ü" * 1_000_000
            await client.patch(CONFIGMAPS, "a", {"data": {"x": big}}, "shop")
            assert (await changed.get()).data == {"x": big}
            assert await client.delete(CONFIGMAPS, "a", "shop") is None
            assert await changed.get() is None
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await client.close()

    within_deadline(story)


@pytest.mark.parametrize(
    "cluster",
    [
        {"host": "127.0.0.1", "trusted": True},
        {"host": "127.0.0.1", "insecure-skip-tls-verify": True},
        {"host": "localhost", "trusted": True, "tls-server-name": "cluster.test"},
    ],
    ids=["trusted", "insecure", "server-name"],
)
def test_tls_with_a_client_certificate(
    tmp_path: Path, authority: Path, cluster: dict[str, Any]
) -> None:
    options = {key: value for key, value in cluster.items() if "-" in key}
    if cluster.get("trusted"):
        options["certificate-authority-data"] = encoded(authority / "ca.pem")
    user = {
        "client-certificate": str(authority / "client.pem"),
        "client-key-data": encoded(authority / "client.key"),
    }

    async def story() -> None:
        server = ObjectServer()
        async with serving(server, ssl_cert_reqs=2, **tls_options(authority)) as port:
            options["server"] = f"https://{cluster['host']}:{port}"
            connection = auth.load_kubeconfig(kubeconfig(tmp_path, options, user))
            client = Client(auth.make_transport(connection), Clock())
            assert (await client.list(CONFIGMAPS)).items == ()
            await client.close()

    within_deadline(story)


def test_an_untrusted_server_is_refused_with_the_field_to_look_at(
    tmp_path: Path, authority: Path
) -> None:
    async def story() -> None:
        async with serving(ObjectServer(), **tls_options(authority)) as port:
            path = kubeconfig(tmp_path, {"server": f"https://127.0.0.1:{port}"}, {})
            transport = auth.make_transport(auth.load_kubeconfig(path))
            with pytest.raises(errors.NoAnswer, match="check certificate-authority-data") as caught:
                await transport.send(Request("GET", "/version"))
            assert not caught.value.sent
            await transport.close()

    within_deadline(story)


def test_a_refused_token_is_read_again_once(tmp_path: Path, authority: Path) -> None:
    token = tmp_path / "token"
    token.write_text("old")
    seen: list[str] = []

    async def picky(scope: Any, receive: Any, send: Any) -> None:
        given = dict(scope["headers"]).get(b"authorization", b"").decode()
        seen.append(given)
        if given == "Bearer old" and len(seen) == 1:
            token.write_text("new")
        await respond(send, 200 if given == "Bearer new" else 401, {"gitVersion": "v1"})

    async def story() -> None:
        async with serving(picky, **tls_options(authority)) as port:
            cluster = {
                "server": f"https://127.0.0.1:{port}",
                "certificate-authority": str(authority / "ca.pem"),
            }
            path = kubeconfig(tmp_path, cluster, {"tokenFile": str(token)})
            client = Client(auth.make_transport(auth.load_kubeconfig(path)), Clock())
            assert (await client.raw("GET", "/version")).body == b'{"gitVersion": "v1"}'
            token.write_text("wrong")
            with pytest.raises(errors.Unauthorized):
                await client.raw("GET", "/version")
            await client.close()

    within_deadline(story)
    assert seen == ["Bearer old", "Bearer new", "Bearer wrong", "Bearer wrong"]


def test_credentials_that_cannot_be_had_refuse_the_request(tmp_path: Path) -> None:
    async def story() -> None:
        path = kubeconfig(tmp_path, {"server": "https://127.0.0.1:1"}, {"tokenFile": "absent"})
        client = Client(auth.make_transport(auth.load_kubeconfig(path)), Clock())
        with pytest.raises(errors.Unauthorized, match=r"GET /version: token file .*absent"):
            await client.raw("GET", "/version")
        await client.close()

    within_deadline(story)


def test_where_nobody_listens_the_request_was_not_sent() -> None:
    async def story() -> None:
        with socket.socket() as bound:
            bound.bind(("127.0.0.1", 0))
            transport = HttpTransport(f"http://127.0.0.1:{bound.getsockname()[1]}")
            with pytest.raises(errors.NoAnswer, match=r"no connection to 127\.0\.0\.1") as caught:
                await transport.send(Request("GET", "/version"))
            assert not caught.value.sent
            await transport.close()

    within_deadline(story)


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (b"", "the connection broke"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", "the connection broke"),
        (None, "no answer within 0.3 s"),
    ],
    ids=["hung up", "half an answer", "silent"],
)
@pytest.mark.parametrize("streamed", [False, True])
def test_a_broken_answer_is_no_answer_and_may_have_been_heard(
    said: bytes | None, why: str, streamed: bool
) -> None:
    async def story() -> None:
        over = asyncio.Event()

        async def rude(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            if said is None:
                await over.wait()
            else:
                writer.write(said)
            writer.close()

        server = await asyncio.start_server(rude, "127.0.0.1", 0)
        transport = HttpTransport(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        request = Request("POST", "/x", body=b"{}", timeout_seconds=0.3 if said is None else 20)
        with pytest.raises(errors.NoAnswer, match=why) as caught:
            await (_read_all(transport, request) if streamed else transport.send(request))
        assert caught.value.sent
        over.set()
        await transport.close()
        server.close()
        await server.wait_closed()

    within_deadline(story)


async def _read_all(transport: HttpTransport, request: Request) -> None:
    async with transport.stream(request) as answer:
        async for _ in answer.chunks():
            pass
