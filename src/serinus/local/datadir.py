"""A folder in which a cluster outlives its process: one owner at a time, readable for him alone.

Knows files and the clock's place in them, not what is stored. The folder may hold nothing else.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from serinus.base.clock import Clock
from serinus.base.errors import SerinusError
from serinus.local.apiserver.storing.storage import StorageError
from serinus.local.apiserver.storing.storage_sqlite import SqliteStorage

log = logging.getLogger(__name__)
STORE, LOCK, KUBECONFIG = "cluster.db", "lock", "kubeconfig"
READ_ONLY = "kubeconfig-readonly"
_BESIDE = ("-wal", "-shm", "-journal")
_CLOCK = "clock"
HEARTBEAT_SECONDS = 5.0
"""Wall time between two notes of the clock."""


@dataclass(frozen=True, slots=True)
class DataDir:
    """An open folder and the storage in it."""

    path: Path
    storage: SqliteStorage

    def earliest(self, wall: datetime) -> datetime | None:
        """What a clock must show at least, so that time does not run backwards; None: anything.

        `wall` is the wall's instant now. A clock was last seen at most two heartbeats after its
        note, unless it stood still.
        """
        text = self.storage.fact(_CLOCK)
        if text is None:
            return None
        noted = json.loads(text)
        passed = wall - datetime.fromisoformat(noted["wall"])
        ran_on = min(max(passed, timedelta()), timedelta(seconds=2 * HEARTBEAT_SECONDS))
        return datetime.fromisoformat(noted["instant"]) + ran_on * float(noted["speed"])

    async def note(self, clock: Clock) -> None:
        """Record what the clock shows now; a disk that is full is a warning, not an error."""
        instant = clock.now()
        wall = clock.began + (instant - clock.epoch) / clock.speed
        noted = {"instant": instant.isoformat(), "wall": wall.isoformat(), "speed": clock.speed}
        try:
            await self.storage.record(_CLOCK, json.dumps(noted))
        except StorageError as error:
            log.warning("the place of the clock was not noted: %s", error)

    async def keep_time(self, clock: Clock) -> None:
        """Note the clock again and again until cancelled."""
        while True:
            await self.note(clock)
            await clock.sleep_wall(HEARTBEAT_SECONDS)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """The folder is ours while the block runs; made (0700) if it is absent.

    Raises SerinusError if another process has it, or if it holds what is not a cluster.
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        strange = [item.name for item in path.iterdir()]
    except OSError as error:
        raise SerinusError(f"--data-dir {path}: {error.strerror or error}") from error
    if strange and STORE not in strange and LOCK not in strange:
        raise SerinusError(
            f"--data-dir {path} is not empty and holds no cluster; name a new or an empty folder"
        )
    path.chmod(0o700)
    handle = os.open(path / LOCK, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            owner = os.read(handle, 32).decode(errors="replace").strip() or "unknown"
            raise SerinusError(
                f"--data-dir {path} is in use by another `serinus up` (process {owner}); "
                "stop that one first, or name another folder"
            ) from error
        os.ftruncate(handle, 0)
        os.write(handle, f"{os.getpid()}\n".encode())
        yield
    finally:
        os.close(handle)


@contextmanager
def opened(path: Path) -> Iterator[DataDir]:
    """The storage of a folder that is locked; raises UnusableStore."""
    storage = SqliteStorage(path / STORE)
    try:
        yield DataDir(path, storage)
    finally:
        storage.close()
        for name in (KUBECONFIG, READ_ONLY):
            (path / name).unlink(missing_ok=True)


def contents(path: Path) -> str:
    """What a reset would remove, in words."""
    store = path / STORE
    if not store.exists():
        return "nothing: there is no cluster in it"
    try:
        with closing(sqlite3.connect(f"file:{store}?mode=ro", uri=True)) as sql:
            query = "SELECT count(*), count(DISTINCT namespace) FROM objects"
            objects, namespaces = sql.execute(query).fetchone()
    except sqlite3.Error as error:
        return f"{STORE}, which cannot be read ({error})"
    return f"{objects} objects in {namespaces} namespaces"


def reset(path: Path) -> None:
    """Remove the cluster from a folder that is locked; files of others stay."""
    for name in (STORE, *(STORE + suffix for suffix in _BESIDE), KUBECONFIG, READ_ONLY):
        (path / name).unlink(missing_ok=True)
