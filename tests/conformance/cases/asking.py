"""Who am I, and what may I do: the reviews of an administrator."""

from __future__ import annotations

from conformance.case import case, refusal
from conformance.handle import Conformance

ACCESS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
RULES = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews"
SUBJECT = "/apis/authentication.k8s.io/v1/selfsubjectreviews"


@case()
async def an_administrator_may_delete(k: Conformance) -> None:
    attributes = {"namespace": "{ns}", "verb": "delete", "resource": "pods"}
    answer = await k.call("POST", ACCESS, {"spec": {"resourceAttributes": attributes}})
    assert (answer.status, answer.json["status"]["allowed"]) == (201, True)
    assert answer.json["kind"] == "SelfSubjectAccessReview"


@case()
async def an_administrator_may_read_pages(k: Conformance) -> None:
    spec = {"nonResourceAttributes": {"path": "/version", "verb": "get"}}
    assert (await k.ok("POST", ACCESS, {"spec": spec}))["status"]["allowed"] is True


@case()
async def the_rules_of_an_administrator_hold_for_everything(k: Conformance) -> None:
    status = (await k.ok("POST", RULES, {"spec": {"namespace": "{ns}"}}))["status"]
    everything = {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}
    assert everything in status["resourceRules"]
    assert status["incomplete"] is False


@case()
async def a_caller_has_a_name_and_groups(k: Conformance) -> None:
    info = (await k.ok("POST", SUBJECT, {}))["status"]["userInfo"]
    assert info["username"]
    assert "system:authenticated" in info["groups"]


refusal(
    "a_review_of_nothing_is_invalid",
    "POST",
    ACCESS,
    {"spec": {}},
    code=422,
    reason="Invalid",
    words="spec.resourceAttributes: Invalid value: ",
)
refusal("reviews_are_not_listed", "GET", ACCESS, code=405, reason="MethodNotAllowed")
