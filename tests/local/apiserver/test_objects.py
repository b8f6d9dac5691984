"""Objects over their lives: made, changed, refused, deleted."""

from __future__ import annotations

import pytest

from local.apiserver.api import CONFIG_MAPS, Api, config_map, story

RS = "/apis/apps/v1/namespaces/default/replicasets"


def replica_set(name: str, image: str = "web:v1") -> dict[str, object]:
    labels = {"app": name}
    return {
        "metadata": {"name": name},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{"name": "web", "image": image}]},
            },
        },
    }


def test_a_created_object_gets_what_belongs_to_the_server() -> None:
    async def tell(api: Api) -> None:
        made = await api.ok("POST", CONFIG_MAPS, config_map("a", x="1"))
        assert made["metadata"]["namespace"] == "default"
        assert made["metadata"]["creationTimestamp"] == "2026-01-01T00:00:00Z"
        assert len(made["metadata"]["uid"]) == 36
        assert int(made["metadata"]["resourceVersion"]) > 1
        assert await api.ok("GET", f"{CONFIG_MAPS}/a") == made

    story(tell)


def test_a_name_is_made_up_from_generate_name() -> None:
    async def tell(api: Api) -> None:
        body = {"metadata": {"generateName": "web-"}}
        names = {(await api.ok("POST", CONFIG_MAPS, body))["metadata"]["name"] for _ in range(20)}
        assert len(names) == 20
        assert all(name.startswith("web-") and len(name) == 9 for name in names)

    story(tell)


def test_status_and_spec_are_written_apart_and_only_the_spec_counts_the_generation() -> None:
    async def tell(api: Api) -> None:
        made = await api.ok("POST", RS, replica_set("web") | {"status": {"replicas": 7}})
        assert (made["metadata"]["generation"], made.get("status")) == (1, None)
        merge = {"content_type": "application/merge-patch+json"}
        both = {"spec": {"replicas": 3}, "status": {"replicas": 2}}
        spec = await api.ok("PATCH", f"{RS}/web", both, **merge)
        assert (spec["spec"]["replicas"], spec.get("status")) == (3, None)
        assert spec["metadata"]["generation"] == 2
        both = {"spec": {"replicas": 9}, "status": {"replicas": 2}}
        status = await api.ok("PATCH", f"{RS}/web/status", both, **merge)
        assert (status["spec"]["replicas"], status["status"]) == (3, {"replicas": 2})
        assert status["metadata"]["generation"] == 2

    story(tell)


def test_a_write_that_changes_nothing_makes_no_version() -> None:
    async def tell(api: Api) -> None:
        made = await api.ok("POST", CONFIG_MAPS, config_map("a", x="1"))
        merge = {"content_type": "application/merge-patch+json"}
        again = await api.ok("PATCH", f"{CONFIG_MAPS}/a", {"data": {"x": "1"}}, **merge)
        assert again == made
        assert await api.ok("PUT", f"{CONFIG_MAPS}/a", made) == made

    story(tell)


def test_a_write_on_an_old_version_is_a_conflict() -> None:
    async def tell(api: Api) -> None:
        made = await api.ok("POST", CONFIG_MAPS, config_map("a", x="1"))
        await api.ok("PUT", f"{CONFIG_MAPS}/a", made | {"data": {"x": "2"}})
        refusal = await api.refused("PUT", f"{CONFIG_MAPS}/a", made | {"data": {"x": "3"}})
        assert (refusal["code"], refusal["reason"]) == (409, "Conflict")
        assert refusal["message"] == (
            'Operation cannot be fulfilled on configmaps "a": the object has been modified; '
            "please apply your changes to the latest version and try again"
        )
        other = {**made["metadata"], "uid": "another", "resourceVersion": ""}
        refusal = await api.refused("PUT", f"{CONFIG_MAPS}/a", made | {"metadata": other})
        assert (refusal["code"], "UID in precondition" in refusal["message"]) == (409, True)
        patch = {"metadata": {"resourceVersion": made["metadata"]["resourceVersion"]}}
        merge = {"content_type": "application/merge-patch+json"}
        assert (await api.refused("PATCH", f"{CONFIG_MAPS}/a", patch, **merge))["code"] == 409
        assert (await api.ok("GET", f"{CONFIG_MAPS}/a"))["data"] == {"x": "2"}

    story(tell)


