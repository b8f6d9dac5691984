"""A real server is killed at seeded moments while clients write: nothing is lost or half."""

from __future__ import annotations

import copy
import http.client
import json
import random
import resource
import sys
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from local.victim import DEADLINE_SECONDS, Json, Victim, victim

NAMESPACES = "/api/v1/namespaces"
CONFIG_MAPS = "/api/v1/configmaps"
World = dict[str, dict[str, str]]
"""Namespace -> name of a ConfigMap -> its text: all that one writer has."""


class Writer(threading.Thread):
    """Writes in namespaces of its own; `world` is what was acknowledged, `next` what is asked."""

    def __init__(self, number: int, chance: random.Random) -> None:
        super().__init__()
        self.number = number
        self.world: World = {}
        self.next: World = {}
        self.acknowledged = 0
        self.version = 0
        self.surprises: list[object] = []
        self._chance = chance
        self._server: Victim | None = None

    def against(self, server: Victim) -> Writer:
        """A writer that goes on with what this one has."""
        other = Writer(self.number, self._chance)
        other.world, other.next = self.world, copy.deepcopy(self.world)
        other.version, other._server = self.version, server
        return other

    def run(self) -> None:
        assert self._server is not None
        with closing(self._server.connection()) as way:
            self._write(self._server, way)

    def _write(self, server: Victim, way: http.client.HTTPConnection) -> None:
        while True:
            method, path, body = self._operation()
            try:
                status, answer = server.ask(way, method, path, body)
            except (OSError, http.client.HTTPException, json.JSONDecodeError):
                return  # killed: whether it was done is not known
            if status >= 300:
                self.surprises.append((method, path, status, answer))
                return
            self.world = copy.deepcopy(self.next)
            self.acknowledged += 1
            version = answer["metadata"].get("resourceVersion")
            if version is not None and int(version) <= self.version:
                self.surprises.append(f"{method} {path}: {version} after {self.version}")
            self.version = max(self.version, int(version or 0))

    def _operation(self) -> tuple[str, str, Json | None]:
        """One request, whose effect is written into `next`."""
        chance, world = self._chance, self.next
        if not world or chance.random() < 0.1:
            name = f"w{self.number}-{chance.randrange(10**9)}"
            world[name] = {}
            return "POST", NAMESPACES, body_of("Namespace", name)
        space = chance.choice(sorted(world))
        if chance.random() < 0.15:
            del world[space]
            return "DELETE", f"{NAMESPACES}/{space}", None
        inner, text = world[space], str(chance.randrange(10**9))
        name, at = f"c{chance.randrange(6)}", f"{NAMESPACES}/{space}/configmaps"
        if name not in inner:
            inner[name] = text
            return "POST", at, body_of("ConfigMap", name, text)
        if chance.random() < 0.3:
            del inner[name]
            return "DELETE", f"{at}/{name}", None
        inner[name] = text
        return "PUT", f"{at}/{name}", body_of("ConfigMap", name, text)


class Watcher(threading.Thread):
    """Follows all ConfigMaps; `version` is the newest that it was told of."""

    def __init__(self, server: Victim, version: int) -> None:
        super().__init__()
        self.version = version
        self.expired = False
        self._way = server.connection()
        path = f"{server.url.path}{CONFIG_MAPS}?watch=true&resourceVersion={version}"
        self._way.request("GET", path)
        self._answer = self._way.getresponse()

    def run(self) -> None:
        with closing(self._way), closing(self._answer):
            self._follow()

    def _follow(self) -> None:
        try:
            while line := self._answer.readline():
                event = json.loads(line)
                if event["type"] == "ERROR":
                    self.expired = event["object"]["code"] == 410
                    return
                self.version = int(event["object"]["metadata"]["resourceVersion"])
        except (OSError, http.client.HTTPException, json.JSONDecodeError):
            return  # killed in the midst of a line


def body_of(kind: str, name: str, text: str = "") -> Json:
    data = {"data": {"text": text}} if text else {}
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": name}} | data


def worlds(server: Victim) -> tuple[dict[int, World], int]:
    """What each writer has, as the server shows it, and its newest version."""
    with closing(server.connection()) as way:
        return _worlds(server, way)


