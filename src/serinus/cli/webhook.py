"""`serinus webhook`: the validation as an admission webhook, and the configuration that asks it."""

from __future__ import annotations

from base64 import b64encode
from contextlib import AsyncExitStack
from ipaddress import AddressValueError, IPv6Address
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import click

from serinus.base.errors import SerinusError
from serinus.cli.stopping import run_until_stopped

if TYPE_CHECKING:
    import ssl

    from serinus.cli.reviews import Judge

PORT = 9443
PATH = "/validate"
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=PORT,
    show_default=True,
    help="Port to answer at; 0: any.",
)
@click.option(
    "--listen",
    default="127.0.0.1",
    show_default=True,
    metavar="ADDRESS",
    help="Address to answer at; others than the loopback need a certificate.",
)
@click.option("--cert", type=FILE, help="Certificate (PEM); read again when it changes.")
@click.option("--key", type=FILE, help="Its key (PEM).")
@click.option("--ca", type=FILE, help="Who signed it (PEM), if it did not sign itself.")
@click.option("--self-signed", is_flag=True, help="Make a certificate for this run (by openssl).")
@click.option("--service", help="Name of the Service that leads here; otherwise the address.")
@click.option("-n", "--namespace", help="Namespace of that Service.")
@click.option("--context", help="Context of the kubeconfig, to look references up.")
@click.option("--kubeconfig", help="Kubeconfig, to look references up.")
@click.option("--print-configuration", is_flag=True, help="Print what is to be applied.")
@click.pass_obj
def webhook(options: dict[str, str | None], /, **given: Any) -> None:
    """Answer an API server's questions about Rollouts, templates, runs and Experiments.

    What is invalid is refused with all of its errors; unknown fields warn. References are looked
    up, and warn, only with --kubeconfig or --context. --print-configuration prints the
    ValidatingWebhookConfiguration; it ends there, but with --self-signed it goes on answering.
    /healthz tells that it is alive. Without a certificate it answers http, on the loopback only.
    """
    for name in ("namespace", "context", "kubeconfig"):
        given[name] = given[name] or (options or {}).get(name)
    if bool(given["cert"]) != bool(given["key"]):
        raise click.UsageError("--cert and --key go together")
    if given["self_signed"] and given["cert"]:
        raise click.UsageError("--self-signed and --cert: keep one")
    given["host"] = _host(given["listen"])
    secure = given["cert"] or given["self_signed"]
    if not secure and given["listen"] not in ("127.0.0.1", "::1", "localhost"):
        raise click.UsageError("beyond the loopback it needs --cert and --key, or --self-signed")
    if given["print_configuration"] and not given["self_signed"]:
        click.echo(_configuration(given, given["port"], given["ca"] or given["cert"]))
        return
    with TemporaryDirectory(prefix="serinus-webhook-") as folder:
        if given["self_signed"]:
            given["cert"], given["key"] = _self_signed(Path(folder), given)
        run_until_stopped(_serve(given))


async def _serve(given: dict[str, Any]) -> None:
    from serinus.base.clock import Clock
    from serinus.cli.reviews import Judge, kept_fresh, serving_reviews

    clock, tls = Clock(), _tls(given)
    async with AsyncExitStack() as stack:
        judge = await stack.enter_async_context(_judge(Judge, given))
        port = await stack.enter_async_context(
            serving_reviews(judge, PATH, given["listen"], given["port"], tls=tls)
        )
        scheme = "https" if tls else "http"
        if given["print_configuration"]:
            click.echo(_configuration(given, port, given["cert"]))
        click.echo(f"answering at {scheme}://{given['host']}:{port}{PATH}", err=True)
        await kept_fresh(tls, given["cert"], given["key"], clock)


def _host(listen: str) -> str:
    """As a URL spells it: an IPv6 address in brackets. Raises UsageError if a port stands in it."""
    if ":" not in listen:
        return listen
    try:
        return f"[{IPv6Address(listen)}]"
    except AddressValueError:
        raise click.UsageError(f"--listen {listen}: an address only; its port is --port") from None


def _judge(made: type[Judge], given: dict[str, Any]) -> Any:
    if not (given["kubeconfig"] or given["context"]):
        return made(None)
    from serinus.cli.remote import clock_of
    from serinus.kube.auth import connect, make_transport
    from serinus.kube.client import Client

    connection = connect(given["kubeconfig"], given["context"])
    transport = make_transport(connection)
    return made(Client(transport, clock_of(connection), user_agent="serinus-webhook"), transport)


def _tls(given: dict[str, Any]) -> ssl.SSLContext | None:
    if not given["cert"]:
        return None
    import ssl

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(given["cert"], given["key"])
    except (OSError, ssl.SSLError) as error:
        raise SerinusError(
            f"--cert {given['cert']} and --key {given['key']} do not fit: a certificate and its "
            f"own key are needed, both in PEM: {error}"
        ) from error
    return context


def _hosts(given: dict[str, Any]) -> list[str]:
    name, namespace = given["service"], given["namespace"] or "default"
    return [f"{name}.{namespace}.svc", "localhost"] if name else ["localhost"]


def _self_signed(folder: Path, given: dict[str, Any]) -> tuple[Path, Path]:
    """A certificate of its own for a year; its key stays in a folder that goes with the process."""
    import shutil
    import subprocess

    openssl = shutil.which("openssl")
    if openssl is None:
        raise SerinusError(
            "--self-signed needs openssl (Debian: openssl), or give --cert and --key"
        )
    cert, key = folder / "tls.crt", folder / "tls.key"
    names = ",".join([*(f"DNS:{host}" for host in _hosts(given)), "IP:127.0.0.1"])
    words = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 365"
    subject = ("-subj", "/CN=serinus-webhook", "-addext", f"subjectAltName={names}")
    made = subprocess.run(
        [openssl, *words.split(), *f"-keyout {key} -out {cert}".split(), *subject],
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode:
        raise SerinusError(f"openssl made no certificate: {made.stderr.strip()}")
    return cert, key


def _configuration(given: dict[str, Any], port: int, bundle: Path | None) -> str:
    """The ValidatingWebhookConfiguration as YAML."""
    import yaml

    client: dict[str, Any]
    if given["service"]:
        namespace = given["namespace"] or "default"
        client = {"service": {"name": given["service"], "namespace": namespace, "path": PATH}}
        client["service"]["port"] = 443
    else:
        scheme = "https" if bundle else "http"
        client = {"url": f"{scheme}://{given['host']}:{port}{PATH}"}
    if bundle:
        client["caBundle"] = b64encode(bundle.read_bytes()).decode()
    kinds = ["analysisruns", "analysistemplates", "clusteranalysistemplates", "experiments"]
    rule = {
        "apiGroups": ["argoproj.io"],
        "apiVersions": ["v1alpha1"],
        "operations": ["CREATE", "UPDATE"],
        "resources": [*kinds, "rollouts"],
    }
    hook = {
        "name": "validation.serinus.dev",
        "admissionReviewVersions": ["v1"],
        "clientConfig": client,
        "failurePolicy": "Ignore",
        "matchPolicy": "Equivalent",
        "rules": [rule],
        "sideEffects": "None",
        "timeoutSeconds": 5,
    }
    configuration = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": "serinus"},
        "webhooks": [hook],
    }
    return yaml.safe_dump(configuration, sort_keys=False).rstrip()
