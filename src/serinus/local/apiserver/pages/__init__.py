"""What is no object: discovery, OpenAPI, health."""
