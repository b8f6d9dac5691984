"""Traffic routers: one file each, a pure pair of reading and writing."""
