"""The embedded cluster: API server, controllers, node, gateway, metrics. Knows no workload kind."""
