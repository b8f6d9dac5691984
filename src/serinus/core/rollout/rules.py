"""The safety rules by name, so that a simulation can switch each one off and must then find harm.

docs/safety.md words them; `safety.py` and its neighbours apply them. Knows no snapshot.
"""

from __future__ import annotations

from enum import Enum


class Rule(Enum):
    """One rule each; the value says in short what it demands."""

    S0 = "the weight belongs to the revision that the canary Service selects"
    S1 = "capacity leads traffic up"
    S1B = "the capacity that is wanted is that of the weight wanted now"
    S2 = "traffic leads capacity down"
    S3 = "traffic is never stranded by us"
    S4 = "unknown is not zero"
    S5 = "one step a plan, never past a pause or an analysis of another attempt"
    S6 = "a freeze holds everything but what goes towards stable"
    S7 = "stable is only what carries everything"
    S8 = "no more pods than maxSurge, no fewer available ones than maxUnavailable lets"
    S9 = "nothing goes to zero while a share, a delay or a run needs it"
    S10 = "a verdict counts only for the attempt that started its run"
    SETTLE = "a write counts as obeyed only after the settle time"
    DELAY = "the user's scale-down delays run from the last routing write"
    PROVEN = "a way back without steps, pause and analyses leads to what was stable once"
    SINGLE = "at most one write a plan changes what production gets"


Rules = frozenset[Rule]
ALL: Rules = frozenset(Rule)
