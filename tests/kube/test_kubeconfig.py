"""Kubeconfig files: merging, choosing, credentials, and what is refused by name."""

from __future__ import annotations

import asyncio
import base64
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from serinus.kube import auth
from serinus.kube.credentials import (
    Basic,
    CredentialsError,
    NoCredentials,
    Token,
    TokenFile,
)
from serinus.kube.kubeconfig import KubeconfigError
from serinus.kube.tls import TlsError

URL = "https://cluster.example:6443"


@pytest.fixture(autouse=True)
def _nothing_around(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in ("KUBECONFIG", "KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"):
        monkeypatch.delenv(name, raising=False)


def config(
    user: Mapping[str, Any] | None = None, cluster: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "main",
        "clusters": [{"name": "c", "cluster": {"server": URL, **(cluster or {})}}],
        "users": [{"name": "u", "user": dict(user or {})}],
        "contexts": [{"name": "main", "context": {"cluster": "c", "user": "u"}}],
    }


def written(folder: Path, content: Any, name: str = "kubeconfig") -> str:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
    return str(path)


def headers(connection: auth.Connection) -> dict[str, str]:
    return dict(asyncio.run(connection.credentials.headers()))  # type: ignore[arg-type]


def test_the_current_context_gives_server_namespace_and_token(tmp_path: Path) -> None:
    content = config({"token": "t0p"})
    content["contexts"][0]["context"]["namespace"] = "shop"
    found = auth.load_kubeconfig(written(tmp_path, content))
    assert (found.url, found.namespace, found.context) == (URL, "shop", "main")
    assert headers(found) == {"authorization": "Bearer t0p"}
    assert asyncio.run(found.credentials.renewed({})) is None


def test_files_are_merged_the_first_that_sets_a_name_wins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = {"contexts": [{"name": "other", "context": {"cluster": "c", "user": "u"}}]}
    second = config({"token": "second"})
    third = config({"token": "third"}, {"server": "https://third"})
    third["clusters"].append({"name": "d", "cluster": {"server": "https://d"}})
    third["contexts"].append({"name": "d", "context": {"cluster": "d", "user": "u"}})
    files = [written(tmp_path, x, f"f{n}") for n, x in enumerate((first, second, third))]
    monkeypatch.setenv("KUBECONFIG", os.pathsep.join(["/does/not/exist", *files]))
    assert auth.load_kubeconfig().context == "main"
    assert auth.load_kubeconfig(context="other").url == URL
    found = auth.load_kubeconfig(context="d")
    assert found.url == "https://d"
    assert headers(found) == {"authorization": "Bearer second"}


def test_without_kubeconfig_the_home_folder_is_read(tmp_path: Path) -> None:
    written(tmp_path / "home" / ".kube", config(), "config")
    assert auth.connect().url == URL


@pytest.mark.parametrize("place", ["cluster", "context", "file"])
def test_what_up_left_for_us_is_found_in_every_usual_place(tmp_path: Path, place: str) -> None:
    content = config()
    left = [{"name": "other", "extension": 1}, {"name": "serinus", "extension": {"speed": 30}}]
    where = {
        "cluster": content["clusters"][0]["cluster"],
        "context": content["contexts"][0]["context"],
        "file": content,
    }[place]
    where["extensions"] = left
    assert auth.load_kubeconfig(written(tmp_path, content)).extension == {"speed": 30}
    assert auth.load_kubeconfig(written(tmp_path, config())).extension == {}


def test_basic_credentials(tmp_path: Path) -> None:
    found = auth.load_kubeconfig(written(tmp_path, config({"username": "a", "password": "ü"})))
    assert isinstance(found.credentials, Basic)
    text = headers(found)["authorization"].removeprefix("Basic ")
    assert base64.b64decode(text).decode() == "a:ü"


def test_a_token_file_is_relative_to_its_kubeconfig_and_read_again(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("one\n")
    found = auth.load_kubeconfig(
        written(tmp_path, config({"tokenFile": "token", "token": "less important"}))
    )
    assert isinstance(found.credentials, TokenFile)
    assert headers(found) == {"authorization": "Bearer one"}
    token.write_text("second\n")
    assert headers(found) == {"authorization": "Bearer second"}
    token.unlink()
    assert headers(found) == {"authorization": "Bearer second"}


def test_a_missing_token_file_is_named(tmp_path: Path) -> None:
    found = auth.load_kubeconfig(written(tmp_path, config({"tokenFile": "absent"})))
    with pytest.raises(CredentialsError, match=r"token file .*/absent: cannot be read"):
        headers(found)


def test_nothing_secret_is_shown_when_printed(tmp_path: Path) -> None:
    for user in ({"token": "s3cret"}, {"username": "a", "password": "s3cret"}):
        content = config(user, {"server": "https://h/s3cret"})
        assert "s3cret" not in repr(auth.load_kubeconfig(written(tmp_path, content)))


def test_no_token_goes_over_plain_http(tmp_path: Path) -> None:
    content = config({"token": "t"}, {"server": "http://127.0.0.1:1/x"})
    found = auth.load_kubeconfig(written(tmp_path, content))
    assert isinstance(found.credentials, NoCredentials)
    https = auth.load_kubeconfig(written(tmp_path, config({"token": "t"})))
    assert isinstance(https.credentials, Token)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a: [", r"kubeconfig: is not YAML \(line 2\)"),
        ({"clusters": 7}, r"Expected `array \| null`, got `int` - at `\$\.clusters`"),
        ({"contexts": [{"name": "a"}]}, "current-context is not set; choose one .*: a"),
        (config() | {"current-context": "x"}, "contexts: there is no 'x'; known: main"),
        (config() | {"clusters": []}, "context main: cluster: there is no 'c'; known: none"),
        (config() | {"users": []}, "context main: user: there is no 'u'; known: none"),
        (config(cluster={"server": "host:1"}), "cluster c: server: must be a URL"),
        (
            config(cluster={"proxy-url": "socks5://x"}),
            "proxies are supported, not socks5",
        ),
        (config({"auth-provider": {"name": "gcp"}}), "user u: auth-provider is not supported"),
        (config({"as-groups": ["x"]}), "user u: as-uid, as-groups, as-user-extra: need `as`"),
        (
            config(cluster={"insecure-skip-tls-verify": True, "certificate-authority": "x"}),
            "insecure-skip-tls-verify: cannot stand beside a certificate-authority",
        ),
        (config({"client-key": "x"}), "client-certificate and client-key must be given together"),
        (
            config({"exec": {"apiVersion": "client.authentication.k8s.io/v1alpha1"}}),
            r"exec.apiVersion: .*v1alpha1' is not supported; known: .*\n.*exec.command: is missing",
        ),
        (
            config({"exec": {"command": "x", "interactiveMode": "Maybe"}}),
            "exec.interactiveMode: 'Maybe' is none of Never, IfAvailable, Always",
        ),
    ],
)
def test_what_cannot_be_used_is_named(tmp_path: Path, content: Any, message: str) -> None:
    with pytest.raises(KubeconfigError, match=message):
        auth.load_kubeconfig(written(tmp_path, content))


@pytest.mark.parametrize(
    ("cluster", "user", "message"),
    [
        ({"certificate-authority-data": "%"}, {}, "certificate-authority-data: is not base64"),
        ({"certificate-authority": "none.pem"}, {}, r"certificate-authority: .*none.pem cannot"),
        ({"certificate-authority-data": "eA=="}, {}, "certificate-authority: is not a PEM"),
        (
            {},
            {"client-certificate-data": "eA==", "client-key-data": "eA=="},
            "client-certificate and client-key are not a matching PEM pair",
        ),
    ],
)
def test_bad_certificates_are_named(
    tmp_path: Path, cluster: dict[str, str], user: dict[str, str], message: str
) -> None:
    with pytest.raises(TlsError, match=rf"{tmp_path}.*: context \w+: {message}"):
        auth.load_kubeconfig(written(tmp_path, config(user, cluster)))


def test_the_content_of_a_broken_file_is_not_in_the_error(tmp_path: Path) -> None:
    with pytest.raises(KubeconfigError) as caught:
        auth.load_kubeconfig(written(tmp_path, "users: [{token: 's3cret"))
    assert "s3cret" not in str(caught.value)


def test_no_kubeconfig_anywhere_says_what_to_do() -> None:
    with pytest.raises(KubeconfigError, match=r"no kubeconfig at .*\.kube/config; give one with"):
        auth.connect()


def test_inside_a_cluster_the_service_account_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, authority: Path
) -> None:
    with pytest.raises(KubeconfigError, match="not inside a cluster"):
        auth.in_cluster(str(tmp_path))
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "fd00::1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    (tmp_path / "token").write_text("one")
    (tmp_path / "namespace").write_text("serinus-system")
    (tmp_path / "ca.crt").write_bytes((authority / "ca.pem").read_bytes())
    found = auth.in_cluster(str(tmp_path))
    assert (found.url, found.namespace) == ("https://[fd00::1]:443", "serinus-system")
    assert headers(found) == {"authorization": "Bearer one"}
    (tmp_path / "token").write_text("renewed")
    assert headers(found) == {"authorization": "Bearer renewed"}
