"""Objects in one SQLite file (WAL), written by a thread of its own so that the event loop goes on.

Knows rows and facts, not objects. A commit is one transaction: after a kill at any moment the file
holds all of it or nothing. Level of safety: docs/decisions/0006-durability.md.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from serinus.base.errors import SerinusError
from serinus.local.apiserver.storing.storage import Loaded, Row, StorageError

T = TypeVar("T")
APPLICATION_ID = 0x53657269  # "Seri"
SCHEMA_VERSION = 1
_WAL_LIMIT_BYTES = 16 * 1024 * 1024
_VERSION = "resource_version"
_TABLES = """
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE objects (
  kind_group TEXT NOT NULL, plural TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL,
  value BLOB NOT NULL, PRIMARY KEY (kind_group, plural, namespace, name)
);
"""
_PUT = (
    "INSERT INTO objects VALUES (?, ?, ?, ?, ?) ON CONFLICT (kind_group, plural, namespace, name) "
    "DO UPDATE SET value = excluded.value"
)
_REMOVE = "DELETE FROM objects WHERE kind_group = ? AND plural = ? AND namespace = ? AND name = ?"
_FACT = "INSERT INTO facts VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value"


class UnusableStore(SerinusError):
    """The file cannot be read as a store of this version: damaged, foreign, or of another one."""


class SqliteStorage:
    """A storage in the file `path`, which is made (mode 0600) if it is absent.

    One process at a time; `close` it. Raises UnusableStore. `page_limit`: the most pages of 4 KiB
    that the file may have, 0 for no limit but the disk's.
    """

    def __init__(self, path: Path, *, page_limit: int = 0) -> None:
        self._path = path
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        self._thread = ThreadPoolExecutor(1, "serinus-storage")
        self._sql = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        try:
            self._open(page_limit)
        except BaseException as error:
            self._sql.close()
            if isinstance(error, sqlite3.Error):
                raise self._unusable(str(error)) from error
            raise

    def load(self) -> Loaded:
        """Every object, once; raises UnusableStore if the file is damaged."""
        try:
            (found,) = self._sql.execute("PRAGMA quick_check(1)").fetchone()
            if found != "ok":
                raise self._unusable(" ".join(found.split()))
            rows = [Row(*row) for row in self._sql.execute("SELECT * FROM objects")]
        except sqlite3.Error as error:
            raise self._unusable(str(error)) from error
        return Loaded(int(self.fact(_VERSION) or 0), rows)

    async def commit(self, rows: Sequence[Row], resource_version: int) -> None:
        """Store all rows and the newest version number, or nothing: then StorageError."""
        puts = [row for row in rows if row.value is not None]
        removals = [row[:4] for row in rows if row.value is None]

        def write() -> None:
            self._sql.executemany(_PUT, puts)
            self._sql.executemany(_REMOVE, removals)
            self._sql.execute(_FACT, (_VERSION, str(resource_version)))

        await self._in_thread(write)

    def fact(self, name: str) -> str | None:
        """What was recorded under `name`; only before the first commit."""
        found = self._sql.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return None if found is None else str(found[0])

    async def record(self, name: str, value: str) -> None:
        """Keep a text under `name`; StorageError if it cannot be."""
        await self._in_thread(lambda: self._sql.execute(_FACT, (name, value)))

    def close(self) -> None:
        """End the thread, fold the log into the file and free what deleted objects took."""
        self._thread.shutdown()
        try:
            # as a script: of a single statement without rows only the first step is made, one page
            self._sql.executescript("PRAGMA incremental_vacuum")
            self._sql.close()
        except sqlite3.Error:
            # all that was acknowledged lies in the log, which the next opening reads
            self._sql.close()

    async def _in_thread(self, write: Callable[[], object]) -> None:
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._thread, self._transaction, write)

    def _transaction(self, write: Callable[[], object]) -> None:
        try:
            self._sql.execute("BEGIN IMMEDIATE")
            write()
            self._sql.execute("COMMIT")
        except sqlite3.Error as error:
            if self._sql.in_transaction:
                self._sql.execute("ROLLBACK")
            raise self._not_stored(error) from error

    def _not_stored(self, error: sqlite3.Error) -> StorageError:
        full = error.sqlite_errorname == "SQLITE_FULL"
        why = "the disk is full" if full else f"{error} ({error.sqlite_errorname})"
        return StorageError(
            f"nothing was changed, as {self._path} could not be written: {why}; make room on "
            "that disk and try again",
            full=full or error.sqlite_errorname.startswith("SQLITE_IOERR"),
        )

    def _open(self, page_limit: int) -> None:
        sql = self._sql
        # exclusive: no shared memory file, and no other process can write beside us
        for pragma in ("locking_mode=EXCLUSIVE", "auto_vacuum=INCREMENTAL", "journal_mode=WAL"):
            sql.execute(f"PRAGMA {pragma}")
        sql.execute("PRAGMA synchronous=NORMAL")
        sql.execute(f"PRAGMA journal_size_limit={_WAL_LIMIT_BYTES}")
        (application,), (version,) = (
            sql.execute(f"PRAGMA {name}").fetchone() for name in ("application_id", "user_version")
        )
        (tables,) = sql.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        if not tables:
            marks = f"PRAGMA application_id={APPLICATION_ID}; PRAGMA user_version={SCHEMA_VERSION};"
            sql.executescript(f"BEGIN; {_TABLES} {marks} COMMIT;")
        elif application != APPLICATION_ID:
            raise self._unusable("it is a database of another program")
        elif version != SCHEMA_VERSION:
            raise UnusableStore(
                f"{self._path} was written by another version of serinus (schema {version}, this "
                f"one reads {SCHEMA_VERSION}); use that version, or empty it with --reset"
            )
        if page_limit:
            sql.execute(f"PRAGMA max_page_count={page_limit}")

    def _unusable(self, why: str) -> UnusableStore:
        return UnusableStore(
            f"{self._path} cannot be read as a cluster: {why}; put a copy of the folder in its "
            "place, or empty it with --reset"
        )
