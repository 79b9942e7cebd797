"""A small store of each engine, as the code of 2a7c9ac kept it."""
