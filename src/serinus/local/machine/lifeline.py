"""The keeper of child processes: starts them, reports their exits, ends them when its parent ends.

Run as `python -I -S lifeline.py FD [FOLDER]`, where FD is one end of a Unix stream socket; standard
library only. The socket is the life-line: when the other end closes, even by `kill -9`, every child
is killed and FOLDER removed.

Each line that comes in is a JSON object, `{"start": id, "command", "env", "cwd"}` with one file
descriptor for the output, or `{"signal": id, "number"}`. Out go `{"started": id, "pid"}`,
`{"failed": id, "error"}` and `{"exited": id, "code"}` (128 + number for a signal).
It knows nothing of pods.
"""

from __future__ import annotations

import json
import os
import selectors
import shutil
import signal
import socket
import subprocess
import sys
from collections import deque
from contextlib import suppress
from typing import Any


class Keeper:
    """The children by the id that the parent gave them; each leads a session of its own."""

    def __init__(self, line: socket.socket) -> None:
        self._line = line
        self._text = b""
        self._outputs: deque[int] = deque()
        self._children: dict[int, subprocess.Popen[bytes]] = {}

    def read(self) -> bool:
        """Carry out what has come in; False when the parent is gone."""
        try:
            data, files, _, _ = socket.recv_fds(self._line, 65536, 64)
        except ConnectionError:
            return False
        self._outputs += files
        if not data:
            return False
        *lines, self._text = (self._text + data).split(b"\n")
        for line in lines:
            order = json.loads(line)
            if "start" in order:
                self._start(order)
            else:
                self._signal(order["signal"], order["number"])
        return True

    def reap(self) -> None:
        """Report who has exited, and kill what such a child left behind in its group."""
        for identity, child in list(self._children.items()):
            code = child.poll()
            if code is not None:
                del self._children[identity]
                self._kill_group(child.pid)
                self._tell({"exited": identity, "code": code if code >= 0 else 128 - code})

    def end(self) -> None:
        """Kill every child and wait until it is gone."""
        for child in self._children.values():
            self._kill_group(child.pid)
        for child in self._children.values():
            child.wait()

    def _start(self, order: dict[str, Any]) -> None:
        output = self._outputs.popleft()
        identity: int = order["start"]
        try:
            child = subprocess.Popen(
                order["command"],
                env=order["env"],
                cwd=order["cwd"],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            self._tell({"failed": identity, "error": str(error)})
        else:
            self._children[identity] = child
            self._tell({"started": identity, "pid": child.pid})
        finally:
            os.close(output)

    def _signal(self, identity: int, number: int) -> None:
        child = self._children.get(identity)
        if child is not None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(child.pid, number)

    def _kill_group(self, leader: int) -> None:
        # macOS answers EPERM for a group of which only zombies are left
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(leader, signal.SIGKILL)

    def _tell(self, message: dict[str, Any]) -> None:
        # a parent that is gone is noticed by read(); its end of the line needs no news
        with suppress(ConnectionError):
            self._line.sendall(json.dumps(message).encode() + b"\n")


def keep(line: socket.socket) -> None:
    """Serve one parent until it is gone."""
    woken, wake = os.pipe()
    for end in (woken, wake):
        os.set_blocking(end, False)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda number, frame: None)
    keeper = Keeper(line)
    chooser = selectors.DefaultSelector()
    chooser.register(line, selectors.EVENT_READ)
    chooser.register(woken, selectors.EVENT_READ)
    try:
        while True:
            ready = {key.fd for key, _ in chooser.select()}
            if woken in ready:
                os.read(woken, 4096)
            keeper.reap()
            if line.fileno() in ready and not keeper.read():
                return
    finally:
        keeper.end()


if __name__ == "__main__":
    keep(socket.socket(fileno=int(sys.argv[1])))
    for folder in sys.argv[2:]:
        shutil.rmtree(folder, ignore_errors=True)
