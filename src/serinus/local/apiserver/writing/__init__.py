"""From a body to a stored version: patches, owners of fields, checks, deletion."""
