"""A Kubernetes API server as an ASGI application over a store in memory. Start at app.py."""
