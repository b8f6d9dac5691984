"""Admission webhooks: which are asked about a write, what is sent, what the answers mean."""
