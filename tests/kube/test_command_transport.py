"""The transport of short commands, over real sockets; its server has a thread of its own."""

from __future__ import annotations

import asyncio
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from serinus.base.clock import Clock
from serinus.kube import auth, errors
from serinus.kube.client import Client
from serinus.kube.transport import CommandTransport, Request, Response
from support.kubeconfigs import encoded, kubeconfig


class _Handler(BaseHTTPRequestHandler):
    """Answers with what it was asked; some paths misbehave."""

    protocol_version = "HTTP/1.1"
    connections: set[tuple[str, int]]
    tokens: list[str]

    def do_GET(self) -> None:
        self.connections.add(self.client_address)
        self.tokens.append(self.headers.get("authorization", ""))
        if self.path.endswith("/hang-up"):
            self.close_connection = True
            return
        if self.path.endswith("/half"):
            self.send_response(200)
            self.send_header("content-length", "100")
            self.end_headers()
            self.wfile.write(b"half")
            self.close_connection = True
            return
        if self.path.endswith("/silent"):
            self.rfile.read(1)
            return
        length = int(self.headers.get("content-length", 0))
        said = f"{self.command} {self.path} {self.rfile.read(length).decode()}".encode()
        self.send_response(401 if self.tokens[-1] == "Bearer old" else 200)
        self.send_header("X-A", "1")
        self.send_header("X-A", "2")
        self.send_header("content-length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    do_PATCH = do_GET

    def log_message(self, format: str, *args: object) -> None:
        """Tests are quiet."""


@contextmanager
def serving(authority: Path | None = None) -> Iterator[tuple[str, type[_Handler]]]:
    handler = type("Handler", (_Handler,), {"connections": set(), "tokens": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    if authority is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(authority / "server.pem", authority / "server.key")
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    scheme = "http" if authority is None else "https"
    try:
        yield f"{scheme}://127.0.0.1:{server.server_port}", handler
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def ask(path: str, *requests: Request) -> list[Response]:
    async def run() -> list[Response]:
        transport = auth.make_command_transport(auth.load_kubeconfig(path))
        assert isinstance(transport, CommandTransport)
        try:
            return [await transport.send(request) for request in requests]
        finally:
            await transport.close()

    return asyncio.run(run())


def test_requests_share_a_connection_and_answers_are_whole(tmp_path: Path) -> None:
    with serving() as (url, handler):
        path = kubeconfig(tmp_path, {"server": f"{url}/secret"}, {})
        requests = [Request("GET", "/a", {"q": "x y"}), Request("PATCH", "/b", body=b"{}")]
        answers = ask(path, *requests)
    assert [answer.body for answer in answers] == [b"GET /secret/a?q=x+y ", b"PATCH /secret/b {}"]
    assert answers[0].headers["x-a"] == "1, 2"
    assert len(handler.connections) == 1


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ("/hang-up", "the connection broke"),
        ("/half", "the connection broke"),
        ("/silent", r"no answer within 0\.3 s"),
    ],
)
def test_a_broken_answer_is_no_answer(tmp_path: Path, asked: str, why: str) -> None:
    with serving() as (url, _):
        path = kubeconfig(tmp_path, {"server": url}, {})
        seconds = 0.3 if asked == "/silent" else 20
        with pytest.raises(errors.NoAnswer, match=why) as caught:
            ask(path, Request("GET", asked, timeout_seconds=seconds))
    assert caught.value.sent


def test_where_nobody_listens_the_request_was_not_sent(tmp_path: Path) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{bound.getsockname()[1]}"
        with pytest.raises(errors.NoAnswer, match=r"no connection to 127\.0\.0\.1") as caught:
            ask(kubeconfig(tmp_path, {"server": url}, {}), Request("GET", "/"))
    assert not caught.value.sent


def test_tls_is_checked_and_a_refused_token_read_again(tmp_path: Path, authority: Path) -> None:
    (tmp_path / "token").write_text("new")
    with serving(authority) as (url, handler):
        cluster = {
            "server": url,
            "certificate-authority-data": encoded(authority / "ca.pem"),
        }
        answer = ask(kubeconfig(tmp_path, cluster, {"tokenFile": "token"}), Request("GET", "/a"))
        assert answer[0].status == 200
        assert handler.tokens == ["Bearer new"]
        (tmp_path / "token").write_text("old")
        answer = ask(kubeconfig(tmp_path, cluster, {"tokenFile": "token"}), Request("GET", "/a"))
        assert answer[0].status == 401
        assert handler.tokens[1:] == ["Bearer old", "Bearer old"]
        with pytest.raises(errors.NoAnswer, match="check certificate-authority-data"):
            ask(kubeconfig(tmp_path, {"server": url}, {}), Request("GET", "/a"))


def test_a_proxy_or_another_server_name_takes_the_usual_transport(tmp_path: Path) -> None:
    for option in ({"proxy-url": "http://127.0.0.1:1"}, {"tls-server-name": "other"}):
        path = kubeconfig(tmp_path, {"server": "https://127.0.0.1:1", **option}, {})
        made = auth.make_command_transport(auth.load_kubeconfig(path))
        assert not isinstance(made, CommandTransport)


def test_a_command_does_not_import_aiohttp(tmp_path: Path) -> None:
    code = (
        "import asyncio, sys; from serinus.kube import auth;"
        "from serinus.kube.client import Client;"
        "from serinus.base.clock import Clock;"
        "c = Client(auth.make_command_transport(auth.load_kubeconfig(sys.argv[1])), Clock());"
        "print(asyncio.run(c.raw('GET', '/version')).status, 'aiohttp' in sys.modules)"
    )
    with serving() as (url, _):
        path = kubeconfig(tmp_path, {"server": url}, {})
        ran = subprocess.run(
            [sys.executable, "-c", code, path],
            env={"PYTHONPATH": str(Path(auth.__file__).parents[2])},
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        )
    assert ran.stdout.split() == ["200", "False"]


def test_a_client_tries_again_over_it(tmp_path: Path) -> None:
    async def run(path: str) -> None:
        client = Client(auth.make_command_transport(auth.load_kubeconfig(path)), Clock())
        with pytest.raises(errors.NoAnswer):
            await client.raw("PATCH", "/hang-up", body=b"{}")
        assert (await client.raw("GET", "/again")).body == b"GET /again "
        await client.close()

    with serving() as (url, handler):
        asyncio.run(run(kubeconfig(tmp_path, {"server": url}, {})))
    assert len(handler.connections) == 2
