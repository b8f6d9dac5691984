"""Every rule of blue-green, of experiment steps and of what only some routers can do."""

from __future__ import annotations

from typing import Any

import pytest

from api.worlds import World, put

C = "spec.strategy.canary."
B = "spec.strategy.blueGreen."
E = C + "steps[0].experiment."
ISTIO = {"istio": {"virtualService": {"name": "shop"}}}
RULE = {"name": "d", "canarySubsetName": "new", "stableSubsetName": "old"}
ALB = {"alb": {"ingress": "shop", "servicePort": 80}}
ONE = {"name": "a", "specRef": "canary"}
HEADER = {"name": "r", "match": [{"headerName": "x", "headerValue": {"exact": "1"}}]}


def blue_green(**fields: Any) -> dict[str, Any]:
    return {"blueGreen": {"activeService": "shop-stable", **fields}}


def canary_steps(routing: dict[str, Any], *steps: Any) -> dict[str, Any]:
    services = {"canaryService": "shop-canary", "stableService": "shop-stable"}
    routes = {"managedRoutes": [{"name": "r"}]}
    return {"canary": {**services, "trafficRouting": {**routes, **routing}, "steps": list(steps)}}


def experiment(**fields: Any) -> dict[str, Any]:
    step = {"experiment": {"templates": [ONE], **fields}}
    return canary_steps({"nginx": {"stableIngress": "shop"}}, step)


def header(match: Any, routing: dict[str, Any] = ISTIO) -> dict[str, Any]:
    return canary_steps(routing, {"setHeaderRoute": {"name": "r", "match": [match]}})


def mirror(**fields: Any) -> dict[str, Any]:
    return canary_steps(ISTIO, {"setMirrorRoute": {"name": "r", **fields}})


def routed(**routing: Any) -> dict[str, Any]:
    return canary_steps(routing)


def ping_pong(routing: dict[str, Any], ping: str = "a", pong: str = "b") -> dict[str, Any]:
    services = {"pingService": ping, "pongService": pong}
    return {"canary": {"trafficRouting": routing, "pingPong": services}}


