"""The hunt in a small blue-green world: two Services, no router."""
