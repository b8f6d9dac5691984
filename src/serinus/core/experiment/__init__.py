"""PURE: what to do about one Experiment now."""
