"""Rules of a ReplicaSet's pod template, as far as a release could trip over them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from serinus.api.validation.labels import is_dns_label, validate_annotations, validate_labels
from serinus.api.validation.pod_types import mistyped
from serinus.base.errors import FieldProblem
from serinus.base.quantity import parse_quantity

_PROBES = ("livenessProbe", "readinessProbe", "startupProbe")
_HANDLERS = ("exec", "httpGet", "tcpSocket", "grpc")


def validate_template(template: Mapping[str, Any], path: str) -> Iterator[FieldProblem]:
    """`template` as plain data; `path` is where it stands."""
    if not isinstance(template.get("metadata", {}), Mapping | None):
        yield FieldProblem(f"{path}.metadata", "must be an object")
    metadata = _mapping(template.get("metadata"))
    yield from _texts(metadata.get("labels"), f"{path}.metadata.labels")
    yield from validate_labels(_texts_only(metadata.get("labels")), f"{path}.metadata.labels")
    annotations = _texts_only(metadata.get("annotations"))
    yield from _texts(metadata.get("annotations"), f"{path}.metadata.annotations")
    yield from validate_annotations(annotations, f"{path}.metadata.annotations")
    here = f"{path}.spec"
    yield from mistyped(template.get("spec"), here)
    spec = _mapping(template.get("spec"))
    if spec.get("restartPolicy", "Always") != "Always":
        yield FieldProblem(f"{here}.restartPolicy", "must be Always: these pods do not end")
    if spec.get("activeDeadlineSeconds") is not None:
        yield FieldProblem(
            f"{here}.activeDeadlineSeconds", "must not be set: these pods do not end"
        )
    if spec.get("containers") in (None, []):
        yield FieldProblem(f"{here}.containers", "is empty; a pod needs at least one container")
    yield from _named(spec.get("volumes"), "name", f"{here}.volumes")
    volumes = [_mapping(volume).get("name") for volume in _list(spec.get("volumes"))]
    yield from _containers(spec, here, volumes)


def _named(entries: Any, key: str, path: str, *, once: bool = True) -> Iterator[FieldProblem]:
    """Entries of a list that are told apart by `key`."""
    seen: list[Any] = []
    for index, entry in enumerate(_list(entries)):
        name = _mapping(entry).get(key)
        if name in (None, ""):
            yield FieldProblem(f"{path}[{index}].{key}", "is missing")
        elif once and name in seen:
            yield FieldProblem(f"{path}[{index}].{key}", f"{name!r} is used twice")
        seen.append(name)


def _containers(spec: Mapping[str, Any], path: str, volumes: list[Any]) -> Iterator[FieldProblem]:
    seen: set[str] = set()
    for group in ("initContainers", "containers"):
        for index, entry in enumerate(_list(spec.get(group))):
            container, here = _mapping(entry), f"{path}.{group}[{index}]"
            name = str(container.get("name", ""))
            if not is_dns_label(name):
                yield FieldProblem(
                    f"{here}.name", f"{name!r}: use lower-case letters, digits and dashes"
                )
            elif name in seen:
                yield FieldProblem(f"{here}.name", f"{name!r} is used twice")
            seen.add(name)
            yield from _container(container, here, volumes)


def _container(
    container: Mapping[str, Any], path: str, volumes: list[Any]
) -> Iterator[FieldProblem]:
    image = container.get("image")
    if image in (None, ""):
        yield FieldProblem(f"{path}.image", "is missing")
    elif isinstance(image, str) and image != image.strip():
        yield FieldProblem(f"{path}.image", f"{image!r} begins or ends with a space")
    for index, port in enumerate(_list(container.get("ports"))):
        number = _mapping(port).get("containerPort")
        if number is None or (isinstance(number, int) and not 1 <= number <= 65535):
            yield FieldProblem(f"{path}.ports[{index}].containerPort", "must be 1 to 65535")
    # a variable that is set twice has its last value
    yield from _named(container.get("env"), "name", f"{path}.env", once=False)
    yield from _named(container.get("volumeMounts"), "mountPath", f"{path}.volumeMounts")
    for index, mount in enumerate(_list(container.get("volumeMounts"))):
        name = _mapping(mount).get("name")
        if isinstance(name, str | None) and name not in volumes:
            yield FieldProblem(
                f"{path}.volumeMounts[{index}].name", f"no volume is called {name!r}"
            )
    for name in _PROBES:
        if container.get(name) is not None:
            yield from _probe(_mapping(container.get(name)), f"{path}.{name}")
    yield from _resources(_mapping(container.get("resources")), f"{path}.resources")


def _probe(probe: Mapping[str, Any], path: str) -> Iterator[FieldProblem]:
    found = [name for name in _HANDLERS if probe.get(name) is not None]
    if len(found) != 1:
        what = " and ".join(found) or "none"
        yield FieldProblem(path, f"needs one of {', '.join(_HANDLERS)}, has {what}")
    for name in found:
        if name != "exec" and _mapping(probe[name]).get("port") in (None, ""):
            yield FieldProblem(f"{path}.{name}.port", "is missing")


def _resources(resources: Mapping[str, Any], path: str) -> Iterator[FieldProblem]:
    amounts: dict[str, dict[str, Any]] = {"requests": {}, "limits": {}}
    for group, found in amounts.items():
        for name, value in _mapping(resources.get(group)).items():
            try:
                found[name] = parse_quantity(value)
            except ValueError:
                continue  # `mistyped` names it
            if found[name] < 0:
                yield FieldProblem(f"{path}.{group}.{name}", f"{value} must be 0 or more")
    for name, request in amounts["requests"].items():
        if name in amounts["limits"] and request > amounts["limits"][name]:
            yield FieldProblem(f"{path}.requests.{name}", "is greater than the limit")


def _texts(pairs: Any, path: str) -> Iterator[FieldProblem]:
    if pairs is not None and not isinstance(pairs, Mapping):
        yield FieldProblem(path, "must be an object")
    for key, value in _mapping(pairs).items():
        if not isinstance(value, str):
            yield FieldProblem(f"{path}.{key}", "must be text; put the value in quotes")


def _texts_only(pairs: Any) -> dict[str, str]:
    return {key: value for key, value in _mapping(pairs).items() if isinstance(value, str)}


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
