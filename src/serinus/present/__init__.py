"""Read models for people: trees, headers, reports, as lines. Pure; used by every face."""
