"""What a container's process is given: environment and command. Pure.

The rules are the API's: `$(NAME)` in values, command and args is filled in from the environment,
`$$(NAME)` stands for the text itself, an unknown name is left as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from serinus.local.images import Program
from serinus.local.podspec import EnvSource, KeyRef, NodeContainer, NodePod, ObjectRef

HOST = "127.0.0.1"
_REFERENCE = re.compile(r"\$\$|\$\(([A-Za-z_.-][A-Za-z0-9_.-]*)\)")
_SUBSCRIPT = re.compile(r"metadata\.(labels|annotations)\['([^']+)'\]")

Lookup = tuple[str, str]
"""The kind (`ConfigMap` or `Secret`) and name of an object in the pod's namespace."""


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
    port: int,
    base: Mapping[str, str],
    found: Mapping[Lookup, Mapping[str, str]],
) -> Environment:
    """The container's variables over `base`; `found` holds the objects that exist.

    HOST, PORT and the pod's names win over the manifest: on one machine every pod has a port of
    its own, whatever `PORT` its author had in mind.
    """
    problems: list[str] = []
    variables = dict(base)
    for source in container.env_from:
        pairs = (("ConfigMap", source.config_map_ref), ("Secret", source.secret_ref))
        for kind, reference in pairs:
            if reference is not None:
                held = _held(kind, reference, found, problems)
                variables |= {source.prefix + key: value for key, value in held.items()}
    for variable in container.env:
        if variable.value_from is None:
            variables[variable.name] = expanded(variable.value, variables)
        else:
            value = _value_from(pod, variable.value_from, found, problems)
            if value is not None:
                variables[variable.name] = value
    fixed = {
        "HOST": HOST,
        **_ports(pod, container, port),
        "POD_NAME": pod.metadata.name,
        "POD_NAMESPACE": pod.metadata.namespace,
        "HOSTNAME": pod.metadata.name,
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
    container: NodeContainer, program: Program, variables: Mapping[str, str]
) -> tuple[str, ...]:
    """What is executed: the container's command, else the image's, and the args behind it."""
    words = (*(container.command or program.command), *container.args)
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
    }
    return plain.get(path)


def _value_from(
    pod: NodePod,
    source: EnvSource,
    found: Mapping[Lookup, Mapping[str, str]],
    problems: list[str],
) -> str | None:
    if source.field_ref is not None:
        value = field_value(pod, source.field_ref.field_path)
        if value is None:
            problems.append(f"fieldRef {source.field_ref.field_path!r} is not a field of pods")
        return value
    for kind, reference in (
        ("ConfigMap", source.config_map_key_ref),
        ("Secret", source.secret_key_ref),
    ):
        if reference is not None:
            return _key(kind, reference, found, problems)
    problems.append("resourceFieldRef is not supported on this node; write the value itself")
    return None


def _key(
    kind: str, reference: KeyRef, found: Mapping[Lookup, Mapping[str, str]], problems: list[str]
) -> str | None:
    whole = ObjectRef(name=reference.name, optional=reference.optional)
    held = _held(kind, whole, found, problems)
    if reference.key in held:
        return held[reference.key]
    if not reference.optional and (kind, reference.name) in found:
        problems.append(f'couldn\'t find key {reference.key} in {kind} "{reference.name}"')
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
