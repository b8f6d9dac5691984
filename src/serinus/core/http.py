"""One HTTP request and its answer as plain values: made and read by adapters, sent by the shell.

Opens no connection; knows neither metrics nor rollouts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from serinus.core.analysis.arguments import fill_text

Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class BasicAuth:
    username: str
    password: str


@dataclass(frozen=True, slots=True)
class ClientCredentials:
    """OAuth 2 client credentials: a token is fetched first and sent as bearer."""

    token_url: str
    client_id: str
    client_secret: str
    scopes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpRequest:
    """One request, not yet encoded, so that secrets can be filled into every text of it.

    `form` and `query` are encoded by the shell; `timeout_seconds` is wall time for all of it.
    """

    method: str
    url: str
    query: Pairs = ()
    headers: Pairs = ()
    form: Pairs | None = None
    body: str | None = None
    authorization: BasicAuth | ClientCredentials | None = None
    timeout_seconds: float = 30.0
    verify_tls: bool = True

    def filled(self, secrets: Mapping[str, str]) -> HttpRequest:
        """With every `{{args.x}}` of `secrets` replaced, wherever it stands."""
        if not secrets:
            return self

        def text(value: str) -> str:
            return fill_text(value, secrets)

        def pairs(values: Pairs) -> Pairs:
            return tuple((text(name), text(value)) for name, value in values)

        return replace(
            self,
            url=text(self.url),
            query=pairs(self.query),
            headers=pairs(self.headers),
            form=None if self.form is None else pairs(self.form),
            body=None if self.body is None else text(self.body),
            authorization=_filled_authorization(self.authorization, secrets),
        )


def _filled_authorization(
    given: BasicAuth | ClientCredentials | None, secrets: Mapping[str, str]
) -> BasicAuth | ClientCredentials | None:
    match given:
        case BasicAuth(username, password):
            return BasicAuth(fill_text(username, secrets), fill_text(password, secrets))
        case ClientCredentials(token_url, client_id, client_secret, scopes):
            return ClientCredentials(
                fill_text(token_url, secrets),
                fill_text(client_id, secrets),
                fill_text(client_secret, secrets),
                tuple(fill_text(scope, secrets) for scope in scopes),
            )
    return None


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """What came back; `headers` have lower-case names."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)

    def excerpt(self) -> str:
        """The beginning of the body for an error message, on one line."""
        return " ".join(self.body[:400].decode(errors="replace").split())[:200]