ANALYSIS = {"templates": [{"templateName": "errors"}], "args": [{"name": "revision", "value": "1"}]}
RULES: list[tuple[dict[str, Any], str]] = [
    # blue-green, 2.5
    ({"blueGreen": {}}, B + "activeService: is missing"),
    ({"blueGreen": {"previewService": "a"}}, B + "activeService: is missing"),
    (blue_green(previewService="shop-stable"), B + "previewService: 'shop-stable' is the active"),
    (blue_green(previewReplicaCount=-1), B + "previewReplicaCount: -1 must be 0 or more"),
    (blue_green(autoPromotionSeconds=-1), B + "autoPromotionSeconds: -1 must be 0 or more"),
    (blue_green(maxUnavailable="some"), B + "maxUnavailable: 'some' is neither"),
    (blue_green(scaleDownDelaySeconds=-1), B + "scaleDownDelaySeconds: -1 must be 0 or more"),
    (blue_green(abortScaleDownDelaySeconds=-1), B + "abortScaleDownDelaySeconds: -1 must be"),
    (blue_green(scaleDownDelayRevisionLimit=-1), B + "scaleDownDelayRevisionLimit: -1 must be"),
    (
        blue_green(scaleDownDelayRevisionLimit=11),
        B + "scaleDownDelayRevisionLimit: 11 must not be more than revisionHistoryLimit (10)",
    ),
    (
        blue_green(previewMetadata={"labels": {"app": "x"}}),
        B + "previewMetadata.labels.app: pods are selected by it",
    ),
    (
        blue_green(activeMetadata={"annotations": {"a b": "x"}}),
        B + "activeMetadata.annotations: 'a b' is no label key",
    ),
    (blue_green(prePromotionAnalysis={}), B + "prePromotionAnalysis.templates: is empty"),
    (blue_green(postPromotionAnalysis={}), B + "postPromotionAnalysis.templates: is empty"),
    (
        blue_green(postPromotionAnalysis={**ANALYSIS, "startingStep": 1}),
        B + "postPromotionAnalysis.startingStep: blue-green has no steps",
    ),
    (
        blue_green(
            antiAffinity={"preferredDuringSchedulingIgnoredDuringExecution": {"weight": 101}}
        ),
        B + "antiAffinity.preferredDuringSchedulingIgnoredDuringExecution.weight: 101 must be 1 to",
    ),
    (
        blue_green(
            antiAffinity={
                "preferredDuringSchedulingIgnoredDuringExecution": {"weight": 1},
                "requiredDuringSchedulingIgnoredDuringExecution": {},
            }
        ),
        B + "antiAffinity: asks for required and preferred",
    ),
    (blue_green(antiAffinity={}), B + "antiAffinity: names neither required"),
    # routers, 2.2 and 2.4
    (
        {"canary": {"trafficRouting": {"smi": {}}}},
        C + "canaryService: is missing; the smi router needs it",
    ),
    ({"canary": {"trafficRouting": ISTIO}}, C + "stableService: is missing; the istio router"),
    (
        ping_pong({"nginx": {"stableIngress": "s"}}),
        C + "pingPong: works only with istio or alb or plugins/",
    ),
    (ping_pong({**ISTIO, "nginx": {"stableIngress": "s"}}), C + "pingPong: works only with"),
    (
        ping_pong({"istio": {**ISTIO["istio"], "destinationRule": RULE}}),
        C + "pingPong: swaps Services, not subsets; remove istio.destinationRule",
    ),
    (ping_pong(ALB), C + "trafficRouting.alb.rootService: is missing; pingPong needs it"),
    (ping_pong(ISTIO, pong=""), C + "pingPong: needs both pingService and pongService"),
    (ping_pong(ISTIO, pong="a"), C + "pingPong.pongService: 'a' is pingService too"),
    (
        routed(maxTrafficWeight=1000, **ISTIO),
        C + "trafficRouting.maxTrafficWeight: works only with nginx and plugins; istio divides 100",
    ),
    (routed(alb={}), C + "trafficRouting.alb.ingress: is missing"),
    (
        routed(alb={"ingress": "a", "ingresses": ["b"]}),
        C + "trafficRouting.alb.ingresses: and ingress are both set",
    ),
    (
        routed(alb={**ALB["alb"], "stickinessConfig": {"enabled": True}}),
        C + "trafficRouting.alb.stickinessConfig.durationSeconds: 0 must be 1 to 604800",
    ),
    (
        routed(alb={"ingresses": ["a", "a"], "servicePort": 80}),
        C + "trafficRouting.alb.ingresses[1]: 'a' is empty or repeated",
    ),
    (routed(alb={"ingress": "a"}), C + "trafficRouting.alb.servicePort: 0 must be 1 to 65535"),
    (
        routed(alb={**ALB["alb"], "annotationPrefix": "no prefix"}),
        C + "trafficRouting.alb.annotationPrefix: ",
    ),
    (
        routed(**ALB, managedRoutes=[{"name": "Staff"}]),
        C + "trafficRouting.managedRoutes[0].name: 'Staff': with alb use lower-case letters",
    ),
    (
        routed(**ALB, managedRoutes=[{"name": "shop-stable"}]),
        C + "trafficRouting.managedRoutes[0].name: 'shop-stable' is the action that splits",
    ),
    (
        routed(istio={"virtualService": {"name": "a"}, "virtualServices": [{"name": "a"}]}),
        C + "trafficRouting.istio.virtualServices: and virtualService are both set",
    ),
    (routed(traefik={}), C + "trafficRouting.traefik.weightedTraefikServiceName: is missing"),
    (routed(ambassador={}), C + "trafficRouting.ambassador.mappings: is missing"),
    (routed(apisix={}), C + "trafficRouting.apisix.route: is missing"),
    (routed(apisix={"route": {}}), C + "trafficRouting.apisix.route.name: is missing"),
    (
        routed(apisix={"route": {"name": "a", "rules": ["r", "r"]}}),
        C + "trafficRouting.apisix.route.rules[1]: 'r' is empty or repeated",
    ),
    (
        routed(apisix={"route": {"name": "a"}}, managedRoutes=[{"name": "a"}]),
        C + "trafficRouting.managedRoutes[0].name: 'a' is the ApisixRoute that splits",
    ),
    (
        routed(apisix={"route": {"name": "a"}}, managedRoutes=[{"name": "To_A"}]),
        C + "trafficRouting.managedRoutes[0].name: 'To_A' cannot name an ApisixRoute",
    ),
    (routed(appMesh={}), C + "trafficRouting.appMesh.virtualService: is missing"),
    (
        routed(smi={"rootService": "shop-canary"}),
        C + "trafficRouting.smi.rootService: 'shop-canary' is the canaryService too",
    ),
    (routed(managedRoutes=[{}]), C + "trafficRouting.managedRoutes[0].name: is missing"),
    # canary, 2.2
    ({"canary": {"scaleDownDelaySeconds": 5}}, C + "scaleDownDelaySeconds: works only with traf"),
    ({"canary": {"dynamicStableScale": True}}, C + "dynamicStableScale: works only with traf"),
    ({"canary": {"maxSurge": 0, "maxUnavailable": "0%"}}, C + "maxSurge: must not be 0 if"),
    ({"canary": {"minPodsPerReplicaSet": -1}}, C + "minPodsPerReplicaSet: -1 must be 0 or more"),
    (
        {"canary": {"analysis": {**ANALYSIS, "startingStep": -1}}},
        C + "analysis.startingStep: -1 must be 0 or more",
    ),
    (
        {"canary": {"steps": [{"setCanaryScale": {"replicas": 1}}]}},
        C + "steps[0].setCanaryScale: works only with trafficRouting; remove it",
    ),
    (
        {"canary": {"steps": [{"analysis": {**ANALYSIS, "startingStep": 1}}]}},
        C + "steps[0].analysis.startingStep: is for the background analysis",
    ),
    ({"canary": {"steps": [{"plugin": {}}]}}, C + "steps[0].plugin.name: is missing"),
    # experiment steps, 2.3
    (experiment(templates=[]), E + "templates: is empty"),
    (experiment(templates=[{"specRef": "canary"}]), E + "templates[0].name: '' is empty or"),
    (experiment(templates=[ONE, ONE]), E + "templates[1].name: 'a' is empty or repeated"),
    (experiment(templates=[{**ONE, "name": "A B"}]), E + "templates[0].name: 'A B': use lower"),
    (experiment(templates=[{**ONE, "specRef": "old"}]), E + "templates[0].specRef: 'old' must be"),
    (experiment(templates=[{**ONE, "replicas": -1}]), E + "templates[0].replicas: -1 must be 0"),
    (
        experiment(templates=[{**ONE, "weight": 5}]),
        E + "templates[0].weight: works only with istio or",
    ),
    (
        canary_steps(ISTIO, {"experiment": {"templates": [{**ONE, "weight": 101}]}}),
        E + "templates[0].weight: 101 must be 0 to 100",
    ),
    (
        canary_steps(
            ISTIO,
            {
                "experiment": {
                    "templates": [{**ONE, "weight": 60}, {**ONE, "name": "b", "weight": 50}]
                }
            },
        ),
        E + "templates: their weights add up to 110, over 100",
    ),
    (
        canary_steps(
            ISTIO,
            {"setWeight": 95},
            {"experiment": {"templates": [{**ONE, "weight": 6}]}},
        ),
        "spec.strategy.canary.steps[1].experiment.templates: "
        "their weights add up to 6 beside the canary's 95, over 100",
    ),
    (experiment(duration="long"), E + "duration: 'long' is not a duration"),
    (experiment(scaleDownDelaySeconds=-1), E + "scaleDownDelaySeconds: -1 must be 0 or more"),
    (experiment(analyses=[{"name": "x"}]), E + "analyses[0].templateName: is missing"),
    (experiment(analyses=[{"name": "X_y"}]), E + "analyses[0].name: 'X_y': use lower-case"),
    (
        experiment(
            analyses=[
                {"name": "x", "args": [{"name": "h", "value": "{{templates.b.podTemplateHash}}"}]}
            ]
        ),
        E + "analyses[0].args[0].value: {{templates.b.podTemplateHash}} is not known; there are: ",
    ),
    (
        experiment(dryRun=[{"metricName": "m"}, {"metricName": "m"}]),
        E + "dryRun[1].metricName: 'm' is repeated",
    ),
    (
        experiment(templates=[{**ONE, "service": {"name": "My_Svc"}}]),
        E + "templates[0].service.name: 'My_Svc': use at most 63 lower-case letters",
    ),
    (experiment(templates=[{**ONE, "selector": {}}]), E + "templates[0].selector: is empty"),
    (
        experiment(templates=[{**ONE, "selector": {"matchLabels": {"tier": "web"}}}]),
        E + "templates[0].selector: does not match the labels of the pods",
    ),
    (
        experiment(analyses=[{"name": "x", "templateName": "t", "args": [{"value": "1"}]}]),
        E + "analyses[0].args[0].name: '' is empty or repeated",
    ),
    # header routes and mirrors, 2.3
    (
        canary_steps({"nginx": {"stableIngress": "shop"}}, {"setHeaderRoute": HEADER}),
        C + "steps[0].setHeaderRoute: works only with istio or ",
    ),
    (
        canary_steps(ISTIO, {"setHeaderRoute": {**HEADER, "name": "q"}}),
        C + "steps[0].setHeaderRoute.name: 'q' is not in trafficRouting.managedRoutes",
    ),
    (
        canary_steps({**ISTIO, "managedRoutes": []}, {"setHeaderRoute": HEADER}),
        C + "steps[0].setHeaderRoute.name: 'r' is not in trafficRouting.managedRoutes",
    ),
    (
        header({"headerName": "x", "headerValue": {}}),
        C + "steps[0].setHeaderRoute.match[0].headerValue: needs exactly one of exact, prefix",
    ),
    (
        header({"headerName": "x", "headerValue": {"exact": "a", "regex": "b"}}),
        C + "steps[0].setHeaderRoute.match[0].headerValue: needs exactly one of exact, prefix",
    ),
    (
        header({"headerValue": {"exact": "a"}}),
        C + "steps[0].setHeaderRoute.match[0].headerName: is missing",
    ),
    (
        header({"headerName": "x", "headerValue": {"regex": "b"}}, ALB),
        C + "steps[0].setHeaderRoute.match[0].headerValue: the alb router can only match exactly",
    ),
    (
        canary_steps(ALB, {"setMirrorRoute": {"name": "r"}}),
        C + "steps[0].setMirrorRoute: works only with istio; ",
    ),
    (
        canary_steps(ISTIO, {"setWeight": 5, "setCanaryScale": {"replicas": 1}}),
        C + "steps[0]: does setWeight and setCanaryScale; write a step for each",
    ),
    (mirror(percentage=101), C + "steps[0].setMirrorRoute.percentage: 101 must be 0 to 100"),
    (mirror(match=[{}]), C + "steps[0].setMirrorRoute.match[0]: is empty"),
    (
        mirror(match=[{"method": {"exact": "a", "prefix": "b"}}]),
        C + "steps[0].setMirrorRoute.match[0].method: needs exactly one of",
    ),
    (mirror(match=[{"path": {}}]), C + "steps[0].setMirrorRoute.match[0].path: needs exactly one"),
    (
        mirror(match=[{"headers": {"x": {}}}]),
        C + "steps[0].setMirrorRoute.match[0].headers.x: needs exactly one of",
    ),
]
SOUND: list[dict[str, Any]] = [
    blue_green(
        previewService="shop-canary",
        autoPromotionEnabled=False,
        previewReplicaCount=1,
        scaleDownDelayRevisionLimit=10,
        prePromotionAnalysis=ANALYSIS,
    ),
    {"canary": {"maxSurge": 1, "maxUnavailable": 0, "analysis": {**ANALYSIS, "startingStep": 2}}},
    {"canary": {"trafficRouting": {"istio": {**ISTIO["istio"], "destinationRule": RULE}}}},
    ping_pong({"alb": {"ingress": "not-yet", "servicePort": 80, "rootService": "root"}}),
    ping_pong(ISTIO),
    canary_steps(ISTIO, {"setHeaderRoute": HEADER}, {"setHeaderRoute": {"name": "r"}}),
    canary_steps(ISTIO, {"experiment": {"templates": [{**ONE, "weight": 5}], "duration": "5m"}}),
    mirror(percentage=50, match=[{"method": {"exact": "GET"}, "headers": {"x": {"prefix": "a"}}}]),
    canary_steps(
        {"plugins": {"argoproj-labs/gatewayAPI": {"httpRoute": "w"}}, "maxTrafficWeight": 1000},
        {"setWeight": 1000},
    ),
]


