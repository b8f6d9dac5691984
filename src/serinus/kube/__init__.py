"""A small Kubernetes client and controller runtime: transports, client, informers, work queue.

Knows objects, verbs and watches, but not what any custom kind means.
"""
