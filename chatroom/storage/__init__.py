"""What is kept: the engine's interface, its embedded form on SQLite, the vault, the old format."""
