"""`serinus up`: what it prints is true, and nothing of it is left, however it ends."""

from __future__ import annotations

import shlex
import signal
import urllib.request
from pathlib import Path

import psutil
import pytest

from e2e.product import DEADLINE_SECONDS, Product, Up, gone, up
from e2e.shop import Shop
from support.ports import free_port


def printed(running: Up) -> list[list[str]]:
    """The commands that it tells to try, as words."""
    return [shlex.split(line) for line in running.running.lines if line.startswith("  ")]


def test_the_first_line_leads_to_a_kubeconfig_and_every_printed_command_works(
    tmp_path: Path,
) -> None:
    port = free_port()
    with up(tmp_path, "--example", "checkout", "--speed", "60", "--port", str(port)) as running:
        product, lines = running.product, running.running.lines
        config = Path(lines[0].removeprefix("export KUBECONFIG="))
        assert config.name == "kubeconfig"
        assert config.stat().st_mode & 0o777 == 0o600
        assert running.ingress == f"http://127.0.0.1:{port}"
        path = "{.status.phase}=Healthy rollout/checkout-service"
        product.wait(f"-n production --for=jsonpath={path}")
        service = "get service checkout-stable -n production -o json --show-managed-fields"
        assert '"manager": "serinus-controller"' in product.ok(product.kubectl(service)).out
        tried = []
        for name, *words in printed(running):
            tried.append(f"{name} {words[0]}")
            if name == "curl":
                assert b'"version": "v1"' in curl(words)
            elif words[0] in ("load", "get"):
                stays = product.start(*words)
                stays.until_line(r"sent |Healthy")
                assert stays.stop() == (130 if words[0] == "get" else 0), stays.out
            else:
                product.ok(product.serinus(" ".join(words)))
        assert tried == ["serinus get", "serinus load", "serinus set", "curl -H"]
        classes = product.ok(product.kubectl("get ingressclass")).rows
        assert [row[:2] for row in classes[1:]] == [["nginx", "k8s.io/ingress-nginx"]]
        with urllib.request.urlopen(f"{running.metrics}/-/ready") as answer:
            assert answer.status == 200


def curl(words: list[str]) -> bytes:
    """What `curl -H HEADER URL` prints."""
    option, header, url = words
    assert option == "-H"
    name, value = header.split(": ")
    request = urllib.request.Request(url, headers={name: value})
    with urllib.request.urlopen(request, timeout=DEADLINE_SECONDS) as answer:
        found: bytes = answer.read()
    return found


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_whatever_ends_it_leaves_no_pod_and_no_traefik(
    tmp_path: Path, number: signal.Signals
) -> None:
    with up(tmp_path, "--speed", "60") as running:
        product = running.product
        product.ok(product.kubectl("create namespace shop"))
        Shop(product, "shop").deploy()
        family = running.running.family()
        commands = [" ".join(one.cmdline()) for one in family]
        assert sum("sample/service.py" in command for command in commands) == 2
        assert sum("traefik" in command for command in commands) == 1
        running.running.send(number)
        assert running.running.wait() == (-9 if number is signal.SIGKILL else 130)
        assert gone(family) == []
        if number is not signal.SIGKILL:
            assert list(tmp_path.glob("serinus-*")) == []


def test_a_port_that_is_taken_is_told_in_a_sentence(tmp_path: Path, cluster: Up) -> None:
    taken = cluster.ingress.rpartition(":")[2]
    ran = Product(tmp_path).serinus(f"up --port {taken}")
    assert ran.status == 1
    assert ran.err.startswith("error: ")
    assert taken in ran.err
    assert "Traceback" not in ran.err


def test_two_clusters_run_beside_each_other(tmp_path: Path, cluster: Up) -> None:
    with up(tmp_path, "--no-controller") as other:
        assert "  serinus controller" in other.running.lines
        assert other.product.env["KUBECONFIG"] != cluster.product.env["KUBECONFIG"]
        assert psutil.pid_exists(cluster.running.pid)
