"""How long to wait before trying again. Pure arithmetic; the caller sleeps."""

from __future__ import annotations

import random


class Backoff:
    """Decorrelated jitter: each wait is drawn between `base_seconds` and three times the last one.

    Clients that failed together do not come back together, and a struggling server gets ever
    fewer requests, down to about one per `cap_seconds`.
    """

    def __init__(
        self, rng: random.Random, *, base_seconds: float = 0.2, cap_seconds: float = 30.0
    ) -> None:
        self._rng = rng
        self._base = base_seconds
        self._cap = cap_seconds
        self._last = 0.0

    def next_seconds(self) -> float:
        """The wait before the next try."""
        upper = max(self._base * 1.5, self._last * 3)
        self._last = min(self._cap, self._rng.uniform(self._base, upper))
        return self._last

    def reset(self) -> None:
        """There was progress: the next wait is a short one again."""
        self._last = 0.0
