"""The server as real kubectl meets it: the commands of a day, over a loopback socket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from local.apiserver.served import DEADLINE_SECONDS, Kubectl, each_kubectl, kubectl_story
from local.apiserver.widgets import definition, widget
from serinus.local.apiserver.app import ApiServer
from serinus.local.apiserver.reading.logs import LogOptions

pytestmark = each_kubectl


def deployment(image: str = "web:1", **spec: Any) -> dict[str, Any]:
    labels = {"app": "web"}
    container = {"name": "web", "image": image, "ports": [{"containerPort": 8080}]}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "labels": labels},
        "spec": {"selector": {"matchLabels": labels}, "template": template} | spec,
    }


def lamp(name: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}}


def test_objects_are_created_applied_changed_and_deleted(tmp_path: Path, binary: str) -> None:
    async def tell(kubectl: Kubectl, server: ApiServer) -> None:
        assert (await kubectl.ok("create namespace shop")).out == "namespace/shop created\n"
        ran = await kubectl("create namespace shop")
        assert (ran.status, ran.err) == (
            1,
            'Error from server (AlreadyExists): namespaces "shop" already exists\n',
        )
        made = await kubectl.ok("create configmap lamp -n shop --from-literal=light=on")
        assert made.out == "configmap/lamp created\n"
        apply = "apply -n shop -f -"
        assert "created" in (await kubectl.ok(apply, stdin=deployment())).out
        assert "unchanged" in (await kubectl.ok(apply, stdin=deployment())).out
        assert "configured" in (await kubectl.ok(apply, stdin=deployment("web:2"))).out
        got = json.loads((await kubectl.ok("get deploy web -n shop -o json")).out)
        container = got["spec"]["template"]["spec"]["containers"][0]
        assert (container["image"], got["metadata"]["generation"]) == ("web:2", 2)
        dry = await kubectl.ok(apply + " --dry-run=server", stdin=deployment("web:3"))
        assert "server dry run" in dry.out
        assert (await kubectl("diff -n shop -f -", stdin=deployment("web:2"))).status == 0
        differs = await kubectl("diff -n shop -f -", stdin=deployment("web:3"))
        assert (differs.status, "+      - image: web:3" in differs.out) == (1, True)
        listed = {"apiVersion": "v1", "kind": "List", "items": [deployment("web:2"), lamp("two")]}
        both = (await kubectl.ok(apply, stdin=listed)).out
        assert both == "deployment.apps/web unchanged\nconfigmap/two created\n"
        assert (await kubectl.ok("delete namespace shop --wait")).status == 0
        kept = await kubectl("delete namespace default")
        assert "this namespace may not be deleted" in kept.err
        gone = await kubectl("get configmap lamp -n shop")
        assert 'namespaces "shop" not found' in gone.err

    kubectl_story(tell, binary, tmp_path)


def test_tables_and_the_other_outputs(tmp_path: Path, binary: str) -> None:
    async def tell(kubectl: Kubectl, server: ApiServer) -> None:
        await kubectl.ok("create service clusterip web --tcp=80:8080")
        await kubectl.ok("apply -f -", stdin=deployment(replicas=3))
        await kubectl.ok("create secret generic key --from-literal=a=b")
        head, row = (await kubectl.ok("get deploy")).lines
        assert head == ["NAME", "READY", "UP-TO-DATE", "AVAILABLE", "AGE"]
        assert row[:4] == ["web", "0/3", "0", "0"]
        head, row = (await kubectl.ok("get svc")).lines
        assert head == ["NAME", "TYPE", "CLUSTER-IP", "EXTERNAL-IP", "PORT(S)", "AGE"]
        assert (row[:2], row[3:5]) == (["web", "ClusterIP"], ["<none>", "80/TCP"])
        wide = (await kubectl.ok("get deploy -o wide")).lines
        assert wide[0][-3:] == ["CONTAINERS", "IMAGES", "SELECTOR"]
        assert wide[1][-3:] == ["web", "web:1", "app=web"]
        assert (await kubectl.ok("get deploy -o name")).out == "deployment.apps/web\n"
        path = await kubectl.ok("get deploy web -o jsonpath={.spec.replicas}")
        assert path.out == "3"
        assert "restartPolicy: Always" in (await kubectl.ok("get deploy web -o yaml")).out
        assert "deployment.apps/web" in (await kubectl.ok("get all")).out
        ordered = await kubectl.ok("get ns --sort-by=.metadata.name")
        assert [line[0] for line in ordered.lines[1:]] == ["default", "kube-public", "kube-system"]
        paged = await kubectl.ok("get ns --chunk-size=1 -o name")
        assert len(paged.lines) == 3
        described = (await kubectl.ok("describe secret key")).out
        assert "a:  1 bytes" in described
        assert "Type:" in (await kubectl.ok("describe svc web")).out
        assert (await kubectl.ok("get events")).err == "No resources found in default namespace.\n"

    kubectl_story(tell, binary, tmp_path)


def test_three_patches_labels_scale_and_image(tmp_path: Path, binary: str) -> None:
    async def tell(kubectl: Kubectl, server: ApiServer) -> None:
        await kubectl.ok("apply -f -", stdin=deployment())
        strategic = {
            "spec": {"template": {"spec": {"containers": [{"name": "side", "image": "s"}]}}}
        }
        await kubectl.ok("patch deploy web -p", json.dumps(strategic))
        await kubectl.ok("patch deploy web --type=merge -p", '{"spec":{"paused":true}}')
        operation = [{"op": "replace", "path": "/spec/minReadySeconds", "value": 3}]
        failed = await kubectl("patch deploy web --type=json -p", json.dumps(operation))
        assert "/spec/minReadySeconds is not there" in failed.err
        operation[0]["op"] = "add"
        await kubectl.ok("patch deploy web --type=json -p", json.dumps(operation))
        await kubectl.ok("label deploy web tier=front")
        await kubectl.ok("annotate deploy web note=hello")
        await kubectl.ok("scale deploy web --replicas=4")
        await kubectl.ok("set image deploy/web side=s:2")
        status = '{"status":{"replicas":4}}'
        await kubectl.ok("patch deploy web --subresource=status --type=merge -p", status)
        value = server.view.get("apps", "deployments", "web", "default")
        assert value is not None
        images = {c["name"]: c["image"] for c in value["spec"]["template"]["spec"]["containers"]}
        assert images == {"web": "web:1", "side": "s:2"}
        assert (value["spec"]["paused"], value["spec"]["minReadySeconds"]) == (True, 3)
        assert (value["spec"]["replicas"], value["status"]) == (4, {"replicas": 4})
        assert value["metadata"]["labels"]["tier"] == "front"
        assert value["metadata"]["annotations"]["note"] == "hello"

    kubectl_story(tell, binary, tmp_path)


def test_a_custom_kind_lives_with_kubectl(tmp_path: Path, binary: str) -> None:
    async def tell(kubectl: Kubectl, server: ApiServer) -> None:
        await kubectl.ok("apply -f -", stdin=definition())
        await kubectl.ok("wait --for=condition=established crd/widgets.example.com --timeout=20s")
        assert "created" in (await kubectl.ok("apply -f -", stdin=widget("a"))).out
        assert "unchanged" in (await kubectl.ok("apply -f -", stdin=widget("a"))).out
        assert "configured" in (await kubectl.ok("apply -f -", stdin=widget("a", size=2))).out
        head, row = (await kubectl.ok("get wd")).lines
        assert (head, row[:2]) == (["NAME", "SIZE", "PARTS", "BORN"], ["a", "2"])
        refused = await kubectl("apply -f -", stdin=widget("b", hue="x"))
        assert 'strict decoding error: unknown field "spec.hue"' in refused.err
        warned = await kubectl.ok("apply --validate=warn -f -", stdin=widget("b", hue="x"))
        assert 'Warning: unknown field "spec.hue"' in warned.err
        wrong = await kubectl("apply -f -", stdin=widget("c", size="big"))
        assert "must be of type integer" in wrong.err
        told = (await kubectl.ok("explain widget.spec.size")).out
        assert "FIELD: size <integer>" in told
        assert "How large it is." in told
        assert "size" in (await kubectl.ok("explain widget.spec")).out
        status = '{"status":{"phase":"Up"}}'
        await kubectl.ok("patch wd a --type=merge --subresource=status -p", status)
        await kubectl.ok("wait wd/a --for=jsonpath={.status.phase}=Up --timeout=20s")
        await kubectl.ok("scale wd a --replicas=2")
        assert "Spec:" in (await kubectl.ok("describe wd a")).out
        await kubectl.ok("delete wd a b --wait")
        await kubectl.ok("delete crd widgets.example.com")
        gone = await kubectl("get wd")
        assert "the server could not find the requested resource" in gone.err

    kubectl_story(tell, binary, tmp_path)


def test_get_watch_and_wait_follow_what_happens(tmp_path: Path, binary: str) -> None:
    async def tell(kubectl: Kubectl, server: ApiServer) -> None:
        await kubectl.ok("create configmap a")
        watch = await kubectl.start("get", "configmaps", "--watch", "--output-watch-events")
        assert watch.stdout is not None
        lines = [(await read_line(watch))[:2] for _ in range(2)]
        assert lines == [["EVENT", "NAME"], ["ADDED", "a"]]
        await kubectl.ok("create configmap b --from-literal=x=1")
        assert (await read_line(watch))[:3] == ["ADDED", "b", "1"]
        await kubectl.ok("patch configmap b -p", '{"data":{"y":"2"}}')
        assert (await read_line(watch))[:3] == ["MODIFIED", "b", "2"]
        held = '{"metadata":{"finalizers":["example.com/wait"]}}'
        await kubectl.ok("patch configmap b -p", held)
        assert (await read_line(watch))[:2] == ["MODIFIED", "b"]
        deletion = await kubectl.start("delete", "configmap", "b", "--wait")
        assert (await read_line(watch))[:2] == ["MODIFIED", "b"]
        await kubectl.ok("patch configmap b --type=merge -p", '{"metadata":{"finalizers":null}}')
        assert await deletion.wait() == 0
        rest = [(await read_line(watch))[:2] for _ in range(2)]
        assert rest == [["MODIFIED", "b"], ["DELETED", "b"]]
        watch.terminate()
        await watch.wait()

    kubectl_story(tell, binary, tmp_path)


async def read_line(process: asyncio.subprocess.Process) -> list[str]:
    assert process.stdout is not None
    async with asyncio.timeout(DEADLINE_SECONDS):
        return (await process.stdout.readline()).decode().split()


def test_logs_come_from_the_node_and_exec_is_refused_in_words(tmp_path: Path, binary: str) -> None:
    async def source(
        namespace: str, pod: str, container: str, options: LogOptions
    ) -> AsyncIterator[bytes]:
        if options.previous:
            raise LookupError("the container has not run before")
        yield f"{namespace}/{pod}/{container} {options.tail_lines}\n".encode()
        if options.follow:
            yield b"and more\n"

    async def tell(kubectl: Kubectl, server: ApiServer) -> None:
        await kubectl.ok("run web --image=web")
        assert (await kubectl.ok("logs web")).out == "default/web/web None\n"
        followed = await kubectl.ok("logs web -f --tail=5")
        assert followed.out == "default/web/web 5\nand more\n"
        previous = await kubectl("logs web --previous")
        assert "the container has not run before" in previous.err
        wrong = await kubectl("logs web -c none")
        assert "container none is not valid for pod web" in wrong.err
        refused = await kubectl("exec web -- ls")
        assert "exec is not served by the embedded cluster" in refused.err

    kubectl_story(tell, binary, tmp_path, log_source=source)


def test_the_small_commands(tmp_path: Path, binary: str) -> None:
    async def tell(kubectl: Kubectl, server: ApiServer) -> None:
        assert "Server Version: v1.37.0+serinus" in (await kubectl.ok("version")).out
        assert (await kubectl.ok("get --raw /readyz")).out == "ok"
        kinds = {line[0] for line in (await kubectl.ok("api-resources")).lines}
        assert {"pods", "deployments", "ingresses", "endpointslices"} <= kinds
        assert (await kubectl.ok("auth can-i get pods")).out == "yes\n"
        assert "admin" in (await kubectl.ok("auth whoami")).out
        assert "created" in (await kubectl.ok("create job j --image=x -- echo hi")).out
        refused = await kubectl("create clusterrole r --verb=get --resource=pods")
        assert refused.status == 1
        assert "FIELD: replicas <integer>" in (await kubectl.ok("explain deploy.spec.replicas")).out

    kubectl_story(tell, binary, tmp_path)
