"""Measurements of this project: `python -m benchmarks` runs them all. Ratios, not seconds."""
