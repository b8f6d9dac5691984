"""PURE: everything that decides. No clock, no I/O, no logging, no async in here."""
