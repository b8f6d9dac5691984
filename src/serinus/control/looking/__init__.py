"""What is known of the world: watched caches and the snapshot made of them. Reads only."""
