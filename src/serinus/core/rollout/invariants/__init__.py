"""What must hold of every plan, judged by other means than the rules: start at `check.py`."""
