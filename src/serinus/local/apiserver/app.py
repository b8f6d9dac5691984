"""The embedded Kubernetes API server: an ASGI application over a store.

Callers are known by a random prefix of the path, or by the same text as a bearer token; anything
else is 401. It knows no workload: controllers and nodes are clients like any other.
"""

from __future__ import annotations

import logging
import random
import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from serinus.base.clock import Clock
from serinus.local.apiserver import verbs
from serinus.local.apiserver.admission import Admission, StoreView
from serinus.local.apiserver.errors import (
    StatusError,
    no_such_page,
    not_stored,
    qualified,
    unauthorized,
)
from serinus.local.apiserver.kinds.catalogue import built_in_kinds
from serinus.local.apiserver.kinds.custom import DEFINITIONS
from serinus.local.apiserver.kinds.registry import Registry
from serinus.local.apiserver.pages import pages
from serinus.local.apiserver.pages.openapi import Documents
from serinus.local.apiserver.reading.logs import LogSource
from serinus.local.apiserver.reading.representation import View
from serinus.local.apiserver.rights import require_right
from serinus.local.apiserver.state import State
from serinus.local.apiserver.storing.storage import Storage
from serinus.local.apiserver.storing.store import Store
from serinus.local.apiserver.webhooks.asking import WebhookAsker
from serinus.local.apiserver.webhooks.gate import gate_for, through
from serinus.local.apiserver.wire.http import (
    Answer,
    Receive,
    Request,
    Scope,
    Send,
    Stream,
    json_answer,
    read_body,
    read_headers,
    read_path,
    read_query,
    send_answer,
    send_stream,
)
from serinus.local.apiserver.wire.paths import parse_path
from serinus.local.apiserver.writing.definitions import serve_stored

log = logging.getLogger(__name__)
_ALPHABET = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
_SECRET_LENGTH = 32
_START_NAMESPACES = ("default", "kube-system", "kube-public")


