"""What is wrong with an object, all of it at once, with field paths. Pure.

`check.py` puts the rules of a kind together. The rules are the original's,
and what it would only find out later.
"""
