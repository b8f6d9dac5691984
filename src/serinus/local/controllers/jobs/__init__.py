"""Jobs: pods that are to end, counted once each, tried again, given up."""
