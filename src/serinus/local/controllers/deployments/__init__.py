"""Deployments: one ReplicaSet for each template, and the way from one to the next."""
