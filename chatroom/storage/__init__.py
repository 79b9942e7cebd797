"""What is kept: the engine's interface, the engines on SQLite and Redis, and the keys."""
