"""The folder of one pod: its volumes, what its containers mount of them, their last messages.

Knows no processes and no API server; what ConfigMaps and Secrets hold is handed in.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from serinus.local.node.mounts import Mounts, mount_variable
from serinus.local.node.podspec import NodeContainer, NodePod, VolumeMount
from serinus.local.node.volumefiles import write_files
from serinus.local.node.volumes import Found, Unavailable, volume_files

MESSAGE_BYTES = 4096
_LOG_LINES, _LOG_BYTES = 80, 2048


class PodFolder:
    """`<node's folder>/<uid of the pod>/`; it is made when it is needed first."""

    def __init__(self, path: Path, capacity: Mapping[str, str]) -> None:
        self.path = path
        self._capacity = capacity

    def write(self, pod: NodePod, found: Found) -> dict[str, str]:
        """Bring all volumes up to date; by name, what keeps some from being there."""
        problems = {}
        for volume in pod.spec.volumes:
            name = str(volume.get("name", ""))
            files = volume_files(pod, volume, found, self._capacity)
            if isinstance(files, Unavailable):
                problems[name] = files.message
                continue
            try:
                if files is None:
                    self._volume(name).mkdir(parents=True, exist_ok=True)
                else:
                    write_files(self._volume(name), files)
            except OSError as error:
                problems[name] = str(error)
        return problems

    def mounts(
        self, pod: NodePod, container: NodeContainer, expand: Callable[[str], str]
    ) -> Mounts | Unavailable:
        """What a container mounts, made anew for its next start; `expand` fills in `$(NAME)`."""
        own = self.path / "containers" / container.name
        own.mkdir(parents=True, exist_ok=True)
        message = own / "termination-log"
        message.write_bytes(b"")
        paths = {container.termination_message_path: str(message)}
        variables = {"TERMINATION_MESSAGE_PATH": str(message)}
        names = {str(volume.get("name", "")) for volume in pod.spec.volumes}
        for number, mount in enumerate(container.volume_mounts):
            if mount.name not in names:
                where = f'volume "{mount.name}" to mount into container "{container.name}"'
                return Unavailable(f"cannot find {where}")
            part = expand(mount.sub_path_expr) if mount.sub_path_expr else mount.sub_path
            if ".." in Path(part).parts or Path(part).is_absolute():
                return Unavailable(f"subPath {part!r} must be relative and without '..'")
            real = self._sub_path(mount, part, own / f"sub-{number}") if part else None
            paths["/" + mount.mount_path.strip("/")] = str(real or self._volume(mount.name))
            variables[mount_variable(mount.name)] = str(real or self._volume(mount.name))
        return Mounts(paths, variables)

    def working_folder(self, container: NodeContainer, mounts: Mounts, usual: Path) -> Path:
        """`workingDir`: a mount, a folder of this machine, or an empty one of its own."""
        if not container.working_dir:
            return usual
        real = Path(mounts.real(container.working_dir))
        if real.is_dir():
            return real
        own = self.path / "containers" / container.name / "cwd" / str(real).strip("/")
        own.mkdir(parents=True, exist_ok=True)
        return own

    def message(self, container: NodeContainer, failed: bool, log: bytes) -> str:
        """What a container that has ended left as its last message."""
        path = self.path / "containers" / container.name / "termination-log"
        held = path.read_bytes()[:MESSAGE_BYTES] if path.is_file() else b""
        if not held and failed and container.termination_message_policy == "FallbackToLogsOnError":
            held = b"".join(log.splitlines(keepends=True)[-_LOG_LINES:])[-_LOG_BYTES:]
        return held.decode(errors="replace")

    def remove(self) -> None:
        """The pod is gone."""
        shutil.rmtree(self.path, ignore_errors=True)

    def _volume(self, name: str) -> Path:
        return self.path / "volumes" / name

    def _sub_path(self, mount: VolumeMount, part: str, copy: Path) -> Path:
        """A part of a volume. Of ConfigMaps and the like it is a copy that no change reaches."""
        volume = self._volume(mount.name)
        source = volume / part
        if not (volume / "..data").is_symlink():
            if not source.exists():
                source.mkdir(parents=True)
            return source
        if copy.is_dir():
            shutil.rmtree(copy)
        copy.unlink(missing_ok=True)
        if source.is_dir():
            shutil.copytree(source, copy)
        elif source.exists():
            shutil.copy(source, copy)
        else:
            copy.mkdir()
        return copy
