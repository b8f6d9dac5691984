"""Tells of fields of ours that the cluster's definitions drop: in the log, in numbers, and on every
object whose author wrote one.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from serinus.api.extensions import pruned_by, wished
from serinus.control.analysis.reconciler import Events
from serinus.control.counting.telemetry import Telemetry
from serinus.control.looking.caches import Caches
from serinus.control.writing.manifests import reference
from serinus.kube.client import Client
from serinus.kube.errors import ApiError, NotFound
from serinus.kube.informer import Informer
from serinus.kube.resource import CRDS

_log = logging.getLogger("serinus.controller")
REASON = "FieldsPruned"


def _watched(caches: Caches) -> tuple[Informer[Any], ...]:
    return (caches.rollouts, caches.templates, caches.cluster_templates, caches.runs)


class PrunedFields:
    """Looks at the definitions once, when the controller starts; then at the objects' notes."""

    def __init__(
        self, client: Client, caches: Caches, events: Events, telemetry: Telemetry
    ) -> None:
        self._client, self._caches = client, caches
        self._events, self._telemetry = events, telemetry
        self._told: dict[str, tuple[str, ...]] = {}

    async def look(self) -> None:
        """Ends when the definitions were seen, or cannot be: then it says so and no more."""
        caches = self._caches
        for informer in _watched(caches):
            name = informer.resource.full_name
            try:
                fields = pruned_by(await self._client.get(CRDS, name))
            except NotFound:
                continue  # whoever needs the kind says that it is not there
            except ApiError as error:
                _log.info("whether fields are pruned is not known: %s", error)
                return
            self._telemetry.pruned(name, fields)
            if fields:
                _log.warning(
                    "the cluster prunes fields of ours: replace its CustomResourceDefinition",
                    extra={"kind": name, "fields": list(fields)},
                )
                self._watch(informer, fields)

    def _watch(self, informer: Informer[Any], fields: tuple[str, ...]) -> None:
        kind = informer.resource.kind

        def changed(old: Any, new: Any) -> None:
            if new is None:
                self._told.pop(old.metadata.uid, None)
            else:
                self._tell(kind, new, fields)

        informer.on_change(changed)
        for item in informer.store.all():
            self._tell(kind, item, fields)

    def _tell(self, kind: str, item: Any, fields: tuple[str, ...]) -> None:
        """An event, once for what the author wrote."""
        metadata = item.metadata
        annotations: Mapping[str, str] = metadata.annotations
        found = wished(annotations, fields)
        if found and self._told.get(metadata.uid) != found:
            message = (
                f"{', '.join(found)}: written, but dropped by the cluster's definition of {kind}; "
                "install that of Serinus and apply the object again"
            )
            self._events.tell(reference(kind, metadata), "Warning", REASON, message)
        self._told[metadata.uid] = found
