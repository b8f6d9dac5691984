"""The CustomResourceDefinitions of argoproj.io that we install, made by scripts/make_crds.py."""

from __future__ import annotations

from importlib.resources import files


def documents() -> tuple[bytes, ...]:
    """The YAML of each definition, in the order of their names."""
    folder = files(__name__)
    found = sorted((item for item in folder.iterdir()), key=lambda item: item.name)
    return tuple(item.read_bytes() for item in found if item.name.endswith(".yaml"))
