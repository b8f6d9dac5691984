"""The same hostility over the whole reconcile loop, against the embedded API server."""
