"""Forms of answers: discovery, OpenAPI, tables, headers, media types, pages that are none."""

from __future__ import annotations

from conformance.case import case, refusal
from conformance.handle import (
    CONFIG_MAPS,
    NAMESPACES,
    PODS,
    SECRETS,
    TABLE,
    Conformance,
    Json,
)
from conformance.objects import GROUP, WIDGETS, config_map, pod, secret, widget

AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
METADATA = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io"
METADATA_LIST = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"


@case()
async def the_version_is_told_also_behind_a_slash(k: Conformance) -> None:
    found = await k.ok("GET", "/version")
    assert found["major"] == "1"
    assert found["gitVersion"].startswith("v1.")
    assert (await k.call("GET", "/version/")).json == found


@case()
async def health_is_the_text_ok(k: Conformance) -> None:
    for path in ("/readyz", "/livez", "/healthz", "/readyz/ping"):
        answer = await k.call("GET", path)
        assert (answer.status, answer.body) == (200, b"ok"), path
        assert answer.headers["content-type"].startswith("text/plain")


@case()
async def the_versions_of_the_core_are_listed(k: Conformance) -> None:
    found = await k.ok("GET", "/api")
    assert (found["kind"], found["versions"]) == ("APIVersions", ["v1"])


@case()
async def groups_are_listed_with_their_preferred_version(k: Conformance) -> None:
    found = await k.ok("GET", "/apis")
    assert (found["kind"], found["apiVersion"]) == ("APIGroupList", "v1")
    group = next(group for group in found["groups"] if group["name"] == "apps")
    assert group["preferredVersion"] == {"groupVersion": "apps/v1", "version": "v1"}
    single = await k.ok("GET", "/apis/apps")
    assert (single["kind"], single["name"]) == ("APIGroup", "apps")


def row(found: Json, name: str) -> Json:
    rows: list[Json] = found["resources"]
    return next(row for row in rows if row["name"] == name)


@case()
async def resources_of_the_core_are_listed(k: Conformance) -> None:
    found = await k.ok("GET", "/api/v1")
    assert (found["kind"], found["groupVersion"]) == ("APIResourceList", "v1")
    pods = row(found, "pods")
    assert (pods["kind"], pods["singularName"], pods["namespaced"]) == ("Pod", "pod", True)
    assert (pods["shortNames"], pods["categories"]) == (["po"], ["all"])
    wanted = {"create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"}
    assert set(pods["verbs"]) == wanted
    assert row(found, "pods/status")["verbs"] == ["get", "patch", "update"]
    assert row(found, "namespaces")["namespaced"] is False


@case()
async def resources_of_a_group_are_listed_with_their_scale(k: Conformance) -> None:
    found = await k.ok("GET", "/apis/apps/v1")
    scale = row(found, "deployments/scale")
    assert (scale["kind"], scale["group"], scale["version"]) == ("Scale", "autoscaling", "v1")


@case()
async def a_custom_kind_is_discovered(k: Conformance) -> None:
    await k.serves_widgets()

    async def listed() -> Json | None:
        answer = await k.call("GET", f"/apis/{GROUP}/v1")
        return answer.json if answer.status == 200 and answer.json["resources"] else None

    found = await k.eventually(listed, "the resources of the group")
    widgets = row(found, "widgets")
    assert (widgets["kind"], widgets["singularName"]) == ("Widget", "widget")
    assert row(found, "widgets/status")["verbs"] == ["get", "patch", "update"]


@case()
async def discovery_is_told_in_one_piece(k: Conformance) -> None:
    answer = await k.call("GET", "/apis", accept=AGGREGATED + ",application/json")
    assert answer.status == 200
    said = answer.headers["content-type"].replace(" ", "")
    assert set(said.split(";")) == set(AGGREGATED.split(";"))
    assert answer.json["kind"] == "APIGroupDiscoveryList"
    apps = next(item for item in answer.json["items"] if item["metadata"]["name"] == "apps")
    version = apps["versions"][0]
    assert (version["version"], version["freshness"]) == ("v1", "Current")
    deployments = next(r for r in version["resources"] if r["resource"] == "deployments")
    assert deployments["scope"] == "Namespaced"
    assert deployments["responseKind"] == {"group": "apps", "version": "v1", "kind": "Deployment"}
    assert {"status", "scale"} <= {part["subresource"] for part in deployments["subresources"]}


@case()
async def the_core_is_discovered_in_one_piece(k: Conformance) -> None:
    answer = await k.call("GET", "/api", accept=AGGREGATED)
    assert len(answer.json["items"]) == 1
    assert not answer.json["items"][0]["metadata"].get("name")


@case()
async def discovery_that_is_known_is_not_sent_again(k: Conformance) -> None:
    asked = {"accept": AGGREGATED}
    tag = (await k.call("GET", "/apis", **asked)).headers["etag"]
    again = await k.call("GET", "/apis", if_none_match=tag, **asked)
    assert (again.status, again.body) == (304, b"")


