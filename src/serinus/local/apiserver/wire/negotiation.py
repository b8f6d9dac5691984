"""Which media type an answer may have: JSON, or nothing that the client could read.

Pure over the Accept header. Tables and metadata-only answers are forms of JSON.
"""

from __future__ import annotations

from serinus.local.apiserver.errors import not_acceptable
from serinus.local.apiserver.wire.http import JSON

_WILDCARDS = frozenset(("*/*", "application/*", JSON))
_FORMS = ("as=Table", "as=PartialObjectMetadata", "as=PartialObjectMetadataList")


def require_acceptable(accept: str) -> None:
    """StatusError 406 if no offer of the header is JSON in a form that is served."""
    if accept and not any(_is_served(offer) for offer in accept.split(",")):
        raise not_acceptable((JSON,))


def _is_served(offer: str) -> bool:
    media, *words = (word.strip() for word in offer.split(";"))
    forms = [word for word in words if word.startswith("as=")]
    return media in _WILDCARDS and all(form in _FORMS for form in forms)
