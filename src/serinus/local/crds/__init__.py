"""Kinds of others that traffic is routed by: minimal definitions of our own, from public facts."""
