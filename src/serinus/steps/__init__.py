"""Step plugins of canaries: what one is (`plugin.py`), and those that we bring.

The door for other packages: a plugin needs nothing but the names below.
"""

from __future__ import annotations

from serinus.core.http import HttpAnswer, HttpRequest
from serinus.core.rollout.calls import Operation, Phase, StepAnswer, StepCall
from serinus.steps.plugin import StepPlugin, Tools

__all__ = [
    "HttpAnswer",
    "HttpRequest",
    "Operation",
    "Phase",
    "StepAnswer",
    "StepCall",
    "StepPlugin",
    "Tools",
]
