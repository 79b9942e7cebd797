"""What is said of sanctions to those whom they are of, and told to programs. Pure; any thread."""

import math
import time
from collections.abc import Mapping
from typing import Any

from chatroom.answer_texts import muted_text
from chatroom.answers import when
from chatroom.errors import Code, UserError
from chatroom.sanction_texts import of_room_text
from chatroom.sentences import SERVER, before_login, duration
from chatroom.storage.records import KICK, MUTE, ROOM_BAN, Sanction


def shut_out_sentence(sanction: Sanction) -> str:
    """Return what somebody is told who is kept out."""
    said = before_login(sanction.sentence)
    if math.isinf(sanction.until):
        return f"{said}. You may not come back."
    left = max(1.0, sanction.until - time.time())
    if left > 60:  # who comes back after what was said is not too early
        left = math.ceil(left / 60) * 60
    return f"{said}. You may come back in {duration(left)}."


def shut_out_code(sanction: Sanction) -> Code:
    """Return for programs what :func:`shut_out_sentence` says to people."""
    return Code.KICKED if sanction.kind == KICK else Code.BANNED


def mute_sentence(mute: Sanction) -> str:
    """Return what a muted person is told who wants to say something."""
    return muted_text(mute.by, mute.reason, mute.until, SERVER)


def mute_fields(mute: Sanction) -> dict[str, Any]:
    """Return for programs what :func:`mute_sentence` says to people."""
    return {"sanction": MUTE, "by": mute.by, "reason": mute.reason, "until": when(mute.until)}


def muted(mute: Sanction) -> UserError:
    """Return why a muted person may not say something."""
    return UserError(mute_sentence(mute), Code.MUTED, **mute_fields(mute))


def of_room_fields(one: Sanction, room: Mapping[str, str], **more: Any) -> dict[str, Any]:
    """Return for programs a sanction of a room.

    :param room: its ``fields``.
    """
    return {**room, "by": one.by, "reason": one.reason, "until": when(one.until), **more}


def of_room(one: Sanction, room: Mapping[str, str]) -> UserError:
    """Return why somebody may not come into a room, or not say something there."""
    fields = of_room_fields(one, room, sanction=one.kind)
    code = Code.BANNED if one.kind == ROOM_BAN else Code.MUTED
    return UserError(of_room_text(one.kind, fields, SERVER), code, **fields)
