"""The embedded cluster: API server, controllers, a node of processes, gateway, metrics. Knows no workload kind."""
