"""Who owns which field, and what an apply makes of it: sets of fields, typed walks, the merge.

Pure over plain values and the schemas of `apiserver/schema.py`; knows no store and no requests.
The rules are those of Kubernetes' structured merge and diff.
"""
