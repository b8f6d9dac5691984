"""Traefik as the gateway: what it is told and how it is kept running."""