def _worlds(server: Victim, way: http.client.HTTPConnection) -> tuple[dict[int, World], int]:
    _, spaces = server.ask(way, "GET", NAMESPACES)
    found: dict[int, World] = {}
    for space in spaces["items"]:
        name = space["metadata"]["name"]
        if name.startswith("w"):
            assert "deletionTimestamp" not in space["metadata"], "half a namespace is gone"
            found.setdefault(int(name[1:].partition("-")[0]), {})[name] = {}
    _, maps = server.ask(way, "GET", CONFIG_MAPS)
    for one in maps["items"]:
        name, space = one["metadata"]["name"], one["metadata"]["namespace"]
        found[int(space[1:].partition("-")[0])][space][name] = one["data"]["text"]
    newest = int(maps["metadata"]["resourceVersion"])
    versions = [int(one["metadata"]["resourceVersion"]) for one in spaces["items"] + maps["items"]]
    assert max(versions) <= newest, "half a batch: objects newer than the newest version"
    return found, newest


@pytest.mark.parametrize(
    ("seed", "pace"), [(1, "fast"), (2, "fast"), (3, "slow"), (4, "slow"), (5, "slow")]
)
def test_whenever_it_is_killed_no_acknowledged_write_is_lost_and_none_is_half(
    tmp_path: Path, seed: int, pace: str
) -> None:
    chance = random.Random(seed)
    writers = [Writer(number, random.Random(seed * 100 + number)) for number in range(6)]
    seen = acknowledged = 0
    for _ in range(5):
        with victim(tmp_path / "data", pace) as server:
            found, version = worlds(server)
            for writer in writers:
                actual = found.get(writer.number, {})
                assert actual in (writer.world, writer.next), f"writer {writer.number}"
                writer.world = actual
            assert version >= max(seen, *(writer.version for writer in writers))
            writers = [writer.against(server) for writer in writers]
            watcher = Watcher(server, version)
            old = Watcher(server, seen) if 0 < seen < version else None
            for thread in (*writers, watcher, *([old] if old else [])):
                thread.start()
            wait_for_writes(writers, chance.randrange(80, 200))
            threading.Event().wait(chance.uniform(0, 0.03))
            server.kill()
            for thread in (*writers, watcher, *([old] if old else [])):
                thread.join(DEADLINE_SECONDS)
                assert not thread.is_alive()
            assert old is None or old.expired
        assert [writer.surprises for writer in writers] == [[]] * 6
        acknowledged += sum(writer.acknowledged for writer in writers)
        seen = watcher.version
    assert acknowledged >= 500


def wait_for_writes(writers: list[Writer], count: int) -> None:
    """Until so many writes are acknowledged."""
    done = threading.Event()
    while sum(writer.acknowledged for writer in writers) < count:
        assert any(writer.is_alive() for writer in writers), [w.surprises for w in writers]
        done.wait(0.001)


@pytest.mark.skipif(sys.platform != "linux", reason="limits another process: Linux only")
def test_without_room_writes_are_refused_and_go_on_when_there_is_room(tmp_path: Path) -> None:
    kind: Any = resource.RLIMIT_FSIZE
    with victim(tmp_path / "data") as server, closing(server.connection()) as way:
        at = f"{NAMESPACES}/default/configmaps"
        assert server.ask(way, "POST", at, body_of("ConfigMap", "kept", "so"))[0] == 201
        size = max(item.stat().st_size for item in (tmp_path / "data").iterdir())
        _, hard = resource.prlimit(server.pid, kind)
        resource.prlimit(server.pid, kind, (size + 40_000, hard))
        answers = [
            server.ask(way, "POST", at, body_of("ConfigMap", f"c{number}", "x" * 5_000))
            for number in range(20)
        ]
        stored = [status for status, _ in answers].count(201)
        assert 0 < stored < 20
        status, told = answers[-1]
        assert (status, told["code"], told["reason"]) == (507, 507, "InsufficientStorage")
        assert "nothing was changed" in told["message"]
        assert "make room on that disk" in told["message"]
        changed = body_of("ConfigMap", "kept", "y" * 9_000)
        assert server.ask(way, "PUT", f"{at}/kept", changed)[0] == 507
        assert server.ask(way, "GET", f"{at}/kept")[1]["data"] == {"text": "so"}
        assert len(server.ask(way, "GET", at)[1]["items"]) == 1 + stored
        resource.prlimit(server.pid, kind, (hard, hard))
        assert server.ask(way, "PUT", f"{at}/kept", changed)[0] == 200
        server.kill()
    with victim(tmp_path / "data") as server, closing(server.connection()) as way:
        found = server.ask(way, "GET", at)[1]["items"]
        assert len(found) == 1 + stored
        assert {one["data"]["text"][0] for one in found} == {"x", "y"}
