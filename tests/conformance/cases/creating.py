"""Creating objects: what the server adds, what it leaves out."""

from __future__ import annotations

from conformance.case import case
from conformance.handle import (
    CONFIG_MAPS,
    DEPLOYMENTS,
    NAMESPACES,
    PODS,
    SECRETS,
    SERVICES,
    Conformance,
)
from conformance.objects import config_map, deployment, pod, secret, service


@case()
async def a_created_object_has_uid_version_time_and_namespace(k: Conformance) -> None:
    answer = await k.call("POST", CONFIG_MAPS, config_map("a", x="1"))
    assert answer.status == 201
    metadata = answer.json["metadata"]
    assert metadata["namespace"] == k.namespace
    assert len(metadata["uid"]) == 36
    assert metadata["creationTimestamp"].endswith("Z")
    assert int(metadata["resourceVersion"]) > 0
    assert await k.ok("GET", f"{CONFIG_MAPS}/a") == answer.json


@case()
async def the_type_of_a_body_may_be_left_out(k: Conformance) -> None:
    made = await k.ok("POST", CONFIG_MAPS, {"metadata": {"name": "a"}})
    assert (made["apiVersion"], made["kind"]) == ("v1", "ConfigMap")


@case()
async def what_belongs_to_the_server_is_not_taken_from_a_body(k: Conformance) -> None:
    body = config_map("a")
    body["metadata"] |= {
        "uid": "00000000-0000-4000-8000-000000000000",
        "creationTimestamp": "2001-01-01T00:00:00Z",
        "selfLink": "/x",
        "deletionTimestamp": "2001-01-01T00:00:00Z",
        "generation": 7,
    }
    metadata = (await k.ok("POST", CONFIG_MAPS, body))["metadata"]
    assert metadata["uid"] != body["metadata"]["uid"]
    assert not metadata["creationTimestamp"].startswith("2001")
    assert "deletionTimestamp" not in metadata
    assert "selfLink" not in metadata


@case()
async def a_name_is_made_up_from_generate_name(k: Conformance) -> None:
    body = {"metadata": {"generateName": "web-"}}
    for _ in range(5):
        metadata = (await k.ok("POST", CONFIG_MAPS, body))["metadata"]
        assert metadata["generateName"] == "web-"
        assert metadata["name"].startswith("web-")
        assert len(metadata["name"]) == len("web-") + 5


@case()
async def a_long_generate_name_is_cut_to_58_letters(k: Conformance) -> None:
    metadata = (await k.ok("POST", CONFIG_MAPS, {"metadata": {"generateName": "w" * 80}}))[
        "metadata"
    ]
    assert len(metadata["name"]) == 63
    assert metadata["generateName"] == "w" * 80


@case()
async def a_name_wins_over_generate_name(k: Conformance) -> None:
    body = {"metadata": {"name": "mine", "generateName": "web-"}}
    metadata = (await k.ok("POST", CONFIG_MAPS, body))["metadata"]
    assert (metadata["name"], metadata["generateName"]) == ("mine", "web-")


@case()
async def a_dry_run_creates_nothing_and_answers_with_a_uid(k: Conformance) -> None:
    dry = {"dryRun": "All"}
    answer = await k.call("POST", CONFIG_MAPS, config_map("a", x="1"), query=dry)
    assert answer.status == 201
    assert len(answer.json["metadata"]["uid"]) == 36
    assert "resourceVersion" not in answer.json["metadata"]
    await k.refused("GET", f"{CONFIG_MAPS}/a", code=404)


@case()
async def a_dry_run_finds_what_exists_already(k: Conformance) -> None:
    await k.ok("POST", CONFIG_MAPS, config_map("a"))
    dry = {"dryRun": "All"}
    await k.refused(
        "POST", CONFIG_MAPS, config_map("a"), query=dry, code=409, reason="AlreadyExists"
    )


@case()
async def a_name_of_253_letters_is_long_enough_for_anyone(k: Conformance) -> None:
    name = ".".join(["a" * 62] * 4)[:253].rstrip(".")
    assert (await k.ok("POST", CONFIG_MAPS, config_map(name)))["metadata"]["name"] == name


@case()
async def an_object_may_be_sent_as_yaml(k: Conformance) -> None:
    text = b"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\ndata:\n  x: '1'\n"
    made = await k.ok("POST", CONFIG_MAPS, text, content_type="application/yaml")
    assert made["data"] == {"x": "1"}


