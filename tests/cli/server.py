"""An API server on a loopback socket in a thread of its own, with a kubeconfig, for the commands.

The commands are synchronous programs that bring their own event loop, so the server has another.
"""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import uvicorn
import yaml

from present.objects import documents
from serinus.api import crds
from serinus.base.clock import Clock
from serinus.local.apiserver.app import ApiServer

PATHS = {
    "Rollout": "/apis/argoproj.io/v1alpha1/namespaces/{}/rollouts",
    "AnalysisRun": "/apis/argoproj.io/v1alpha1/namespaces/{}/analysisruns",
    "ReplicaSet": "/apis/apps/v1/namespaces/{}/replicasets",
    "Deployment": "/apis/apps/v1/namespaces/{}/deployments",
    "Pod": "/api/v1/namespaces/{}/pods",
}
CHECKOUT = f"{PATHS['Rollout'].format('production')}/checkout"
DEADLINE_SECONDS = 30
Run = Callable[..., tuple[int, str, str]]
"""A command line: exit status, standard output, standard error."""


class Refused(Exception):
    """The server does not take it; the text is its answer."""


class Server:
    """A running server; `call` is a request of another client."""

    def __init__(self, url: str, kubeconfig: Path) -> None:
        self.url = url
        self.kubeconfig = kubeconfig
        self.watched = threading.Event()
        """Set when somebody begins to watch."""
        self._uids: dict[str, str] = {}

    def call(self, method: str, path: str, body: Any = None, kind: str = "json") -> Any:
        """A request; merge patches are `kind="merge-patch+json"`."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"content-type": f"application/{kind}"}
        asked = urllib.request.Request(self.url + path, data, headers, method=method)
        try:
            with urllib.request.urlopen(asked, timeout=DEADLINE_SECONDS) as answer:
                return json.loads(answer.read())
        except HTTPError as error:
            raise Refused(f"{method} {path}: {error.read().decode()}") from error

    def apply(self, file: str) -> None:
        """Create the objects of a file, with the uids that this server gives them."""
        for document in documents(file):
            self.create(document)

    def create(self, document: Mapping[str, Any]) -> None:
        """Create one object and its status."""
        metadata = dict(document["metadata"])
        namespace = metadata.setdefault("namespace", "default")
        old_uid = metadata.pop("uid", "")
        for key in ("resourceVersion", "generation", "deletionTimestamp"):
            metadata.pop(key, None)
        metadata["ownerReferences"] = [
            {"apiVersion": "v1", **owner, "uid": self._uids.get(owner["uid"], owner["uid"])}
            for owner in metadata.get("ownerReferences", ())
        ]
        with suppress(Refused):
            self.call("POST", "/api/v1/namespaces", {"metadata": {"name": namespace}})
        path = PATHS[document["kind"]].format(namespace)
        made = self.call("POST", path, {**document, "metadata": metadata})
        self._uids[old_uid] = made["metadata"]["uid"]
        if "status" in document and document["kind"] != "AnalysisRun":  # those have no subresource
            self.patch(f"{path}/{metadata['name']}/status", {"status": document["status"]})

    def patch(self, path: str, patch: Any) -> Any:
        """A merge patch."""
        return self.call("PATCH", path, patch, "merge-patch+json")

    def rollout(self, name: str, namespace: str = "production") -> Any:
        """The Rollout as it is stored."""
        return self.call("GET", f"{PATHS['Rollout'].format(namespace)}/{name}")


@contextmanager
def serving(folder: Path, speed: float = 1.0) -> Iterator[Server]:
    """A server that knows our kinds, until the end of the block."""
    api = ApiServer(Clock(speed))
    watched = threading.Event()

    async def noting(scope: Any, receive: Any, send: Any) -> None:
        if b"watch=true" in scope.get("query_string", b""):
            watched.set()
        await api(scope, receive, send)

    config = uvicorn.Config(
        noting, log_level="error", date_header=False, timeout_graceful_shutdown=1
    )
    web = uvicorn.Server(config)
    # IPPROTO_TCP, or asyncio leaves Nagle's algorithm on and each answer waits 40 ms for an ACK.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen(64)  # so that nobody is refused before the thread serves
    thread = threading.Thread(target=lambda: asyncio.run(web.serve(sockets=[listener])))
    thread.start()
    url = f"http://127.0.0.1:{listener.getsockname()[1]}{api.prefix('admin')}"
    server = Server(url, folder / "kubeconfig")
    server.watched = watched
    write_kubeconfig(server.kubeconfig, url, speed)
    try:
        for definition in crds.documents():
            path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
            server.call("POST", path, yaml.safe_load(definition))
        yield server
    finally:
        api.close()
        web.should_exit = True
        thread.join(DEADLINE_SECONDS)


def write_kubeconfig(path: Path, url: str, speed: float = 1.0, **noted: Any) -> None:
    """A kubeconfig with one context, in the namespace `production`; `noted` is in its extension."""
    extension = {"name": "serinus", "extension": {"speed": speed, **noted}}
    context = {"cluster": "here", "user": "me", "namespace": "production"}
    path.write_text(
        yaml.safe_dump(
            {
                "current-context": "here",
                "clusters": [
                    {"name": "here", "cluster": {"server": url, "extensions": [extension]}}
                ],
                "contexts": [{"name": "here", "context": context}],
                "users": [{"name": "me", "user": {}}],
            }
        )
    )
