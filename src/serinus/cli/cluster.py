"""The cluster that a command talks to: found by kubeconfig, asked through the light door.

Turns what an API server refuses into sentences that say what to do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

import click
import msgspec

from serinus.api.analysis import AnalysisRun
from serinus.api.argo import Rollout
from serinus.api.experiment import Experiment
from serinus.api.kubernetes import Pod, ReplicaSet
from serinus.base.errors import SerinusError
from serinus.cli.connecting import connected
from serinus.cli.door import Door
from serinus.control.kinds import ANALYSIS_RUNS, EXPERIMENTS, ROLLOUTS
from serinus.kube.auth import Connection
from serinus.kube.errors import ApiError, Conflict, Forbidden, Invalid, NotFound, Unauthorized
from serinus.kube.resource import DEPLOYMENTS, PODS, REPLICASETS, Resource
from serinus.present.family import Family, Relatives, Trial, family_of, trial_of

if TYPE_CHECKING:
    from serinus.core.rollout.commands import Edit

T = TypeVar("T")
TRIES_ON_CONFLICT = 5
WORKLOADS = {
    "Deployment": (DEPLOYMENTS, "/spec/template"),
    "ReplicaSet": (REPLICASETS, "/spec/template"),
    "PodTemplate": (Resource("", "v1", "podtemplates", "PodTemplate"), "/template"),
}
"""What a workloadRef may name, and where its pod template is."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """A door and the namespace to look in."""

    connection: Connection
    door: Door
    namespace: str

    def rollout(self, name: str) -> Rollout:
        """The Rollout; raises SerinusError that names its nearest namesakes."""
        try:
            return self.door.get(ROLLOUTS, self.namespace, name, Rollout)
        except NotFound as error:
            raise self._not_found(name, error) from error

    def family(self, name: str) -> Family:
        """The Rollout and all that belongs to it: one small request a kind."""
        rollout = self.rollout(name)
        selector = rollout.spec.selector
        labels = ",".join(
            f"{k}={v}" for k, v in (selector.match_labels if selector else {}).items()
        )
        experiments = self.door.list(EXPERIMENTS, self.namespace, Experiment)
        # The pods of an experiment may carry other labels than those of the release.
        return family_of(rollout, self._relatives("" if experiments else labels, experiments))

    def trial(self, name: str) -> Trial:
        """The Experiment and all that belongs to it; raises NotFound."""
        found = self.door.get(EXPERIMENTS, self.namespace, name, Experiment)
        return trial_of(found, self._relatives())

    def _relatives(self, labels: str = "", experiments: tuple[Experiment, ...] = ()) -> Relatives:
        return Relatives(
            self.door.list(REPLICASETS, self.namespace, ReplicaSet, labels),
            self.door.list(PODS, self.namespace, Pod, labels),
            self.door.list(ANALYSIS_RUNS, self.namespace, AnalysisRun),
            experiments,
        )

    def change(self, name: str, command: Callable[[Rollout], tuple[Edit, ...]]) -> bool:
        """Read, ask the command, patch; again if the object changed meanwhile. False: no effect."""
        for attempt in range(1, TRIES_ON_CONFLICT + 1):
            rollout = self.rollout(name)
            edits = command(rollout)
            try:
                for edit in edits:
                    self.apply(ROLLOUTS, name, edit)
            except (Conflict, Invalid) as error:
                moved = isinstance(error, Conflict) or any(edit.kind == "json" for edit in edits)
                if not moved or attempt == TRIES_ON_CONFLICT:
                    raise
            else:
                return bool(edits)
        raise AssertionError("unreachable: the last attempt returns or raises")

    def apply(self, resource: Resource, name: str, edit: Edit) -> None:
        """Send one patch."""
        path = resource.path(self.namespace, name, edit.subresource or None)
        self.door.patch(path, edit.patch, edit.kind)

    def plain(self, resource: Resource, name: str) -> dict[str, Any]:
        """An object as it came; raises SerinusError if there is none."""
        try:
            return self.door.get(resource, self.namespace, name, dict)
        except NotFound as error:
            raise SerinusError(
                f"there is no {resource.kind} {name!r} in namespace {self.namespace!r}; "
                "another namespace is named with -n"
            ) from error

    def now(self) -> datetime:
        """The server's time at its last answer: its clock may run faster than ours."""
        if self.door.date is not None:
            return self.door.date
        from serinus.base.clock import Clock  # brings asyncio, a third of a short command's start

        return Clock().now()

    def _not_found(self, name: str, error: NotFound) -> SerinusError:
        if not error.details.get("name"):
            return SerinusError(
                "this cluster does not know Rollouts; install their CRDs, or run `serinus up`"
            )
        known: tuple[Rollout, ...] = ()
        with suppress(ApiError):
            known = self.door.list(ROLLOUTS, None, Rollout)
        return SerinusError(
            f"there is no rollout {name!r} in namespace {self.namespace!r}"
            + _hint(name, self.namespace, known)
        )


@contextmanager
def reach(namespace: str | None, context: str | None, kubeconfig: str | None) -> Iterator[Cluster]:
    """The cluster of these options, or of those given before the command's name."""
    given = click.get_current_context().find_root().obj or {}
    kubeconfig = kubeconfig or given.get("kubeconfig")
    connection = connected(kubeconfig, context or given.get("context"))
    door = Door(connection)
    try:
        yield Cluster(connection, door, namespace or given.get("namespace") or connection.namespace)
    except Unauthorized as error:
        raise SerinusError(
            "the cluster does not accept the credentials of this context; log in again, "
            "or choose another one with --context"
        ) from error
    except Forbidden as error:
        raise SerinusError(f"not allowed: {error.message}") from error
    finally:
        door.close()


def _hint(name: str, namespace: str, known: tuple[Rollout, ...]) -> str:
    from difflib import get_close_matches

    elsewhere = [r.metadata.namespace for r in known if r.metadata.name == name]
    if elsewhere:
        return f"; there is one in {', '.join(sorted(elsewhere))}: add -n {elsewhere[0]}"
    here = sorted(r.metadata.name for r in known if r.metadata.namespace == namespace)
    near = get_close_matches(name, here, n=3, cutoff=0.5)
    if near:
        return f"; did you mean {' or '.join(near)}?"
    if here:
        return f"; there are: {', '.join(here[:10])}"
    others = sorted({r.metadata.namespace for r in known})
    return f", nor any other; there are some in: {', '.join(others[:10])}" if others else ""


def raw_template(rollout: Rollout) -> dict[str, Any]:
    """The Rollout's own pod template as plain data; empty if it has none."""
    template: dict[str, Any] = msgspec.json.decode(bytes(rollout.spec.template) or b"{}")
    return template
