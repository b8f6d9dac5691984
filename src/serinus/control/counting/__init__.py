"""What the controller counts of itself, for a Prometheus to read."""
