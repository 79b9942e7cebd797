"""Rooms, who is in them, and the delivery of what their logs commit."""
