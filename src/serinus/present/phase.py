"""The phase that a reader should believe: what the status says, unless it is about the past.

The rules of the original's clients; the first match wins. Used by `get rollout` and `status`.
"""

from __future__ import annotations

from dataclasses import dataclass

from serinus.api.argo import Rollout

WORKLOAD_GENERATION = "rollout.argoproj.io/workload-generation"


@dataclass(frozen=True, slots=True)
class Phase:
    """`word` is Healthy, Degraded, Progressing or Paused ("" before the controller looked)."""

    word: str
    message: str = ""

    def __str__(self) -> str:
        return f"{self.word} - {self.message}" if self.message else self.word


def phase_of(rollout: Rollout) -> Phase:
    """The phase and message to show for this object."""
    status, metadata = rollout.status, rollout.metadata
    if not _observed(status.observed_generation, metadata.generation):
        return Phase("Progressing", "waiting for rollout spec update to be observed")
    if status.controller_pause and not status.pause_conditions:
        return Phase("Progressing", "waiting for rollout to unpause")
    workload = metadata.annotations.get(WORKLOAD_GENERATION, "")
    if rollout.spec.workload_ref and workload.isdecimal():
        seen = status.workload_observed_generation
        if not _observed(seen, int(workload)):
            return Phase("Progressing", "waiting for rollout spec update to be observed")
    return Phase(status.phase or "Progressing", status.message)


def _observed(seen: str, generation: int) -> bool:
    """Quirk: what is no number was written by an old controller (a hash) and counts as seen."""
    return seen != "" and (not seen.isdecimal() or int(seen) >= generation)
