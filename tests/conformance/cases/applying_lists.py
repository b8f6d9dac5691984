"""Server-side apply by the types of the schema: lists with keys, sets, pieces, unknown parts."""

from __future__ import annotations

from typing import Any

from conformance.applies import applied, conflict, fields, not_applied
from conformance.case import case
from conformance.handle import CONFIG_MAPS, DEPLOYMENTS, SERVICES, STRATEGIC, Conformance, Json
from conformance.objects import GROUP, WIDGETS, config_map, deployment, service, widget

BY_A = {"query": {"fieldManager": "a"}}
WEB = f"{DEPLOYMENTS}/d"
WIDGET = f"{WIDGETS}/w"


def main_container(**more: Any) -> Json:
    return deployment("d", template=_template(main=more))


def _template(**containers: Json) -> Json:
    rows = [{"name": n, "image": f"example.com/{n}:v1"} | more for n, more in containers.items()]
    return {"metadata": {"labels": {"app": "d"}}, "spec": {"containers": rows}}


def containers(value: Json) -> list[Json]:
    return list(value["spec"]["template"]["spec"]["containers"])


def owned_containers(value: Json, manager: str) -> Json:
    return dict(fields(value, manager)["f:spec"]["f:template"]["f:spec"]["f:containers"])


@case()
async def items_of_a_list_with_keys_merge(k: Conformance) -> None:
    await applied(k, WEB, deployment("d", template=_template(main={})), "a")
    body = deployment("d", template=_template(side={}))
    after = await applied(k, WEB, body)
    assert [row["name"] for row in containers(after)] == ["main", "side"]
    assert owned_containers(after, "me") == {
        'k:{"name":"side"}': {".": {}, "f:image": {}, "f:name": {}}
    }
    after = await applied(k, WEB, deployment("d", template=_template(last={}, side={})))
    assert [row["name"] for row in containers(after)] == ["main", "last", "side"]
    after = await applied(k, WEB, deployment("d", template=_template(last={})))
    assert [row["name"] for row in containers(after)] == ["main", "last"]


@case()
async def ports_are_told_apart_by_number_and_protocol(k: Conformance) -> None:
    ports = [{"containerPort": 80}, {"containerPort": 80, "protocol": "UDP"}]
    after = await applied(k, WEB, main_container(ports=ports))
    assert len(containers(after)[0]["ports"]) == 2
    assert owned_containers(after, "me")['k:{"name":"main"}']["f:ports"] == {
        'k:{"containerPort":80,"protocol":"TCP"}': {".": {}, "f:containerPort": {}},
        'k:{"containerPort":80,"protocol":"UDP"}': {
            ".": {},
            "f:containerPort": {},
            "f:protocol": {},
        },
    }
    after = await applied(k, WEB, main_container(ports=ports[1:]))
    assert [port["protocol"] for port in containers(after)[0]["ports"]] == ["UDP"]


@case()
async def a_variable_keeps_its_place_when_another_is_added_by_a_second_applier(
    k: Conformance,
) -> None:
    rows = [{"name": name, "value": "1"} for name in "ABC"]
    await applied(k, WEB, main_container(env=rows))
    more = [{"name": "X", "value": "1"}, {"name": "B", "value": "1"}]
    after = await applied(k, WEB, main_container(env=more), "you")
    assert [row["name"] for row in containers(after)[0]["env"]] == ["A", "X", "B", "C"]


@case()
async def defaults_in_a_part_go_with_what_was_applied_of_it(k: Conformance) -> None:
    probe = {"httpGet": {"port": 80}}
    after = await applied(k, WEB, main_container(readinessProbe=probe))
    assert containers(after)[0]["readinessProbe"]["periodSeconds"] == 10
    after = await applied(k, WEB, main_container())
    assert "readinessProbe" not in containers(after)[0]


@case()
async def mounts_and_volumes_merge_by_path_and_name(k: Conformance) -> None:
    body = main_container(volumeMounts=[{"name": "v", "mountPath": "/v"}])
    body["spec"]["template"]["spec"]["volumes"] = [{"name": "v", "emptyDir": {}}]
    after = await applied(k, WEB, body)
    pod = fields(after, "me")["f:spec"]["f:template"]["f:spec"]
    assert pod["f:volumes"] == {
        'k:{"name":"v"}': {".": {}, "f:emptyDir": {}, "f:name": {}},
    }
    mounts = pod["f:containers"]['k:{"name":"main"}']["f:volumeMounts"]
    assert mounts == {'k:{"mountPath":"/v"}': {".": {}, "f:mountPath": {}, "f:name": {}}}


