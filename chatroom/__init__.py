"""Chatroom: a chat room that people run themselves."""