class ApiServer:
    """The server; `await server(scope, receive, send)` answers one request.

    `admission` are checks on every write. `views` give a caller its own spelling of a kind:
    caller name, the kind as `plural.group`, pure function. `readers` are the callers that may only
    look. `log_source` gives the logs of pods
    (it may also be set later). `chance` makes uids and secrets (a seeded one makes a run
    repeatable). At least the newest `history_limit` changes of each kind can be
    watched from. `storage` keeps the objects; without it they live as long as the server, with it
    the server has to be made inside a running event loop.

    A web server in front of it must leave the header `Date` alone (uvicorn: `date_header=False`):
    clients read the cluster's time from it.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        admission: Sequence[Admission] = (),
        views: Mapping[str, Mapping[str, View]] | None = None,
        log_source: LogSource | None = None,
        chance: random.Random | None = None,
        history_limit: int = 2_000,
        storage: Storage | None = None,
        readers: Collection[str] = ("reader",),
    ) -> None:
        self.clock = clock
        self.log_source = log_source
        self._chance = chance or secrets.SystemRandom()
        store, registry = Store(history_limit, storage), Registry(built_in_kinds())
        self.state = State(store, registry, clock, self._chance, tuple(admission))
        self._documents = Documents(registry)
        self._views = {caller: dict(shown) for caller, shown in (views or {}).items()}
        self._readers = frozenset(readers)
        self._secrets: dict[str, str] = {}
        self._callers: dict[str, str] = {}
        serve_stored(self.state)
        store.taken_back = self._serve_again
        self.webhooks = WebhookAsker(self.state.new_uid)
        for name in _START_NAMESPACES:
            if self.view.get("", "namespaces", name) is None:
                verbs.create_namespace(self.state, name)

    @property
    def view(self) -> StoreView:
        """The stored objects, for reading from inside the process."""
        return self.state.view

    def prefix(self, caller: str) -> str:
        """The path prefix of a caller, made when first asked for: `/` and 32 letters."""
        return "/" + self.token(caller)

    def token(self, caller: str) -> str:
        """The secret of a caller, as a bearer token on unprefixed paths."""
        if caller not in self._secrets:
            secret = "".join(self._chance.choices(_ALPHABET, k=_SECRET_LENGTH))
            self._secrets[caller] = secret
            self._callers[secret] = caller
        return self._secrets[caller]

    def forget_history(self) -> None:
        """Drop what happened so far: watches and pages that begin before now are told 410."""
        for _, collection in self.state.collections():
            collection.compact(self.state.store.resource_version)

    def close(self) -> None:
        """End all watches, so that a web server can stop."""
        self.state.closing.set()
        for _, collection in self.state.collections():
            collection.wake()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one ASGI connection."""
        match scope["type"]:
            case "lifespan":
                await self._live(receive, send)
            case "websocket":
                await send({"type": "websocket.close", "code": 1008, "reason": _NO_UPGRADE})
            case "http":
                await self._answer(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.shutdown":
                self.close()
                await send({"type": "lifespan.shutdown.complete"})
                return
            await send({"type": "lifespan.startup.complete"})

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        date = self.clock.now().strftime("%a, %d %b %Y %H:%M:%S GMT")
        outcome = await self._outcome(scope, receive)
        if isinstance(outcome, Stream):
            await send_stream(receive, send, outcome, date)
        else:
            await send_answer(send, outcome, date, head_only=scope["method"] == "HEAD")

    async def settled(self) -> None:
        """Wait until all that was written so far is durable, or was taken back."""
        await self.state.store.settled()

    def _serve_again(self, kinds: set[tuple[str, str]]) -> None:
        """After a write was taken back: serve what the definitions that are left say."""
        if DEFINITIONS in kinds:
            serve_stored(self.state)

    async def _outcome(self, scope: Scope, receive: Receive) -> Answer | Stream:
        try:
            caller, path = self._caller(scope)
            body = await read_body(scope, receive)
            headers = read_headers(scope)
            request = Request(scope["method"], path, read_query(scope), headers, body, caller)
            return await self._settled(request)
        except StatusError as refusal:
            return _refused(refusal)
        except Exception:
            # a bug of ours must not reach clients as a broken connection or a traceback
            log.exception("request failed", extra={"method": scope["method"]})
            words = "the embedded API server failed on this request; its log has the details"
            return _refused(StatusError(500, "InternalError", words))

    async def _settled(self, request: Request) -> Answer | Stream:
        """The answer, when all that it tells of is durable; StatusError 507 if that cannot be."""
        while True:
            try:
                outcome = await self._dispatch(request)
            except StatusError as refusal:
                outcome = _refused(refusal)
            lost = await self.state.store.settled()
            if lost is None:
                return outcome
            # the answer told of what never was: a write is refused, a reader looks again
            if request.method not in ("GET", "HEAD"):
                raise not_stored(lost)

    def _caller(self, scope: Scope) -> tuple[str, str]:
        """Who asks, and the path without the prefix; StatusError 401 for strangers."""
        path = read_path(scope)
        secret, _, rest = path.removeprefix("/").partition("/")
        if caller := self._callers.get(secret):
            return caller, "/" + rest
        scheme, _, token = read_headers(scope).get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and (caller := self._callers.get(token.strip())):
            return caller, path
        raise unauthorized()

    async def _dispatch(self, request: Request) -> Answer | Stream:
        target = parse_path(request.path)
        if target is None:
            return pages.page(self.state.registry, self._documents, request)
        served = self.state.registry.find(target.group, target.version, target.plural)
        if served is None:
            raise no_such_page()
        read_only = request.caller in self._readers
        require_right(request, target, read_only=read_only)
        view = self._views.get(request.caller, {}).get(qualified(target.group, target.plural))
        gate, logs = gate_for(self.view, request.caller), self.log_source
        call = verbs.Call(self.state, served, target, request, view, logs, gate, read_only)
        try:
            return await through(gate, self.webhooks, lambda: verbs.answer(call))
        except StatusError as refusal:
            refusal.warnings = (*refusal.warnings, *gate.warnings)
            raise


def _refused(refusal: StatusError) -> Answer:
    answer = json_answer(refusal.code, refusal.body(), refusal.warnings)
    wait = refusal.details.get("retryAfterSeconds")
    return answer if wait is None else replace(answer, headers=(("retry-after", str(wait)),))


_NO_UPGRADE = "exec, attach and port-forward are not served"
