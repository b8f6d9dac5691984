"""What is to be executed for a container: its image, environment, mounts and command, or why not.

Nothing runs here. The reasons and their words are the kubelet's where it has some.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

from serinus.base.clock import Clock
from serinus.local.machine.ports import Ports, is_free
from serinus.local.machine.processes import Processes
from serinus.local.node.asking import unsupported_probes
from serinus.local.node.environment import (
    Lookup,
    Surroundings,
    command_line,
    environment,
    expanded,
    lookups,
)
from serinus.local.node.images import ImageTable, Program, Refused, sample_command
from serinus.local.node.logs import Logs
from serinus.local.node.mounts import Mounts
from serinus.local.node.podfolder import PodFolder
from serinus.local.node.podspec import NodeContainer, NodePod
from serinus.local.node.podstatus import Waiting
from serinus.local.node.volumes import Unavailable

CONFIG_ERROR, CREATE_ERROR = "CreateContainerConfigError", "CreateContainerError"
_NOTHING_TO_DO = "this image is not mapped to a program, so there is nothing to do before the start"
LookUp = Callable[[str, Iterable[Lookup]], Awaitable[Mapping[Lookup, Mapping[str, bytes]]]]


class Report(Protocol):
    """Makes an event about a pod; `field` names the part of it that is meant."""

    def __call__(
        self, pod: NodePod, type_: str, reason: str, message: str, field: str = ""
    ) -> None: ...


@dataclass(frozen=True, slots=True)
class Equipment:
    """What every container on the node shares.

    Processes work in `folder`, with `base_env` beside their own variables; `pods_folder` holds
    the volumes. `look_up` reads ConfigMaps and Secrets of a namespace. `capacity` is the
    machine's: what stands for a limit that is not set.
    """

    clock: Clock
    processes: Processes
    images: ImageTable
    logs: Logs
    ports: Ports
    folder: Path
    pods_folder: Path
    base_env: Mapping[str, str]
    capacity: Mapping[str, str]
    look_up: LookUp
    report: Report


@dataclass(frozen=True, slots=True)
class Prepared:
    """What to execute, and with what around it."""

    command: tuple[str, ...]
    variables: Mapping[str, str]
    folder: Path
    mounts: Mounts
    opens_port: bool
    notice: str = ""


@dataclass(frozen=True, slots=True)
class Wanted:
    """One container of a pod that is to start; `port` goes into PORT."""

    pod: NodePod
    spec: NodeContainer
    port: int
    is_init: bool


async def prepared(equipment: Equipment, folder: PodFolder, wanted: Wanted) -> Prepared | Waiting:
    """The command to execute with all around it, or why there is none."""
    pod, spec = wanted.pod, wanted.spec
    program = equipment.images.program(spec.image)
    if isinstance(program, Refused):
        return Waiting(program.reason, program.message)
    problem = unsupported_probes(spec)
    if problem:
        return Waiting(CONFIG_ERROR, problem)
    if not is_free(wanted.port):
        return Waiting(CREATE_ERROR, f"port {wanted.port} is taken by another process")
    found = await equipment.look_up(pod.metadata.namespace, set(lookups(spec)))
    texts = {
        key: {name: value.decode(errors="replace") for name, value in held.items()}
        for key, held in found.items()
    }
    base = dict(equipment.base_env) | dict(program.env)

    def around(mounts: Mounts) -> Surroundings:
        return Surroundings(wanted.port, base, mounts, equipment.capacity)

    # a subPathExpr is filled in from the environment, and the environment tells where mounts are
    plain = environment(pod, spec, around(Mounts({}, {})), texts).variables
    mounts = folder.mounts(pod, spec, partial(expanded, variables=plain))
    if isinstance(mounts, Unavailable):
        return Waiting(CONFIG_ERROR, mounts.message)
    made = environment(pod, spec, around(mounts), texts)
    if made.problems:
        return Waiting(CONFIG_ERROR, "; ".join(made.problems))
    where = folder.working_folder(spec, mounts, equipment.folder)
    return _with_command(wanted, program, Prepared((), made.variables, where, mounts, False))


def _with_command(wanted: Wanted, program: Program, around: Prepared) -> Prepared | Waiting:
    spec, notice = wanted.spec, ""
    command = command_line(spec, program, around.mounts, around.variables)
    if not command:
        message = f"no command: the image table runs {spec.image} by its own command only"
        return Waiting(CREATE_ERROR, message)
    is_sample = program.sample and not spec.command
    path = around.variables.get("PATH")
    if program.sample and spec.command and shutil.which(command[0], path=path) is None:
        notice = (
            f"{command[0]} is not on this machine, so the sample service runs instead of it; "
            f"map {spec.image} to a program in a file for --images"
        )
        is_sample, command = True, sample_command()
    is_plain_init = wanted.is_init and not spec.is_sidecar()
    if is_sample and is_plain_init:
        # the sample service never ends, and the pod's containers wait for this one's end
        command = (sys.executable, "-I", "-S", "-c", f"print({_NOTHING_TO_DO!r})")
    opens = not is_plain_init and (is_sample or bool(spec.ports))
    return Prepared(command, around.variables, around.folder, around.mounts, opens, notice)
