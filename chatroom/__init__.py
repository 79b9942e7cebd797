"""Chatroom: a chat room that people run themselves."""

__version__ = "0.9.0"
"""The version of server and client: the only place that says it (see CONTRIBUTING.md)."""
