"""The product as a person runs it: `serinus` and kubectl as processes, and what they print.

Knows commands, signals and output only; imports nothing of the product. Every wait is for an event
and has the one deadline.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import yaml

from support.lifeline import lifeline

DEADLINE_SECONDS = 120
SOURCE = Path(__file__).parents[2] / "src"
SERINUS = (sys.executable, "-m", "serinus.cli.main")
Json = dict[str, Any]


def kubectl_path() -> str | None:
    """The kubectl of this environment, otherwise any other."""
    beside = Path(sys.executable).with_name("kubectl")
    return str(beside) if beside.exists() else shutil.which("kubectl")


def older_kubectl_path() -> str | None:
    """The older kubectl that `make test-deps` puts beside the environment."""
    older = Path(sys.prefix) / "kubectl-1.36/bin/kubectl"
    return str(older) if older.exists() else None


@dataclass(frozen=True)
class Ran:
    """What a finished command printed."""

    status: int
    out: str
    err: str

    @property
    def rows(self) -> list[list[str]]:
        """The words of each line of output."""
        return [line.split() for line in self.out.splitlines()]

    @property
    def warnings(self) -> list[str]:
        """What stands after kubectl's `Warning: `, in order."""
        return re.findall(r"^Warning: (.*)$", self.err, re.M)


