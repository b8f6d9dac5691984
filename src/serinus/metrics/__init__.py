"""Metric providers: one file each, as pure pairs. None knows another one, none does I/O."""
