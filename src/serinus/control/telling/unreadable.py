"""Objects of which nothing can be made: the reason goes into the status of that one object.

Everything else waits until somebody mends it. Works on plain data: there is nothing typed to hold.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from serinus.api.analysis import AnalysisRun, AnalysisRunStatus
from serinus.api.findings import describe
from serinus.api.kubernetes import ObjectMeta
from serinus.api.reading import read
from serinus.api.validation.check import KINDS
from serinus.base.clock import Clock
from serinus.control.looking.interest import Key
from serinus.core.analysis.assess import COMPLETED
from serinus.core.analysis.judge import ERROR
from serinus.kube.client import Client
from serinus.kube.errors import NotFound
from serinus.kube.informer import Informer
from serinus.kube.objects import Unreadable

Say = Callable[[Mapping[str, Any], str, datetime], dict[str, Any]]
"""The status patch for a document, an error and an instant; {} if it is said already."""


class UnreadableObjects:
    """Those of one kind, as its informer finds them."""

    def __init__(
        self, client: Client, informer: Informer[Any], clock: Clock, say: Say, subresource: str = ""
    ) -> None:
        self._client, self._informer, self._clock = client, informer, clock
        self._say, self._subresource = say, subresource

    async def told(self, key: Key) -> bool:
        """Whether the object is unreadable now; then its status says so. May raise ApiError."""
        found = self._informer.unreadable.get(key)
        if found is None:
            return False
        await self.tell(key, found.error)
        return True

    async def tell(self, key: Key, error: str) -> None:
        """Writes the reason into the status, unless it is there or the object is going."""
        resource, (namespace, name) = self._informer.resource, key
        try:
            document = await self._client.get(resource, name, namespace)
        except NotFound:
            return
        metadata = document["metadata"]
        said = self._say(document, _every_misfit(document) or error, self._clock.now())
        if not said or metadata.get("deletionTimestamp"):
            return
        patch = {"metadata": {"resourceVersion": metadata["resourceVersion"]}, "status": said}
        made = await self._client.patch(
            resource, name, patch, namespace, subresource=self._subresource or None
        )
        self._informer.expect(made)


def _every_misfit(document: Mapping[str, Any]) -> str:
    """All that does not fit, with its field; a decoder stops at the first. "" if nothing helps."""
    kind = KINDS.get(str(document.get("kind")))
    try:
        return describe(read(kind, document).findings.errors) if kind is not None else ""
    except ValueError:
        return ""


def invalid_spec(document: Mapping[str, Any], error: str, now: datetime) -> dict[str, Any]:
    """For a Rollout: phase Degraded and the condition InvalidSpec; other conditions stay."""
    name = document["metadata"]["name"]
    message = f'The Rollout "{name}" is invalid: it cannot be read: {error}'
    status = _mapping(document.get("status"))
    conditions = status.get("conditions")
    old = [c for c in conditions if isinstance(c, dict)] if isinstance(conditions, list) else []
    if any(c.get("type") == "InvalidSpec" and c.get("message") == message for c in old):
        return {}
    instant = f"{now:%Y-%m-%dT%H:%M:%SZ}"
    condition = {
        "type": "InvalidSpec",
        "status": "True",
        "reason": "InvalidSpec",
        "message": message,
        "lastTransitionTime": instant,
        "lastUpdateTime": instant,
    }
    return {
        "phase": "Degraded",
        "message": f"InvalidSpec: {message}",
        "conditions": [*(c for c in old if c.get("type") != "InvalidSpec"), condition],
    }


def run_error(document: Mapping[str, Any], error: str, now: datetime) -> dict[str, Any]:
    """For an AnalysisRun: it ends with phase Error, unless it has ended."""
    if _mapping(document.get("status")).get("phase") in COMPLETED:
        return {}
    return {
        "phase": ERROR,
        "message": f"the run cannot be read: {error}",
        "completedAt": f"{now:%Y-%m-%dT%H:%M:%SZ}",
    }


def stand_in(found: Unreadable) -> AnalysisRun:
    """What takes the place of an unreadable run for whoever waits for its verdict."""
    metadata = ObjectMeta(
        namespace=found.namespace,
        name=found.name,
        uid=found.uid,
        resource_version=found.resource_version,
    )
    status = AnalysisRunStatus(phase=ERROR, message=f"the run cannot be read: {found.error}")
    return AnalysisRun(metadata=metadata, status=status)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
