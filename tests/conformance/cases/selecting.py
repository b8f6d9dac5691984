"""Label and field selectors of lists and watches."""

from __future__ import annotations

from conformance.case import case, refusal
from conformance.handle import CONFIG_MAPS, EVENTS, JOBS, PODS, SECRETS, SERVICES, Conformance
from conformance.objects import WIDGETS, event, pod, secret, service, widget

LABELLED = {
    "a": {"app": "web", "tier": "front"},
    "b": {"app": "web", "tier": "back", "size": "10"},
    "c": {"app": "db", "size": "3"},
    "d": {},
}


def _selects(name: str, selector: str, wanted: str) -> None:
    @case(name=name)
    async def tell(k: Conformance) -> None:
        for secret_name, labels in LABELLED.items():
            await k.ok("POST", SECRETS, secret(secret_name, labels))
        found = await k.ok("GET", SECRETS, query={"labelSelector": selector})
        assert "".join(item["metadata"]["name"] for item in found["items"]) == wanted


for _name, _selector, _wanted in (
    ("an_equal_label_selects", "app=web", "ab"),
    ("two_equal_signs_are_one", "app==web", "ab"),
    ("an_unequal_label_selects_also_what_lacks_it", "app!=web", "cd"),
    ("requirements_add_up", "app=web,tier=back", "b"),
    ("a_set_selects", "app in (web, db)", "abc"),
    ("a_set_excludes_and_selects_what_lacks_it", "app notin (web)", "cd"),
    ("a_key_selects_what_has_it", "tier", "ab"),
    ("a_key_excludes_what_has_it", "!tier", "cd"),
    ("numbers_are_compared", "size>5", "b"),
    ("numbers_are_compared_the_other_way", "size<5", "c"),
    ("spaces_do_not_matter", " app = web , !size ", "a"),
    ("an_empty_selector_selects_everything", "", "abcd"),
):
    _selects(_name, _selector, _wanted)


for _name, _selector in (
    ("an_open_set_is_no_selector", "app in (web"),
    ("a_set_needs_brackets", "app in web"),
    ("a_key_of_a_selector_is_checked", "-app=web"),
    ("a_value_of_a_selector_is_checked", "app=we/b"),
    ("a_selector_of_a_long_value_is_refused", "app=" + "w" * 64),
):
    refusal(
        _name,
        "GET",
        SECRETS,
        query={"labelSelector": _selector},
        code=400,
        reason="BadRequest",
        words="unable to parse requirement: ",
    )


@case()
async def a_name_is_selected(k: Conformance) -> None:
    for name in ("a", "b"):
        await k.ok("POST", SECRETS, secret(name))
    for selector, wanted in (("metadata.name=a", "a"), ("metadata.name!=a", "b")):
        found = await k.ok("GET", SECRETS, query={"fieldSelector": selector})
        assert [item["metadata"]["name"] for item in found["items"]] == [wanted]


@case()
async def a_namespace_is_selected_across_all(k: Conformance) -> None:
    await k.ok("POST", SECRETS, secret("a"))
    query = {"fieldSelector": "metadata.namespace={ns}"}
    found = await k.ok("GET", "/api/v1/secrets", query=query)
    assert [item["metadata"]["name"] for item in found["items"]] == ["a"]


@case()
async def labels_and_fields_select_together(k: Conformance) -> None:
    for name, labels in LABELLED.items():
        await k.ok("POST", SECRETS, secret(name, labels))
    query = {"labelSelector": "app=web", "fieldSelector": "metadata.name!=a"}
    found = await k.ok("GET", SECRETS, query=query)
    assert [item["metadata"]["name"] for item in found["items"]] == ["b"]


@case()
async def pods_are_selected_by_phase_node_and_policy(k: Conformance) -> None:
    await k.ok("POST", PODS, pod("p"))
    for selector, wanted in (
        ("status.phase=Pending", ["p"]),
        ("status.phase=Running", []),
        ("spec.nodeName=", ["p"]),
        ("spec.restartPolicy=Always,spec.hostNetwork=false", ["p"]),
        ("spec.schedulerName=nobody.example.com", ["p"]),
    ):
        found = await k.ok("GET", PODS, query={"fieldSelector": selector})
        assert [item["metadata"]["name"] for item in found["items"]] == wanted, selector


@case()
async def secrets_are_selected_by_type(k: Conformance) -> None:
    await k.ok("POST", SECRETS, secret("a"))
    await k.ok("POST", SECRETS, secret("b", type="example.com/own"))
    found = await k.ok("GET", SECRETS, query={"fieldSelector": "type=example.com/own"})
    assert [item["metadata"]["name"] for item in found["items"]] == ["b"]


@case()
async def services_are_selected_by_type(k: Conformance) -> None:
    await k.ok("POST", SERVICES, service("a"))
    found = await k.ok("GET", SERVICES, query={"fieldSelector": "spec.type=ClusterIP"})
    assert [item["metadata"]["name"] for item in found["items"]] == ["a"]


@case()
async def events_are_selected_by_what_they_are_about(k: Conformance) -> None:
    await k.ok("POST", EVENTS, event("e"))
    await k.ok("POST", EVENTS, event("f", reason="Other", type="Warning"))
    for selector, wanted in (
        ("involvedObject.name=p,involvedObject.kind=Pod,involvedObject.namespace={ns}", "ef"),
        ("involvedObject.name=q", ""),
        ("reason=Other", "f"),
        ("type=Warning", "f"),
        ("source=conformance", "ef"),
    ):
        found = await k.ok("GET", EVENTS, query={"fieldSelector": selector})
        assert "".join(i["metadata"]["name"] for i in found["items"]) == wanted, selector


@case()
async def custom_objects_are_selected_by_the_fields_of_their_definition(k: Conformance) -> None:
    await k.serves_widgets(selectableFields=[{"jsonPath": ".spec.colour"}])
    await k.ok("POST", WIDGETS, widget("a", colour="red"))
    await k.ok("POST", WIDGETS, widget("b", colour="blue"))
    found = await k.ok("GET", WIDGETS, query={"fieldSelector": "spec.colour=red"})
    assert [item["metadata"]["name"] for item in found["items"]] == ["a"]


@case()
async def other_fields_of_custom_objects_are_refused(k: Conformance) -> None:
    await k.serves_widgets()
    await k.refused(
        "GET",
        WIDGETS,
        query={"fieldSelector": "spec.size=1"},
        code=400,
        reason="BadRequest",
        message="field label not supported: spec.size",
    )


for _name, _path, _selector, _message in (
    (
        "config_maps_are_selected_by_name_and_namespace_only",
        CONFIG_MAPS,
        "data.x=1",
        '"data.x" is not a known field selector: only "metadata.name", "metadata.namespace"',
    ),
    (
        "pods_are_not_selected_by_other_fields",
        PODS,
        "spec.priority=1",
        "field label not supported: spec.priority",
    ),
    (
        "jobs_are_not_selected_by_other_fields",
        JOBS,
        "spec.suspend=true",
        'field label "spec.suspend" not supported for Job',
    ),
    (
        "a_field_selector_has_an_operator",
        PODS,
        "metadata.name",
        "invalid selector: 'metadata.name'; can't understand 'metadata.name'",
    ),
):
    refusal(
        _name,
        "GET",
        _path,
        query={"fieldSelector": _selector},
        code=400,
        reason="BadRequest",
        message=_message,
    )
