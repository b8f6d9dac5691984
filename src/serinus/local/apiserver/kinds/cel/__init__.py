"""Validation rules of custom kinds in CEL (`x-kubernetes-validations`); needs the extra `cel`."""
