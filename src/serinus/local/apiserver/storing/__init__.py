"""Where objects live: versions in memory, a history to watch from, a journal that outlives us."""
