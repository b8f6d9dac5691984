"""Writes the files of a volume so that a reader sees all of the old or all of the new ones.

The layout is the kubelet's: a hidden folder per version, the link `..data` to the current one, and
a link per name through it. Knows nothing of pods.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from serinus.local.node.volumes import File

DATA = "..data"


def write_files(folder: Path, files: Mapping[str, File]) -> bool:
    """Make `folder` show exactly `files`; whether anything had to be changed."""
    folder.mkdir(parents=True, exist_ok=True)
    data = folder / DATA
    before = data.readlink() if data.is_symlink() else None
    if before is not None and _held(folder / before) == files:
        return False
    fresh = Path(tempfile.mkdtemp(prefix="..", dir=folder))
    fresh.chmod(0o755)
    for path, file in files.items():
        target = fresh / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(file.content)
        target.chmod(file.mode)
    _point(data, fresh.name)
    names = {PurePosixPath(path).parts[0] for path in files}
    for name in names:
        if not (folder / name).is_symlink():
            _point(folder / name, f"{DATA}/{name}")
    for link in folder.iterdir():
        if not link.name.startswith("..") and link.name not in names:
            link.unlink()
    if before is not None:
        shutil.rmtree(folder / before, ignore_errors=True)
    return True


def _point(link: Path, target: str) -> None:
    """Make a link, or turn it in one step."""
    aside = link.with_name(f"..{link.name}_tmp")
    aside.unlink(missing_ok=True)
    aside.symlink_to(target)
    os.replace(aside, link)


def _held(version: Path) -> dict[str, File]:
    held = {}
    for path in version.rglob("*"):
        if path.is_file():
            mode = path.stat().st_mode & 0o777
            held[str(path.relative_to(version))] = File(path.read_bytes(), mode)
    return held
