"""What trafficRouting.alb asks of the objects that it names."""

from __future__ import annotations

from typing import Any

from api.worlds import World, put

C = "spec.strategy.canary."
ALB = C + "trafficRouting.alb."
BACKEND = "spec.rules.0.http.paths.0.backend.service"


def world(**alb: Any) -> World:
    made = World()
    told = {"ingress": "shop", "servicePort": 80, **alb}
    put(made.rollout, C + "trafficRouting", {"alb": told})
    action = {"name": alb.get("rootService", "shop-stable"), "port": {"name": "use-annotation"}}
    put(made.of("Ingress"), BACKEND, action)
    return made


def test_an_ingress_that_leads_to_the_action_is_sound_with_and_without_a_root_service() -> None:
    assert world().told() == []
    assert world(rootService="root").told() == []
    sticky = {"enabled": True, "durationSeconds": "60"}
    assert world(ingress="", ingresses=["shop"], stickinessConfig=sticky).told() == []


def test_an_ingress_that_is_missing_is_waited_for() -> None:
    made = world(ingress="", ingresses=["shop", "api"])
    assert made.told() == [ALB + "ingresses[1]: waiting for Ingress api in namespace prod"]


def test_a_path_to_the_service_itself_is_no_action() -> None:
    made = world()
    put(made.of("Ingress"), BACKEND, {"name": "shop-stable", "port": {"number": 80}})
    (text,) = made.told()
    assert text.startswith(ALB + "ingress: Ingress shop has no rule that leads to the action shop-")
    assert "port name use-annotation" in text


def test_both_services_have_the_port() -> None:
    made = world(servicePort=81)
    assert made.told() == [
        f"{ALB}servicePort: Service shop-{name} has no port 81; it has 80"
        for name in ("canary", "stable")
    ]