@case()
async def an_atomic_list_is_replaced_and_owned_as_a_whole(k: Conformance) -> None:
    await applied(k, WEB, main_container(args=["a", "b"]), "a")
    path = '.spec.template.spec.containers[name="main"].args'
    await not_applied(k, WEB, main_container(args=["b"]), **conflict('"a"', path))
    after = await applied(k, WEB, main_container(args=["b"]), force="true")
    assert containers(after)[0]["args"] == ["b"]
    assert "f:args" not in owned_containers(after, "a")['k:{"name":"main"}']


@case()
async def an_atomic_map_is_replaced_and_owned_as_a_whole(k: Conformance) -> None:
    path = f"{SERVICES}/s"
    await applied(k, path, service("s", selector={"a": "1", "b": "1"}), "a")
    await not_applied(
        k, path, service("s", selector={"a": "1"}), **conflict('"a"', ".spec.selector")
    )
    after = await applied(k, path, service("s", selector={"c": "1"}), force="true")
    assert after["spec"]["selector"] == {"c": "1"}
    assert fields(after, "me")["f:spec"]["f:selector"] == {}


@case()
async def ports_of_a_service_merge_by_number_and_protocol(k: Conformance) -> None:
    path = f"{SERVICES}/s"
    await applied(k, path, service("s", ports=[{"name": "a", "port": 80}]), "a")
    after = await applied(k, path, service("s", ports=[{"name": "b", "port": 81}]))
    assert [port["port"] for port in after["spec"]["ports"]] == [80, 81]
    assert fields(after, "me")["f:spec"]["f:ports"] == {
        'k:{"port":81,"protocol":"TCP"}': {".": {}, "f:name": {}, "f:port": {}}
    }


@case()
async def finalizers_are_a_set(k: Conformance) -> None:
    path = f"{CONFIG_MAPS}/m"
    first, second = config_map("m"), config_map("m")
    first["metadata"]["finalizers"] = ["example.com/a"]
    second["metadata"]["finalizers"] = ["example.com/b"]
    await applied(k, path, first, "a")
    after = await applied(k, path, second)
    assert sorted(after["metadata"]["finalizers"]) == ["example.com/a", "example.com/b"]
    assert fields(after, "me")["f:metadata"] == {"f:finalizers": {'v:"example.com/b"': {}}}
    after = await applied(k, path, config_map("m"), "a")
    assert after["metadata"]["finalizers"] == ["example.com/b"]
    assert "finalizers" not in (await applied(k, path, config_map("m")))["metadata"]


@case()
async def the_item_of_a_list_whose_parts_others_own_goes_with_its_applier(k: Conformance) -> None:
    await applied(k, WEB, deployment("d", template=_template(main={}, side={})))
    patch = {"name": "side", "imagePullPolicy": "Always"}
    body = {"spec": {"template": {"spec": {"containers": [patch]}}}}
    await k.ok("PATCH", WEB, body, **STRATEGIC, **BY_A)
    after = await applied(k, WEB, deployment("d", template=_template(main={})))
    assert [row["name"] for row in containers(after)] == ["main"]


PARTS: Json = {
    "type": "array",
    "x-kubernetes-list-type": "map",
    "x-kubernetes-list-map-keys": ["name", "zone"],
    "items": {
        "type": "object",
        "required": ["name"],
        "properties": {
            "name": {"type": "string"},
            "zone": {"type": "string", "default": "main"},
            "size": {"type": "integer"},
        },
    },
}
TEXTS: Json = {"type": "array", "items": {"type": "string"}}
TYPED: Json = {
    "parts": PARTS,
    "names": TEXTS | {"x-kubernetes-list-type": "set"},
    "whole": {
        "type": "object",
        "x-kubernetes-map-type": "atomic",
        "additionalProperties": {"type": "string"},
    },
    "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
    "share": {"x-kubernetes-int-or-string": True},
    "plain": TEXTS,
}


