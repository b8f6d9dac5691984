"""Settings of all tests: generated examples are the same in every run and have no deadline."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("serinus", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("serinus")
