"""Which clusters run on this machine for this user: a small record and a lock for each name.

The lock is held by the process as long as it lives, so a record without one is stale, however the
process ended. Imported by short commands: the standard library alone.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from serinus.base.errors import SerinusError

DEFAULT_NAME = "default"
ENVIRONMENT_NAME = "SERINUS_CLUSTER"
_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class Instance:
    """A running cluster: its name, process, and where its kubeconfig is."""

    name: str
    pid: int
    kubeconfig: str


def runtime_folder(environment: Mapping[str, str]) -> Path:
    """Where the records of this user are; made (0700) if it is absent.

    `$XDG_RUNTIME_DIR/serinus`, else `$XDG_CACHE_HOME` or `~/.cache` with `serinus/run`.
    """
    runtime = environment.get("XDG_RUNTIME_DIR")
    cache = environment.get("XDG_CACHE_HOME") or Path(environment.get("HOME") or "~", ".cache")
    folder = Path(runtime, "serinus") if runtime else Path(cache, "serinus", "run").expanduser()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if folder.stat().st_uid != os.getuid():
            raise SerinusError(f"{folder} belongs to another user; set XDG_RUNTIME_DIR")
        folder.chmod(0o700)
    except OSError as error:
        raise SerinusError(
            f"{folder}: {error.strerror}; set XDG_RUNTIME_DIR to a folder of your own"
        ) from error
    return folder


class Claim:
    """A name that is ours; `announce` once the cluster can be used."""

    def __init__(self, folder: Path, name: str) -> None:
        self.name = name
        self._record = folder / f"{name}.json"

    def announce(self, kubeconfig: Path) -> None:
        """Let other commands of this user find the cluster."""
        instance = Instance(self.name, os.getpid(), str(kubeconfig))
        fresh = self._record.with_suffix(".new")
        handle = os.open(fresh, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w") as file:
            json.dump(asdict(instance), file)
        fresh.replace(self._record)


@contextmanager
def claimed(folder: Path, name: str) -> Iterator[Claim]:
    """The name is ours while the block runs; SerinusError if it is no name, or is taken."""
    if not _NAME.fullmatch(name):
        raise SerinusError(
            f"--name {name!r} is no name: lower case letters, digits and '-', 63 at most"
        )
    handle = os.open(folder / f"{name}.lock", os.O_CREAT | os.O_RDWR, 0o600)
    record = folder / f"{name}.json"
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            found = _read(record)
            raise SerinusError(
                f"a cluster named {name!r} is running already"
                + (f" (process {found.pid})" if found else "")
                + "; stop it, or give this one another name: serinus up --name NAME"
            ) from error
        record.unlink(missing_ok=True)
        try:
            yield Claim(folder, name)
        finally:
            record.unlink(missing_ok=True)
    finally:
        os.close(handle)


def running(folder: Path) -> tuple[Instance, ...]:
    """The clusters that run now, by name; stale records are removed."""
    found = []
    for record in sorted(folder.glob("*.json")):
        instance = _read(record)
        if instance is not None and _is_held(record.with_suffix(".lock")):
            found.append(instance)
        else:
            record.unlink(missing_ok=True)
    return tuple(found)


def chosen(folder: Path, name: str | None) -> Instance:
    """The running cluster of that name; without one the default or the only one.

    Raises SerinusError that names those that run.
    """
    known = {instance.name: instance for instance in running(folder)}
    if name is None:
        name = next(iter(known)) if len(known) == 1 else DEFAULT_NAME
    if name in known:
        return known[name]
    if not known:
        raise SerinusError("no local cluster is running; start one with: serinus up")
    names = ", ".join(known)
    raise SerinusError(
        f"no local cluster named {name!r} is running; there are: {names}; choose one with "
        f"--name or {ENVIRONMENT_NAME}"
    )


def _is_held(lock: Path) -> bool:
    """Whether a process holds the lock; shared, so that readers do not disturb each other."""
    try:
        handle = os.open(lock, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False


def _read(record: Path) -> Instance | None:
    try:
        return Instance(**json.loads(record.read_text()))
    except (FileNotFoundError, ValueError, TypeError):
        return None
