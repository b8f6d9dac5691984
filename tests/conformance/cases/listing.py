"""Reading: single objects, lists, pages, versions of lists."""

from __future__ import annotations

from conformance.case import case, refusal
from conformance.handle import CONFIG_MAPS, MERGE, SECRETS, Conformance, Json
from conformance.objects import WIDGETS, config_map, secret, widget


async def fill(k: Conformance, *names: str) -> None:
    for name in names:
        await k.ok("POST", SECRETS, secret(name))


def names(page: Json) -> list[str]:
    return [item["metadata"]["name"] for item in page["items"]]


@case()
async def an_empty_list_is_a_list(k: Conformance) -> None:
    found = await k.ok("GET", SECRETS)
    assert (found["kind"], found["apiVersion"], found["items"]) == ("SecretList", "v1", [])
    assert list(found["metadata"]) == ["resourceVersion"]


@case()
async def a_list_in_an_absent_namespace_is_empty(k: Conformance) -> None:
    path = SECRETS.replace("{ns}", "absent-{unique}")
    assert (await k.ok("GET", path))["items"] == []


@case()
async def a_list_is_in_the_order_of_names(k: Conformance) -> None:
    await fill(k, "c", "a", "b")
    assert names(await k.ok("GET", SECRETS)) == ["a", "b", "c"]


@case()
async def a_list_over_all_namespaces_holds_them(k: Conformance) -> None:
    await fill(k, "only-{unique}")
    found = await k.ok("GET", "/api/v1/secrets")
    ours = [i for i in found["items"] if i["metadata"]["namespace"] == k.namespace]
    assert [i["metadata"]["name"] for i in ours] == [k.fill("only-{unique}")]


@case(differs="items-carry-their-type")
async def items_of_a_list_say_their_type(k: Conformance) -> None:
    await fill(k, "a")
    item = (await k.ok("GET", SECRETS))["items"][0]
    assert (item["apiVersion"], item["kind"]) == ("v1", "Secret")


@case()
async def items_of_a_custom_list_say_their_type(k: Conformance) -> None:
    await k.serves_widgets()
    await k.ok("POST", WIDGETS, widget("a"))
    found = await k.ok("GET", WIDGETS)
    assert (found["kind"], found["items"][0]["kind"]) == ("WidgetList", "Widget")


@case()
async def pages_hold_what_their_limit_says(k: Conformance) -> None:
    await fill(k, "a", "b", "c", "d", "e")
    first = await k.ok("GET", SECRETS, query={"limit": "2"})
    assert (names(first), first["metadata"]["remainingItemCount"]) == (["a", "b"], 3)
    more = {"limit": "2", "continue": first["metadata"]["continue"]}
    second = await k.ok("GET", SECRETS, query=more)
    assert (names(second), second["metadata"]["remainingItemCount"]) == (["c", "d"], 1)
    more = {"limit": "2", "continue": second["metadata"]["continue"]}
    last = await k.ok("GET", SECRETS, query=more)
    assert names(last) == ["e"]
    assert "continue" not in last["metadata"]
    assert "remainingItemCount" not in last["metadata"]


