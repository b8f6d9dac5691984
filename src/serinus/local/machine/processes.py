"""Child processes that never outlive this one: the parent's end of `lifeline.py`.

One small keeper process starts all children and reports every exit at once. If this process ends
in any way, the keeper kills them; if the keeper is killed, they are killed from here. Must not know
what the children are for.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from serinus.base.errors import SerinusError

KILLED_CODE = 128 + signal.SIGKILL
_PROGRAM = Path(__file__).with_name("lifeline.py")


class StartFailed(SerinusError):
    """The program could not be executed; the text is the system's."""


class Process:
    """One child: `pid`, and `exited`, a future of its exit code (128 + number for a signal)."""

    def __init__(self, identity: int, send: Callable[[dict[str, Any]], None]) -> None:
        loop = asyncio.get_running_loop()
        self.started: asyncio.Future[int] = loop.create_future()
        self.exited: asyncio.Future[int] = loop.create_future()
        self.pid = 0
        self._identity = identity
        self._send = send

    def signal(self, number: int) -> None:
        """Send a signal to the child and all that it started; nothing if it has exited."""
        if not self.exited.done():
            self._send({"signal": self._identity, "number": int(number)})


class Processes:
    """Starts children; `close()` kills those that are left.

    A `folder` that is set before the first start is removed with the last of them, however we end.
    """

    def __init__(self) -> None:
        self.folder: Path | None = None
        self._line: socket.socket | None = None
        self._keeper: asyncio.subprocess.Process | None = None
        self._opening = asyncio.Lock()
        self._text = b""
        self._unsent: list[tuple[bytes, tuple[int, ...]]] = []
        self._children: dict[int, Process] = {}
        self._number = 0

    def __len__(self) -> int:
        """How many children run."""
        return len(self._children)

    async def start(
        self,
        command: Sequence[str],
        env: Mapping[str, str],
        on_output: Callable[[bytes], None],
        cwd: str | Path = "/",
    ) -> Process:
        """Run `command` with exactly `env`; standard output and error go to `on_output`.

        `on_output` is called a last time, with no bytes, when nothing more will come.
        Raises StartFailed if it cannot be executed.
        """
        await self._open()
        self._number += 1
        child = self._children[self._number] = Process(self._number, self._send)
        reader, writer = os.pipe()
        self._collect(reader, on_output)
        order = {"start": self._number, "command": list(command), "env": dict(env)}
        self._send(order | {"cwd": str(cwd)}, writer)
        try:
            child.pid = await asyncio.shield(child.started)
        except asyncio.CancelledError:
            child.signal(signal.SIGKILL)  # nobody will know of it: it must not run
            raise
        return child

    async def close(self) -> None:
        """Cut the life-line and wait until the keeper has killed what was left."""
        if self._line is not None:
            self._hang_up(self._line)
        if self._keeper is not None:
            await self._keeper.wait()
            self._keeper = None

    async def _open(self) -> None:
        async with self._opening:
            if self._line is not None:
                return
            ours, theirs = socket.socketpair()
            words = [str(_PROGRAM), str(theirs.fileno())]
            with theirs:
                self._keeper = await asyncio.create_subprocess_exec(
                    *(sys.executable, "-I", "-S", *words, *([self.folder] if self.folder else ())),
                    pass_fds=[theirs.fileno()],
                    start_new_session=True,
                )
            ours.setblocking(False)
            self._line = ours
            asyncio.get_running_loop().add_reader(ours.fileno(), self._receive, ours)

    def _send(self, message: dict[str, Any], *files: int) -> None:
        self._unsent.append((json.dumps(message).encode() + b"\n", files))
        self._flush()

    def _flush(self) -> None:
        line = self._line
        while line is not None and self._unsent:
            data, files = self._unsent[0]
            try:
                sent = socket.send_fds(line, [data], files) if files else line.send(data)
            except BlockingIOError:
                asyncio.get_running_loop().add_writer(line.fileno(), self._flush)
                return
            except OSError:
                self._hang_up(line)
                return
            for file in files:
                os.close(file)
            if sent < len(data):
                self._unsent[0] = (data[sent:], ())
            else:
                del self._unsent[0]
        if line is not None:
            asyncio.get_running_loop().remove_writer(line.fileno())

    def _receive(self, line: socket.socket) -> None:
        try:
            data = line.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._hang_up(line)
            return
        *lines, self._text = (self._text + data).split(b"\n")
        for text in lines:
            self._note(json.loads(text))

    def _note(self, message: dict[str, Any]) -> None:
        match message:
            case {"started": identity, "pid": pid}:
                self._children[identity].started.set_result(pid)
            case {"failed": identity, "error": error}:
                child = self._children.pop(identity)
                child.started.set_exception(StartFailed(error))
                child.exited.set_result(KILLED_CODE)
            case {"exited": identity, "code": code}:
                self._children.pop(identity).exited.set_result(code)

    def _hang_up(self, line: socket.socket) -> None:
        """The line is cut, by us or by the keeper's death: nobody may live on without it."""
        if self._line is not line:
            return
        loop = asyncio.get_running_loop()
        loop.remove_reader(line.fileno())
        loop.remove_writer(line.fileno())
        line.close()
        self._line, self._text = None, b""
        for _, files in self._unsent:
            for file in files:
                os.close(file)
        self._unsent.clear()
        for child in self._children.values():
            if child.started.done():
                with suppress(ProcessLookupError, PermissionError):
                    os.killpg(child.started.result(), signal.SIGKILL)
            else:
                child.started.set_exception(StartFailed("the keeper of processes ended"))
                child.started.exception()  # it may be that nobody waits for it any more
            child.exited.set_result(KILLED_CODE)
        self._children.clear()

    def _collect(self, reader: int, on_output: Callable[[bytes], None]) -> None:
        loop = asyncio.get_running_loop()
        os.set_blocking(reader, False)

        def read() -> None:
            try:
                data = os.read(reader, 65536)
            except BlockingIOError:
                return
            if not data:
                loop.remove_reader(reader)
                os.close(reader)
            on_output(data)

        loop.add_reader(reader, read)
