"""PromQL over the ring of samples: text -> compiled expression -> values at an instant or a range.

What the language has and this does not is refused by name. Knows no HTTP and no clock: instants
are handed in, in milliseconds.
"""
