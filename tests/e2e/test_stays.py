"""`serinus up --data-dir`, names, `--reset` and `serinus kubectl`: real processes, real kills."""

from __future__ import annotations

import json
import signal
from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.request import urlopen

import yaml

from e2e.product import Json, Product, Up, gone, up
from e2e.shop import IMAGE, Shop, image_of, phase, step_of
from serinus.local.node.podspec import PORT_ANNOTATION

STEPS = ({"setWeight": 50}, {"pause": {}}, {"setWeight": 75}, {"pause": {"duration": "10s"}})


def test_a_release_goes_on_after_a_kill_with_its_pods_started_again(tmp_path: Path) -> None:
    data = ("--data-dir", str(tmp_path / "data"), "--speed", "20")
    with up(tmp_path, *data) as first:
        first.product.ok(first.product.kubectl("create namespace shop"))
        shop = Shop(first.product, "shop")
        shop.deploy(steps=STEPS)
        with shop.followed() as seen:
            shop.release("v2")
            seen.until(lambda version: phase(version) == "Paused", "the pause")
        before, pods = shop.rollout(), pods_of(shop)
        family = first.running.family()
        first.running.send(signal.SIGKILL)
        first.running.wait()
        assert gone(family) == []
    with up(tmp_path, *data) as second:
        shop = Shop(second.product, "shop")
        now = server_time(second.product)
        for name in pods:
            shop.wait(f"--for=condition=Ready pod/{name}")
        after = pods_of(shop)
        assert after.keys() == pods.keys()
        for name, pod in after.items():
            (container,) = pod["status"]["containerStatuses"]
            assert container["restartCount"] == 1
            lost = container["lastState"]["terminated"]
            assert (lost["exitCode"], lost["reason"]) == (255, "Unknown")
            assert pod["metadata"]["uid"] == pods[name]["metadata"]["uid"]
            assert pod["status"]["startTime"] == pods[name]["status"]["startTime"]
            assert made(pod) <= now
        ports = [pod["metadata"]["annotations"][PORT_ANNOTATION] for pod in after.values()]
        assert slice_ports(shop) == {int(port) for port in ports}
        second.product.until_served(shop.host)
        again = shop.rollout()
        assert (phase(again), step_of(again)) == ("Paused", step_of(before))
        assert again["metadata"]["uid"] == before["metadata"]["uid"]
        assert image_of(again) == image_of(before) == f"{IMAGE}:v2"
        second.product.ok(shop.serinus("promote shop"))
        shop.wait("--for=jsonpath={.status.phase}=Healthy rollout/shop")
        assert shop.rollout()["status"]["stableRS"] == before["status"]["currentPodHash"]


def pods_of(shop: Shop) -> dict[str, Json]:
    return {pod["metadata"]["name"]: pod for pod in shop.get("pods")["items"]}


def slice_ports(shop: Shop) -> set[int]:
    """The ports at which somebody is said to be ready."""
    return {
        part["ports"][0]["port"]
        for part in shop.get("endpointslices")["items"]
        if part["endpoints"][0]["conditions"]["ready"]
    }


def made(thing: Json) -> datetime:
    return datetime.fromisoformat(thing["metadata"]["creationTimestamp"])


def server_time(product: Product) -> datetime:
    """The cluster's clock as its server tells it."""
    config = yaml.safe_load(Path(product.env["KUBECONFIG"]).read_text())
    with urlopen(config["clusters"][0]["cluster"]["server"] + "/version") as answer:
        return parsedate_to_datetime(answer.headers["date"])


def without(env: Mapping[str, str], **more: str) -> dict[str, str]:
    """An environment that names no kubeconfig."""
    return {key: value for key, value in env.items() if key != "KUBECONFIG"} | more


