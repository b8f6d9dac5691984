"""Who we are to a server over real TLS: certificates that are renewed, and acting as another."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from kube.test_http_transport import serving, tls_options, within_deadline
from serinus.base.clock import Clock
from serinus.kube import auth, errors
from serinus.kube.client import Client
from serinus.kube.transport import HttpTransport
from support.kubeconfigs import encoded, kubeconfig
from support.objectserver import respond

ANSWER = b"HTTP/1.1 %d X\r\ncontent-length: 2\r\ncontent-type: application/json\r\n\r\n{}"


@pytest.fixture(scope="session")
def people(authority: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Client certificates of one authority: one.pem, one.key, two.pem, two.key."""
    folder = tmp_path_factory.mktemp("people")
    for name in ("one", "two"):
        for command in (
            f"req -newkey rsa:2048 -nodes -subj /CN={name} -keyout {name}.key -out {name}.csr",
            f"x509 -req -in {name}.csr -CA {authority}/ca.pem -CAkey {authority}/ca.key -days 2"
            f" -out {name}.pem",
        ):
            subprocess.run(
                ["openssl", *command.split()], cwd=folder, check=True, capture_output=True
            )
    return folder


@asynccontextmanager
async def asking_names(authority: Path, refuse: str = "") -> AsyncIterator[tuple[int, list[str]]]:
    """A TLS server that wants client certificates; its port, and the name behind each request."""
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority / "server.pem", authority / "server.key")
    context.load_verify_locations(authority / "ca.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    names: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        certificate = writer.get_extra_info("peercert")
        name = dict(pair for part in certificate["subject"] for pair in part)["commonName"]
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                names.append(name)
                writer.write(ANSWER % (401 if name == refuse else 200))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1], names
    finally:
        server.close()


def here(authority: Path, port: int) -> dict[str, Any]:
    return {
        "server": f"https://127.0.0.1:{port}",
        "certificate-authority": str(authority / "ca.pem"),
    }


def test_a_renewed_client_certificate_is_shown_on_the_next_request(
    tmp_path: Path, authority: Path, people: Path
) -> None:
    def become(name: str) -> None:
        for kind in ("pem", "key"):
            shutil.copy(people / f"{name}.{kind}", tmp_path / f"client.{kind}")

    async def story() -> None:
        async with asking_names(authority) as (port, names):
            become("one")
            user = {"client-certificate": "client.pem", "client-key": "client.key"}
            path = kubeconfig(tmp_path, here(authority, port), user)
            client = Client(auth.make_transport(auth.load_kubeconfig(path)), Clock())
            await client.raw("GET", "/version")
            await client.raw("GET", "/version")
            become("two")
            await client.raw("GET", "/version")
            (tmp_path / "client.pem").write_text("half of a ")
            await client.raw("GET", "/version")  # somebody is still writing: the last good one
            become("one")
            await client.raw("GET", "/version")
            assert names == ["one", "one", "two", "two", "one"]
            await client.close()

    within_deadline(story)


def test_a_request_that_is_under_way_is_not_broken_by_new_certificates(
    tmp_path: Path, authority: Path
) -> None:
    going_on = asyncio.Event()

    async def slow(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"one ", "more_body": True})
        if scope["path"] == "/slow":
            await going_on.wait()
        await send({"type": "http.response.body", "body": b"two"})

    async def story() -> None:
        async with serving(slow, **tls_options(authority)) as port:
            shutil.copy(authority / "ca.pem", tmp_path / "ca.pem")
            there = {**here(authority, port), "certificate-authority": "ca.pem"}
            transport = auth.make_transport(auth.load_kubeconfig(kubeconfig(tmp_path, there, {})))
            client = Client(transport, Clock())
            async with client.stream("/slow") as answer:
                (tmp_path / "ca.pem").write_bytes((authority / "ca.pem").read_bytes() * 2)
                assert (await client.raw("GET", "/quick")).body == b"one two"
                assert len(transport._pool._old) == 1
                going_on.set()
                assert b"".join([piece async for piece in answer.chunks()]) == b"one two"
            assert transport._pool._old == []
            await client.close()

    within_deadline(story)


