"""Which files a volume of a pod holds: ConfigMaps, Secrets, fields of the pod. Pure.

What needs a disk of its own or another machine (hostPath, persistentVolumeClaim, csi ...) is
refused by name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from serinus.local.node.environment import Lookup, field_value, resource_value
from serinus.local.node.podspec import NodePod

Found = Mapping[Lookup, Mapping[str, bytes]]
Volume = Mapping[str, Any]
DEFAULT_MODE = 0o644
_PRIVATE = 0o700
"""What is left of the mode of a secret's file: nobody else on the machine may read it."""


@dataclass(frozen=True, slots=True)
class File:
    """One file, and its permission bits."""

    content: bytes
    mode: int


@dataclass(frozen=True, slots=True)
class Unavailable:
    """Why a volume cannot be had, in the kubelet's words where it has some."""

    message: str


class _Missing(Exception):
    """Something that a volume refers to is not there."""


def volume_type(volume: Volume) -> str:
    """`configMap`, `secret`, `emptyDir` ...; empty text (as the API has it) is an emptyDir."""
    return next((key for key in volume if key != "name"), "emptyDir")


def volume_lookups(pod: NodePod) -> Iterator[Lookup]:
    """The ConfigMaps and Secrets that the volumes of a pod are made of."""
    for volume in pod.spec.volumes:
        kind = volume_type(volume)
        source = volume.get(kind) or {}
        parts = source.get("sources") or () if kind == "projected" else ({kind: source},)
        for part in parts:
            if "configMap" in part:
                yield "ConfigMap", _name(part["configMap"])
            if "secret" in part:
                yield "Secret", _name(part["secret"])


def volume_files(
    pod: NodePod, volume: Volume, found: Found, capacity: Mapping[str, str]
) -> Mapping[str, File] | Unavailable | None:
    """The files by their paths; None for a volume that is written to (emptyDir)."""
    kind = volume_type(volume)
    source = volume.get(kind) or {}
    if kind == "emptyDir":
        return None
    if kind not in ("configMap", "secret", "downwardAPI", "projected"):
        return Unavailable(
            f"{kind} volumes are not supported on this node; "
            "use configMap, secret, emptyDir, downwardAPI or projected"
        )
    parts = source.get("sources") or () if kind == "projected" else ({kind: source},)
    mode = source.get("defaultMode", DEFAULT_MODE)
    files: dict[str, File] = {}
    try:
        for part in parts:
            files |= _part(pod, part, mode, found, capacity)
    except _Missing as missing:
        return Unavailable(str(missing))
    return files


def _part(
    pod: NodePod, part: Mapping[str, Any], mode: int, found: Found, capacity: Mapping[str, str]
) -> dict[str, File]:
    ((kind, source),) = part.items()
    match kind:
        case "configMap":
            return _object_files("ConfigMap", source, mode, found)
        case "secret":
            made = _object_files("Secret", source, mode, found)
            return {path: File(file.content, file.mode & _PRIVATE) for path, file in made.items()}
        case "downwardAPI":
            return {
                _path(item): File(_field(pod, item, capacity), item.get("mode", mode))
                for item in source.get("items") or ()
            }
    raise _Missing(
        f"{kind} is not supported in a projected volume on this node; "
        "use configMap, secret or downwardAPI"
    )


def _object_files(kind: str, source: Mapping[str, Any], mode: int, found: Found) -> dict[str, File]:
    name, optional = _name(source), bool(source.get("optional"))
    held = found.get((kind, name))
    if held is None:
        if optional:
            return {}
        raise _Missing(f'{kind.lower()} "{name}" not found')
    items = source.get("items")
    if items is None:
        return {key: File(content, mode) for key, content in held.items()}
    files = {}
    for item in items:
        if item.get("key") in held:
            files[_path(item)] = File(held[item["key"]], item.get("mode", mode))
        elif not optional:
            raise _Missing(f"{kind.lower()} references non-existent config key: {item.get('key')}")
    return files


def _field(pod: NodePod, item: Mapping[str, Any], capacity: Mapping[str, str]) -> bytes:
    if "resourceFieldRef" in item:
        asked = item["resourceFieldRef"]
        divisor = str(asked.get("divisor") or "")
        name = asked.get("containerName", "")
        spec = next((c for c in pod.spec.all_containers() if c.name == name), None)
        resource = asked.get("resource", "")
        value = resource_value(spec, resource, divisor, capacity) if spec else None
        if value is None:
            raise _Missing(f"resourceFieldRef {asked.get('resource')!r} of container {name!r}")
        return value.encode()
    path = (item.get("fieldRef") or {}).get("fieldPath", "")
    whole = {
        "metadata.labels": pod.metadata.labels,
        "metadata.annotations": pod.metadata.annotations,
    }
    if path in whole:
        return "\n".join(
            f'{key}="{_quoted(text)}"' for key, text in sorted(whole[path].items())
        ).encode()
    text = field_value(pod, path)
    if text is None:
        raise _Missing(f"fieldRef {path!r} is not a field of pods")
    return text.encode()


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _name(source: Mapping[str, Any]) -> str:
    """Quirk: a secret volume says `secretName`, everything else `name`."""
    return str(source.get("secretName") or source.get("name") or "")


def _path(item: Mapping[str, Any]) -> str:
    path = PurePosixPath(str(item.get("path", "")))
    if path.is_absolute() or ".." in path.parts or not path.parts:
        raise _Missing(f"path {str(path)!r} must be relative and without '..'")
    return str(path)