def test_two_clusters_are_told_apart_by_name_and_share_nothing(tmp_path: Path) -> None:
    data = str(tmp_path / "data")
    quick = ("--no-controller",)
    with up(tmp_path, *quick, "--name", "one", "--data-dir", data) as one:
        with up(tmp_path, *quick, "--name", "two") as two:
            product, env = two.product, without(two.product.env)
            assert (one.ingress, one.metrics) != (two.ingress, two.metrics)
            made = product.serinus("kubectl --name one -- create namespace only-one", env=env)
            assert (made.status, made.out) == (0, "namespace/only-one created\n"), made.err
            named = env | {"SERINUS_CLUSTER": "one"}
            assert product.serinus("kubectl get ns only-one -o name", env=named).status == 0
            ran = product.serinus("kubectl --name=two get ns only-one", env=env)
            assert (ran.status, ran.out) == (1, "")
            assert 'namespaces "only-one" not found' in ran.err
            refused_while_running(product, env, data)
            two.running.send(signal.SIGKILL)
            two.running.wait()
        ran = one.product.serinus("kubectl get ns only-one -o name", env=env)
        assert (ran.status, ran.out) == (0, "namespace/only-one\n")
        ran = one.product.serinus("get rollout -A", env=env)
        assert ran.err.startswith(f"using the local cluster 'one' ({data}/kubeconfig)\n"), ran.err
        assert ran.status == 0


def refused_while_running(product: Product, env: dict[str, str], data: str) -> None:
    """What must not be done beside two running clusters is told in a sentence."""
    for command, sentence in (
        ("up --name two", "a cluster named 'two' is running already (process "),
        (f"up --name three --data-dir {data}", "is in use by another `serinus up` (process "),
        (f"up --name three --data-dir {data} --reset", "is in use by another `serinus up`"),
        ("up --name Three", "--name 'Three' is no name"),
        ("up --name three --reset", "add --data-dir"),
        ("kubectl get pods", "there are: one, two; choose one with --name or SERINUS_CLUSTER"),
        ("kubectl --name three -- get pods", "no local cluster named 'three' is running"),
        ("get rollout", "there are: one, two"),
    ):
        ran = product.serinus(command, env=env)
        assert ran.status == 1, command
        assert sentence in ran.err, ran.err
        assert "Traceback" not in ran.err


def test_a_reset_empties_the_folder_and_says_so(tmp_path: Path) -> None:
    options = ("--no-controller", "--data-dir", str(tmp_path / "data"))
    with up(tmp_path, *options) as first:
        first.product.ok(first.product.serinus("kubectl create namespace shop"))
        first.running.stop()
        assert sorted(item.name for item in (tmp_path / "data").iterdir()) == ["cluster.db", "lock"]
    with up(tmp_path, *options) as second:
        second.product.ok(second.product.serinus("kubectl get namespace shop"))
    with up(tmp_path, *options, "--reset") as third:
        third.running.until_line(r"^--reset removes from .*/data: \d+ objects in \d+ namespaces$")
        ran = third.product.serinus("kubectl get namespace shop")
        assert ran.status == 1
        assert 'namespaces "shop" not found' in ran.err


def test_kubectl_gets_every_argument_and_gives_its_own_status(cluster: Up) -> None:
    product, env = cluster.product, without(cluster.product.env)
    for words in (
        ("-n", "default", "get", "namespace", "default", "-o", "jsonpath={.metadata.name}"),
        ("--", "get", "namespace", "default", "-o", "jsonpath={.metadata.name}"),
    ):
        ran = product.serinus("kubectl", *words, env=env)
        assert (ran.status, ran.out) == (0, "default"), ran.err
    ran = product.serinus("kubectl", "exec", "nobody", "--", "ls", "--name", env=env)
    assert ran.status == 1
    assert 'pods "nobody" not found' in ran.err
    assert product.serinus("kubectl --help", env=env).out.startswith("Usage: serinus kubectl")
    theirs = product.serinus("kubectl -- --help", env=env)
    assert "kubectl controls the Kubernetes cluster manager" in theirs.out
    waiting = product.start("kubectl", "get", "namespaces", "-w")
    waiting.until_line("kube-system")
    assert waiting.stop(signal.SIGTERM) in (-15, 143)
    told = json.loads(product.serinus("kubectl version -o json", env=env).out)
    assert told["serverVersion"]["gitVersion"]