@case()
async def discovery_varies_by_accept(k: Conformance) -> None:
    whole = await k.call("GET", "/apis", accept=AGGREGATED)
    assert "accept" in whole.headers["vary"].lower()


@case()
async def openapi_names_a_document_for_each_group(k: Conformance) -> None:
    paths = (await k.ok("GET", "/openapi/v3"))["paths"]
    assert {"api/v1", "apis/apps/v1"} <= set(paths)
    url = paths["apis/apps/v1"]["serverRelativeURL"]
    assert url.startswith("/openapi/v3/apis/apps/v1?hash=")
    document = await k.ok("GET", url)
    assert document["openapi"].startswith("3.0")
    patch = document["paths"]["/apis/apps/v1/namespaces/{namespace}/deployments/{name}"]["patch"]
    assert patch["x-kubernetes-group-version-kind"] == {
        "group": "apps",
        "kind": "Deployment",
        "version": "v1",
    }
    assert "fieldValidation" in {parameter["name"] for parameter in patch["parameters"]}


@case()
async def the_schema_of_a_custom_kind_is_published(k: Conformance) -> None:
    await k.serves_widgets()

    async def published() -> Json | None:
        paths = (await k.ok("GET", "/openapi/v3"))["paths"]
        entry = paths.get(k.fill(f"apis/{GROUP}/v1"))
        return await k.ok("GET", entry["serverRelativeURL"]) if entry else None

    schemas = (await k.eventually(published, "the document"))["components"]["schemas"]
    found = [s for name, s in schemas.items() if name.endswith(".Widget")]
    assert found[0]["properties"]["spec"]["properties"]["size"]["type"] == "integer"


@case()
async def a_list_may_be_a_table(k: Conformance) -> None:
    await k.ok("POST", SECRETS, secret("a"))
    table = await k.ok("GET", SECRETS, **TABLE)
    assert (table["kind"], table["apiVersion"]) == ("Table", "meta.k8s.io/v1")
    columns = table["columnDefinitions"]
    assert [column["name"] for column in columns] == ["Name", "Type", "Data", "Age"]
    assert (columns[0]["type"], columns[0]["format"]) == ("string", "name")
    assert table["rows"][0]["cells"][:3] == ["a", "Opaque", 0]
    assert table["rows"][0]["object"]["kind"] == "PartialObjectMetadata"


@case()
async def an_object_may_be_a_table(k: Conformance) -> None:
    await k.ok("POST", PODS, pod("p"))
    table = await k.ok("GET", f"{PODS}/p", **TABLE)
    assert [column["name"] for column in table["columnDefinitions"]][:5] == [
        "Name",
        "Ready",
        "Status",
        "Restarts",
        "Age",
    ]
    assert table["rows"][0]["cells"][:3] == ["p", "0/1", "Pending"]


@case()
async def rows_of_a_table_hold_what_is_asked_for(k: Conformance) -> None:
    await k.ok("POST", SECRETS, secret("a"))
    whole = await k.ok("GET", SECRETS, query={"includeObject": "Object"}, **TABLE)
    assert whole["rows"][0]["object"]["type"] == "Opaque"
    none = await k.ok("GET", SECRETS, query={"includeObject": "None"}, **TABLE)
    assert none["rows"][0].get("object") is None


@case()
async def a_table_has_pages(k: Conformance) -> None:
    for name in ("a", "b"):
        await k.ok("POST", SECRETS, secret(name))
    table = await k.ok("GET", SECRETS, query={"limit": "1"}, **TABLE)
    assert (len(table["rows"]), table["metadata"]["remainingItemCount"]) == (1, 1)


@case()
async def a_custom_kind_has_the_columns_of_its_definition(k: Conformance) -> None:
    columns = [
        {"name": "Size", "type": "integer", "jsonPath": ".spec.size", "description": "How large."},
        {"name": "Colour", "type": "string", "jsonPath": ".spec.colour", "priority": 1},
    ]
    await k.serves_widgets(additionalPrinterColumns=columns)
    await k.ok("POST", WIDGETS, widget("a", size=3))
    table = await k.ok("GET", WIDGETS, **TABLE)
    found = table["columnDefinitions"]
    assert [(c["name"], c["priority"]) for c in found] == [("Name", 0), ("Size", 0), ("Colour", 1)]
    assert found[1]["description"] == "How large."
    assert table["rows"][0]["cells"][:2] == ["a", 3]


@case()
async def a_custom_kind_without_columns_shows_its_age(k: Conformance) -> None:
    await k.serves_widgets()
    table = await k.ok("GET", WIDGETS, **TABLE)
    assert [c["name"] for c in table["columnDefinitions"]] == ["Name", "Age"]


