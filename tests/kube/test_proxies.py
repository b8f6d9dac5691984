"""Proxies: what the environment says, by Go's rules, and real CONNECT tunnels."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from kube.test_http_transport import serving, tls_options, within_deadline
from serinus.base.clock import Clock
from serinus.kube import auth, errors
from serinus.kube.client import Client
from serinus.kube.proxy import ProxyError, proxy_of_environment
from serinus.kube.resource import CONFIGMAPS
from support.kubeconfigs import kubeconfig
from support.objectserver import ObjectServer

SECURE, PLAIN = {"HTTPS_PROXY": "http://p:1"}, {"HTTP_PROXY": "http://q:2"}


@pytest.mark.parametrize(
    ("url", "environ", "proxy"),
    [
        ("https://a.example", SECURE, "http://p:1"),
        ("https://a.example", {"https_proxy": "p:1"}, "http://p:1"),
        ("https://a.example", PLAIN, ""),
        ("http://a.example", SECURE | PLAIN, "http://q:2"),
        ("https://localhost:6443", SECURE, ""),
        ("https://127.3.2.1:6443", SECURE, ""),
        ("https://[::1]:6443", SECURE, ""),
        ("https://a.example", SECURE | {"NO_PROXY": "*"}, ""),
        ("https://a.example", SECURE | {"NO_PROXY": "b.example, .example"}, ""),
        ("https://example", SECURE | {"NO_PROXY": ".example"}, "http://p:1"),
        ("https://example", SECURE | {"no_proxy": "EXAMPLE"}, ""),
        ("https://x.example", SECURE | {"NO_PROXY": "*.example"}, ""),
        ("https://notexample", SECURE | {"NO_PROXY": "example"}, "http://p:1"),
        ("https://a.example:6443", SECURE | {"NO_PROXY": "a.example:6443"}, ""),
        ("https://a.example", SECURE | {"NO_PROXY": "a.example:6443"}, "http://p:1"),
        ("https://a.example", SECURE | {"NO_PROXY": "a.example:443"}, ""),
        ("https://10.96.0.1", SECURE | {"NO_PROXY": "10.96.0.0/12,.cluster.local"}, ""),
        ("https://10.1.0.1", SECURE | {"NO_PROXY": "10.96.0.0/12,.cluster.local"}, "http://p:1"),
        ("https://[fd00::1]:443", SECURE | {"NO_PROXY": "fd00::/8"}, ""),
        ("https://[fd00::1]:443", SECURE | {"NO_PROXY": "FD00:0::1"}, ""),
        ("https://10.0.0.1", SECURE | {"NO_PROXY": "not/a/network,,10.0.0.2"}, "http://p:1"),
    ],
)
def test_the_environment_names_a_proxy_or_not(
    url: str, environ: dict[str, str], proxy: str
) -> None:
    assert proxy_of_environment(url, environ) == proxy


@pytest.mark.parametrize("proxy", ["socks5://me:s3cret@p:1", "socks5h://p", "ftp://p"])
def test_other_proxies_are_refused_by_name(proxy: str) -> None:
    with pytest.raises(ProxyError, match=f"HTTPS_PROXY: .* not {proxy.split(':')[0]}") as caught:
        proxy_of_environment("https://a.example", {"HTTPS_PROXY": proxy})
    assert "s3cret" not in str(caught.value)


@asynccontextmanager
async def tunnel(password: str | None = None) -> AsyncIterator[tuple[int, list[list[str]]]]:
    """An HTTP proxy that knows CONNECT to this machine; its port, and the heads that it got."""
    heads: list[list[str]] = []
    copies: set[asyncio.Task[None]] = set()

    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().strip().split("\r\n")
        heads.append(head)
        if password and f"Proxy-Authorization: Basic {password}" not in head:
            writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n")
            writer.close()
            return
        port = int(head[0].split()[1].rpartition(":")[2])
        there, back = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        for pair in ((reader, back), (there, writer)):
            copies.add(asyncio.create_task(copy(*pair)))

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], heads
    finally:
        server.close()
        for task in copies:
            task.cancel()
        await asyncio.gather(*copies, return_exceptions=True)


def cluster(authority: Path, port: int, **options: str) -> dict[str, Any]:
    return {
        "server": f"https://kube.invalid:{port}",
        "certificate-authority": str(authority / "ca.pem"),
        "tls-server-name": "cluster.test",
        **options,
    }


@pytest.mark.parametrize("where", ["kubeconfig", "environment"])
def test_requests_go_through_the_proxy_that_resolves_the_name(
    tmp_path: Path, authority: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """The name is one that this machine cannot resolve: only the proxy can reach the server."""

    async def story() -> None:
        server = ObjectServer()
        async with serving(server, **tls_options(authority)) as port, tunnel() as (proxy, heads):
            url = f"http://127.0.0.1:{proxy}"
            named = {"proxy-url": url} if where == "kubeconfig" else {}
            if where == "environment":
                monkeypatch.setenv("HTTPS_PROXY", url)
                monkeypatch.delenv("NO_PROXY", raising=False)
                monkeypatch.delenv("no_proxy", raising=False)
            path = kubeconfig(tmp_path, cluster(authority, port, **named), {"token": "s3cret"})
            client = Client(auth.make_transport(auth.load_kubeconfig(path)), Clock())
            assert (await client.list(CONFIGMAPS)).items == ()
            await client.close()
            assert heads[0][0] == f"CONNECT kube.invalid:{port} HTTP/1.1"
            assert "s3cret" not in str(heads)

    within_deadline(story)


def test_a_proxy_may_want_a_password_and_its_refusal_is_told(
    tmp_path: Path, authority: Path
) -> None:
    async def story() -> None:
        server = ObjectServer()
        async with (
            serving(server, **tls_options(authority)) as port,
            tunnel("bWU6cHc=") as (proxy, _),
        ):
            for user, fine in (("me:pw@", True), ("me:s3cret@", False), ("", False)):
                named = {"proxy-url": f"http://{user}127.0.0.1:{proxy}"}
                path = kubeconfig(tmp_path, cluster(authority, port, **named), {})
                transport = auth.make_transport(auth.load_kubeconfig(path))
                client = Client(transport, Clock())
                if fine:
                    await client.list(CONFIGMAPS)
                else:
                    with pytest.raises(errors.NoAnswer, match="the proxy refused with 407") as got:
                        await client._caller.call(_get(), tries=1)
                    assert not got.value.sent
                    assert "s3cret" not in str(got.value)
                await client.close()

    within_deadline(story)


def _get() -> Any:
    from serinus.kube.transport import Request

    return Request("GET", "/version")
