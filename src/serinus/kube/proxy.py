"""Which proxy the environment names for a server, by the rules of Go's clients (kubectl's).

Pure: the environment is handed in. Light, as the quick commands use it too.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from serinus.base.errors import SerinusError

SCHEMES = ("http", "https")


class ProxyError(SerinusError):
    """A proxy that cannot be used; the text never shows its password."""


def proxy_of_environment(url: str, environ: Mapping[str, str]) -> str:
    """The proxy's URL for requests to `url`, or "".

    HTTPS_PROXY for https, HTTP_PROXY for http (lower case too); NO_PROXY lists hosts, domains,
    addresses and networks that are asked directly; this machine always is. Raises ProxyError.
    """
    parts = urlsplit(url)
    host = (parts.hostname or "").rstrip(".")
    name = f"{parts.scheme.upper()}_PROXY"
    proxy = environ.get(name) or environ.get(name.lower()) or ""
    if not proxy or parts.scheme not in SCHEMES or _is_this_machine(host):
        return ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    without = environ.get("NO_PROXY") or environ.get("no_proxy") or ""
    if any(_matches(entry.strip().lower(), host, port) for entry in without.split(",")):
        return ""
    proxy = proxy if "://" in proxy else f"http://{proxy}"
    check_proxy(proxy, name)
    return proxy


def check_proxy(proxy: str, field: str) -> None:
    """Raises ProxyError, which names `field`, if this is no proxy that we can go through."""
    parts = urlsplit(proxy)
    if parts.scheme not in SCHEMES or not parts.hostname:
        raise ProxyError(
            f"{field}: only http and https proxies are supported, not {parts.scheme or 'this'}"
        )


def _is_this_machine(host: str) -> bool:
    return host in ("localhost", "::1") or (host.startswith("127.") and _address(host) is not None)


def _matches(entry: str, host: str, port: int) -> bool:
    """Whether an entry of NO_PROXY is about this server."""
    if entry == "*":
        return True
    if not entry:
        return False
    address = _address(host)
    if "/" in entry:
        return address is not None and _is_within(host, entry)
    name, colon, wanted = entry.rpartition(":")
    if colon and wanted.isdecimal() and _address(entry) is None:
        if int(wanted) != port:
            return False
        entry = name
    entry = entry.strip("[]")
    if address is not None:
        return _address(entry) == address
    suffix = entry.removeprefix("*")
    return host.endswith(suffix if suffix.startswith(".") else f".{suffix}") or host == suffix


def _address(text: str) -> object | None:
    from ipaddress import ip_address

    try:
        return ip_address(text)
    except ValueError:
        return None


def _is_within(host: str, network: str) -> bool:
    from ipaddress import ip_address, ip_network

    try:
        return ip_address(host) in ip_network(network, strict=False)
    except ValueError:
        return False
