"""What people are told beside the plan itself: events, refusals, objects that cannot be read."""
