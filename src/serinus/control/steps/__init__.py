"""Calls of step plugins, made beside the workers."""
