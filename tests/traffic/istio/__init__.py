"""The Istio router."""