def told(strategy: dict[str, Any]) -> list[str]:
    """What is wrong, without what only comes later or is not there."""
    world = World()
    put(world.rollout, "spec.strategy", strategy)
    return [text for text in world.told() if "supported yet" not in text and "waiting" not in text]


@pytest.mark.parametrize(("strategy", "expected"), RULES, ids=[text[:70] for _, text in RULES])
def test_what_breaks_a_rule_is_named_with_its_field(
    strategy: dict[str, Any], expected: str
) -> None:
    found = told(strategy)
    assert any(text.startswith(expected) for text in found), found


@pytest.mark.parametrize("strategy", SOUND, ids=[str(one)[:60] for one in SOUND])
def test_what_keeps_the_rules_is_let_pass(strategy: dict[str, Any]) -> None:
    assert told(strategy) == []


def test_all_that_is_wrong_is_told_at_once() -> None:
    found = told(blue_green(previewReplicaCount=-1, autoPromotionSeconds=-1, previewService="x y"))
    assert [text.split(":")[0] for text in found] == [
        B + "previewReplicaCount",
        B + "autoPromotionSeconds",
    ]


# --- References ----------------------------------------------------------------------------------


def test_services_and_analyses_of_blue_green_are_looked_for() -> None:
    world = World()
    asked = {"templates": [{"templateName": "gone"}]}
    put(
        world.rollout,
        "spec.strategy",
        blue_green(activeService="away", prePromotionAnalysis=asked, postPromotionAnalysis=asked),
    )
    missing = [str(problem) for problem in world.findings().missing]
    assert missing == [
        B + "activeService: waiting for Service away in namespace prod",
        B + "prePromotionAnalysis.templates[0]: waiting for AnalysisTemplate gone in namespace "
        "prod (also postPromotionAnalysis.templates[0])",
    ]