def test_a_refused_certificate_of_a_plugin_is_replaced_on_a_new_connection(
    tmp_path: Path, authority: Path, people: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first run gives `one`, whom the server does not take; the next gives `two`."""
    monkeypatch.setattr("serinus.kube.execplugin.AGAIN_SECONDS", 0.0)
    program = tmp_path / "plugin.py"
    program.write_text(
        "import json, pathlib\n"
        f"ran = pathlib.Path({str(tmp_path / 'ran')!r})\n"
        f"name, people = 'two' if ran.exists() else 'one', pathlib.Path({str(people)!r})\n"
        "ran.touch()\n"
        "status = {'clientCertificateData': (people / f'{name}.pem').read_text(),\n"
        "          'clientKeyData': (people / f'{name}.key').read_text()}\n"
        "version = 'client.authentication.k8s.io/v1'\n"
        "print(json.dumps({'apiVersion': version, 'status': status}))\n"
    )
    spec = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": sys.executable,
        "args": [str(program)],
        "interactiveMode": "Never",
    }

    async def story() -> None:
        async with asking_names(authority, refuse="one") as (port, names):
            path = kubeconfig(tmp_path, here(authority, port), {"exec": spec})
            client = Client(auth.make_transport(auth.load_kubeconfig(path)), Clock())
            await client.raw("GET", "/version")
            await client.raw("GET", "/version")
            assert names == ["one", "two", "two"]
            await client.close()

    within_deadline(story)


def test_certificates_in_the_kubeconfig_itself(
    tmp_path: Path, authority: Path, people: Path
) -> None:
    async def story() -> None:
        async with asking_names(authority) as (port, names):
            user = {
                "client-certificate-data": encoded(people / "two.pem"),
                "client-key-data": encoded(people / "two.key"),
            }
            path = kubeconfig(tmp_path, here(authority, port), user)
            client = Client(auth.make_transport(auth.load_kubeconfig(path)), Clock())
            await client.raw("GET", "/version")
            assert names == ["two"]
            await client.close()
            nobody = kubeconfig(tmp_path, here(authority, port), {})
            transport = auth.make_transport(auth.load_kubeconfig(nobody))
            anonymous = Client(transport, Clock(), limits=errors_at_once())
            with pytest.raises(errors.NoAnswer):
                await anonymous.raw("GET", "/version")
            await anonymous.close()

    within_deadline(story)


def errors_at_once() -> Any:
    from serinus.kube.calls import Limits

    return Limits(tries=1)


def test_acting_as_another_is_said_in_headers_that_may_repeat(tmp_path: Path) -> None:
    seen: list[list[tuple[str, str]]] = []

    async def note(scope: Any, receive: Any, send: Any) -> None:
        pairs = [(name.decode(), value.decode()) for name, value in scope["headers"]]
        seen.append([pair for pair in pairs if pair[0].startswith("impersonate")])
        await respond(send, 200, {})

    async def story() -> None:
        async with serving(note) as port:
            user = {
                "as": "jane",
                "as-uid": "7",
                "as-groups": ["dev", "ops"],
                "as-user-extra": {"example.com/Reason": ["a", "b"]},
            }
            path = kubeconfig(tmp_path, {"server": f"http://127.0.0.1:{port}"}, user)
            client = Client(auth.make_transport(auth.load_kubeconfig(path)), Clock())
            await client.raw("GET", "/version")
            await client.close()

    within_deadline(story)
    assert seen == [
        [
            ("impersonate-user", "jane"),
            ("impersonate-uid", "7"),
            ("impersonate-group", "dev"),
            ("impersonate-group", "ops"),
            ("impersonate-extra-example.com%2freason", "a"),
            ("impersonate-extra-example.com%2freason", "b"),
        ]
    ]


def test_warnings_are_told_once_and_the_servers_time_is_known(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def warn(scope: Any, receive: Any, send: Any) -> None:
        headers = [
            (b"warning", rb'299 - "old \"kind\", gone in 1.40"'),
            (b"warning", b'299 - "unknown field"'),
            (b"warning", b'214 - "not ours"'),
            (b"date", b"Sat, 01 Jan 2022 00:00:07 GMT"),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"{}"})

    async def story() -> None:
        async with serving(warn, date_header=False) as port:
            client = Client(HttpTransport(f"http://127.0.0.1:{port}"), Clock())
            assert client.server_date is None
            for _ in range(3):
                await client.raw("GET", "/x")
            assert str(client.server_date) == "2022-01-01 00:00:07+00:00"
            await client.close()

    within_deadline(story)
    told = [record.getMessage() for record in caplog.records if "asides" in record.name]
    assert told == [
        'GET /x: the server warns: old "kind", gone in 1.40',
        "GET /x: the server warns: unknown field",
    ]
