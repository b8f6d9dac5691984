"""Rules of what people write by hand: pods, Services, Ingresses, ConfigMaps, Secrets, Leases.

Pure, in Kubernetes' words. What a real cluster would refuse must not pass here first. Only the
slips that manifests are prone to; not the whole of Kubernetes' validation.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from serinus.base.errors import FieldProblem
from serinus.base.quantity import parse_quantity
from serinus.local.apiserver.kinds.names import invalid_value, label_faults, quoted

Object = Mapping[str, Any]
Problems = Iterator[FieldProblem]

_PROBES = ("livenessProbe", "readinessProbe", "startupProbe")
_HANDLERS = ("exec", "httpGet", "tcpSocket", "grpc")
_KEY = re.compile(r"[-._a-zA-Z0-9]+")
_KEY_WORDS = (
    "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. "
    "'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is "
    "'[-._a-zA-Z0-9]+')"
)
_TLS_KEYS = ("tls.crt", "tls.key")


def manifest_problems(key: tuple[str, str], before: Object | None, value: Object) -> Problems:
    """What breaks a rule; `key` is group and plural, `before` is None on creation.

    What was stored before may stay as it was: only a change is looked at.
    """
    check = _CHECKS.get(key)
    if check is None or (before is not None and _content(before) == _content(value)):
        return
    yield from check(value)


def _content(value: Object) -> list[Any]:
    return [value.get(field) for field in ("spec", "data", "binaryData", "type")]


def _pod(value: Object) -> Problems:
    yield from _pod_spec(_mapping(value.get("spec")), "spec")


def _templated(value: Object) -> Problems:
    template = _mapping(_mapping(value.get("spec")).get("template"))
    yield from _pod_spec(_mapping(template.get("spec")), "spec.template.spec")


def _pod_template(value: Object) -> Problems:
    template = _mapping(value.get("template"))
    yield from _pod_spec(_mapping(template.get("spec")), "template.spec")


def _pod_spec(spec: Object, path: str) -> Problems:
    if not spec.get("containers"):
        yield FieldProblem(f"{path}.containers", "Required value")
    volumes = {_mapping(volume).get("name") for volume in _list(spec.get("volumes"))}
    for group in ("containers", "initContainers"):
        for index, container in enumerate(map(_mapping, _list(spec.get(group)))):
            yield from _container(container, f"{path}.{group}[{index}]", volumes)


def _container(container: Object, path: str, volumes: set[Any]) -> Problems:
    name, image = container.get("name") or "", container.get("image") or ""
    if not name:
        yield FieldProblem(f"{path}.name", "Required value")
    for words in label_faults(name) if name else ():
        yield invalid_value(f"{path}.name", name, words)
    if not image:
        yield FieldProblem(f"{path}.image", "Required value")
    elif image != image.strip():
        words = "must not have leading or trailing whitespace"
        yield invalid_value(f"{path}.image", image, words)
    for index, port in enumerate(map(_mapping, _list(container.get("ports")))):
        yield from _port(port.get("containerPort"), f"{path}.ports[{index}].containerPort")
    yield from _repeated(_list(container.get("ports")), f"{path}.ports")
    for index, variable in enumerate(map(_mapping, _list(container.get("env")))):
        if not variable.get("name"):
            yield FieldProblem(f"{path}.env[{index}].name", "Required value")
        elif variable.get("value") and variable.get("valueFrom"):
            words = "may not be specified when `value` is not empty"
            yield invalid_value(f"{path}.env[{index}].valueFrom", "", words)
    for index, mount in enumerate(map(_mapping, _list(container.get("volumeMounts")))):
        here = f"{path}.volumeMounts[{index}]"
        if mount.get("name") not in volumes:
            yield FieldProblem(f"{here}.name", f"Not found: {quoted(mount.get('name') or '')}")
        if not mount.get("mountPath"):
            yield FieldProblem(f"{here}.mountPath", "Required value")
    for probe in _PROBES:
        if isinstance(found := container.get(probe), Mapping):
            yield from _probe(found, f"{path}.{probe}")
    yield from _resources(_mapping(container.get("resources")), f"{path}.resources")


def _probe(probe: Object, path: str) -> Problems:
    given = [handler for handler in _HANDLERS if probe.get(handler) is not None]
    if not given:
        yield FieldProblem(path, "Required value: must specify a handler type")
    for handler in given[1:]:
        words = "Forbidden: may not specify more than 1 handler type"
        yield FieldProblem(f"{path}.{handler}", words)
    success = probe.get("successThreshold") or 1
    if success != 1 and not path.endswith("readinessProbe"):
        yield FieldProblem(f"{path}.successThreshold", f"Invalid value: {success}: must be 1")


def _resources(resources: Object, path: str) -> Problems:
    limits = _mapping(resources.get("limits"))
    for name, request in _mapping(resources.get("requests")).items():
        try:
            greater = name in limits and parse_quantity(request) > parse_quantity(limits[name])
        except ValueError:
            continue  # the schema says so
        if greater:
            words = f"must be less than or equal to {name} limit of {limits[name]}"
            yield invalid_value(f"{path}.requests", str(request), words)


def _port(number: Any, path: str) -> Problems:
    if not number:
        yield FieldProblem(path, "Required value")
    elif isinstance(number, int) and not 1 <= number <= 65535:
        words = "must be between 1 and 65535, inclusive"
        yield FieldProblem(path, f"Invalid value: {number}: {words}")


def _repeated(ports: list[Any], path: str) -> Problems:
    """Names that more than one port of a list has."""
    names = [_mapping(port).get("name") or "" for port in ports]
    seen: Counter[str] = Counter()
    for index, name in enumerate(names):
        if name and seen[name]:
            yield FieldProblem(f"{path}[{index}].name", f"Duplicate value: {quoted(name)}")
        seen[name] += 1


def _service(value: Object) -> Problems:
    spec = _mapping(value.get("spec"))
    if spec.get("type") == "ExternalName":
        if not spec.get("externalName"):
            yield FieldProblem("spec.externalName", "Required value")
        return
    ports = _list(spec.get("ports"))
    if not ports and spec.get("clusterIP") != "None":
        yield FieldProblem("spec.ports", "Required value")
    for index, port in enumerate(map(_mapping, ports)):
        here = f"spec.ports[{index}]"
        if len(ports) > 1 and not port.get("name"):
            yield FieldProblem(f"{here}.name", "Required value")
        number = port.get("port")
        if not isinstance(number, int) or not 1 <= number <= 65535:
            words = "must be between 1 and 65535, inclusive"
            yield FieldProblem(f"{here}.port", f"Invalid value: {number or 0}: {words}")
    yield from _repeated(ports, "spec.ports")


def _ingress(value: Object) -> Problems:
    spec = _mapping(value.get("spec"))
    rules = _list(spec.get("rules"))
    if not rules and not spec.get("defaultBackend"):
        words = "either `defaultBackend` or `rules` must be specified"
        yield invalid_value("spec", "", words)
    for number, rule in enumerate(map(_mapping, rules)):
        paths = _list(_mapping(rule.get("http")).get("paths"))
        for index, path in enumerate(map(_mapping, paths)):
            text, sort = path.get("path") or "", path.get("pathType")
            if sort in ("Exact", "Prefix") and not text.startswith("/"):
                here = f"spec.rules[{number}].http.paths[{index}].path"
                yield invalid_value(here, text, "must be an absolute path")


def _keys(value: Object) -> Problems:
    for field in ("data", "binaryData"):
        for name in _mapping(value.get(field)):
            if not _KEY.fullmatch(name):
                yield invalid_value(f"{field}[{name}]", name, _KEY_WORDS)


def _secret(value: Object) -> Problems:
    yield from _keys(value)
    if value.get("type") == "kubernetes.io/tls":
        held = {*_mapping(value.get("data")), *_mapping(value.get("stringData"))}
        for name in _TLS_KEYS:
            if name not in held:
                yield FieldProblem(f"data[{name}]", "Required value")


def _lease(value: Object) -> Problems:
    seconds = _mapping(value.get("spec")).get("leaseDurationSeconds")
    if isinstance(seconds, int) and seconds <= 0:
        words = f"Invalid value: {seconds}: must be greater than 0"
        yield FieldProblem("spec.leaseDurationSeconds", words)


def _mapping(value: Any) -> Object:
    return value if isinstance(value, Mapping) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


_CHECKS: dict[tuple[str, str], Callable[[Object], Problems]] = {
    ("", "configmaps"): _keys,
    ("", "pods"): _pod,
    ("", "podtemplates"): _pod_template,
    ("", "secrets"): _secret,
    ("", "services"): _service,
    ("apps", "deployments"): _templated,
    ("apps", "replicasets"): _templated,
    ("batch", "jobs"): _templated,
    ("coordination.k8s.io", "leases"): _lease,
    ("networking.k8s.io", "ingresses"): _ingress,
}
