"""The engine on SQLite: one machine, one file."""

from chatroom.storage.sqlite.engine import SqliteEngine

__all__ = ["SqliteEngine"]