def test_only_an_analysis_that_is_waited_for_must_have_an_end() -> None:
    world = World()
    put(world.of("AnalysisTemplate"), "spec.metrics.0.count", ...)
    put(world.rollout, "spec.strategy", {"canary": {"analysis": ANALYSIS}})
    assert [text for text in world.told() if "never ends" in text] == []
    put(world.rollout, "spec.strategy", blue_green(postPromotionAnalysis=ANALYSIS))
    assert [text.split(":")[0] for text in world.told() if "never ends" in text] == [
        B + "postPromotionAnalysis.templates[0]"
    ]


def test_analyses_of_an_experiment_step_need_their_arguments_and_an_end_unless_it_has_one() -> None:
    world = World()
    put(world.of("AnalysisTemplate"), "spec.metrics.0.count", ...)
    analyses = [{"name": "x", "templateName": "errors"}]
    put(world.rollout, "spec.strategy", experiment(analyses=analyses, duration="5m"))
    found = [text for text in world.told() if "supported yet" not in text]
    assert found == [
        E + "analyses[0].args: missing arg `revision`, used by metric errors of AnalysisTemplate "
        "errors: add it under steps[0].experiment.analyses[0].args, for example `- name: revision` "
        "with `valueFrom: {podTemplateHashValue: Latest}`"
    ]
    put(world.rollout, "spec.strategy", experiment(analyses=analyses))
    assert any(t.startswith(E + "analyses[0].templateName: Analysis") for t in world.told())
