"""Serinus: progressive delivery for Kubernetes. ARCHITECTURE.md shows the way around."""

__version__ = "0.1.0.dev0"
