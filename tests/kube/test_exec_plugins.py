"""Exec plugins: when they are run, what they are told, and how their failures are shown."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from serinus.base.clock import Clock
from serinus.kube import execplugin
from serinus.kube.credentials import CredentialsError
from serinus.kube.execplugin import ExecPlugin, without_secrets
from serinus.kube.kubeconfig import Cluster, EnvironmentVariable, Exec, Extension
from support.steady import run_steady
from support.virtual import EPOCH

URL = "https://cluster.example:6443"
V1, V1BETA1 = (f"client.authentication.k8s.io/{version}" for version in ("v1", "v1beta1"))
PROGRAM = """
import json, os, pathlib, sys
log = pathlib.Path(os.environ["LOG"])
with log.open("a") as file:
    file.write(os.environ["KUBERNETES_EXEC_INFO"] + "\\n")
count = len(log.read_text().splitlines())
status = json.loads(os.environ["STATUS"].replace("#", str(count)))
info = json.loads(os.environ["KUBERNETES_EXEC_INFO"])
print(json.dumps({"apiVersion": info["apiVersion"], "kind": "ExecCredential", "status": status}))
"""
TOKEN = {"token": "run-#"}


class Plugin:
    """A program on disk, a clock that the test moves, and what the program was told."""

    def __init__(self, folder: Path, status: dict[str, Any], **options: Any) -> None:
        self.folder, self.wall = folder, 0.0
        self.clock = Clock(1.0, EPOCH, lambda: self.wall)
        self.log = folder / "log"
        path = folder / "plugin.py"
        path.write_text(PROGRAM)
        env = {"LOG": str(self.log), "STATUS": json.dumps(status)}
        self.spec = Exec(
            api_version=options.pop("api_version", V1),
            command=sys.executable,
            args=(str(path),),
            env=tuple(EnvironmentVariable(*pair) for pair in env.items()),
            provide_cluster_info=True,
            interactive_mode=options.pop("interactive_mode", "IfAvailable"),
        )
        self.pairs: list[tuple[bytes, bytes]] = []
        self.cluster: Cluster = options.pop("cluster", Cluster(server=URL))
        self.credentials = self.made(options.pop("asks", lambda: False))

    def made(self, asks: Callable[[], bool]) -> ExecPlugin:
        def use(certificate: bytes, key: bytes) -> None:
            self.pairs.append((certificate, key))

        return ExecPlugin(self.spec, self.cluster, self.clock, use, asks)

    @property
    def told(self) -> list[Any]:
        return [json.loads(line) for line in self.log.read_text().splitlines()]


def run(story: Any) -> Any:
    async def bounded() -> Any:
        async with asyncio.timeout(30):
            return await story

    return run_steady(bounded())


@pytest.mark.parametrize("version", [V1, V1BETA1])
def test_it_is_run_once_and_again_shortly_before_its_token_expires(
    tmp_path: Path, version: str
) -> None:
    expires = (EPOCH + timedelta(minutes=10)).isoformat()
    plugin = Plugin(tmp_path, {**TOKEN, "expirationTimestamp": expires}, api_version=version)

    async def story() -> list[Any]:
        seen = []
        for at in (0, 1, 589, 591, 592):
            plugin.wall = at
            seen.append((await plugin.credentials.headers())["authorization"])
        return seen

    assert run(story()) == ["Bearer run-1"] * 3 + ["Bearer run-2", "Bearer run-3"]
    assert {told["apiVersion"] for told in plugin.told} == {version}


def test_many_requests_at_once_run_it_once(tmp_path: Path) -> None:
    plugin = Plugin(tmp_path, TOKEN)

    async def story() -> list[Any]:
        first = await asyncio.gather(*(plugin.credentials.headers() for _ in range(10)))
        plugin.wall = 60
        later = await asyncio.gather(*(plugin.credentials.renewed(first[0]) for _ in range(10)))
        return [*first, *later]

    given = run(story())
    assert [one["authorization"] for one in given] == ["Bearer run-1"] * 10 + ["Bearer run-2"] * 10


def test_a_fresh_token_that_is_refused_is_not_renewed_in_a_loop(tmp_path: Path) -> None:
    plugin = Plugin(tmp_path, TOKEN)

    async def story() -> list[Any]:
        first = await plugin.credentials.headers()
        again = await plugin.credentials.renewed(first)
        plugin.wall = 11
        return [again, await plugin.credentials.renewed(first)]

    again, later = run(story())
    assert again is None
    assert later == {"authorization": "Bearer run-2"}


def test_it_is_told_about_the_cluster(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_bytes(b"PEM")
    config = Extension("client.authentication.k8s.io/exec", {"audience": "x"})
    cluster = Cluster(
        server=URL,
        tls_server_name="other",
        certificate_authority=str(tmp_path / "ca.pem"),
        proxy_url="http://proxy:3128",
        extensions=(Extension("noise", 1), config),
    )
    plugin = Plugin(tmp_path, TOKEN, cluster=cluster)
    run(plugin.credentials.headers())
    assert plugin.told == [
        {
            "kind": "ExecCredential",
            "apiVersion": V1,
            "spec": {
                "interactive": False,
                "cluster": {
                    "server": URL,
                    "tls-server-name": "other",
                    "certificate-authority-data": "UEVN",
                    "proxy-url": "http://proxy:3128",
                    "config": {"audience": "x"},
                },
            },
        }
    ]


@pytest.mark.parametrize(
    ("mode", "terminal", "interactive"),
    [
        ("Never", True, False),
        ("IfAvailable", False, False),
        ("IfAvailable", True, True),
        ("Always", True, True),
    ],
)
def test_a_person_is_asked_only_at_a_terminal(
    tmp_path: Path, mode: str, terminal: bool, interactive: bool
) -> None:
    plugin = Plugin(tmp_path, TOKEN, interactive_mode=mode, asks=lambda: terminal)
    run(plugin.credentials.headers())
    assert plugin.told[0]["spec"]["interactive"] is interactive


def test_one_that_must_ask_fails_where_nobody_is(tmp_path: Path) -> None:
    plugin = Plugin(tmp_path, TOKEN, interactive_mode="Always")
    with pytest.raises(CredentialsError, match=r"needs a terminal \(interactiveMode: Always\)"):
        run(plugin.credentials.headers())
    assert not plugin.log.exists()


def test_a_certificate_is_handed_on_and_needs_its_key(tmp_path: Path) -> None:
    both = {"clientCertificateData": "CERT", "clientKeyData": "KEY"}
    plugin = Plugin(tmp_path, both)
    assert run(plugin.credentials.headers()) == {}
    assert plugin.pairs == [(b"CERT", b"KEY")]
    (tmp_path / "b").mkdir()
    half = Plugin(tmp_path / "b", {**TOKEN, "clientCertificateData": "CERT"})
    with pytest.raises(CredentialsError, match="a certificate without its key"):
        run(half.credentials.headers())


def failing(command: str, *args: str, **options: Any) -> ExecPlugin:
    spec = Exec(api_version=V1, command=command, args=args, install_hint="install me")
    clock = options.get("clock") or Clock(1.0, EPOCH, lambda: 0.0)
    return ExecPlugin(spec, Cluster(server=URL), clock, lambda *_: None, lambda: False)


def printing(text: str) -> tuple[str, str, str]:
    return sys.executable, "-c", f"print({text!r})"


def status(**fields: Any) -> str:
    return json.dumps({"apiVersion": V1, "status": fields})


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["/does/not/exist"], "cannot be run: No such file or directory; install me"),
        ([sys.executable, "-c", "import sys; sys.exit('no login')"], "status 1: no login$"),
        ([sys.executable, "-c", "import sys; sys.exit(3)"], "status 3$"),
        (printing("hello"), "did not print an ExecCredential: JSON is malformed"),
        (printing("{}"), "printed apiVersion '', the kubeconfig asks for"),
        (printing(json.dumps({"apiVersion": V1})), "neither a token nor a certificate"),
        (printing(status(token=7)), r"Expected `str`, got `int` - at `\$.status.token`"),
        (
            printing(status(token="s3cret", expirationTimestamp="2030-01-01T00:00:00")),
            r"did not print an ExecCredential: .*timezone.*expirationTimestamp",
        ),
        (
            [sys.executable, "-c", "print('x' * 3_000_000)"],
            "printed more than 1024 KiB",
        ),
    ],
)
def test_one_that_fails_says_how(words: list[str], message: str) -> None:
    with pytest.raises(CredentialsError, match=message) as caught:
        run(failing(*words).headers())
    assert "s3cret" not in str(caught.value)


def test_one_that_hangs_is_ended(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(execplugin, "RUN_SECONDS", 0.5)
    words = "import os, pathlib, time; pathlib.Path('{}').write_text(str(os.getpid()));"
    pid = tmp_path / "pid"
    hung = failing(sys.executable, "-c", words.format(pid) + "time.sleep(600)")
    with pytest.raises(CredentialsError, match=r"gave nothing within 0.5 s"):
        run(hung.headers())
    assert not pid.exists() or not Path("/proc", pid.read_text()).exists()


def test_one_that_fails_is_not_run_for_every_request(tmp_path: Path) -> None:
    log, wall = tmp_path / "log", [0.0]
    words = f"open({str(log)!r}, 'a').write('x'); raise SystemExit('no')"
    broken = failing(sys.executable, "-c", words, clock=Clock(1.0, EPOCH, lambda: wall[0]))

    async def story() -> None:
        for at in (0.0, 1.0, 9.0, 11.0):
            wall[0] = at
            with pytest.raises(CredentialsError, match="status 1: no"):
                await broken.headers()

    run(story())
    assert log.read_text() == "xx"


JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJtZSJ9.c2lnbmF0dXJlc2lnbmF0dXJl"


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        (f"got {JWT} but it is old", "got ... but it is old"),
        ("token: abc123 expired", "token: ... expired"),
        ('{"password":"x1"}', '{"password":...'),
        ("Authorization: Bearer", "Authorization: ..."),
        ("Unable to locate credentials. Run: aws sso login", None),
        ("open /home/me/.kube/cache: permission denied", None),
    ],
)
def test_what_it_complains_of_is_shown_without_what_may_be_secret(
    said: str, shown: str | None
) -> None:
    assert without_secrets(said) == (shown or said)
    words = f"import sys; sys.exit({said!r})"
    with pytest.raises(CredentialsError) as caught:
        run(failing(sys.executable, "-c", words).headers())
    assert str(caught.value).endswith(f"ended with status 1: {shown or said}")
