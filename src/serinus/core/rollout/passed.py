"""Steps that their author edits in the middle of an update: which of them have to be done again.

The status remembers a mark of the steps that were passed and of the one under way. Knows steps and
hashes, nothing of traffic.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

from serinus.api.argo import Step
from serinus.api.hashes import step_hash


class Edited(Enum):
    """The first step that an edit has changed, seen from the one under way."""

    EARLIER = "a step that was passed, or nobody knows"
    CURRENT = "the step under way"
    LATER = "a step that is still to come"


def mark(steps: Sequence[Step], index: int) -> str:
    """What the status keeps of the steps before `index`, and of that one."""
    return f"{step_hash(steps[:index])}/{step_hash(steps[index : index + 1])}"


def edited_from(kept: str, steps: Sequence[Step], index: int) -> Edited:
    """How far back an edit reaches; `kept` is the mark that was made at this index ("" if none)."""
    if not kept or index > len(steps):
        return Edited.EARLIER
    now = mark(steps, index)
    if now == kept:
        return Edited.LATER
    return Edited.CURRENT if now.partition("/")[0] == kept.partition("/")[0] else Edited.EARLIER
