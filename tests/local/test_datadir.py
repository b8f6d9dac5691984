"""The folder of a cluster that outlives its process, and the file in it."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from serinus.base.clock import Clock
from serinus.base.errors import SerinusError
from serinus.local import datadir
from serinus.local.apiserver.storing.storage import Loaded, Row, StorageError
from serinus.local.apiserver.storing.storage_sqlite import SqliteStorage, UnusableStore

WALL = datetime(2026, 5, 1, tzinfo=UTC)


def row(name: str, value: bytes | None = b"{}") -> Row:
    return Row("apps", "deployments", "default", name, value)


def stored(
    path: Path, tell: Callable[[SqliteStorage], Awaitable[None]], page_limit: int = 0
) -> Loaded:
    """What a storage holds after `tell`, read by a second one."""

    async def run() -> None:
        storage = SqliteStorage(path, page_limit=page_limit)
        try:
            storage.load()
            await tell(storage)
        finally:
            storage.close()

    asyncio.run(run())
    again = SqliteStorage(path)
    loaded = again.load()
    again.close()
    return loaded


def test_a_batch_is_stored_and_read_back(tmp_path: Path) -> None:
    async def tell(storage: SqliteStorage) -> None:
        await storage.commit([row("a", b'{"n":1}'), row("b")], 7)
        await storage.commit([row("a", b'{"n":2}'), row("b", None), row("c")], 9)

    loaded = stored(tmp_path / "x.db", tell)
    assert loaded.resource_version == 9
    assert sorted(loaded.rows) == [row("a", b'{"n":2}'), row("c")]


def test_a_batch_for_which_there_is_no_room_leaves_nothing_and_later_ones_go_on(
    tmp_path: Path,
) -> None:
    async def tell(storage: SqliteStorage) -> None:
        await storage.commit([row("a", b"1" * 20_000)], 2)
        with pytest.raises(StorageError, match="the disk is full; make room") as caught:
            await storage.commit([row("a", None), row("b"), row("c", b"2" * 200_000)], 3)
        assert caught.value.full
        await storage.commit([row("a", None), row("d", b"3" * 20_000)], 4)

    loaded = stored(tmp_path / "x.db", tell, page_limit=20)
    assert loaded == Loaded(4, [row("d", b"3" * 20_000)])


def test_writing_the_same_objects_again_and_again_does_not_let_the_file_grow(
    tmp_path: Path,
) -> None:
    path = tmp_path / "x.db"

    async def tell(storage: SqliteStorage) -> None:
        for number in range(400):
            batch = [row(f"o{name}", b"%d" % number * 3_000) for name in range(20)]
            await storage.commit(batch, number)
        log = path.with_name("x.db-wal")
        assert log.stat().st_size < 20_000_000  # of about 180 MB that were written
        await storage.commit([row(f"o{name}", None) for name in range(1, 20)], 401)

    assert len(stored(path, tell).rows) == 1
    assert path.stat().st_size < 100_000


def test_nobody_else_may_read_what_is_stored(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    with datadir.locked(folder), datadir.opened(folder) as data:
        data.storage.load()
        asyncio.run(data.storage.commit([row("a")], 1))
        modes = {item.name: item.stat().st_mode & 0o777 for item in folder.iterdir()}
        assert {"cluster.db", "cluster.db-wal", "lock"} <= modes.keys()
        assert set(modes.values()) == {0o600}
        assert folder.stat().st_mode & 0o777 == 0o700


def test_a_second_owner_is_refused_by_name_of_the_first(tmp_path: Path) -> None:
    with (
        datadir.locked(tmp_path / "data"),
        pytest.raises(SerinusError, match=r"in use by another `serinus up` \(process \d+\)"),
        datadir.locked(tmp_path / "data"),
    ):
        pytest.fail("two owners at once")
    with datadir.locked(tmp_path / "data"):
        pass


def test_a_folder_with_other_things_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "letters").mkdir()
    with (
        pytest.raises(SerinusError, match="is not empty and holds no cluster"),
        datadir.locked(tmp_path),
    ):
        pytest.fail("taken all the same")
    (tmp_path / "file").touch()
    with (
        pytest.raises(SerinusError, match=r"--data-dir .*file: File exists"),
        datadir.locked(tmp_path / "file"),
    ):
        pytest.fail("a file is no folder")


def damaged(path: Path) -> None:
    path.write_bytes(b"no database at all, but long enough to be looked at" * 100)


def torn(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[:4096] + b"\xff" * (len(data) - 4096))


def of_another_version(path: Path) -> None:
    with closing(sqlite3.connect(path)) as sql:
        sql.execute("PRAGMA user_version=99")


def of_another_program(path: Path) -> None:
    path.unlink()
    with closing(sqlite3.connect(path)) as sql:
        sql.execute("CREATE TABLE letters (text)")


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (damaged, "cannot be read as a cluster: file is not a database; .* --reset"),
        (torn, "cannot be read as a cluster: .* --reset"),
        (
            of_another_version,
            r"another version of serinus \(schema 99, this one reads 1\).*--reset",
        ),
        (of_another_program, "it is a database of another program"),
    ],
)
def test_a_file_that_cannot_be_used_is_told_with_a_way_out(
    tmp_path: Path, damage: Callable[[Path], None], sentence: str
) -> None:
    folder = tmp_path / "data"
    path = folder / datadir.STORE
    with datadir.locked(folder):
        with datadir.opened(folder) as data:
            data.storage.load()
            batch = [row(f"o{number}", b"1" * 3_000) for number in range(50)]
            asyncio.run(data.storage.commit(batch, 1))
        damage(path)
        with pytest.raises(UnusableStore, match=sentence), datadir.opened(folder) as data:
            data.storage.load()
        assert datadir.contents(folder)
        datadir.reset(folder)
        with datadir.opened(folder) as data:
            assert data.storage.load() == Loaded(0, [])


def test_a_reset_says_what_it_removes_and_leaves_what_is_not_its_own(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    with datadir.locked(folder):
        assert datadir.contents(folder) == "nothing: there is no cluster in it"
        with datadir.opened(folder) as data:
            data.storage.load()
            asyncio.run(data.storage.commit([row("a"), row("b")], 1))
        (folder / "notes.txt").touch()
        assert datadir.contents(folder) == "2 objects in 1 namespaces"
        datadir.reset(folder)
        assert sorted(item.name for item in folder.iterdir()) == ["lock", "notes.txt"]


@pytest.mark.parametrize(
    ("speed", "off", "earliest"),
    [
        (1.0, timedelta(hours=5), timedelta(seconds=10)),
        (60.0, timedelta(hours=5), timedelta(minutes=10)),
        (60.0, timedelta(seconds=2), timedelta(minutes=2)),
        (60.0, timedelta(days=-1), timedelta()),
    ],
    ids=["wall", "fast", "fast and soon", "the wall was set back"],
)
def test_a_clock_goes_on_from_its_last_note(
    tmp_path: Path, speed: float, off: timedelta, earliest: timedelta
) -> None:
    with datadir.opened(tmp_path) as data:
        data.storage.load()
        assert data.earliest(WALL) is None
        clock = Clock(speed, WALL, lambda: 0.0)
        asyncio.run(data.note(clock))
    with datadir.opened(tmp_path) as data:
        assert data.earliest(clock.began + off) == WALL + earliest
