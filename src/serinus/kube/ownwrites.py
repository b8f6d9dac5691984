"""What we wrote and the server's watch has not shown us yet.

A cache that is behind our own writes makes us write twice: create a second child, undo a patch.
Pure bookkeeping for one informer; knows no store.
"""

from __future__ import annotations

from dataclasses import dataclass

from serinus.kube.objects import Identity, Key, is_newer


@dataclass(frozen=True, slots=True)
class _Write:
    uid: str
    version: str
    ordinal: int


class OwnWrites:
    """Versions that we wrote, by key, and uids that we deleted.

    `ordinal` counts our writes: what a list shows that began after a write (its `mark` is later)
    is newer than that write, whatever its versions look like.
    """

    def __init__(self) -> None:
        self._ordinal = 0
        self._written: dict[Key, _Write] = {}
        self._deleted: dict[str, int] = {}

    def mark(self) -> int:
        """The moment at which a list begins."""
        return self._ordinal

    def wrote(self, who: Identity) -> None:
        """We were answered this version of the object."""
        known = self._written.get(who.key)
        if known is None or is_newer(who.resource_version, known.version) is not False:
            self._ordinal += 1
            self._written[who.key] = _Write(who.uid, who.resource_version, self._ordinal)

    def deleted(self, uid: str) -> None:
        """We were answered that the object with this uid is gone."""
        self._ordinal += 1
        self._deleted[uid] = self._ordinal

    def is_deleted(self, uid: str) -> bool:
        """Whether we know that this object is gone, though the server still shows it."""
        return uid in self._deleted

    def is_pending(self, key: Key, version: str | None = None) -> bool:
        """Whether a write to this object (that one, if given) has not been shown yet."""
        write = self._written.get(key)
        return write is not None and version in (None, write.version)

    def hides(self, who: Identity) -> bool:
        """Whether this version is older than one of ours, as far as versions can tell."""
        write = self._written.get(who.key)
        return write is not None and is_newer(write.version, who.resource_version) is True

    def shown(self, who: Identity) -> None:
        """The watch gave this version: writes up to it are no longer pending."""
        write = self._written.get(who.key)
        if write is None:
            return
        newer = is_newer(write.version, who.resource_version)
        same = write.version == who.resource_version
        if same or newer is False:
            del self._written[who.key]

    def shown_deleted(self, who: Identity) -> None:
        """The watch gave the end of this object."""
        self._deleted.pop(who.uid, None)
        write = self._written.get(who.key)
        if write is not None and write.uid == who.uid:
            del self._written[who.key]

    def listed(self, mark: int, version: str) -> None:
        """A list that began at `mark` is complete: what is older is shown or undone by it.

        It is the truth also about later writes that its own version has passed.
        """
        self._written = {
            key: write
            for key, write in self._written.items()
            if write.ordinal > mark and is_newer(write.version, version) is not False
        }
        self._deleted = {uid: at for uid, at in self._deleted.items() if at > mark}
