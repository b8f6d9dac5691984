"""Events at their two addresses: one stored object, two spellings."""

from __future__ import annotations

from conformance.case import case, refusal
from conformance.handle import EVENTS, MERGE, TABLE, Conformance, Json
from conformance.objects import event

OWN = "/apis/events.k8s.io/v1/namespaces/{ns}/events"
NOW = "2026-01-01T00:00:00.000000Z"


def new_event(name: str, **fields: object) -> Json:
    """An Event as `events.k8s.io/v1` spells it, about a Pod `p`."""
    about = {"kind": "Pod", "name": "p", "namespace": "{ns}", "apiVersion": "v1"}
    plain = {"regarding": about, "reason": "Tried", "note": "it was tried", "type": "Normal"}
    plain |= {"eventTime": NOW, "action": "Trying", "reportingInstance": "c-0"}
    plain |= {"reportingController": "example.com/conformance"}
    typed = {"apiVersion": "events.k8s.io/v1", "kind": "Event", "metadata": {"name": name}}
    return typed | plain | fields


@case()
async def an_event_of_the_core_is_seen_by_its_other_names(k: Conformance) -> None:
    times = {"firstTimestamp": "2026-01-01T00:00:00Z", "lastTimestamp": "2026-01-01T00:00:05Z"}
    made = await k.made(EVENTS, event("e", count=3, reportingComponent="c", **times))
    seen = await k.ok("GET", f"{OWN}/e")
    assert (seen["apiVersion"], seen["kind"]) == ("events.k8s.io/v1", "Event")
    assert seen["regarding"] == made["involvedObject"]
    assert (seen["note"], seen["reason"], seen["type"]) == ("it was tried", "Tried", "Normal")
    assert seen["deprecatedSource"] == {"component": "conformance"}
    assert (seen["deprecatedCount"], seen["reportingController"]) == (3, "c")
    assert seen["deprecatedFirstTimestamp"] == times["firstTimestamp"]
    assert seen["deprecatedLastTimestamp"] == times["lastTimestamp"]
    assert seen["eventTime"] is None
    assert not {"involvedObject", "message", "source", "count"} & seen.keys()
    for field in ("uid", "resourceVersion", "name"):
        assert seen["metadata"][field] == made["metadata"][field]


@case()
async def a_new_event_is_seen_at_both_addresses(k: Conformance) -> None:
    series = {"count": 2, "lastObservedTime": NOW}
    made = await k.made(OWN, new_event("e", series=series))
    seen = await k.ok("GET", f"{EVENTS}/e")
    assert (seen["apiVersion"], seen["kind"]) == ("v1", "Event")
    assert seen["involvedObject"] == made["regarding"]
    assert (seen["message"], seen["action"]) == ("it was tried", "Trying")
    assert seen["reportingComponent"] == "example.com/conformance"
    assert (seen["reportingInstance"], seen["eventTime"]) == ("c-0", NOW)
    assert seen["series"] == series
    assert not {"regarding", "note", "reportingController"} & seen.keys()


@case()
async def events_of_both_addresses_are_in_both_lists(k: Conformance) -> None:
    await k.made(EVENTS, event("a"))
    await k.made(OWN, new_event("b"))
    for path in (EVENTS, OWN):
        listed = await k.ok("GET", path)
        assert [item["metadata"]["name"] for item in listed["items"]] == ["a", "b"]
    assert (await k.ok("GET", OWN))["apiVersion"] == "events.k8s.io/v1"


@case()
async def a_watch_at_one_address_tells_of_events_of_the_other(k: Conformance) -> None:
    async with k.watch(OWN) as events:
        await k.made(EVENTS, event("e"))
        kind, value = await events.next()
    assert (kind, value["apiVersion"], value["note"]) == (
        "ADDED",
        "events.k8s.io/v1",
        "it was tried",
    )


@case()
async def new_events_are_selected_by_what_they_regard(k: Conformance) -> None:
    await k.made(EVENTS, event("a"))
    about = {"kind": "Pod", "name": "other", "namespace": "{ns}"}
    await k.made(OWN, new_event("b", regarding=about))
    for field, wanted in (
        ("regarding.name=p", ["a"]),
        ("regarding.name=other", ["b"]),
        ("regarding.kind=Pod,reason=Tried", ["a", "b"]),
        ("reportingController=example.com/conformance", ["b"]),
        ("type!=Normal", []),
    ):
        listed = await k.ok("GET", OWN, query={"fieldSelector": field})
        assert [item["metadata"]["name"] for item in listed["items"]] == wanted, field


