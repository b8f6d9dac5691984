"""The API objects, parsed once at the edge, and what can be said about one by itself."""