@case()
async def a_list_may_be_of_metadata(k: Conformance) -> None:
    await k.ok("POST", SECRETS, secret("a", data={"x": "YQ=="}))
    found = await k.ok("GET", SECRETS, accept=METADATA_LIST)
    assert found["kind"] == "PartialObjectMetadataList"
    assert found["apiVersion"] == "meta.k8s.io/v1"
    assert found["items"][0]["metadata"]["name"] == "a"
    assert "data" not in found["items"][0]


@case()
async def an_object_may_be_metadata(k: Conformance) -> None:
    await k.ok("POST", CONFIG_MAPS, config_map("a", x="1"))
    found = await k.ok("GET", f"{CONFIG_MAPS}/a", accept=METADATA)
    assert (found["kind"], found["apiVersion"]) == ("PartialObjectMetadata", "meta.k8s.io/v1")
    assert "data" not in found


@case()
async def the_first_offer_that_can_be_served_is_taken(k: Conformance) -> None:
    accept = "application/vnd.example;q=0.1,application/json;as=Table;v=v9;g=meta.k8s.io,"
    accept += "application/json"
    assert (await k.ok("GET", SECRETS, accept=accept))["kind"] == "SecretList"


@case()
async def answers_say_their_type_and_the_time(k: Conformance) -> None:
    answer = await k.call("GET", SECRETS)
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["date"].endswith(" GMT")


refusal(
    "an_offer_of_html_is_not_acceptable",
    "GET",
    SECRETS,
    accept="text/html",
    code=406,
    reason="NotAcceptable",
    words="only the following media types are accepted: application/json",
)
refusal(
    "yaml_is_not_answered",
    "GET",
    SECRETS,
    accept="application/yaml",
    differs="answers-are-json",
    code=406,
    reason="NotAcceptable",
    message="only the following media types are accepted: application/json",
)
refusal(
    "protobuf_alone_is_not_answered",
    "GET",
    SECRETS,
    accept="application/vnd.kubernetes.protobuf",
    differs="answers-are-json",
    code=406,
    reason="NotAcceptable",
)
refusal(
    "an_unknown_resource_is_no_page",
    "GET",
    "/api/v1/namespaces/{ns}/gadgets",
    code=404,
    reason="NotFound",
    message="the server could not find the requested resource",
    details={},
)
refusal(
    "a_cluster_scoped_kind_is_not_found_in_a_namespace",
    "GET",
    "/api/v1/namespaces/{ns}/nodes",
    code=404,
    reason="NotFound",
    message="the server could not find the requested resource",
)
refusal(
    "an_absent_group_is_no_page",
    "GET",
    "/apis/absent.example.com/v1/gadgets",
    differs="refusals-are-statuses",
    code=404,
    reason="NotFound",
    message="the server could not find the requested resource",
)
refusal(
    "a_namespace_is_not_created_by_a_replacement",
    "PUT",
    f"{NAMESPACES}/absent-{{unique}}",
    {"metadata": {"name": "absent-{unique}"}},
    code=404,
    reason="NotFound",
    message='namespaces "absent-{unique}" not found',
)
for _method, _path, _name in (
    ("PUT", NAMESPACES, "namespaces_are_not_replaced_together"),
    ("PATCH", SECRETS, "a_collection_is_not_patched"),
    ("POST", f"{SECRETS}/a", "an_object_is_not_posted_to"),
    ("OPTIONS", SECRETS, "there_are_no_options"),
):
    refusal(
        _name,
        _method,
        _path,
        code=405,
        reason="MethodNotAllowed",
        message="the server does not allow this method on the requested resource",
    )


async def _upgrade(k: Conformance, half: str) -> None:
    body = pod("p")
    ports = {"serinus.dev/port": "20001", "serinus.dev/ports": '{"8080":20001,"9090":20002}'}
    await k.ok("POST", PODS, pod("new"))
    await k.ok("POST", PODS, body | {"metadata": {"name": "p", "annotations": ports}})
    status = await k.refused("GET", f"{PODS}/p/{half}", code=400, reason="BadRequest")
    assert f"{half} is not served by the embedded cluster" in status["message"]
    listed = "127.0.0.1:20001 (its port 8080), 127.0.0.1:20002 (its port 9090)"
    assert f"Pod p listens at {listed}; " in status["message"]
    instead = {"exec": "in a terminal", "attach": "kubectl logs -f", "portforward": "real port"}
    assert instead[half] in status["message"]
    status = await k.refused("GET", f"{PODS}/new/{half}", code=400)
    assert "Pod new has no port yet" in status["message"]
    await k.refused("GET", f"{PODS}/gone/{half}", code=404, reason="NotFound")


for _half in ("exec", "attach", "portforward"):

    @case(differs="no-streams-into-pods", name=f"{_half}_is_refused_in_words")
    async def _refused(k: Conformance, half: str = _half) -> None:
        await _upgrade(k, half)
