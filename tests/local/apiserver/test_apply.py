"""Server-side apply over HTTP: what is made, kept, taken away, refused."""

from __future__ import annotations

from local.apiserver.api import Api, story
from local.apiserver.applied import (
    APPLY,
    DEPLOYMENTS,
    MERGE,
    WEB,
    apply,
    as_manager,
    fields,
    not_applied,
    owners,
    web,
)
from local.apiserver.widgets import CRDS, WIDGETS, definition, widget

CONTAINER = 'k:{"name":"web"}'
PORT = 'k:{"containerPort":80,"protocol":"TCP"}'


def test_an_apply_makes_an_object_that_is_not_there_and_owns_what_it_names() -> None:
    async def tell(api: Api) -> None:
        answer = await api.call("PATCH", WEB, web(replicas=2), **as_manager("me"))
        assert answer.status == 201
        made = await api.ok("GET", WEB)
        assert owners(made) == [("me", "Apply", "")]
        container = {".": {}, "f:name": {}, "f:image": {}, "f:ports": {PORT: {".": {}}}}
        container["f:ports"][PORT]["f:containerPort"] = {}
        assert fields(made, "me") == {
            "f:spec": {
                "f:replicas": {},
                "f:selector": {},
                "f:template": {
                    "f:metadata": {"f:labels": {"f:app": {}}},
                    "f:spec": {"f:containers": {CONTAINER: container}},
                },
            }
        }
        again = await api.call("PATCH", WEB, web(replicas=2), **as_manager("me"))
        assert again.status == 200
        assert await api.ok("GET", WEB) == made

    story(tell)


def test_what_is_no_longer_applied_goes_unless_another_owns_it() -> None:
    async def tell(api: Api) -> None:
        body = web(replicas=2, paused=True)
        body["metadata"]["labels"] = {"a": "1", "b": "2"}
        await apply(api, body)
        other = web()
        other["metadata"]["labels"] = {"a": "1"}
        shared = await apply(api, other, "other")
        assert owners(shared) == [("other", "Apply", ""), ("me", "Apply", "")]
        left = await apply(api, web())
        assert left["metadata"]["labels"] == {"a": "1"}
        assert left["spec"]["replicas"] == 1
        assert "paused" not in left["spec"]
        assert "labels" not in (await apply(api, web(), "other"))["metadata"]

    story(tell)


def test_a_field_of_another_is_a_conflict_that_names_owner_and_path() -> None:
    async def tell(api: Api) -> None:
        query = {"fieldManager": "kubectl-client-side-apply"}
        await api.ok("POST", DEPLOYMENTS, web(), query=query)
        refusal = await not_applied(api, web("web:2"))
        path = '.spec.template.spec.containers[name="web"].image'
        owner = 'conflict with "kubectl-client-side-apply" using apps/v1'
        assert (refusal["code"], refusal["reason"]) == (409, "Conflict")
        assert refusal["message"] == f"Apply failed with 1 conflict: {owner}: {path}"
        cause = {"reason": "FieldManagerConflict", "message": owner, "field": path}
        assert refusal["details"] == {"causes": [cause]}
        forced = await apply(api, web("web:2"), force="true")
        assert forced["spec"]["template"]["spec"]["containers"][0]["image"] == "web:2"
        theirs = fields(forced, "kubectl-client-side-apply")
        assert "f:image" not in theirs["f:spec"]["f:template"]["f:spec"]["f:containers"][CONTAINER]
        assert (await not_applied(api, web(), "you"))["message"].endswith(f'with "me": {path}')

    story(tell)


def test_several_conflicts_are_told_by_owner() -> None:
    async def tell(api: Api) -> None:
        await api.ok("POST", DEPLOYMENTS, web(replicas=1), query={"fieldManager": "one"})
        change = {"spec": {"minReadySeconds": 1, "paused": True}}
        two = {"query": {"fieldManager": "two"}, "content_type": MERGE}
        await api.ok("PATCH", WEB, change, **two)
        refusal = await not_applied(api, web(replicas=2, minReadySeconds=2, paused=False))
        assert refusal["message"] == (
            "Apply failed with 3 conflicts: "
            'conflicts with "one" using apps/v1:\n- .spec.replicas\n'
            'conflicts with "two" using apps/v1:\n- .spec.minReadySeconds\n- .spec.paused'
        )

    story(tell)


def test_owners_of_parts_own_the_piece_when_the_definition_makes_one_of_it() -> None:
    async def tell(api: Api) -> None:
        made = await api.ok("POST", CRDS, definition())
        await apply(api, widget("w", tags={"a": "1"}), path=f"{WIDGETS}/w")
        await apply(api, widget("w", tags={"a": "1", "b": "1"}), "you", f"{WIDGETS}/w")
        version = made["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
        version["properties"]["spec"]["properties"]["tags"]["x-kubernetes-map-type"] = "atomic"
        await api.ok("PUT", f"{CRDS}/widgets.example.com", made)
        refusal = await not_applied(api, widget("w", tags={}), path=f"{WIDGETS}/w")
        assert refusal["message"].endswith('conflict with "you": .spec.tags')
        after = await apply(api, widget("w"), path=f"{WIDGETS}/w")
        assert fields(after, "you") == {"f:spec": {"f:size": {}, "f:tags": {}}}
        assert after["spec"]["tags"] == {"a": "1", "b": "1"}

    story(tell)


def test_owners_of_parts_own_the_piece_after_any_write() -> None:
    async def tell(api: Api) -> None:
        made = await api.ok("POST", CRDS, definition())
        await apply(api, widget("w", tags={"a": "1"}), path=f"{WIDGETS}/w")
        version = made["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
        version["properties"]["spec"]["properties"]["tags"]["x-kubernetes-map-type"] = "atomic"
        await api.ok("PUT", f"{CRDS}/widgets.example.com", made)
        labelled = {"metadata": {"labels": {"l": "1"}}}
        merge = {"content_type": "application/merge-patch+json"}
        after = await api.ok("PATCH", f"{WIDGETS}/w", labelled, **merge)
        assert fields(after, "me") == {"f:spec": {"f:size": {}, "f:tags": {}}}

    story(tell)


def test_an_apply_without_a_manager_or_with_owners_or_for_another_object_is_refused() -> None:
    async def tell(api: Api) -> None:
        refusal = await api.refused("PATCH", WEB, web(), content_type=APPLY)
        assert (refusal["code"], refusal["reason"]) == (422, "Invalid")
        assert refusal["message"] == (
            'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: '
            "is required for apply patch"
        )
        owned = web()
        owned["metadata"]["managedFields"] = []
        refusal = await not_applied(api, owned)
        assert (refusal["code"], refusal["message"]) == (400, "metadata.managedFields must be nil")
        for field, value in (("kind", "Pod"), ("apiVersion", "apps/v2"), ("kind", "")):
            assert (await not_applied(api, web() | {field: value}))["code"] == 400
        named = web()
        named["metadata"]["name"] = "other"
        assert "does not match the name on the URL" in (await not_applied(api, named))["message"]
        cbor = {"query": {"fieldManager": "me"}, "content_type": "application/apply-patch+cbor"}
        assert (await api.refused("PATCH", WEB, web(), **cbor))["code"] == 415

    story(tell)