async def typed_widgets(k: Conformance) -> None:
    spec = {"type": "object", "properties": TYPED}
    schema = {"openAPIV3Schema": {"type": "object", "properties": {"spec": spec}}}
    await k.serves_widgets(schema=schema, subresources={})


@case()
async def a_custom_object_is_owned_with_its_spec_by_who_creates_it(k: Conformance) -> None:
    await typed_widgets(k)
    made = await k.made(WIDGETS, widget("w", share=1), **BY_A)
    assert fields(made, "a") == {"f:spec": {".": {}, "f:share": {}}}
    after = await applied(k, WIDGET, widget("w", share=1))
    assert fields(after, "me") == {"f:spec": {"f:share": {}}}
    entry = next(e for e in after["metadata"]["managedFields"] if e["manager"] == "me")
    assert entry["apiVersion"] == k.fill(f"{GROUP}/v1")


@case()
async def lists_of_a_custom_kind_merge_as_its_schema_says(k: Conformance) -> None:
    await typed_widgets(k)
    one: Json = {"parts": [{"name": "a"}], "names": ["x"], "plain": ["p"]}
    await applied(k, WIDGET, widget("w", **one), "a")
    two: Json = {"parts": [{"name": "a", "zone": "other", "size": 1}], "names": ["y"]}
    after = await applied(k, WIDGET, widget("w", **two))
    assert after["spec"]["parts"] == [
        {"name": "a", "zone": "main"},
        {"name": "a", "zone": "other", "size": 1},
    ]
    assert sorted(after["spec"]["names"]) == ["x", "y"]
    assert fields(after, "me")["f:spec"] == {
        "f:names": {'v:"y"': {}},
        "f:parts": {
            'k:{"name":"a","zone":"other"}': {".": {}, "f:name": {}, "f:size": {}, "f:zone": {}}
        },
    }
    assert list(fields(after, "a")["f:spec"]["f:parts"]) == ['k:{"name":"a","zone":"main"}']
    await not_applied(k, WIDGET, widget("w", plain=["q"]), **conflict('"a"', ".spec.plain"))


@case()
async def unknown_parts_of_a_custom_kind_merge_by_field_and_their_lists_as_a_whole(
    k: Conformance,
) -> None:
    await typed_widgets(k)
    await applied(k, WIDGET, widget("w", free={"a": {"x": 1}, "list": [1]}), "a")
    after = await applied(k, WIDGET, widget("w", free={"a": {"y": 1}}))
    assert after["spec"]["free"] == {"a": {"x": 1, "y": 1}, "list": [1]}
    assert fields(after, "me")["f:spec"]["f:free"] == {"f:a": {".": {}, "f:y": {}}}
    wanted = conflict('"a"', ".spec.free.list")
    await not_applied(k, WIDGET, widget("w", free={"list": [2]}), **wanted)


@case()
async def an_atomic_map_of_a_custom_kind_is_one_piece(k: Conformance) -> None:
    await typed_widgets(k)
    await applied(k, WIDGET, widget("w", whole={"a": "1"}), "a")
    await not_applied(k, WIDGET, widget("w", whole={"b": "1"}), **conflict('"a"', ".spec.whole"))
    after = await applied(k, WIDGET, widget("w", whole={"b": "1"}), force="true")
    assert after["spec"]["whole"] == {"b": "1"}


@case()
async def defaults_of_a_custom_kind_are_owned_by_who_updates_and_not_by_who_applies(
    k: Conformance,
) -> None:
    await typed_widgets(k)
    after = await applied(k, WIDGET, widget("w", parts=[{"name": "a"}]))
    assert fields(after, "me")["f:spec"]["f:parts"] == {
        'k:{"name":"a","zone":"main"}': {".": {}, "f:name": {}}
    }
    made = await k.made(WIDGETS, widget("v", parts=[{"name": "a"}]), **BY_A)
    part = fields(made, "a")["f:spec"]["f:parts"]['k:{"name":"a","zone":"main"}']
    assert part == {".": {}, "f:name": {}, "f:zone": {}}


@case(differs="own-faults-are-no-500")
async def an_item_without_its_key_cannot_be_applied(k: Conformance) -> None:
    await typed_widgets(k)
    await not_applied(
        *(k, WIDGET, widget("w", parts=[{"size": 1}])),
        code=400,
        words='associative list with keys has an element that omits key field "name"',
    )
