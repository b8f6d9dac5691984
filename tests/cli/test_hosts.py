"""`serinus load` to a host that nobody has: said at once, by name, with the hosts there are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cli.server import Server, serving, write_kubeconfig
from serinus.base.errors import SerinusError
from serinus.cli.hosts import check_host, hosts_of, hosts_of_routes
from serinus.cli.main import main
from serinus.kube.auth import connect

INGRESSES = "/apis/networking.k8s.io/v1/namespaces/{}/ingresses"


def ingress(name: str, *hosts: str) -> dict[str, Any]:
    service = {"service": {"name": "web", "port": {"number": 80}}}
    path = {"path": "/", "pathType": "Prefix", "backend": service}
    rules = [({"host": host} if host else {}) | {"http": {"paths": [path]}} for host in hosts]
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": name},
        "spec": {"rules": rules},
    }


def checked(server: Server, host: str) -> str:
    try:
        check_host(connect(str(server.kubeconfig)), host)
    except SerinusError as error:
        return str(error)
    return ""


def test_a_host_that_no_ingress_has_is_named_with_those_there_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(tmp_path) as server:
        assert checked(server, "shop.example.com") == (
            "no Ingress has the host 'shop.example.com'; there is no Ingress yet: apply one first"
        )
        for one in (ingress("a", "shop.example.com"), ingress("b", "*.wide.io", "Api.io")):
            server.call("POST", INGRESSES.format("default"), one)
        assert checked(server, "elsewhere") == (
            "no Ingress has the host 'elsewhere'; there are: *.wide.io, api.io, shop.example.com"
        )
        assert "did you mean shop.example.com?" in checked(server, "shop.exmple.com")
        for host in ("shop.example.com", "SHOP.example.com:8080", "x.wide.io", "api.io"):
            assert checked(server, host) == ""
        assert checked(server, "a.b.wide.io") != ""

        url = server.url
        write_kubeconfig(server.kubeconfig, url, ingress="http://127.0.0.1:9")
        words = ("load", "--host", "elsewhere", "--rps", "1", "--for", "10ms")
        with pytest.raises(SystemExit) as end:
            main([*words, "--kubeconfig", str(server.kubeconfig)])
        assert end.value.code == 1
        assert "error: no Ingress has the host 'elsewhere'; there are: " in capsys.readouterr().err

        server.call("POST", INGRESSES.format("default"), ingress("all", ""))
        assert checked(server, "elsewhere") == "", "a rule without a host has every host"


def test_a_default_backend_alone_has_every_host() -> None:
    assert hosts_of([{"spec": {"defaultBackend": {"service": {}}}}]) == ("",)
    assert hosts_of([{"spec": {}}, {}]) == ()


def test_the_hosts_of_http_routes_count_too() -> None:
    routes = [{"spec": {"hostnames": ["B.example.com", "*.wide.io"]}}, {"spec": {}}]
    assert hosts_of_routes(routes) == ("", "*.wide.io", "b.example.com")