@pytest.mark.parametrize(
    ("method", "path", "body", "code", "reason", "words"),
    [
        ("GET", f"{CONFIG_MAPS}/x", None, 404, "NotFound", 'configmaps "x" not found'),
        ("GET", f"{RS}/x", None, 404, "NotFound", 'replicasets.apps "x" not found'),
        ("POST", CONFIG_MAPS, config_map("taken"), 409, "AlreadyExists", '"taken" already exists'),
        ("POST", CONFIG_MAPS, {}, 422, "Invalid", "name or generateName is required"),
        ("POST", CONFIG_MAPS, config_map("Loud"), 422, "Invalid", "RFC 1123 subdomain"),
        (
            "POST",
            CONFIG_MAPS.replace("default", "nowhere"),
            config_map("a"),
            404,
            "NotFound",
            'namespaces "nowhere" not found',
        ),
        ("POST", CONFIG_MAPS, {"kind": "Pod"}, 400, "BadRequest", "kind in the data (Pod)"),
        ("POST", CONFIG_MAPS, b"{", 400, "BadRequest", "not valid JSON"),
        ("POST", CONFIG_MAPS, b"[]", 400, "BadRequest", "must be a single object"),
        ("POST", CONFIG_MAPS, b'{"a":' * 5000 + b"1" + b"}" * 5000, 400, "BadRequest", "nested"),
        ("POST", CONFIG_MAPS, b'{"a":' * 150 + b"1" + b"}" * 150, 400, "BadRequest", "nested"),
        ("POST", CONFIG_MAPS, b" " * 4_000_000, 413, "RequestEntityTooLarge", "too large"),
        ("POST", CONFIG_MAPS, config_map("a", x=1), 400, "BadRequest", "data.x"),
        ("PUT", CONFIG_MAPS, {}, 405, "MethodNotAllowed", "does not allow this method"),
        ("GET", "/apis/none.io/v1/things", None, 404, "NotFound", "could not find"),
        ("GET", "/api/v1/configmaps/taken", None, 405, "MethodNotAllowed", "method"),
        ("GET", f"{CONFIG_MAPS}?limit=x", None, 400, "BadRequest", "limit"),
    ],
)
def test_what_cannot_be_done_is_refused_in_words(
    method: str, path: str, body: object, code: int, reason: str, words: str
) -> None:
    async def tell(api: Api) -> None:
        await api.ok("POST", CONFIG_MAPS, config_map("taken"))
        bare, _, query = path.partition("?")
        pairs = dict(pair.split("=") for pair in query.split("&") if pair)
        refusal = await api.refused(method, bare, body, query=pairs)
        assert (refusal["code"], refusal["reason"]) == (code, reason)
        assert words in refusal["message"]

    story(tell)


def test_dry_run_answers_as_if_and_stores_nothing() -> None:
    async def tell(api: Api) -> None:
        await api.ok("POST", CONFIG_MAPS, config_map("a", x="1"))
        dry = {"query": {"dryRun": "All"}}
        made = await api.ok("POST", CONFIG_MAPS, config_map("b"), **dry)
        assert made["metadata"]["name"] == "b"
        merge = {"content_type": "application/merge-patch+json"} | dry
        changed = await api.ok("PATCH", f"{CONFIG_MAPS}/a", {"data": {"x": "2"}}, **merge)
        assert changed["data"] == {"x": "2"}
        await api.ok("DELETE", f"{CONFIG_MAPS}/a", **dry)
        listed = await api.ok("GET", CONFIG_MAPS)
        assert [(item["metadata"]["name"], item["data"]) for item in listed["items"]] == [
            ("a", {"x": "1"})
        ]

    story(tell)


def test_a_finalizer_holds_an_object_until_it_is_taken_away() -> None:
    async def tell(api: Api) -> None:
        held = config_map("a")
        held["metadata"]["finalizers"] = ["example.com/wait"]
        await api.ok("POST", CONFIG_MAPS, held)
        marked = await api.ok("DELETE", f"{CONFIG_MAPS}/a")
        assert marked["metadata"]["deletionTimestamp"] == "2026-01-01T00:00:00Z"
        merge = {"content_type": "application/merge-patch+json"}
        more = {"metadata": {"finalizers": ["example.com/wait", "example.com/more"]}}
        assert (await api.refused("PATCH", f"{CONFIG_MAPS}/a", more, **merge))["code"] == 422
        await api.ok("PATCH", f"{CONFIG_MAPS}/a", {"metadata": {"finalizers": None}}, **merge)
        assert (await api.refused("GET", f"{CONFIG_MAPS}/a"))["code"] == 404

    story(tell)


