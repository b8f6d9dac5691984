"""Why a plan holds something back: the closed catalogue that people are shown."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Hold(Enum):
    """One kind of reason each. The value is the word that the Waiting condition carries."""

    INVALID = "InvalidSpec"
    FROZEN = "Paused"
    CAPACITY = "WaitingForCapacity"
    ENDPOINTS = "WaitingForEndpoints"
    SERVICE = "WaitingForService"
    ROUTER = "WaitingForRouter"
    SETTLING = "WaitingForTrafficToSettle"
    UNKNOWN = "RoutingUnknown"
    DRAIN = "WaitingForScaleDownDelay"
    PAUSE = "PauseStep"
    ANALYSIS = "WaitingForAnalysis"
    PLUGIN = "WaitingForStepPlugin"
    REPAIR = "StableHasNoEndpoint"
    REFUSED = "WriteRefused"
    INVARIANT = "InvariantBroken"


STABLE_IS_MISSED = (
    "stable has no ready endpoint: no step and no more weight for the canary before it has one, "
    "or before a full promotion"
)
"""Told with `Hold.REPAIR`, wherever that holds something."""


@dataclass(frozen=True, slots=True)
class Reason:
    """What is held back and until when, as one sentence, such as `canary 1/3 ready`."""

    hold: Hold
    message: str