@case()
async def the_table_of_new_events_is_that_of_events(k: Conformance) -> None:
    await k.made(OWN, new_event("e"))
    one, other = [await k.ok("GET", path, **TABLE) for path in (EVENTS, OWN)]
    assert one["columnDefinitions"] == other["columnDefinitions"]
    assert one["rows"][0]["cells"][1:] == other["rows"][0]["cells"][1:]
    assert "pod/p" in other["rows"][0]["cells"]


@case()
async def the_series_of_a_new_event_goes_on(k: Conformance) -> None:
    await k.made(OWN, new_event("e"))
    series = {"count": 2, "lastObservedTime": NOW}
    after = await k.ok("PATCH", f"{OWN}/e", {"series": series}, **MERGE)
    assert after["series"] == series
    assert (await k.ok("GET", f"{EVENTS}/e"))["series"] == series
    again = after | {"series": {"count": 3, "lastObservedTime": NOW}}
    await k.ok("PUT", f"{OWN}/e", again)
    assert (await k.ok("GET", f"{EVENTS}/e"))["series"]["count"] == 3


@case()
async def an_event_is_removed_at_either_address(k: Conformance) -> None:
    await k.made(EVENTS, event("e"))
    await k.ok("DELETE", f"{OWN}/e")
    assert (await k.call("GET", f"{EVENTS}/e")).status == 404


@case()
async def events_are_discovered_in_two_groups(k: Conformance) -> None:
    groups = (await k.ok("GET", "/apis"))["groups"]
    assert "events.k8s.io" in [group["name"] for group in groups]
    for path in ("/api/v1", "/apis/events.k8s.io/v1"):
        (row,) = [r for r in (await k.ok("GET", path))["resources"] if r["name"] == "events"]
        assert (row["kind"], row["namespaced"], row["shortNames"]) == ("Event", True, ["ev"])


@case()
async def what_a_new_event_says_is_not_changed_later(k: Conformance) -> None:
    await k.made(OWN, new_event("e"))
    await k.refused(
        *("PATCH", f"{OWN}/e", {"note": "another"}),
        **MERGE,
        code=422,
        reason="Invalid",
        words='message: Invalid value: "another": field is immutable',
    )
    changed = await k.ok("PATCH", f"{EVENTS}/e", {"message": "another"}, **MERGE)
    assert changed["message"] == "another"


for _name, _fields, _words in (
    ("a_new_event_has_a_time", {"eventTime": None}, "eventTime: Required value"),
    ("a_new_event_has_an_action", {"action": ""}, "action: Required value"),
    (
        "a_new_event_names_who_tells_it",
        {"reportingController": ""},
        "reportingController: Required value",
    ),
    ("a_new_event_is_normal_or_a_warning", {"type": "Odd"}, "has invalid value: Odd"),
    (
        "a_new_event_carries_nothing_deprecated",
        {"deprecatedCount": 2},
        'count: Invalid value: "": needs to be unset',
    ),
    (
        "a_series_has_more_than_one",
        {"series": {"count": 1, "lastObservedTime": NOW}},
        'series.count: Invalid value: "": should be at least 2',
    ),
):
    refusal(_name, "POST", OWN, new_event("e", **_fields), code=422, reason="Invalid", words=_words)
refusal(
    "an_event_is_about_what_is_in_its_namespace",
    "POST",
    EVENTS,
    event("e", involvedObject={"kind": "Pod", "name": "p", "namespace": "elsewhere"}),
    code=422,
    reason="Invalid",
    words='involvedObject.namespace: Invalid value: "elsewhere": does not match event.namespace',
)
refusal(
    "new_events_are_not_selected_by_old_names",
    "GET",
    OWN,
    query={"fieldSelector": "involvedObject.name=p"},
    code=400,
    reason="BadRequest",
    words="field label not supported: involvedObject.name",
)