@case()
async def pages_show_one_version(k: Conformance) -> None:
    await fill(k, "a", "b", "c")
    first = await k.ok("GET", SECRETS, query={"limit": "1"})
    await k.ok("DELETE", f"{SECRETS}/b")
    await fill(k, "bb")
    await k.ok("PATCH", f"{SECRETS}/c", {"metadata": {"labels": {"late": "yes"}}}, **MERGE)
    rest = await k.ok("GET", SECRETS, query={"continue": first["metadata"]["continue"]})
    assert names(rest) == ["b", "c"]
    assert "labels" not in rest["items"][1]["metadata"]
    assert rest["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]


@case()
async def selected_pages_do_not_count_the_rest(k: Conformance) -> None:
    for name in ("a", "b", "c"):
        await k.ok("POST", SECRETS, secret(name, {"app": "web"}))
    query = {"limit": "1", "labelSelector": "app=web"}
    metadata = (await k.ok("GET", SECRETS, query=query))["metadata"]
    assert ("continue" in metadata, "remainingItemCount" in metadata) == (True, False)


@case()
async def a_large_limit_is_one_page(k: Conformance) -> None:
    await fill(k, "a", "b")
    found = await k.ok("GET", SECRETS, query={"limit": "500"})
    assert (names(found), "continue" in found["metadata"]) == (["a", "b"], False)


@case()
async def a_list_may_be_any_version(k: Conformance) -> None:
    await fill(k, "a")
    await k.eventually(lambda: _named(k, {"resourceVersion": "0"}, ["a"]), "the list of any age")


async def _named(k: Conformance, query: dict[str, str], wanted: list[str]) -> bool | None:
    return names(await k.ok("GET", SECRETS, query=query)) == wanted or None


@case()
async def a_list_may_be_of_an_exact_version(k: Conformance) -> None:
    await fill(k, "a")
    then = (await k.ok("GET", SECRETS))["metadata"]["resourceVersion"]
    await fill(k, "b")
    exact = {"resourceVersion": then, "resourceVersionMatch": "Exact"}
    found = await k.ok("GET", SECRETS, query=exact)
    assert (names(found), found["metadata"]["resourceVersion"]) == (["a"], then)


@case()
async def a_list_may_be_not_older_than_a_version(k: Conformance) -> None:
    await fill(k, "a")
    then = (await k.ok("GET", SECRETS))["metadata"]["resourceVersion"]
    young = {"resourceVersion": then, "resourceVersionMatch": "NotOlderThan"}
    assert names(await k.ok("GET", SECRETS, query=young)) == ["a"]


@case()
async def a_version_of_the_future_is_a_timeout(k: Conformance) -> None:
    query = {"resourceVersion": "900000000000", "resourceVersionMatch": "NotOlderThan"}
    answer = await k.call("GET", SECRETS, query=query)
    assert answer.status == 504
    status = answer.json
    assert status["reason"] == "Timeout"
    assert status["message"].startswith("Too large resource version: 900000000000, current: ")
    assert status["details"]["causes"] == [
        {"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}
    ]
    assert answer.headers["retry-after"] == str(status["details"]["retryAfterSeconds"])


refusal(
    "an_absent_object_is_not_found",
    "GET",
    f"{CONFIG_MAPS}/a",
    code=404,
    reason="NotFound",
    message='configmaps "a" not found',
    details={"name": "a", "kind": "configmaps"},
)
refusal(
    "a_garbled_token_is_a_bad_request",
    "GET",
    SECRETS,
    query={"continue": "garbage!", "limit": "1"},
    code=400,
    reason="BadRequest",
    words="invalid continue token: continue key is not valid: ",
)
refusal("a_limit_is_a_number", "GET", SECRETS, query={"limit": "x"}, code=400, reason="BadRequest")
refusal(
    "a_version_is_a_number",
    "GET",
    SECRETS,
    query={"resourceVersion": "x", "limit": "1"},
    code=400,
    reason="BadRequest",
    words="invalid resource version: ",
)


@case()
async def a_token_stands_for_its_version(k: Conformance) -> None:
    await fill(k, "a", "b")
    first = (await k.ok("GET", SECRETS, query={"limit": "1"}))["metadata"]
    query = {"continue": first["continue"], "resourceVersion": first["resourceVersion"]}
    await k.refused(
        "GET",
        SECRETS,
        query=query,
        code=400,
        reason="BadRequest",
        message="specifying resource version is not allowed when using continue",
    )


MATCH = "resourceVersionMatch"
for _name, _query, _message in (
    (
        "a_match_needs_a_version",
        {MATCH: "Exact"},
        f"{MATCH}: Forbidden: {MATCH} is forbidden unless resourceVersion is provided",
    ),
    (
        "a_match_does_not_go_with_a_token",
        {MATCH: "Exact", "resourceVersion": "5", "continue": "x"},
        f"{MATCH}: Forbidden: {MATCH} is forbidden when continue is provided",
    ),
    (
        "an_unknown_match_is_refused",
        {MATCH: "Newest", "resourceVersion": "5"},
        f'{MATCH}: Unsupported value: "Newest": supported values: "Exact", "NotOlderThan", ""',
    ),
    (
        "no_version_is_exactly_zero",
        {MATCH: "Exact", "resourceVersion": "0"},
        f'{MATCH}: Forbidden: {MATCH} "exact" is forbidden for resourceVersion "0"',
    ),
    (
        "a_list_sends_no_initial_events",
        {"sendInitialEvents": "true"},
        "sendInitialEvents: Forbidden: sendInitialEvents is forbidden for list",
    ),
    (
        "initial_events_need_a_match",
        {"watch": "true", "sendInitialEvents": "true"},
        f"{MATCH}: Forbidden: sendInitialEvents requires setting {MATCH} to NotOlderThan",
    ),
    (
        "a_watch_matches_only_with_initial_events",
        {"watch": "true", MATCH: "NotOlderThan", "resourceVersion": "5"},
        f"{MATCH}: Forbidden: {MATCH} is forbidden for watch unless sendInitialEvents is provided",
    ),
):
    refusal(
        _name,
        "GET",
        SECRETS,
        query=_query,
        code=422,
        reason="Invalid",
        message=f'ListOptions.meta.k8s.io "" is invalid: {_message}',
        details={"group": "meta.k8s.io", "kind": "ListOptions"},
    )


@case()
async def a_config_map_reads_as_it_was_written(k: Conformance) -> None:
    made = await k.ok("POST", CONFIG_MAPS, config_map("a", {"app": "web"}, x="ü\n"))
    found = await k.ok("GET", f"{CONFIG_MAPS}/a")
    assert (found["data"], found["metadata"]) == ({"x": "ü\n"}, made["metadata"])
