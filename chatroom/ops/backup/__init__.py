"""Backups: one sealed file of all that a server has, the way back, and the rehearsal of that."""