def test_a_delete_holds_only_for_the_object_that_was_meant() -> None:
    async def tell(api: Api) -> None:
        made = await api.ok("POST", CONFIG_MAPS, config_map("a"))
        other = {"preconditions": {"uid": "another"}}
        assert (await api.refused("DELETE", f"{CONFIG_MAPS}/a", other))["code"] == 409
        old = {"preconditions": {"resourceVersion": "1"}}
        assert (await api.refused("DELETE", f"{CONFIG_MAPS}/a", old))["code"] == 409
        this = {"preconditions": {"uid": made["metadata"]["uid"]}}
        done = await api.ok("DELETE", f"{CONFIG_MAPS}/a", this)
        assert (done["status"], done["details"]["uid"]) == ("Success", made["metadata"]["uid"])

    story(tell)


def test_a_pod_on_a_node_stays_until_the_node_confirms() -> None:
    async def tell(api: Api) -> None:
        pods = "/api/v1/namespaces/default/pods"
        pod = {"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
        made = await api.ok("POST", pods, pod)
        assert made["status"]["phase"] == "Pending"
        assert made["spec"]["restartPolicy"] == "Always"
        merge = {"content_type": "application/merge-patch+json"}
        await api.ok("PATCH", f"{pods}/p", {"spec": {"nodeName": "here"}}, **merge)
        marked = await api.ok("DELETE", f"{pods}/p")
        assert marked["metadata"]["deletionGracePeriodSeconds"] == 30
        assert marked["metadata"]["deletionTimestamp"] == "2026-01-01T00:00:30Z"
        assert (await api.ok("DELETE", f"{pods}/p"))["metadata"] == marked["metadata"]
        await api.ok("DELETE", f"{pods}/p", {"gracePeriodSeconds": 0})
        assert (await api.refused("GET", f"{pods}/p"))["code"] == 404

    story(tell)


def test_a_namespace_goes_with_all_that_is_in_it() -> None:
    async def tell(api: Api) -> None:
        await api.ok("POST", "/api/v1/namespaces", {"metadata": {"name": "shop"}})
        maps = CONFIG_MAPS.replace("default", "shop")
        await api.ok("POST", maps, config_map("a"))
        held = config_map("b")
        held["metadata"]["finalizers"] = ["example.com/wait"]
        await api.ok("POST", maps, held)
        gone = await api.ok("DELETE", "/api/v1/namespaces/shop")
        assert gone["status"]["phase"] == "Terminating"
        left = await api.ok("GET", maps)
        assert [item["metadata"]["name"] for item in left["items"]] == ["b"]
        assert (await api.refused("POST", maps, config_map("c")))["code"] == 403
        merge = {"content_type": "application/merge-patch+json"}
        await api.ok("PATCH", f"{maps}/b", {"metadata": {"finalizers": []}}, **merge)
        assert (await api.refused("GET", "/api/v1/namespaces/shop"))["code"] == 404

    story(tell)


def test_strangers_are_turned_away_and_tokens_are_as_good_as_prefixes() -> None:
    async def tell(api: Api) -> None:
        token = api.server.token("admin")
        api.transport._prefix = ""
        assert (await api.refused("GET", CONFIG_MAPS))["code"] == 401
        wrong = {"authorization": "Bearer x" + token[1:]}
        assert (await api.refused("GET", CONFIG_MAPS, **wrong))["code"] == 401
        known = {"authorization": f"Bearer {token}"}
        assert (await api.ok("GET", CONFIG_MAPS, **known))["items"] == []

    story(tell)


def test_the_date_header_shows_the_servers_clock() -> None:
    async def tell(api: Api) -> None:
        await api.clock.sleep(90)
        answer = await api.call("GET", CONFIG_MAPS)
        assert answer.headers["date"] == "Thu, 01 Jan 2026 00:01:30 GMT"

    story(tell)
