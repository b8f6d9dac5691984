"""The configurations as objects: their defaults, and what is wrong with them. Pure.

Differs from Kubernetes on purpose: `http` is allowed for addresses of the loopback, and conditions
(`matchConditions`) are not evaluated here, so they are refused instead of being passed over.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from serinus.base.errors import FieldProblem

GROUP = "admissionregistration.k8s.io"
MUTATING, VALIDATING = "mutatingwebhookconfigurations", "validatingwebhookconfigurations"
Object = dict[str, Any]
_LOOPBACK = frozenset(("127.0.0.1", "localhost", "::1"))
_DEFAULTS: Object = {
    "failurePolicy": "Fail",
    "matchPolicy": "Equivalent",
    "namespaceSelector": {},
    "objectSelector": {},
    "timeoutSeconds": 10,
}


def is_configuration(group: str) -> bool:
    """Whether the kinds of a group configure webhooks."""
    return group == GROUP


def with_defaults(plural: str, value: Object) -> Object:
    """A configuration with the published defaults of each webhook."""
    webhooks = value.get("webhooks")
    if not isinstance(webhooks, list):
        return value
    return {**value, "webhooks": [_webhook(plural, one) for one in webhooks]}


def _webhook(plural: str, one: Object) -> Object:
    made = _DEFAULTS | one
    if plural == MUTATING:
        made = {"reinvocationPolicy": "Never"} | made
    made["rules"] = [{"scope": "*"} | rule for rule in made.get("rules") or ()]
    config = dict(made.get("clientConfig") or {})
    if config.get("service"):
        config["service"] = {"port": 443} | config["service"]
    return made | {"clientConfig": config}


def problems(value: Mapping[str, Any]) -> Iterator[FieldProblem]:
    """All that is wrong with a configuration, beyond its schema."""
    names: set[str] = set()
    for place, one in enumerate(value.get("webhooks") or ()):
        path = f"webhooks[{place}]"
        name = str(one.get("name") or "")
        if len(name.split(".")) < 3:
            words = "should be a domain with at least three segments separated by dots"
            yield FieldProblem(f"{path}.name", f'Invalid value: "{name}": {words}')
        if name in names:
            yield FieldProblem(f"{path}.name", f'Duplicate value: "{name}"')
        names.add(name)
        yield from _webhook_problems(path, one)


def _webhook_problems(path: str, one: Mapping[str, Any]) -> Iterator[FieldProblem]:
    if "v1" not in (one.get("admissionReviewVersions") or ()):
        words = "Invalid value: must include at least one of v1"
        yield FieldProblem(f"{path}.admissionReviewVersions", words)
    if one.get("sideEffects") not in ("None", "NoneOnDryRun"):
        words = f'Unsupported value: "{one.get("sideEffects")}": '
        words += 'supported values: "None", "NoneOnDryRun"'
        yield FieldProblem(f"{path}.sideEffects", words)
    if not 1 <= int(one.get("timeoutSeconds") or 0) <= 30:
        words = "Invalid value: the timeout value must be between 1 and 30 seconds"
        yield FieldProblem(f"{path}.timeoutSeconds", words)
    if one.get("matchConditions"):
        words = "Forbidden: conditions are not evaluated by the embedded cluster; remove them here"
        yield FieldProblem(f"{path}.matchConditions", words)
    yield from _address_problems(f"{path}.clientConfig", one.get("clientConfig") or {})


def _address_problems(path: str, config: Mapping[str, Any]) -> Iterator[FieldProblem]:
    if bool(config.get("url")) == bool(config.get("service")):
        yield FieldProblem(path, "Required value: exactly one of url or service is required")
    elif url := config.get("url"):
        parts = urlsplit(str(url))
        plain = parts.scheme == "http" and parts.hostname in _LOOPBACK
        if not (parts.scheme == "https" or plain) or not parts.hostname:
            words = "'https' is the only allowed URL scheme; here also 'http' of the loopback"
            yield FieldProblem(f"{path}.url", f'Invalid value: "{url}": {words}')
