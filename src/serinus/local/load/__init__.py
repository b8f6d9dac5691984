"""The load sender: steady traffic from a process of its own, and a tally of what came back."""
