"""What is wrong with an object, all of it at once, with field paths. Pure.

`check.py` puts the rules of a kind together. Rules come from spec/argo-rollouts.md section 2.
"""
