"""Everything that can be found about an object, in one call a kind."""

from __future__ import annotations

from serinus.api.argo import Rollout
from serinus.api.findings import Findings
from serinus.api.validation.language import UNKNOWN, Language
from serinus.api.validation.lookup import Lookup
from serinus.api.validation.references import validate_references
from serinus.api.validation.rollout import validate_rollout


def check_rollout(
    rollout: Rollout,
    lookup: Lookup,
    read: Findings | None = None,
    *,
    language: Language = UNKNOWN,
) -> Findings:
    """All that holds or ought to be told; `.problems()` of it is the text of InvalidSpec.

    `read` is what `reading.read` found: values of a wrong type, unknown fields. `language` says
    what is wrong with conditions and patterns; this room does not know it.
    """
    own = Findings.of(validate_rollout(rollout))
    others = Findings.of(validate_references(rollout, lookup, language))
    return (read or Findings()) + own + others
