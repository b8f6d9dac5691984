"""The one node: pods as processes of this machine, or as mere objects."""
