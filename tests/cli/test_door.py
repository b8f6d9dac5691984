"""The light door over TLS: trust, names, tokens that are renewed, proxies."""

from __future__ import annotations

import contextlib
import http.server
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from serinus.cli.door import Door
from serinus.kube.auth import load_kubeconfig
from serinus.kube.errors import NoAnswer, Unauthorized
from serinus.kube.resource import PODS

REQUEST = (
    "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=server"
    " -addext subjectAltName=DNS:cluster.test -keyout server.key -out server.pem"
)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """server.pem and server.key, for the name cluster.test alone."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is missing (Debian: openssl); make test-deps installs it")
    folder = tmp_path_factory.mktemp("certificate")
    subprocess.run(["openssl", *REQUEST.split()], cwd=folder, check=True, capture_output=True)
    return folder


class _Server(http.server.BaseHTTPRequestHandler):
    """A cluster with no pods that knows the token `new`."""

    protocol_version = "HTTP/1.1"
    tokens: list[str]

    def do_GET(self) -> None:
        token = self.headers.get("authorization", "")
        self.tokens.append(token)
        body = b'{"items": []}' if token == "Bearer new" else b"{}"
        self.send_response(200 if token == "Bearer new" else 401)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextlib.contextmanager
def listening(handler: type[Any], certificate: Path | None = None) -> Iterator[int]:
    """Serve in a thread, over TLS with a certificate; the port."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        if certificate is not None:
            tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            tls.load_cert_chain(certificate / "server.pem", certificate / "server.key")
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


@pytest.fixture
def tokens() -> list[str]:
    """Every Authorization header that the server got."""
    _Server.tokens = []
    return _Server.tokens


def door(folder: Path, server: str, token: str, **cluster: Any) -> Door:
    (folder / "token").write_text(token)
    config = folder / "config"
    config.write_text(
        yaml.safe_dump(
            {
                "current-context": "c",
                "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
                "clusters": [{"name": "c", "cluster": {"server": server, **cluster}}],
                "users": [{"name": "u", "user": {"tokenFile": str(folder / "token")}}],
            }
        )
    )
    return Door(load_kubeconfig(str(config)))


def test_the_certificate_is_checked_for_the_name_that_the_kubeconfig_gives(
    certificate: Path, tmp_path: Path, tokens: list[str]
) -> None:
    trusted = {"certificate-authority": str(certificate / "server.pem")}
    with listening(_Server, certificate) as port:
        url = f"https://127.0.0.1:{port}"
        named = door(tmp_path, url, "new", **trusted, **{"tls-server-name": "cluster.test"})
        assert named.list(PODS, None, dict) == ()
        named.close()
        for wrong in (trusted, {}):
            other = door(tmp_path, url, "new", **wrong)
            with pytest.raises(NoAnswer, match=r"the certificate of 127\.0\.0\.1 is not trusted"):
                other.list(PODS, None, dict)
            other.close()
    assert tokens == ["Bearer new"]


def test_a_refused_token_is_read_again_once(
    certificate: Path, tmp_path: Path, tokens: list[str]
) -> None:
    trusted = {
        "certificate-authority": str(certificate / "server.pem"),
        "tls-server-name": "cluster.test",
    }
    with listening(_Server, certificate) as port:
        renewed = door(tmp_path, f"https://127.0.0.1:{port}", "old", **trusted)
        with pytest.raises(Unauthorized):
            renewed.list(PODS, None, dict)
        (tmp_path / "token").write_text("new")
        for _ in range(2):
            assert renewed.list(PODS, None, dict) == ()
        renewed.close()
    assert tokens == ["Bearer old"] * 3 + ["Bearer new"] * 2


class _Proxy(http.server.BaseHTTPRequestHandler):
    """Connects to the server, whatever name it is asked for, and notes that name."""

    asked: list[str]
    target: tuple[str, int]

    def do_CONNECT(self) -> None:
        self.asked.append(self.path)
        with socket.create_connection(self.target) as far:
            self.send_response(200)
            self.end_headers()
            back = threading.Thread(target=_pump, args=(far, self.connection))
            back.start()
            _pump(self.connection, far)
            back.join()

    def log_message(self, format: str, *args: object) -> None:
        pass


def _pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


@pytest.mark.parametrize("named_by", ["kubeconfig", "environment"])
def test_a_proxy_is_asked_for_a_tunnel(
    certificate: Path,
    tmp_path: Path,
    tokens: list[str],
    monkeypatch: pytest.MonkeyPatch,
    named_by: str,
) -> None:
    cluster = {"certificate-authority": str(certificate / "server.pem")}
    _Proxy.asked = []
    for variable in ("no_proxy", "NO_PROXY", "https_proxy", "HTTPS_PROXY"):
        monkeypatch.delenv(variable, raising=False)
    with listening(_Server, certificate) as port, listening(_Proxy) as proxy_port:
        _Proxy.target = ("127.0.0.1", port)
        proxy = f"http://127.0.0.1:{proxy_port}"
        if named_by == "kubeconfig":
            cluster["proxy-url"] = proxy
        else:
            monkeypatch.setenv("https_proxy", proxy)
        through = door(tmp_path, f"https://cluster.test:{port}", "new", **cluster)
        assert through.list(PODS, None, dict) == ()
        through.close()
    assert _Proxy.asked == [f"cluster.test:{port}"]