@case()
async def the_charset_of_a_content_type_does_not_matter(k: Conformance) -> None:
    kind = "application/json; charset=utf-8"
    assert (await k.call("POST", CONFIG_MAPS, config_map("a"), content_type=kind)).status == 201


@case()
async def a_namespace_has_its_name_as_label_and_a_finalizer_in_its_spec(k: Conformance) -> None:
    found = await k.ok("GET", f"{NAMESPACES}/{{ns}}")
    assert found["metadata"]["labels"]["kubernetes.io/metadata.name"] == k.namespace
    assert found["spec"] == {"finalizers": ["kubernetes"]}
    assert found["status"]["phase"] == "Active"


@case()
async def string_data_of_a_secret_becomes_data(k: Conformance) -> None:
    body = secret("s", stringData={"word": "open"}, data={"other": "c2hhZGU="})
    made = await k.ok("POST", SECRETS, body)
    assert made["data"] == {"word": "b3Blbg==", "other": "c2hhZGU="}
    assert made["type"] == "Opaque"
    assert "stringData" not in made


@case()
async def a_service_gets_an_address_and_its_defaults(k: Conformance) -> None:
    spec = (await k.ok("POST", SERVICES, service("web")))["spec"]
    assert (spec["type"], spec["sessionAffinity"]) == ("ClusterIP", "None")
    assert spec["clusterIPs"] == [spec["clusterIP"]]
    assert spec["ports"] == [{"port": 80, "protocol": "TCP", "targetPort": 80}]


@case()
async def a_headless_service_keeps_none_for_an_address(k: Conformance) -> None:
    spec = (await k.ok("POST", SERVICES, service("web", clusterIP="None")))["spec"]
    assert (spec["clusterIP"], spec["clusterIPs"]) == ("None", ["None"])


@case()
async def a_pod_gets_its_defaults_and_is_pending(k: Conformance) -> None:
    made = await k.ok("POST", PODS, pod("p"))
    spec, container = made["spec"], made["spec"]["containers"][0]
    assert made["status"]["phase"] == "Pending"
    assert made["status"]["qosClass"] == "BestEffort"
    assert (spec["restartPolicy"], spec["dnsPolicy"]) == ("Always", "ClusterFirst")
    assert spec["terminationGracePeriodSeconds"] == 30
    assert container["imagePullPolicy"] == "IfNotPresent"
    assert container["terminationMessagePath"] == "/dev/termination-log"


@case()
async def a_deployment_gets_its_defaults(k: Conformance) -> None:
    spec = (await k.ok("POST", DEPLOYMENTS, deployment("web")))["spec"]
    assert spec["strategy"] == {
        "type": "RollingUpdate",
        "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"},
    }
    assert (spec["revisionHistoryLimit"], spec["progressDeadlineSeconds"]) == (10, 600)


@case()
async def an_empty_label_value_is_a_label(k: Conformance) -> None:
    made = await k.ok("POST", CONFIG_MAPS, config_map("a", {"example.com/empty": ""}))
    assert made["metadata"]["labels"] == {"example.com/empty": ""}


@case()
async def many_things_wrong_with_metadata_are_told_at_once(k: Conformance) -> None:
    body = config_map("Loud", {"a": "b c"})
    status = await k.refused("POST", CONFIG_MAPS, body, code=422, reason="Invalid")
    fields = [cause["field"] for cause in status["details"]["causes"]]
    assert sorted(fields) == ["metadata.labels", "metadata.name"]
    assert status["message"].startswith('ConfigMap "Loud" is invalid: [metadata.')


@case()
async def a_podtemplate_keeps_a_template_with_its_defaults(k: Conformance) -> None:
    path = f"/api/v1/namespaces/{k.namespace}/podtemplates"
    pods = {"metadata": {"labels": {"app": "web"}}, "spec": pod("web")["spec"]}
    made = await k.ok("POST", path, {"metadata": {"name": "web"}, "template": pods})
    assert made["template"]["metadata"]["labels"] == {"app": "web"}
    assert made["template"]["spec"]["restartPolicy"] == "Always"
    assert "generation" not in made["metadata"]
    empty = await k.call("POST", path, {"metadata": {"name": "none"}, "template": {"spec": {}}})
    assert empty.status == 422
    assert "template.spec.containers: Required value" in empty.json["message"]
