"""A caller who may only look: what it sees, and in which words it is refused."""

from __future__ import annotations

import pytest

from local.apiserver.api import CONFIG_MAPS, Api, config_map, story

ACCESS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
RULES = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews"
MAPS_WORDS = 'resource "configmaps" in API group "" in the namespace "default"'


async def as_reader(api: Api) -> None:
    await api.ok("POST", CONFIG_MAPS, config_map("a", x="1"))
    api.transport._prefix = api.server.prefix("reader")


def test_a_reader_sees_objects_lists_and_pages() -> None:
    async def tell(api: Api) -> None:
        await as_reader(api)
        assert (await api.ok("GET", f"{CONFIG_MAPS}/a"))["data"] == {"x": "1"}
        assert len((await api.ok("GET", CONFIG_MAPS))["items"]) == 1
        assert (await api.ok("GET", "/apis"))["kind"] == "APIGroupList"

    story(tell)


@pytest.mark.parametrize(
    ("method", "path", "message"),
    [
        ("POST", CONFIG_MAPS, f'configmaps is forbidden: User "reader" cannot create {MAPS_WORDS}'),
        (
            "PATCH",
            f"{CONFIG_MAPS}/a",
            f'configmaps "a" is forbidden: User "reader" cannot patch {MAPS_WORDS}',
        ),
        (
            "PUT",
            f"{CONFIG_MAPS}/a",
            f'configmaps "a" is forbidden: User "reader" cannot update {MAPS_WORDS}',
        ),
        (
            "DELETE",
            CONFIG_MAPS,
            f'configmaps is forbidden: User "reader" cannot deletecollection {MAPS_WORDS}',
        ),
        (
            "GET",
            "/api/v1/secrets",
            'secrets is forbidden: User "reader" cannot list resource "secrets" in API group "" '
            "at the cluster scope",
        ),
        (
            "PATCH",
            "/apis/apps/v1/namespaces/default/deployments/web/scale",
            'deployments.apps "web" is forbidden: User "reader" cannot patch resource '
            '"deployments/scale" in API group "apps" in the namespace "default"',
        ),
        (
            "POST",
            "/api/v1/namespaces/default/pods/p/eviction",
            'pods "p" is forbidden: User "reader" cannot create resource "pods/eviction" in API '
            'group "" in the namespace "default"',
        ),
        (
            "DELETE",
            "/api/v1/namespaces/default",
            'namespaces "default" is forbidden: User "reader" cannot delete resource "namespaces" '
            'in API group "" at the cluster scope',
        ),
    ],
)
def test_a_reader_is_refused_in_the_words_of_access_control(
    method: str, path: str, message: str
) -> None:
    async def tell(api: Api) -> None:
        await as_reader(api)
        refusal = await api.refused(method, path, {} if method != "GET" else None)
        assert (refusal["code"], refusal["reason"]) == (403, "Forbidden")
        assert refusal["message"] == message

    story(tell)


@pytest.mark.parametrize(
    ("verb", "resource", "allowed"),
    [
        ("get", "pods", True),
        ("watch", "configmaps", True),
        ("list", "secrets", False),
        ("delete", "pods", False),
    ],
)
def test_a_reader_is_told_what_it_may_do(verb: str, resource: str, allowed: bool) -> None:
    async def tell(api: Api) -> None:
        await as_reader(api)
        attributes = {"verb": verb, "resource": resource, "namespace": "default"}
        review = await api.ok("POST", ACCESS, {"spec": {"resourceAttributes": attributes}})
        assert review["status"]["allowed"] is allowed

    story(tell)


def test_the_list_of_what_a_reader_may_do_says_that_it_is_not_exact() -> None:
    async def tell(api: Api) -> None:
        await as_reader(api)
        status = (await api.ok("POST", RULES, {"spec": {"namespace": "default"}}))["status"]
        assert status["incomplete"] is True
        assert status["evaluationError"] == "Secrets are not among them"

    story(tell)
