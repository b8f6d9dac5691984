"""Deployments to apply, and requests that apply them, for the stories of this folder."""

from __future__ import annotations

from typing import Any

from local.apiserver.api import Api, Json

DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"
WEB = f"{DEPLOYMENTS}/web"
APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"


def web(image: str = "web:1", **spec: Any) -> Json:
    """A Deployment with one container and one port."""
    container = {"name": "web", "image": image, "ports": [{"containerPort": 80}]}
    template = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [container]}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web"},
        "spec": {"selector": {"matchLabels": {"app": "web"}}, "template": template, **spec},
    }


def as_manager(name: str, **query: str) -> Json:
    """The options of a call that applies as `name`."""
    return {"query": {"fieldManager": name, **query}, "content_type": APPLY}


async def apply(api: Api, body: Json, name: str = "me", path: str = WEB, **query: str) -> Json:
    """The object after an apply that succeeds."""
    return await api.ok("PATCH", path, body, **as_manager(name, **query))


async def not_applied(
    api: Api, body: Json, name: str = "me", path: str = WEB, **query: str
) -> Json:
    """The Status of an apply that is refused."""
    return await api.refused("PATCH", path, body, **as_manager(name, **query))


def owners(value: Json) -> list[tuple[str, str, str]]:
    """Manager, operation and subresource of each entry, in order."""
    return [
        (entry["manager"], entry["operation"], entry.get("subresource", ""))
        for entry in value["metadata"].get("managedFields", [])
    ]


def fields(value: Json, manager: str, operation: str = "", half: str = "") -> Json:
    """What a manager owns."""
    return dict(
        next(
            entry["fieldsV1"]
            for entry in value["metadata"]["managedFields"]
            if entry["manager"] == manager
            and operation in ("", entry["operation"])
            and entry.get("subresource", "") == half
        )
    )
