"""The simulation: small worlds, an adversary, and an oracle that looks at the data plane only."""
