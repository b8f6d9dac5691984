"""The command line: one face over the same objects that kubectl sees. Start at main.py."""
