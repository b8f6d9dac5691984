"""Volumes: which files they hold, how these change, and what is refused."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import pytest

from local.one_node import container, is_gone, machine, ready, waiting
from serinus.api.wire import decode
from serinus.local.node.podfolder import PodFolder
from serinus.local.node.podspec import NodePod
from serinus.local.node.volumefiles import write_files
from serinus.local.node.volumes import File, Unavailable, volume_files, volume_lookups
from support.steady import run_steady

Json = dict[str, Any]
FOUND = {
    ("ConfigMap", "m"): {"a": b"1", "b": b"2"},
    ("Secret", "s"): {"key": b"hidden"},
}
CAPACITY = {"cpu": "4", "memory": "8Gi"}
POD = decode(
    NodePod,
    {
        "metadata": {
            "name": "web",
            "namespace": "shop",
            "labels": {"app": "web", "b": 'say "x"'},
        },
        "spec": {"containers": [{"name": "c", "resources": {"limits": {"cpu": 2}}}]},
    },
)


def files_of(**source: Any) -> Any:
    made = volume_files(POD, {"name": "v"} | source, FOUND, CAPACITY)
    if made is None or isinstance(made, Unavailable):
        return made
    return {path: (file.content.decode(), oct(file.mode)) for path, file in made.items()}


@pytest.mark.parametrize(
    ("source", "files"),
    [
        ({"configMap": {"name": "m"}}, {"a": ("1", "0o644"), "b": ("2", "0o644")}),
        (
            {"configMap": {"name": "m", "items": [{"key": "a", "path": "x/y", "mode": 0o400}]}},
            {"x/y": ("1", "0o400")},
        ),
        ({"secret": {"secretName": "s"}}, {"key": ("hidden", "0o600")}),
        ({"secret": {"secretName": "s", "defaultMode": 0o440}}, {"key": ("hidden", "0o400")}),
        ({"configMap": {"name": "no", "optional": True}}, {}),
        (
            {"configMap": {"name": "m", "optional": True, "items": [{"key": "no", "path": "x"}]}},
            {},
        ),
        ({"emptyDir": {}}, None),
        ({"emptyDir": {"medium": "Memory"}}, None),
        (
            {
                "downwardAPI": {
                    "items": [
                        {"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}},
                        {"path": "name", "fieldRef": {"fieldPath": "metadata.name"}},
                        {
                            "path": "cpu",
                            "resourceFieldRef": {"containerName": "c", "resource": "limits.cpu"},
                        },
                    ]
                }
            },
            {
                "labels": ('app="web"\nb="say \\"x\\""', "0o644"),
                "name": ("web", "0o644"),
                "cpu": ("2", "0o644"),
            },
        ),
        (
            {
                "projected": {
                    "defaultMode": 0o444,
                    "sources": [
                        {"configMap": {"name": "m", "items": [{"key": "a", "path": "a"}]}},
                        {"secret": {"name": "s"}},
                    ],
                }
            },
            {"a": ("1", "0o444"), "key": ("hidden", "0o400")},
        ),
    ],
)
def test_the_files_of_a_volume(source: Json, files: Any) -> None:
    assert files_of(**source) == files


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ({"configMap": {"name": "no"}}, 'configmap "no" not found'),
        ({"secret": {"secretName": "no"}}, 'secret "no" not found'),
        (
            {"configMap": {"name": "m", "items": [{"key": "no", "path": "x"}]}},
            "configmap references non-existent config key: no",
        ),
        (
            {"configMap": {"name": "m", "items": [{"key": "a", "path": "../x"}]}},
            "path '../x' must be relative and without '..'",
        ),
        ({"hostPath": {"path": "/"}}, "hostPath volumes are not supported on this node"),
        ({"persistentVolumeClaim": {}}, "persistentVolumeClaim volumes are not supported"),
        (
            {"projected": {"sources": [{"serviceAccountToken": {"path": "t"}}]}},
            "serviceAccountToken is not supported in a projected volume",
        ),
    ],
)
def test_what_cannot_be_had_is_named(source: Json, said: str) -> None:
    made = files_of(**source)
    assert isinstance(made, Unavailable)
    assert said in made.message


def test_the_objects_behind_all_volumes_are_looked_up() -> None:
    volumes = [
        {"name": "a", "configMap": {"name": "m"}},
        {"name": "b", "secret": {"secretName": "s"}},
        {"name": "c", "projected": {"sources": [{"secret": {"name": "t"}}]}},
        {"name": "d"},
    ]
    pod = decode(NodePod, {"spec": {"volumes": volumes}})
    assert [*volume_lookups(pod)] == [("ConfigMap", "m"), ("Secret", "s"), ("Secret", "t")]


def test_files_change_in_one_step_and_what_is_no_more_goes(tmp_path: Path) -> None:
    def shown() -> dict[str, str]:
        return {path.name: path.read_text() for path in tmp_path.glob("[!.]*") if path.is_file()}

    first = {"a": File(b"1", 0o600), "b": File(b"2", 0o644)}
    assert write_files(tmp_path, first) is True
    assert write_files(tmp_path, first) is False
    version = (tmp_path / "..data").readlink()
    assert shown() == {"a": "1", "b": "2"}
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o600
    assert write_files(tmp_path, {"b": File(b"3", 0o644), "c/d": File(b"4", 0o644)}) is True
    assert shown() == {"b": "3"}
    assert (tmp_path / "c" / "d").read_text() == "4"
    assert not (tmp_path / version).exists()


def exists(path: str) -> bool:
    return Path(path).exists()


def mounted(name: str, path: str, **more: Any) -> Json:
    return {"name": name, "mountPath": path} | more


def test_a_process_finds_its_volumes_by_their_mount_paths() -> None:
    script = (
        "cat /etc/app/a $CONF; cat /run/secret/key; cat /etc/one.txt; cat $SERINUS_MOUNT_DOWN/name;"
        "echo; echo kept > /data/x; cat /data/x; stat -Lc %a /run/secret/key; pwd"
    )

    async def story() -> str:
        async with machine() as here:
            await here.holds("ConfigMap", "m", a="one\n", b="two\n")
            await here.holds("Secret", "s", key="hidden\n")
            item = {"path": "name", "fieldRef": {"fieldPath": "metadata.name"}}
            await here.pod(
                "web",
                "busybox",
                command=["sh", "-c", script],
                env=[{"name": "CONF", "value": "/etc/app/b"}],
                workingDir="/srv/none-such",
                volumeMounts=[
                    mounted("conf", "/etc/app"),
                    mounted("conf", "/etc/one.txt", subPath="a"),
                    mounted("sec", "/run/secret", readOnly=True),
                    mounted("tmp", "/data/"),
                    mounted("down", "/down"),
                ],
                pod_restartPolicy="Never",
                pod_volumes=[
                    {"name": "conf", "configMap": {"name": "m"}},
                    {"name": "sec", "secret": {"secretName": "s"}},
                    {"name": "tmp", "emptyDir": {"medium": "Memory"}},
                    {"name": "down", "downwardAPI": {"items": [item]}},
                ],
            )
            await here.until("web", lambda p: p["status"].get("phase") == "Succeeded")
            return await here.log("web")

    lines = run_steady(story()).splitlines()
    assert lines[:-1] == ["one", "two", "hidden", "one", "web", "kept", "600"]
    assert lines[-1].endswith("/containers/c/cwd/srv/none-such")


def test_a_changed_configmap_reaches_the_mounted_file_but_not_a_subpath() -> None:
    script = (
        "until grep -q new /etc/app/a; do sleep 0.02; done;"
        "cat /etc/app/a /etc/one; ls /etc/app; exec sleep 1000"
    )

    async def story() -> str:
        async with machine() as here:
            await here.holds("ConfigMap", "m", a="old\n")
            mounts = [mounted("v", "/etc/app"), mounted("v", "/etc/one", subPath="a")]
            await here.pod(
                *("web", "busybox"),
                command=["sh", "-c", script],
                ports=[],
                volumeMounts=mounts,
                pod_volumes=[{"name": "v", "configMap": {"name": "m"}}],
            )
            await here.until("web", ready)
            await here.holds("ConfigMap", "m", a="new\n", b="more\n")
            wanted = "new\nold\na\nb\n"
            return await here.log("web", follow="true", limitBytes=str(len(wanted)))

    assert run_steady(story()) == "new\nold\na\nb\n"


def test_a_pod_waits_for_what_its_volumes_are_made_of() -> None:
    async def story() -> tuple[str, Json, Json]:
        async with machine() as here:
            volumes = [{"name": "v", "secret": {"secretName": "late"}}]
            await here.pod("web", pod_volumes=volumes)
            told = await here.event("web", "FailedMount")
            before = await here.until("web", waiting("ContainerCreating"))
            await here.holds("Secret", "late", key="x")
            return told, before, await here.until("web", ready)

    told, before, after = run_steady(story())
    assert told == 'MountVolume.SetUp failed for volume "v" : secret "late" not found'
    conditions = {c["type"]: c["status"] for c in before["status"]["conditions"]}
    assert before["status"]["phase"] == "Pending"
    assert conditions["PodReadyToStartContainers"] == "False"
    assert "podIP" not in before["status"]
    assert after["status"]["podIP"] == "127.0.0.1"


def test_a_pod_with_a_volume_that_is_not_supported_stays_pending_and_can_be_removed() -> None:
    async def story() -> tuple[str, Json]:
        async with machine() as here:
            await here.pod("web", pod_volumes=[{"name": "v", "hostPath": {"path": "/etc"}}])
            told = await here.event("web", "FailedMount")
            pod = await here.until("web", waiting("ContainerCreating"))
            await here.delete("web")
            await here.until("web", is_gone)
            return told, pod

    told, pod = run_steady(story())
    assert "hostPath volumes are not supported on this node; use configMap" in told
    assert pod["status"]["phase"] == "Pending"


def test_a_mount_without_its_volume_is_told_by_both_names(tmp_path: Path) -> None:
    """The API refuses such a pod; one that was stored before may still have it."""
    mount = {"name": "none", "mountPath": "/x"}
    spec = {"containers": [{"name": "c", "volumeMounts": [mount]}]}
    pod = decode(NodePod, {"metadata": {"name": "web"}, "spec": spec})
    found = PodFolder(tmp_path, CAPACITY).mounts(pod, pod.spec.containers[0], str)
    assert isinstance(found, Unavailable)
    assert found.message == 'cannot find volume "none" to mount into container "c"'


def test_an_empty_folder_is_shared_survives_a_restart_and_goes_with_the_pod() -> None:
    async def story() -> tuple[str, bool, bool]:
        async with machine(speed=60) as here:
            first = "test -e /x/mark || { touch /x/mark; exit 1; }; echo $SERINUS_MOUNT_V > /x/at"
            second = "until test -s /y/at; do sleep 0.02; done; cat /y/at"
            volume = {"name": "v", "emptyDir": {}}
            other = {
                "name": "d",
                "image": "busybox",
                "command": ["sh", "-c", second],
                "volumeMounts": [mounted("v", "/y")],
            }
            one = {
                "name": "c",
                "image": "busybox",
                "command": ["sh", "-c", first + "; exec sleep 1000"],
                "volumeMounts": [mounted("v", "/x")],
            }
            await here.pod("web", pod_volumes=[volume], pod_containers=[one, other])
            await here.until("web", lambda p: container(p).get("restartCount") == 1)
            wanted = {"container": "d", "follow": "true", "limitBytes": "300"}
            path = (await here.log("web", **wanted)).strip()
            there = exists(path)
            await here.delete("web", grace=1)
            await here.until("web", is_gone)
            return path, there, exists(path)

    path, before, after = run_steady(story())
    assert (before, after) == (True, False)
    assert path.endswith("/volumes/v")
