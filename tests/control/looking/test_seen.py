"""Objects as the core reads them, also those that people have written into."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from serinus.api import names
from serinus.api.kubernetes import EndpointSlice, Pod, ReplicaSet, Service
from serinus.api.wire import decode
from serinus.control.looking.seen import (
    noted_metadata,
    pod_seen,
    revision_seen,
    service_seen,
    when,
    whole,
)

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "found"),
    [(None, None), ("", None), ("3", 3), ("-3", -3), ("--3", None), ("3.5", None), (" 3", None),
     ("9" * 40, None), ("x", None)],
)  # fmt: skip
def test_a_number_in_an_annotation(text: str | None, found: int | None) -> None:
    assert whole(text) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (None, None),
        ("", None),
        ("soon", None),
        ("2026-01-01T12:00:00Z", NOON),
        ("2026-01-01T12:00:00.000000Z", NOON),
        ("2026-01-01T13:00:00+01:00", NOON),
        ("2026-01-01T12:00:00", NOON),
    ],
)
def test_an_instant_in_an_annotation_has_a_zone(text: str | None, found: datetime | None) -> None:
    assert when(text) == found
    assert found is None or (when(text) or NOON).tzinfo is not None


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (None, {}),
        ("nonsense", {}),
        ('{"labels": 5}', {}),
        ('{"labels": {"a": "b"}, "other": {"c": "d"}}', {"labels": {"a": "b"}}),
    ],
)
def test_the_note_of_ephemeral_metadata(text: str | None, found: dict[str, Any]) -> None:
    assert noted_metadata(text) == found


def pod(name: str, *, ready: bool = True, **metadata: Any) -> Pod:
    condition = {"type": "Ready", "status": "True" if ready else "False"}
    return decode(
        Pod,
        {"metadata": {"name": name, **metadata}, "status": {"conditions": [condition]}},
    )


def test_a_pod_that_is_going_is_not_ready() -> None:
    assert pod_seen(pod("a")).ready
    assert not pod_seen(pod("a", ready=False)).ready
    going = pod_seen(pod("a", deletionTimestamp="2026-01-01T12:00:00Z", resourceVersion="8"))
    assert (going.ready, going.deleting, going.resource_version) == (False, True, "8")


def test_a_replica_set_that_people_wrote_into_is_read_all_the_same() -> None:
    notes = {
        names.REVISION: "two",
        names.SCALE_DOWN_DEADLINE: "later",
        names.EPHEMERAL_METADATA: "x",
    }
    seen = revision_seen(
        decode(
            ReplicaSet,
            {
                "metadata": {"name": "web-abc", "generation": 3, "annotations": notes},
                "spec": {"replicas": 2, "template": {"metadata": {"labels": {"app": "web"}}}},
                "status": {"observedGeneration": 2, "replicas": 2, "readyReplicas": 1},
            },
        ),
        [pod("a"), pod("b", ready=False)],
    )
    assert (seen.number, seen.hash, seen.scale_down_deadline) == (0, "", None)
    assert (seen.replicas, seen.seen, seen.ready, seen.observed) == (2, 2, 1, False)
    assert [p.ready for p in seen.pods] == [True, False]


def test_only_endpoints_of_pods_that_are_there_count() -> None:
    service = decode(
        Service,
        {
            "metadata": {"name": "s", "annotations": {names.WRITTEN_AT: "2026-01-01T12:00:00Z"}},
            "spec": {"selector": {"app": "web", names.POD_HASH: "abc"}},
        },
    )
    item = decode(
        EndpointSlice,
        {
            "endpoints": [
                {"targetRef": {"name": "a"}, "conditions": {"ready": True}},
                {"targetRef": {"name": "b"}, "conditions": {}},
                {"targetRef": {"name": "c"}, "conditions": {"ready": False}},
                {"targetRef": {"name": "gone"}, "conditions": {"ready": True}},
                {"conditions": {"ready": True}},
            ]
        },
    )
    seen = service_seen(service, [item, item], {"a": "abc", "b": "", "c": "abc"})
    assert (seen.selector_hash, seen.written_at) == ("abc", NOON)
    assert seen.endpoints == {"abc": 2, "": 2}
