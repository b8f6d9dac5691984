"""What a container's process is given: environment and command. Pure.

The rules are the API's: `$(NAME)` in values, command and args is filled in from the environment,
`$$(NAME)` stands for the text itself, an unknown name is left as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import ceil

from serinus.base.quantity import parse_quantity
from serinus.local.node.images import Program
from serinus.local.node.mounts import Mounts
from serinus.local.node.podspec import (
    EnvSource,
    KeyRef,
    NodeContainer,
    NodePod,
    ObjectRef,
    ResourceFieldRef,
)

HOST = "127.0.0.1"
_REFERENCE = re.compile(r"\$\$|\$\(([A-Za-z_.-][A-Za-z0-9_.-]*)\)")
_SUBSCRIPT = re.compile(r"metadata\.(labels|annotations)\['([^']+)'\]")

Lookup = tuple[str, str]
"""The kind (`ConfigMap` or `Secret`) and name of an object in the pod's namespace."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the node gives to a container: `port` for PORT, variables below and above its own.

    `capacity` is what stands for a limit that is not set: `cpu`, `memory`.
    """

    port: int
    base: Mapping[str, str]
    mounts: Mounts
    capacity: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Environment:
    """The variables, and what keeps the container from being created (never a secret's value)."""

    variables: Mapping[str, str]
    problems: tuple[str, ...]


def lookups(container: NodeContainer) -> Iterator[Lookup]:
    """The ConfigMaps and Secrets that a container's environment is read from."""
    for source in container.env_from:
        if source.config_map_ref:
            yield "ConfigMap", source.config_map_ref.name
        if source.secret_ref:
            yield "Secret", source.secret_ref.name
    for variable in container.env:
        if variable.value_from and variable.value_from.config_map_key_ref:
            yield "ConfigMap", variable.value_from.config_map_key_ref.name
        if variable.value_from and variable.value_from.secret_key_ref:
            yield "Secret", variable.value_from.secret_key_ref.name


def environment(
    pod: NodePod,
    container: NodeContainer,
    given: Surroundings,
    found: Mapping[Lookup, Mapping[str, str]],
) -> Environment:
    """The container's variables over the node's; `found` holds the objects that exist.

    HOST, PORT and the pod's names win over the manifest: on one machine every pod has ports of
    its own, whatever `PORT` its author had in mind. Mount paths become real ones, but for Secrets.
    """
    problems: list[str] = []
    variables = dict(given.base)
    for source in container.env_from:
        pairs = (("ConfigMap", source.config_map_ref), ("Secret", source.secret_ref))
        for kind, reference in pairs:
            if reference is not None:
                held = _held(kind, reference, found, problems)
                variables |= {
                    source.prefix + key: value if kind == "Secret" else given.mounts.real(value)
                    for key, value in held.items()
                }
    for variable in container.env:
        if variable.value_from is None:
            variables[variable.name] = expanded(given.mounts.real(variable.value), variables)
        else:
            reader = _Reader(pod, container, given, found, problems)
            value = reader.value(variable.value_from)
            if value is not None:
                variables[variable.name] = value
    fixed = {
        "HOST": HOST,
        **_ports(pod, container, given.port),
        "POD_NAME": pod.metadata.name,
        "POD_NAMESPACE": pod.metadata.namespace,
        "HOSTNAME": pod.metadata.name,
        **given.mounts.variables,
    }
    return Environment(variables | fixed, tuple(problems))


def _ports(pod: NodePod, container: NodeContainer, port: int) -> dict[str, str]:
    """PORT and PORTS (the container's own), and where each declared port of the pod really is."""
    own = [served for declared in container.ports if (served := pod.served(declared)) is not None]
    named = {}
    for declared in pod.spec.declared_ports():
        if (served := pod.served(declared)) is not None:
            for name in (str(declared.container_port), declared.name):
                if name:
                    named[f"PORT_{name.upper().replace('-', '_')}"] = str(served)
    ports = ",".join(map(str, own)) or str(port)
    return named | {"PORT": str(port), "PORTS": ports}


def command_line(
    container: NodeContainer, program: Program, mounts: Mounts, variables: Mapping[str, str]
) -> tuple[str, ...]:
    """What is executed: the container's command, else the image's, and the args behind it."""
    own = [*map(mounts.real, container.command)] or program.command
    words = (*own, *map(mounts.real, container.args))
    return tuple(expanded(word, variables) for word in words)


def expanded(text: str, variables: Mapping[str, str]) -> str:
    """`text` with `$(NAME)` filled in."""

    def fill(match: re.Match[str]) -> str:
        return "$" if match[0] == "$$" else variables.get(match[1], match[0])

    return _REFERENCE.sub(fill, text)


def field_value(pod: NodePod, path: str) -> str | None:
    """The field of a pod that a fieldRef names; None if it cannot be referred to."""
    subscript = _SUBSCRIPT.fullmatch(path)
    if subscript:
        held = pod.metadata.labels if subscript[1] == "labels" else pod.metadata.annotations
        return held.get(subscript[2], "")
    plain = {
        "metadata.name": pod.metadata.name,
        "metadata.namespace": pod.metadata.namespace,
        "metadata.uid": pod.metadata.uid,
        "spec.nodeName": pod.spec.node_name,
        "spec.serviceAccountName": pod.spec.service_account_name,
        "status.podIP": HOST,
        "status.podIPs": HOST,
        "status.hostIP": HOST,
        "status.hostIPs": HOST,
    }
    return plain.get(path)


def resource_value(
    container: NodeContainer, resource: str, divisor: str, capacity: Mapping[str, str]
) -> str | None:
    """A limit or request in units of `divisor`, rounded up; None if there is no such field.

    A limit that is not set is the whole machine's; a request that is not set is the limit, or 0.
    """
    kind, _, name = resource.partition(".")
    if kind not in ("limits", "requests") or name not in capacity:
        return None
    limits, requests = container.resources.limits, container.resources.requests
    default: str | int | float = capacity[name] if kind == "limits" else 0
    amount = (
        limits.get(name, default)
        if kind == "limits"
        else requests.get(name, limits.get(name, default))
    )
    unit = parse_quantity(divisor) if divisor not in ("", "0") else 1
    return str(ceil(parse_quantity(amount) / unit))


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads what `valueFrom` refers to, and notes what is missing."""

    pod: NodePod
    container: NodeContainer
    given: Surroundings
    found: Mapping[Lookup, Mapping[str, str]]
    problems: list[str]

    def value(self, source: EnvSource) -> str | None:
        if source.field_ref is not None:
            value = field_value(self.pod, source.field_ref.field_path)
            if value is None:
                path = source.field_ref.field_path
                self.problems.append(f"fieldRef {path!r} is not a field of pods")
            return value
        if source.resource_field_ref is not None:
            return self._resource(source.resource_field_ref)
        if source.config_map_key_ref is not None:
            held = self._key("ConfigMap", source.config_map_key_ref)
            return held if held is None else self.given.mounts.real(held)
        if source.secret_key_ref is not None:
            return self._key("Secret", source.secret_key_ref)
        self.problems.append(
            "valueFrom: say one of fieldRef, resourceFieldRef, configMapKeyRef, secretKeyRef"
        )
        return None

    def _resource(self, asked: ResourceFieldRef) -> str | None:
        name = asked.container_name or self.container.name
        spec = next((c for c in self.pod.spec.all_containers() if c.name == name), None)
        divisor = str(asked.divisor)
        capacity = self.given.capacity
        value = resource_value(spec, asked.resource, divisor, capacity) if spec else None
        if value is None:
            self.problems.append(f"resourceFieldRef {asked.resource!r} of container {name!r}")
        return value

    def _key(self, kind: str, reference: KeyRef) -> str | None:
        whole = ObjectRef(name=reference.name, optional=reference.optional)
        held = _held(kind, whole, self.found, self.problems)
        if reference.key in held:
            return held[reference.key]
        if not reference.optional and (kind, reference.name) in self.found:
            where = f"{kind} {self.pod.metadata.namespace}/{reference.name}"
            self.problems.append(f"couldn't find key {reference.key} in {where}")
        return None


def _held(
    kind: str,
    reference: ObjectRef,
    found: Mapping[Lookup, Mapping[str, str]],
    problems: list[str],
) -> Mapping[str, str]:
    held = found.get((kind, reference.name))
    if held is None and not reference.optional:
        problems.append(f'{kind.lower()} "{reference.name}" not found')
    return held or {}
