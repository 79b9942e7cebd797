"""Ids of rooms: they never change, and no room gets one again. Pure; any thread."""

import base64
import secrets

ID_MARK = "!"
"""How an id begins: no name of a room can. Rooms of older versions have their first name."""
_BYTES = 6  # 48 bits: ten letters


def new_room_id() -> str:
    """Return the id of a new room."""
    return ID_MARK + base64.b32encode(secrets.token_bytes(_BYTES)).decode().rstrip("=").lower()
