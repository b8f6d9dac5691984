"""Fields of metadata that belong to the server: which are put back, and which refuse a write."""

from __future__ import annotations

from conformance.case import case
from conformance.handle import CONFIG_MAPS, MERGE, Conformance
from conformance.objects import config_map

MAP = f"{CONFIG_MAPS}/a"
THEN = "2001-01-01T00:00:00Z"
HELD = {"finalizers": ["example.com/hold"]}


@case()
async def a_replacement_does_not_change_when_an_object_was_made(k: Conformance) -> None:
    made = await k.made(CONFIG_MAPS, config_map("a"))
    body = config_map("a", x="1")
    body["metadata"] |= {"creationTimestamp": THEN, "generation": 7, "selfLink": "/x"}
    after = await k.ok("PUT", MAP, body)
    assert after["metadata"]["creationTimestamp"] == made["metadata"]["creationTimestamp"]
    assert not {"generation", "selfLink"} & after["metadata"].keys()


@case()
async def a_write_does_not_mark_an_object_as_being_deleted(k: Conformance) -> None:
    await k.made(CONFIG_MAPS, config_map("a"))
    words = "metadata.deletionTimestamp: Invalid value: "
    wanted = {"code": 422, "reason": "Invalid", "words": words}
    body = config_map("a")
    body["metadata"]["deletionTimestamp"] = THEN
    await k.refused("PUT", MAP, body, **wanted)
    await k.refused("PATCH", MAP, {"metadata": {"deletionTimestamp": THEN}}, **MERGE, **wanted)
    assert "deletionTimestamp" not in (await k.ok("GET", MAP))["metadata"]


@case()
async def a_write_does_not_set_the_grace_of_a_deletion(k: Conformance) -> None:
    await k.made(CONFIG_MAPS, config_map("a"))
    await k.refused(
        *("PATCH", MAP, {"metadata": {"deletionGracePeriodSeconds": 30}}),
        **MERGE,
        code=422,
        reason="Invalid",
        words="metadata.deletionGracePeriodSeconds: Invalid value: 30: field is immutable",
    )


@case()
async def an_object_is_created_without_marks_of_a_deletion(k: Conformance) -> None:
    body = config_map("a")
    body["metadata"] |= {"deletionTimestamp": THEN, "deletionGracePeriodSeconds": 30}
    made = await k.made(CONFIG_MAPS, body)
    assert not {"deletionTimestamp", "deletionGracePeriodSeconds"} & made["metadata"].keys()


@case()
async def the_marks_of_a_deletion_stay_whatever_is_written(k: Conformance) -> None:
    body = config_map("a")
    body["metadata"] |= HELD
    await k.made(CONFIG_MAPS, body)
    await k.ok("DELETE", MAP)
    marked = (await k.ok("GET", MAP))["metadata"]
    for metadata in (HELD, HELD | {"deletionTimestamp": THEN}):
        body["metadata"] = {"name": "a"} | metadata
        after = (await k.ok("PUT", MAP, body))["metadata"]
        for name in ("deletionTimestamp", "deletionGracePeriodSeconds"):
            assert after[name] == marked[name]
    none = {"metadata": {"deletionTimestamp": None, "deletionGracePeriodSeconds": None}}
    after = (await k.ok("PATCH", MAP, none, **MERGE))["metadata"]
    assert after["deletionTimestamp"] == marked["deletionTimestamp"]


@case()
async def the_grace_of_a_deletion_is_not_changed_by_a_write(k: Conformance) -> None:
    body = config_map("a")
    body["metadata"] |= HELD
    await k.made(CONFIG_MAPS, body)
    await k.ok("DELETE", MAP)
    await k.refused(
        *("PATCH", MAP, {"metadata": {"deletionGracePeriodSeconds": 5}}),
        **MERGE,
        code=422,
        reason="Invalid",
        words="metadata.deletionGracePeriodSeconds: Invalid value: 5: field is immutable",
    )


@case()
async def the_uid_may_be_left_out_of_a_write(k: Conformance) -> None:
    made = await k.made(CONFIG_MAPS, config_map("a"))
    after = await k.ok("PATCH", MAP, {"metadata": {"uid": None}, "data": {"x": "1"}}, **MERGE)
    assert after["metadata"]["uid"] == made["metadata"]["uid"]
