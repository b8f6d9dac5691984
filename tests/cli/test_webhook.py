"""`serinus webhook`: its server over http and https, renewed certificates, the configuration."""

from __future__ import annotations

import asyncio
import shutil
import ssl
from base64 import b64decode
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml

from api.worlds import World, put
from control import scenes
from serinus.base.clock import Clock
from serinus.cli.main import main
from serinus.cli.reviews import Judge, kept_fresh, serving_reviews
from serinus.cli.webhook import _self_signed, _tls
from support.cluster import paper_cluster
from support.steady import run_steady
from support.virtual import run_virtual

Json = dict[str, Any]


def review(value: Json) -> Json:
    request = {"uid": "u", "namespace": "prod", "object": value, "dryRun": True}
    return {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}


def test_reviews_are_answered_and_other_bodies_refused() -> None:
    async def story() -> Any:
        bad = World().rollout
        put(bad, "spec.replicas", -1)
        async with (
            serving_reviews(Judge(None), "/validate", "127.0.0.1", 0, tls=None) as port,
            aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session,
        ):
            answers = []
            for body in (review(World().rollout), review(bad)):
                async with session.post("/validate", json=body) as answer:
                    answers.append((await answer.json())["response"]["allowed"])
            async with session.post("/validate", data=b"[") as answer:
                answers.append(answer.status)
            async with session.get("/healthz") as answer:
                answers.append(await answer.text())
            return answers

    assert run_steady(story()) == [True, False, 400, "ok"]


def certificate(folder: Path) -> tuple[Path, Path]:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is missing (Debian: openssl); make test-deps installs it")
    folder.mkdir()
    return _self_signed(folder, {"service": "checks", "namespace": "serinus"})


def test_a_renewed_certificate_is_shown_to_new_connections(tmp_path: Path) -> None:
    old, new = certificate(tmp_path / "old"), certificate(tmp_path / "new")
    tls = _tls({"cert": old[0], "key": old[1]})
    trusted = old[0].read_text() + new[0].read_text()

    async def shown(port: int) -> bytes:
        context = ssl.create_default_context(cadata=trusted)
        _, writer = await asyncio.open_connection(
            "127.0.0.1", port, ssl=context, server_hostname="checks.serinus.svc"
        )
        found: bytes = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        writer.close()
        await writer.wait_closed()
        return found

    class Quick(Clock):
        async def sleep_wall(self, seconds: float) -> None:
            await super().sleep_wall(0.01)

    async def story() -> tuple[bytes, bytes]:
        async with serving_reviews(Judge(None), "/validate", "127.0.0.1", 0, tls=tls) as port:
            keeping = asyncio.create_task(kept_fresh(tls, *old, Quick()))
            before = after = await shown(port)
            for kept, renewed in zip(old, new, strict=True):
                shutil.copy(renewed, kept)
            async with asyncio.timeout(30):
                while after == before:
                    after = await shown(port)
            keeping.cancel()
            return before, after

    before, after = run_steady(story())
    assert ssl.DER_cert_to_PEM_cert(after).strip() == new[0].read_text().strip()
    assert before != after


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as end:
        main(["webhook", *arguments])
    out, err = capsys.readouterr()
    return int(end.value.code or 0), out, err


def test_the_configuration_holds_the_bundle_and_leads_here(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cert, key = certificate(tmp_path / "tls")
    files = ("--cert", str(cert), "--key", str(key), "--print-configuration")
    status, out, _ = told(capsys, *files, "--service", "checks", "-n", "serinus")
    hook = yaml.safe_load(out)["webhooks"][0]
    client = hook["clientConfig"]
    assert (status, b64decode(client["caBundle"])) == (0, cert.read_bytes())
    assert client["service"] == {
        "name": "checks",
        "namespace": "serinus",
        "path": "/validate",
        "port": 443,
    }
    assert (hook["sideEffects"], hook["failurePolicy"]) == ("None", "Ignore")
    _, out, _ = told(capsys, *files, "--port", "7000")
    client = yaml.safe_load(out)["webhooks"][0]["clientConfig"]
    assert client["url"] == "https://127.0.0.1:7000/validate"
    _, out, _ = told(capsys, *files, "--listen", "::1")
    assert (
        yaml.safe_load(out)["webhooks"][0]["clientConfig"]["url"] == "https://[::1]:9443/validate"
    )


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--self-signed", "--cert", __file__, "--key", __file__), "keep one"),
        (("--cert", __file__), "go together"),
        (("--listen", "0.0.0.0"), "beyond the loopback"),
        (("--listen", "127.0.0.1:18432"), "an address only; its port is --port"),
        (("--cert", __file__, "--key", __file__), "do not fit"),
    ],
)
def test_options_that_make_no_sense(
    arguments: tuple[str, ...], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    status, out, err = told(capsys, *arguments)
    assert (status != 0, out) == (True, "")
    assert expected in err


def test_with_a_client_references_are_looked_up_and_warn() -> None:
    async def story() -> list[list[str]]:
        async with paper_cluster() as cluster:
            judge, told = Judge(cluster.client("webhook")), []
            shop = yaml.safe_load(scenes.SMALL)
            for text in (
                "",
                scenes.TEMPLATE.replace("count: 3", "count: 3\n    failureLimit: -5"),
                scenes.INGRESS,
            ):
                await cluster.apply(text)
                answer = await judge.answer(review(shop))
                assert answer["response"]["allowed"]
                told.append([one.split(": ")[0] for one in answer["response"]["warnings"]])
            return told

    canary = "spec.strategy.canary."
    services = [canary + "canaryService", canary + "stableService"]
    first, second, third = run_virtual(story())
    ingress = canary + "trafficRouting.nginx.stableIngress"
    template = canary + "steps[1].analysis.templates[0]"
    assert first == [*services, ingress, template]
    assert second == [template, *services, ingress]
    assert third == [template, *services]
