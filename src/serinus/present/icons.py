"""One icon and one tone per state word, as people know them from `kubectl argo rollouts`."""

from __future__ import annotations

from serinus.present.lines import Span, Tone

OK, BAD, MOVING, WAITING = "✔", "✖", "◌", "◷"
PAUSED, WARNING, DOWN, UNSURE = "॥", "⚠", "•", "?"

ROLLOUT, REVISION, REPLICA_SET, POD, RUN, METRIC = "⟳", "#", "⧉", "□", "α", "μ"
EXPERIMENT = "Σ"

_STATES: dict[str, tuple[str, Tone]] = {
    **dict.fromkeys(("Healthy", "Running", "Successful", "Completed"), (OK, Tone.GOOD)),
    **dict.fromkeys(("Degraded", "Failed"), (BAD, Tone.BAD)),
    **dict.fromkeys(
        ("CrashLoopBackOff", "ImagePullBackOff", "ErrImagePull", "InvalidImageName"),
        (BAD, Tone.BAD),
    ),
    **dict.fromkeys(("Progressing", "Terminating", "NotReady"), (MOVING, Tone.MOVING)),
    **dict.fromkeys(("ContainerCreating", "PodInitializing"), (MOVING, Tone.MOVING)),
    "Pending": (WAITING, Tone.MOVING),
    "Paused": (PAUSED, Tone.RESTING),
    "ScaledDown": (DOWN, Tone.FAINT),
    "Error": (WARNING, Tone.BAD),
    "Inconclusive": (UNSURE, Tone.RESTING),
}


def state(word: str) -> Span:
    """The word behind its icon; a word that we do not know gets a question mark."""
    icon, tone = _STATES.get(word, (UNSURE, Tone.RESTING))
    return Span(f"{icon} {word}" if word else "", tone)


def run_state(word: str) -> Span:
    """The same for analysis, where Running is not an end but the way to one."""
    return Span(f"{MOVING} {word}", Tone.MOVING) if word == "Running" else state(word)
