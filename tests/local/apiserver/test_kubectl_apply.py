"""Server-side apply as real kubectl asks for it: conflicts, force, diff, moving over from its own.

Facts: which requests each command makes is in the tables of what was seen of kubectl.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from local.apiserver.applied import fields, owners, web
from local.apiserver.served import Kubectl, each_kubectl, kubectl_story
from serinus.local.apiserver.app import ApiServer

pytestmark = each_kubectl
SERVER_SIDE = "apply --server-side -f -"
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


def stored(server: ApiServer, name: str = "web") -> dict[str, Any]:
    found = server.view.get("apps", "deployments", name, "default")
    assert found is not None
    return dict(found)


def test_server_side_apply_conflicts_and_is_forced(tmp_path: Path, binary: str) -> None:
    async def tell(kubectl: Kubectl, server: ApiServer) -> None:
        made = await kubectl.ok(SERVER_SIDE, stdin=web(replicas=2))
        assert made.out == "deployment.apps/web serverside-applied\n"
        before = stored(server)["metadata"]["resourceVersion"]
        await kubectl.ok(SERVER_SIDE, stdin=web(replicas=2))
        assert stored(server)["metadata"]["resourceVersion"] == before
        await kubectl.ok("scale deploy web --replicas=5")
        assert owners(stored(server)) == [("kubectl", "Apply", ""), ("kubectl", "Update", "scale")]
        refused = await kubectl(SERVER_SIDE, stdin=web(replicas=2))
        assert refused.status == 1
        assert refused.err.startswith(
            'error: Apply failed with 1 conflict: conflict with "kubectl" with subresource '
            '"scale" using apps/v1: .spec.replicas\n'
        )
        assert "--force-conflicts" in refused.err
        await kubectl.ok(SERVER_SIDE + " --force-conflicts", stdin=web(replicas=2))
        assert owners(stored(server)) == [("kubectl", "Apply", "")]
        assert stored(server)["spec"]["replicas"] == 2
        shown = await kubectl.ok("get deploy web -o yaml")
        assert "managedFields" not in shown.out
        shown = await kubectl.ok("get deploy web -o yaml --show-managed-fields")
        assert "f:replicas: {}" in shown.out
        other = await kubectl(SERVER_SIDE + " --field-manager=me", stdin=web("web:2"))
        assert 'conflict with "kubectl": .spec.template.spec.containers[name="web"].image' in (
            other.err
        )

    kubectl_story(tell, binary, tmp_path)


def test_a_server_side_diff_and_dry_run_change_nothing(tmp_path: Path, binary: str) -> None:
    async def tell(kubectl: Kubectl, server: ApiServer) -> None:
        await kubectl.ok(SERVER_SIDE, stdin=web(replicas=2))
        before = stored(server)
        assert (await kubectl("diff --server-side -f -", stdin=web(replicas=2))).status == 0
        differs = await kubectl("diff --server-side -f -", stdin=web("web:2"))
        assert (differs.status, "+      - image: web:2" in differs.out) == (1, True)
        assert "-  replicas: 2" in differs.out
        dry = await kubectl.ok(SERVER_SIDE + " --dry-run=server", stdin=web("web:2"))
        assert "serverside-applied (server dry run)" in dry.out
        assert stored(server) == before

    kubectl_story(tell, binary, tmp_path)


def test_an_object_moves_from_client_side_to_server_side_apply(tmp_path: Path, binary: str) -> None:
    async def tell(kubectl: Kubectl, server: ApiServer) -> None:
        body = web(replicas=2, paused=True)
        await kubectl.ok("apply -f -", stdin=body)
        await kubectl.ok("apply -f -", stdin=web(replicas=3, paused=True))
        assert owners(stored(server)) == [("kubectl-client-side-apply", "Update", "")]
        moved = await kubectl.ok(SERVER_SIDE, stdin=web(replicas=4, paused=True))
        assert moved.out == "deployment.apps/web serverside-applied\n"
        value = stored(server)
        assert [row for row in owners(value) if row[1] == "Update"] == []
        assert "f:paused" in fields(value, "kubectl", "Apply")["f:spec"]
        # what kubectl applies no longer goes, because nothing of the old way holds it
        await kubectl.ok(SERVER_SIDE, stdin=web(replicas=4))
        value = stored(server)
        assert "paused" not in value["spec"]
        annotation = json.loads(value["metadata"]["annotations"][LAST_APPLIED])
        assert annotation["spec"]["replicas"] == 4
        # and back again
        back = await kubectl.ok("apply -f -", stdin=web("web:2", replicas=4))
        assert back.out == "deployment.apps/web configured\n"

    kubectl_story(tell, binary, tmp_path)


def test_unknown_and_repeated_fields_are_refused(tmp_path: Path, binary: str) -> None:
    async def tell(kubectl: Kubectl, server: ApiServer) -> None:
        refused = await kubectl(SERVER_SIDE, stdin=web(replica=2))
        assert ".spec.replica: field not declared in schema" in refused.err
        body = web()
        body["spec"]["template"]["spec"]["containers"] *= 2
        refused = await kubectl(SERVER_SIDE, stdin=json.dumps(body))
        assert (
            '.spec.template.spec.containers: duplicate entries for key [name="web"]' in refused.err
        )

    kubectl_story(tell, binary, tmp_path)
