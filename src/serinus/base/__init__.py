"""Ground floor: time, numbers and words that every other room may use. Knows no other room."""
