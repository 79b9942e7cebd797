"""Chatroom: a chat room that people run themselves."""

VERSION = "1.0.0"
