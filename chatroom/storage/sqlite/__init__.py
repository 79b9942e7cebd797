"""The engine on SQLite: one machine, one file."""
