"""Rollouts that were there and are gone: the last event of each.

Remembers who was seen, in memory only: one that goes while nobody looks goes without a word.
"""

from __future__ import annotations

from collections.abc import Callable

from serinus.api.kubernetes import ObjectMeta
from serinus.control.looking.interest import Key
from serinus.control.telling.announcer import Announcer
from serinus.control.writing.manifests import reference


class Deletions:
    """`exists` says whether an object of that key is still there."""

    def __init__(self, announcer: Announcer, exists: Callable[[Key], bool]) -> None:
        self._announcer, self._exists = announcer, exists
        self._seen: dict[Key, ObjectMeta] = {}

    def saw(self, key: Key, metadata: ObjectMeta) -> None:
        """It is there; one of the same name and another uid took the place of one that is gone."""
        before = self._seen.get(key)
        if before is not None and before.uid != metadata.uid:
            self._tell(before)
        self._seen[key] = metadata

    def missed(self, key: Key) -> None:
        """It is not looked at any more; told once, when it has really gone."""
        if key in self._seen and not self._exists(key):
            self._tell(self._seen.pop(key))

    def forget(self, key: Key) -> None:
        """It is not ours any more, and not gone."""
        self._seen.pop(key, None)

    def _tell(self, metadata: ObjectMeta) -> None:
        """Quirk: the original names the name before the namespace."""
        text = f"Rollout {metadata.name}/{metadata.namespace} is deleted."
        about = reference("Rollout", metadata)
        self._announcer.tell(about, "Normal", "RolloutDeleted", text)
