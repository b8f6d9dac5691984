"""What a webhook is sent and how its answer reads (AdmissionReview, admission.k8s.io/v1). Pure."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from serinus.base.errors import SerinusError
from serinus.local.apiserver.errors import StatusError
from serinus.local.apiserver.webhooks.configured import Subject, Webhook
from serinus.local.apiserver.wire.patches import json_patch

API_VERSION = "admission.k8s.io/v1"
Object = Mapping[str, Any]


class UnreadableReview(SerinusError):
    """A webhook's answer that is no admission review; counts as not answered."""


@dataclass(frozen=True, slots=True)
class Ruling:
    """A webhook's word: the patch to apply (if any), and warnings for the caller."""

    patch: Any = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Asked:
    """Who asks about a write, under which uid."""

    caller: str
    uid: str


def question(
    webhook: Webhook, subject: Subject, asked: Asked, value: Object | None, old: Object | None
) -> dict[str, Any]:
    """The AdmissionReview that asks about one write."""
    kind = subject.kind
    shown = {"group": kind.group, "version": webhook.version, "kind": kind.kind}
    resource = {"group": kind.group, "version": webhook.version, "resource": kind.plural}
    asked_version = {"version": subject.versions[0]}
    request: dict[str, Any] = {
        "uid": asked.uid,
        "kind": shown,
        "resource": resource,
        "requestKind": shown | asked_version,
        "requestResource": resource | asked_version,
        "name": subject.name,
        "operation": subject.operation,
        "userInfo": {"username": asked.caller, "groups": ["system:authenticated"]},
        "object": _in_version(webhook, kind.group, value),
        "oldObject": _in_version(webhook, kind.group, old),
        "dryRun": subject.dry_run,
        "options": {
            "apiVersion": "meta.k8s.io/v1",
            "kind": subject.operation.capitalize() + "Options",
        },
    }
    if subject.subresource:
        request |= {"subResource": subject.subresource, "requestSubResource": subject.subresource}
    if subject.namespace:
        request["namespace"] = subject.namespace
    return {"apiVersion": API_VERSION, "kind": "AdmissionReview", "request": request}


def _in_version(webhook: Webhook, group: str, value: Object | None) -> Object | None:
    if value is None:
        return None
    return {**value, "apiVersion": f"{group}/{webhook.version}" if group else webhook.version}


def ruling(webhook: Webhook, uid: str, body: bytes) -> Ruling:
    """What an answer says; StatusError if it denies, UnreadableReview if it is none."""
    try:
        review = msgspec.json.decode(body, type=dict[str, Any])
        response = review["response"]
        if (review.get("kind"), review.get("apiVersion")) != ("AdmissionReview", API_VERSION):
            raise UnreadableReview(f"expected an AdmissionReview of {API_VERSION}")
        if response.get("uid") != uid:
            raise UnreadableReview(f"response.uid is not the one that was asked, {uid}")
        warnings = tuple(str(text) for text in response.get("warnings") or ())
        if not response.get("allowed"):
            denial = _denial(webhook, response.get("status") or {})
            denial.warnings = warnings
            raise denial
        return Ruling(_patch(response), warnings)
    except (msgspec.DecodeError, KeyError, AttributeError, TypeError) as error:
        raise UnreadableReview(f"the answer is no AdmissionReview: {error}") from error


def _patch(response: Object) -> Any:
    if not response.get("patch"):
        return None
    if response.get("patchType") != "JSONPatch":
        raise UnreadableReview("response.patchType must be JSONPatch")
    try:
        return msgspec.json.decode(b64decode(response["patch"], validate=True))
    except ValueError as error:
        raise UnreadableReview(f"response.patch is no JSON patch in base64: {error}") from error


def patched(webhook: Webhook, value: Object, found: Ruling) -> dict[str, Any]:
    """`value` as the webhook wants it; UnreadableReview if its patch does not fit."""
    if found.patch is None:
        return dict(value)
    api_version = value["apiVersion"]
    group = api_version.rpartition("/")[0]
    try:
        made = json_patch(_in_version(webhook, group, value) or {}, found.patch)
    except StatusError as error:
        raise UnreadableReview(f"the patch does not fit: {error}") from error
    if not isinstance(made, dict) or not isinstance(made.get("metadata"), dict):
        raise UnreadableReview("the patch leaves no object")
    return {**made, "apiVersion": api_version}


def _denial(webhook: Webhook, status: Object) -> StatusError:
    denied = f'admission webhook "{webhook.name}" denied the request'
    text = status.get("message") or status.get("reason")
    message = f"{denied}: {text}" if text else f"{denied} without explanation"
    code = status.get("code")
    code = code if isinstance(code, int) and 400 <= code < 600 else 400
    return StatusError(code, str(status.get("reason") or ""), message, status.get("details"))


def not_asked(webhook: Webhook, error: Exception) -> StatusError:
    """The refusal when a webhook that must be asked cannot be."""
    text = f'failed calling webhook "{webhook.name}": failed to call webhook: {error}'
    return StatusError(500, "InternalError", f"Internal error occurred: {text}")
