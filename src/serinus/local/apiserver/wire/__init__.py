"""Requests and bodies as they come over the line: paths, options, JSON, YAML, protobuf."""
