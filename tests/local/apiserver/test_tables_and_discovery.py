"""Tables, discovery, OpenAPI and the small pages, as kubectl asks for them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from local.apiserver.api import CONFIG_MAPS, Api, WatchLines, config_map, story
from local.apiserver.widgets import CRDS, WIDGETS, definition, widget
from serinus.local.apiserver.kinds.columns import short_span
from serinus.local.apiserver.kinds.columns_built_in import COLUMNS
from serinus.local.apiserver.kinds.columns_pods import pod_phase, pod_ready, pod_restarts

TABLE = {
    "accept": "application/json;as=Table;v=v1;g=meta.k8s.io,"
    "application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json"
}
DISCOVERY = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"


def rows(table: dict[str, Any]) -> list[list[Any]]:
    assert (table["kind"], table["apiVersion"]) == ("Table", "meta.k8s.io/v1")
    return [row["cells"] for row in table["rows"]]


def test_a_list_as_a_table_has_the_usual_columns() -> None:
    async def tell(api: Api) -> None:
        await api.ok("POST", CONFIG_MAPS, config_map("a", x="1", y="2"))
        await api.clock.sleep(130)
        table = await api.ok("GET", CONFIG_MAPS, **TABLE)
        assert [c["name"] for c in table["columnDefinitions"]] == ["Name", "Data", "Age"]
        assert table["columnDefinitions"][0]["format"] == "name"
        assert rows(table) == [["a", 2, "2m10s"]]
        assert table["rows"][0]["object"]["kind"] == "PartialObjectMetadata"
        whole = await api.ok("GET", CONFIG_MAPS, query={"includeObject": "Object"}, **TABLE)
        assert whole["rows"][0]["object"]["data"] == {"x": "1", "y": "2"}
        assert rows(await api.ok("GET", f"{CONFIG_MAPS}/a", **TABLE)) == [["a", 2, "2m10s"]]

    story(tell)


def test_a_custom_kind_shows_its_printer_columns() -> None:
    async def tell(api: Api) -> None:
        await api.ok("POST", CRDS, definition())
        await api.ok("POST", WIDGETS, widget("a", parts=[{"name": "x"}, {"name": "y"}]))
        table = await api.ok("GET", WIDGETS, **TABLE)
        assert [(c["name"], c["priority"]) for c in table["columnDefinitions"]] == [
            ("Name", 0),
            ("Size", 0),
            ("Parts", 0),
            ("Born", 0),
            ("Phase", 1),
        ]
        assert rows(table) == [["a", 1, "x y", "0s", None]]

    story(tell)


def test_a_watch_of_tables_sends_a_table_an_event() -> None:
    async def tell(api: Api) -> None:
        async with WatchLines(api, CONFIG_MAPS, {}, **TABLE) as watch:
            await api.ok("POST", CONFIG_MAPS, config_map("a"))
            kind, table = await watch.next()
            assert (kind, rows(table)) == ("ADDED", [["a", 0, "0s"]])

    story(tell)


def test_metadata_alone_can_be_asked_for() -> None:
    async def tell(api: Api) -> None:
        await api.ok("POST", CONFIG_MAPS, config_map("a", x="1"))
        asked = {"accept": "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"}
        listed = await api.ok("GET", CONFIG_MAPS, **asked)
        assert listed["kind"] == "PartialObjectMetadataList"
        assert set(listed["items"][0]) == {"kind", "apiVersion", "metadata"}

    story(tell)


def test_discovery_speaks_both_forms_with_tags() -> None:
    async def tell(api: Api) -> None:
        answer = await api.call("GET", "/apis", accept=f"{DISCOVERY},application/json")
        assert answer.headers["content-type"] == DISCOVERY
        groups = {g["metadata"]["name"]: g for g in json.loads(answer.body)["items"]}
        apps = {r["resource"]: r for r in groups["apps"]["versions"][0]["resources"]}
        assert apps["replicasets"]["shortNames"] == ["rs"]
        assert [s["subresource"] for s in apps["replicasets"]["subresources"]] == [
            "scale",
            "status",
        ]
        tag = {"if_none_match": answer.headers["etag"], "accept": DISCOVERY}
        assert (await api.call("GET", "/apis", **tag)).status == 304
        assert answer.headers["vary"] == "Accept"
        plain = await api.call("GET", "/apis", accept=f"application/json,{DISCOVERY}")
        assert json.loads(plain.body)["kind"] == "APIGroupList"
        assert plain.headers["etag"] != answer.headers["etag"]
        await api.ok("POST", CRDS, definition())
        assert (await api.call("GET", "/apis", **tag)).status == 200
        assert (await api.ok("GET", "/api"))["versions"] == ["v1"]
        listed = await api.ok("GET", "/apis/example.com/v1")
        assert {r["name"] for r in listed["resources"]} == {
            "widgets",
            "widgets/status",
            "widgets/scale",
        }
        assert (await api.ok("GET", "/apis/example.com"))["preferredVersion"]["version"] == "v1"

    story(tell)


def test_openapi_names_every_kind_and_its_address_changes_with_a_definition() -> None:
    async def tell(api: Api) -> None:
        await api.ok("POST", CRDS, definition())
        index = (await api.ok("GET", "/openapi/v3"))["paths"]
        address = index["apis/example.com/v1"]["serverRelativeURL"]
        path, _, tag = address.partition("?hash=")
        answer = await api.call("GET", path, query={"hash": tag})
        assert "immutable" in answer.headers["cache-control"]
        document = json.loads(answer.body)
        patch = document["paths"]["/apis/example.com/v1/namespaces/{namespace}/widgets/{name}"][
            "patch"
        ]
        assert patch["x-kubernetes-group-version-kind"] == {
            "group": "example.com",
            "version": "v1",
            "kind": "Widget",
        }
        assert "fieldValidation" in {p["name"] for p in patch["parameters"]}
        schemas = document["components"]["schemas"]
        size = schemas["com.example.v1.Widget"]["properties"]["spec"]["properties"]["size"]
        assert size["description"] == "How large it is."
        missing = [ref for ref in references(document) if ref not in schemas]
        assert missing == []
        made = await api.ok("GET", f"{CRDS}/widgets.example.com")
        made["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["description"] = "Changed."
        await api.ok("PUT", f"{CRDS}/widgets.example.com", made)
        again = (await api.ok("GET", "/openapi/v3"))["paths"]
        assert again["apis/example.com/v1"]["serverRelativeURL"] != address
        assert again["apis/apps/v1"] == index["apis/apps/v1"]

    story(tell)


def references(node: Any) -> set[str]:
    if isinstance(node, list):
        return {name for item in node for name in references(item)}
    if not isinstance(node, dict):
        return set()
    found = {name for value in node.values() for name in references(value)}
    own = node.get("$ref")
    return found | ({own.rpartition("/")[2]} if isinstance(own, str) else set())


def test_every_served_group_has_a_complete_openapi_document() -> None:
    async def tell(api: Api) -> None:
        for name in (await api.ok("GET", "/openapi/v3"))["paths"]:
            document = await api.ok("GET", f"/openapi/v3/{name}")
            assert references(document) <= document["components"]["schemas"].keys(), name
        assert (await api.refused("GET", "/openapi/v3/apis/none/v1"))["code"] == 404
        assert (await api.ok("GET", "/openapi/v2"))["definitions"] == {}

    story(tell)


@pytest.mark.parametrize("path", ["/readyz", "/livez", "/healthz", "/readyz/ping"])
def test_health_is_plain_text(path: str) -> None:
    async def tell(api: Api) -> None:
        answer = await api.call("GET", path)
        assert (answer.status, answer.body) == (200, b"ok")

    story(tell)


def test_the_version_is_told_with_and_without_a_slash() -> None:
    async def tell(api: Api) -> None:
        told = await api.ok("GET", "/version")
        assert (told["major"], told["minor"]) == ("1", "37")
        assert await api.ok("GET", "/version/") == told
        assert (await api.refused("POST", "/version"))["code"] == 405

    story(tell)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (119, "119s"),
        (120, "2m"),
        (185, "3m5s"),
        (660, "11m"),
        (3 * 3600, "3h"),
        (3 * 3600 + 720, "3h12m"),
        (30 * 3600, "30h"),
        (50 * 3600, "2d2h"),
        (20 * 86400, "20d"),
        (800 * 86400, "2y70d"),
        (-60, "<invalid>"),
    ],
)
def test_ages_are_written_as_kubectl_writes_them(seconds: int, text: str) -> None:
    assert short_span(seconds) == text


def pod(phase: str, *states: dict[str, Any], **fields: Any) -> dict[str, Any]:
    statuses = [{"state": state, "ready": "running" in state} for state in states]
    return {
        "metadata": fields.pop("metadata", {}),
        "spec": {"containers": [{}] * max(len(states), 1)},
        "status": {"phase": phase, "containerStatuses": statuses} | fields,
    }


@pytest.mark.parametrize(
    ("value", "word"),
    [
        (pod("Pending"), "Pending"),
        (pod("Running", {"running": {}}), "Running"),
        (pod("Running", {"waiting": {"reason": "CrashLoopBackOff"}}), "CrashLoopBackOff"),
        (pod("Failed", {"terminated": {"exitCode": 3, "reason": "Error"}}), "Error"),
        (pod("Failed", {"terminated": {"exitCode": 3}}), "ExitCode:3"),
        (pod("Succeeded", {"terminated": {"exitCode": 0, "reason": "Completed"}}), "Completed"),
        (pod("Running", {"running": {}}, metadata={"deletionTimestamp": "x"}), "Terminating"),
        (pod("Failed", reason="Evicted"), "Evicted"),
    ],
)
def test_the_word_for_a_pod_is_kubectls(value: dict[str, Any], word: str) -> None:
    assert pod_phase(value) == word


@pytest.mark.parametrize(
    ("sidecar", "init", "word", "ready"),
    [
        ({"started": False, "state": {"running": {}}}, {}, "Init:0/2", "0/2"),
        ({"started": True, "ready": True, "state": {"running": {}}}, {}, "Init:1/2", "1/2"),
        (
            {"started": True, "ready": True, "state": {"running": {}}},
            {"terminated": {"exitCode": 0}},
            "Running",
            "2/2",
        ),
    ],
)
def test_sidecars_count_among_the_containers_and_hold_up_no_more_once_started(
    sidecar: dict[str, Any], init: dict[str, Any], word: str, ready: str
) -> None:
    runs = word == "Running"
    value = pod("Running" if runs else "Pending", {"running": {}} if runs else {})
    value["spec"]["initContainers"] = [{"name": "s", "restartPolicy": "Always"}, {"name": "i"}]
    statuses = [{"name": "s"} | sidecar, {"name": "i", "state": init or {"waiting": {}}}]
    value["status"]["initContainerStatuses"] = statuses
    assert (pod_phase(value), pod_ready(value)) == (word, ready)


def test_a_node_is_told_widely_with_its_addresses_and_its_system() -> None:
    info = {"kubeletVersion": "v1", "osImage": "Linux", "kernelVersion": "6"}
    address = {"type": "InternalIP", "address": "127.0.0.1"}
    value = {"metadata": {"name": "a"}, "status": {"addresses": [address], "nodeInfo": info}}
    now = datetime(2026, 1, 1, tzinfo=UTC)
    wide = {column.name: column.cell(value, now) for column in COLUMNS["", "nodes"][5:]}
    assert wide == {
        "Internal-IP": "127.0.0.1",
        "External-IP": "<none>",
        "OS-Image": "Linux",
        "Kernel-Version": "6",
        "Container-Runtime": "<unknown>",
    }


def test_a_sidecar_that_ends_after_the_start_is_no_failed_start() -> None:
    ended = {"exitCode": 143, "reason": "Error"}
    value = pod("Running", {"terminated": {"exitCode": 0, "reason": "Completed"}})
    value["spec"]["initContainers"] = [{"name": "s", "restartPolicy": "Always"}]
    status = {"name": "s", "started": False, "state": {"terminated": ended}, "restartCount": 2}
    value["status"]["initContainerStatuses"] = [status]
    now = datetime(2026, 1, 1, tzinfo=UTC)
    assert pod_phase(value) == "Init:Error"
    value["status"]["conditions"] = [{"type": "Initialized", "status": "True"}]
    assert (pod_phase(value), pod_restarts(value, now)) == ("Completed", "2")


def test_restarts_are_those_of_the_init_containers_until_these_are_done() -> None:
    value = pod("Pending", {"waiting": {}})
    value["spec"]["initContainers"] = [{"name": "i"}]
    last = {"terminated": {"finishedAt": "2026-01-01T00:00:00Z"}}
    state = {"waiting": {"reason": "CrashLoopBackOff"}}
    status = {"name": "i", "state": state, "restartCount": 4, "lastState": last}
    value["status"]["initContainerStatuses"] = [status]
    now = datetime(2026, 1, 1, 0, 1, tzinfo=UTC)
    assert (pod_phase(value), pod_restarts(value, now)) == (
        "Init:CrashLoopBackOff",
        "4 (60s ago)",
    )
    status["state"] = {"terminated": {"exitCode": 0}}
    assert pod_restarts(value, now) == "0"


def test_a_pod_of_which_one_container_has_ended_well_is_as_ready_as_its_condition_says() -> None:
    value = pod("Running", {"terminated": {"exitCode": 0, "reason": "Completed"}}, {"running": {}})
    assert pod_phase(value) == "NotReady"
    value["status"]["conditions"] = [{"type": "Ready", "status": "True"}]
    assert pod_phase(value) == "Running"


def test_ready_and_restarts_of_a_pod() -> None:
    value = pod("Running", {"running": {}}, {"waiting": {}})
    value["status"]["containerStatuses"][1] |= {
        "restartCount": 3,
        "lastState": {"terminated": {"finishedAt": "2026-01-01T00:00:00Z"}},
    }
    now = datetime(2026, 1, 1, 0, 1, tzinfo=UTC)
    assert pod_ready(value) == "1/2"
    assert pod_restarts(value, now) == "3 (60s ago)"
