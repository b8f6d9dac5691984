"""The few controllers that make the embedded cluster live. Each is a client like any other."""
