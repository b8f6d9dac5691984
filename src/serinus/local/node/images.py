"""Which program runs for an image: a small table in place of registries and container file systems.

Pure, but for reading the table. Knows no pods: it turns an image's name into a command.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from importlib import resources
from pathlib import Path
from typing import Any

import yaml

from serinus.base.errors import SerinusError

_KEYS = {"image", "sample", "host", "command", "refuse", "env"}
_REFERENCE = re.compile(
    r"(?P<repository>(?:[a-zA-Z0-9.-]+(?::\d+)?/)?[a-z0-9]+(?:[._/-]+[a-z0-9]+)*)"
    r"(?::(?P<tag>\w[\w.-]{0,127}))?(?:@(?P<digest>[a-z0-9]+:[0-9a-fA-F]{32,}))?"
)


class ImageTableError(SerinusError):
    """A table that cannot be used; the text names every row that is wrong."""


@dataclass(frozen=True, slots=True)
class Program:
    """What to run: `command` is empty where the container's own command has to say.

    `sample` says that the bundled service stands in, and may stand in for a command that this
    machine does not have.
    """

    command: tuple[str, ...]
    env: Mapping[str, str]
    tag: str
    sample: bool = False


@dataclass(frozen=True, slots=True)
class Refused:
    """An image that cannot be had; `reason` is the waiting reason that kubectl shows."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class ImageRow:
    """One row of the table, as images.yaml explains it."""

    image: str
    sample: bool = False
    host: bool = False
    command: tuple[str, ...] = ()
    refuse: str = ""
    env: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class ImageTable:
    """Rows in order; the first that matches wins."""

    rows: tuple[ImageRow, ...]

    def program(self, image: str) -> Program | Refused:
        """What runs for `image`."""
        found = _REFERENCE.fullmatch(image)
        if found is None:
            message = f'couldn\'t parse image name "{image}": invalid reference format'
            return Refused("InvalidImageName", message)
        digest = (found["digest"] or "").partition(":")[2][:12]
        tag = found["tag"] or digest or "latest"
        full = f"{found['repository']}:{tag}"
        row = next((row for row in self.rows if fnmatchcase(full, row.image)), None)
        if row is None:
            return Refused("ErrImagePull", f"{image}: no row of the image table matches")
        if row.refuse:
            return Refused("ErrImagePull", f"failed to pull {image}: {row.refuse}")
        env = dict(row.env or {})
        if row.sample:
            return Program(sample_command(), {"SAMPLE_VERSION": tag} | env, tag, sample=True)
        known = {"python": sys.executable, "tag": tag, "image": image, "port": "$(PORT)"}
        return Program(tuple(_filled(word, known) for word in row.command), env, tag)


def sample_command() -> tuple[str, ...]:
    """The bundled sample service, isolated from the environment's Python settings."""
    service = Path(__file__).parents[1] / "sample" / "service.py"
    return (sys.executable, "-I", "-S", str(service))


def read_table(text: str, source: str) -> tuple[ImageRow, ...]:
    """The rows of a YAML table; `source` is the name that errors show.

    Raises ImageTableError with everything that is wrong.
    """
    try:
        document = yaml.safe_load(text) or {}
    except yaml.YAMLError as error:
        raise ImageTableError(f"{source}: not YAML: {error}") from error
    rows = document.get("images") if isinstance(document, dict) else None
    if not isinstance(rows, list):
        raise ImageTableError(f"{source}: images: must be a list of rows")
    problems = [
        f"{source}: images[{index}]: {problem}"
        for index, row in enumerate(rows)
        for problem in _problems(row)
    ]
    if problems:
        raise ImageTableError("\n".join(problems))
    return tuple(_row(row) for row in rows)


def image_table(own: Sequence[ImageRow] = ()) -> ImageTable:
    """The bundled table, with the rows of `own` before it."""
    text = resources.files("serinus.local.node").joinpath("images.yaml").read_text()
    return ImageTable((*own, *read_table(text, "images.yaml")))


def image_table_of(path: Path) -> ImageTable:
    """The bundled table, with the rows of a file before it. Raises ImageTableError."""
    try:
        text = path.read_text()
    except OSError as error:
        raise ImageTableError(f"{path}: {error.strerror}") from error
    return image_table(read_table(text, str(path)))


def _problems(row: Any) -> list[str]:
    if not isinstance(row, dict):
        return ["must be a mapping"]
    found = [f"{key}: is unknown; known are {', '.join(sorted(_KEYS))}" for key in {*row} - _KEYS]
    if not isinstance(row.get("image"), str) or not row["image"]:
        found.append('image: a glob is needed, as "*/my-service:*"')
    ways = [key for key in ("sample", "host", "command", "refuse") if row.get(key)]
    if len(ways) != 1:
        found.append("say exactly one of sample, host, command, refuse")
    command = row.get("command", [])
    if not isinstance(command, list) or not all(isinstance(word, str) for word in command):
        found.append("command: must be a list of texts")
    if not isinstance(row.get("env", {}), dict):
        found.append("env: must be a mapping")
    return found


def _row(row: Mapping[str, Any]) -> ImageRow:
    return ImageRow(
        image=row["image"],
        sample=bool(row.get("sample")),
        host=bool(row.get("host")),
        command=tuple(row.get("command", ())),
        refuse=str(row.get("refuse", "")),
        env={str(key): str(value) for key, value in row.get("env", {}).items()},
    )


def _filled(word: str, known: Mapping[str, str]) -> str:
    for key, value in known.items():
        word = word.replace(f"{{{key}}}", value)
    return word
