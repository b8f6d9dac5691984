"""Rules of a ReplicaSet's pod template, as far as a release could trip over them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from serinus.api.validation.labels import is_dns_label, validate_annotations, validate_labels
from serinus.base.errors import FieldProblem
from serinus.base.quantity import parse_quantity


def validate_template(template: Mapping[str, Any], path: str) -> Iterator[FieldProblem]:
    """`template` as plain data; `path` is where it stands."""
    metadata = _mapping(template.get("metadata"))
    yield from _texts(metadata.get("labels"), f"{path}.metadata.labels")
    yield from validate_labels(_texts_only(metadata.get("labels")), f"{path}.metadata.labels")
    annotations = _texts_only(metadata.get("annotations"))
    yield from _texts(metadata.get("annotations"), f"{path}.metadata.annotations")
    yield from validate_annotations(annotations, f"{path}.metadata.annotations")
    spec = _mapping(template.get("spec"))
    here = f"{path}.spec"
    if spec.get("restartPolicy", "Always") != "Always":
        yield FieldProblem(f"{here}.restartPolicy", "must be Always: these pods do not end")
    if spec.get("activeDeadlineSeconds") is not None:
        yield FieldProblem(
            f"{here}.activeDeadlineSeconds", "must not be set: these pods do not end"
        )
    if not _list(spec.get("containers")):
        yield FieldProblem(f"{here}.containers", "is empty; a pod needs at least one container")
    volumes = {_mapping(volume).get("name") for volume in _list(spec.get("volumes"))}
    yield from _containers(spec, here, volumes)


def _containers(spec: Mapping[str, Any], path: str, volumes: set[Any]) -> Iterator[FieldProblem]:
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
    container: Mapping[str, Any], path: str, volumes: set[Any]
) -> Iterator[FieldProblem]:
    image = container.get("image")
    if not isinstance(image, str) or not image:
        yield FieldProblem(f"{path}.image", "is missing")
    elif image != image.strip():
        yield FieldProblem(f"{path}.image", f"{image!r} begins or ends with a space")
    for index, port in enumerate(_list(container.get("ports"))):
        number = _mapping(port).get("containerPort")
        if not isinstance(number, int) or not 1 <= number <= 65535:
            yield FieldProblem(f"{path}.ports[{index}].containerPort", "must be 1 to 65535")
    for index, mount in enumerate(_list(container.get("volumeMounts"))):
        name = _mapping(mount).get("name")
        if name not in volumes:
            yield FieldProblem(
                f"{path}.volumeMounts[{index}].name", f"no volume is called {name!r}"
            )
    yield from _resources(_mapping(container.get("resources")), f"{path}.resources")


def _resources(resources: Mapping[str, Any], path: str) -> Iterator[FieldProblem]:
    amounts: dict[str, dict[str, Any]] = {"requests": {}, "limits": {}}
    for group, found in amounts.items():
        for name, value in _mapping(resources.get(group)).items():
            try:
                found[name] = parse_quantity(value)
            except ValueError as error:
                yield FieldProblem(f"{path}.{group}.{name}", str(error))
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