class Running:
    """A process in a session of its own, and every line of output that it has written so far."""

    def __init__(self, words: Sequence[str], env: dict[str, str]) -> None:
        self.words = words
        self._process = subprocess.Popen(
            words,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        lifeline().hold(self._process.pid)
        self.lines: list[str] = []
        self._news = threading.Condition()
        self._closed = False
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    @property
    def out(self) -> str:
        return "\n".join(self.lines)

    def until_line(self, pattern: str) -> re.Match[str]:
        """The first line of all that matches."""

        def found() -> re.Match[str] | None:
            return next((m for line in self.lines if (m := re.search(pattern, line))), None)

        with self._news:
            self._news.wait_for(lambda: found() or self._closed, DEADLINE_SECONDS)
            match = found()
        assert match, f"{self.words} never wrote {pattern!r}, only:\n{self.out}"
        return match

    def family(self) -> list[psutil.Process]:
        """This process and all that it started, and they."""
        me = psutil.Process(self.pid)
        return [me, *me.children(recursive=True)]

    def send(self, number: int) -> None:
        self._process.send_signal(number)

    def wait(self) -> int:
        """The exit status; what it wrote is complete then."""
        status = self._process.wait(DEADLINE_SECONDS)
        lifeline().let_go(self._process.pid)
        self._reader.join(DEADLINE_SECONDS)
        return status

    def stop(self, number: int = signal.SIGINT) -> int:
        """End it as a person would; -9 if that does not help. The exit status."""
        if self._process.poll() is None:
            self.send(number)
        try:
            return self.wait()
        except subprocess.TimeoutExpired:
            for one in self.family():
                with suppress(psutil.NoSuchProcess):
                    one.kill()
            raise

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            with self._news:
                self.lines.append(line.decode(errors="replace").rstrip("\n"))
                self._news.notify_all()
        with self._news:
            self._closed = True
            self._news.notify_all()


class Followed:
    """Every version of one object, as `kubectl get -w` tells it, in order."""

    def __init__(self, running: Running) -> None:
        self.running = running
        self.versions: list[Json] = []
        self._read = 0
        self._text = ""
        self._looked = 0

    def until(self, holds: Callable[[Json], Any], what: str = "") -> Json:
        """The first version, of those not looked at yet, for which `holds`."""
        found: Json | None = None

        def look() -> bool:
            nonlocal found
            self._take()
            while found is None and self._looked < len(self.versions):
                version = self.versions[self._looked]
                self._looked += 1
                found = version if holds(version) else None
            return found is not None

        news = self.running._news
        with news:
            news.wait_for(lambda: look() or self.running._closed, DEADLINE_SECONDS)
        last = json.dumps((self.versions or [{}])[-1].get("status"), indent=1)
        assert found is not None, f"{what or 'it'} never came; the last status was {last}"
        return found

    def _take(self) -> None:
        lines = self.running.lines
        self._text += "".join(line + "\n" for line in lines[self._read :])
        self._read = len(lines)
        decoder = json.JSONDecoder()
        while text := self._text.lstrip():
            try:
                version, end = decoder.raw_decode(text)
            except ValueError:
                return
            self.versions.append(version)
            self._text = text[end:]


class Product:
    """One home with its commands, and the cluster that its KUBECONFIG names."""

    def __init__(self, home: Path, kubeconfig: str = "") -> None:
        self.home = home
        self.ingress = ""
        binaries = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        self.env = {
            "HOME": str(home),
            "KUBECACHEDIR": str(home / "cache"),
            "PATH": f"{home / 'bin'}{os.pathsep}{binaries}",
            "PYTHONPATH": str(SOURCE),
            "PYTHONUNBUFFERED": "1",
            "TMPDIR": str(home),
            **({"KUBECONFIG": kubeconfig} if kubeconfig else {}),
        }
        self._running: list[Running] = []

    def start(self, *words: str) -> Running:
        """A command of `serinus` that stays."""
        return self.run((*SERINUS, *words))

    def serinus(self, command: str, *words: str, env: dict[str, str] | None = None) -> Ran:
        """A command of `serinus`, split at spaces, to its end."""
        return self._ran((*SERINUS, *command.split(), *words), env=env)

    def kubectl(self, command: str, *words: str, stdin: Any = None, binary: str = "") -> Ran:
        """kubectl with `command` split at spaces; `stdin` is text, or objects to apply."""
        text = stdin if isinstance(stdin, str | None) else yaml.safe_dump_all(stdin)
        return self._ran((binary or kubectl_path() or "", *command.split(), *words), text)

    def apply(self, *objects: Json) -> Ran:
        """`kubectl apply -f -` of objects."""
        return self.ok(self.kubectl("apply -f -", stdin=objects))

    def ok(self, ran: Ran) -> Ran:
        """What ran; fails with its words if it failed."""
        assert ran.status == 0, f"{ran.out}\n{ran.err}"
        return ran

    def get(self, command: str) -> Json:
        """`kubectl get ... -o json`."""
        found: Json = json.loads(self.ok(self.kubectl(f"get {command} -o json")).out)
        return found

    def wait(self, command: str) -> Ran:
        """`kubectl wait ...`; fails if it did not come."""
        return self.ok(self.kubectl(f"wait --timeout={DEADLINE_SECONDS}s {command}"))

    def until_served(self, host: str) -> None:
        """Waits for the first good answer: a gateway takes new routes in a moment later."""
        request = urllib.request.Request(self.ingress, headers={"Host": host})
        for _ in range(DEADLINE_SECONDS * 10):
            with suppress(OSError), urllib.request.urlopen(request) as answer:
                if answer.status == 200:
                    return
            threading.Event().wait(0.1)
        raise AssertionError(f"{host} was never served")

    @contextmanager
    def follow(self, what: str, *, each: bool = False) -> Iterator[Followed]:
        """Watch one object (`rollout/shop -n shop`), or with `each` all of a kind."""
        words = [*what.split(), "-w", "-o", "json"]
        running = self.run((kubectl_path() or "", "get", *words))
        try:
            yield Followed(running)
        finally:
            running.stop(signal.SIGTERM)

    def plugin(self) -> Path:
        """Puts `kubectl-serinus` on the PATH, as an installation does; the script."""
        script = self.home / "bin/kubectl-serinus"
        script.parent.mkdir(exist_ok=True)
        call = "from serinus.cli.main import main; main()"
        script.write_text(f"#!{sys.executable}\n{call}\n")
        script.chmod(0o755)
        return script

    def close(self) -> None:
        """End what was started, last first."""
        for running in reversed(self._running):
            running.stop()

    def run(self, words: Sequence[str]) -> Running:
        """Any program that stays, in this home."""
        self._running.append(running := Running(words, self.env))
        return running

    def _ran(
        self, words: Sequence[str], stdin: str | None = None, env: dict[str, str] | None = None
    ) -> Ran:
        done = subprocess.run(
            words,
            env=self.env if env is None else env,
            input=stdin or "",
            capture_output=True,
            text=True,
            timeout=DEADLINE_SECONDS + 30,
            check=False,
        )
        return Ran(done.returncode, done.stdout, done.stderr)


@dataclass(frozen=True)
class Up:
    """A running `serinus up`: what it printed, and a home that is set up by its first line."""

    running: Running
    product: Product
    ingress: str
    metrics: str


@contextmanager
def up(home: Path, *options: str) -> Iterator[Up]:
    """`serinus up` while the block runs; everything that was started ends with it."""
    product = Product(home)
    try:
        running = product.start("up", *options)
        running.until_line(r"^Ctrl-C ends it all\.$")
        first = running.until_line(r"^export KUBECONFIG=(?P<path>\S+)$")
        ingress = running.until_line(r"^ingress +(\S+)")[1]
        metrics = running.until_line(r"^metrics +(\S+)")[1]
        product.env["KUBECONFIG"] = first["path"]
        product.ingress = ingress
        yield Up(running, product, ingress, metrics)
    finally:
        product.close()


def gone(family: Sequence[psutil.Process]) -> list[psutil.Process]:
    """Those of a family that are still there at the deadline; [] as soon as none is."""
    return list(psutil.wait_procs(family, timeout=DEADLINE_SECONDS)[1])
