"""Lists, watches and logs, and the shapes in which objects leave."""
