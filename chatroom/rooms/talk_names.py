"""Names for rooms of a few people, made of theirs: the same whoever of them asks."""

import base64
import hashlib
from collections.abc import Collection, Iterator

from chatroom.errors import UserError
from chatroom.names import RESERVED_FOR_ROOMS, check_name
from chatroom.rooms.room import LOBBY
from chatroom.storage.records import Account
from chatroom.text import NAME_LONGEST

NUMBERS_MOST = 100
"""Names that are tried, with a number behind them, when others have the first ones."""
_PLACE = len("-100")
_DIGEST = 8


def names_for(people: Collection[Account]) -> Iterator[str]:
    """Yield names for a room of these people, the best first: each may be had, if it is free."""
    base = _base(people)
    yield base
    for number in range(2, NUMBERS_MOST + 1):
        yield f"{base}-{number}"


def _base(people: Collection[Account]) -> str:
    names = sorted((one.name for one in people), key=lambda name: (name.casefold(), name))
    for shown in range(len(names), 0, -1):
        left = len(names) - shown
        name = "-".join([*names[:shown], *(("and", str(left)) if left else ())])
        if len(name) + _PLACE <= NAME_LONGEST:
            if _is_allowed(name):
                return name
            break
    # Their scripts do not mix, or the names are long: this one says nothing, and is always allowed.
    ids = "".join(sorted(one.id for one in people))
    digest = base64.b32encode(hashlib.sha256(ids.encode()).digest()).decode().lower()
    return f"talk-{digest[:_DIGEST]}"


def _is_allowed(name: str) -> bool:
    try:
        check_name(name, RESERVED_FOR_ROOMS | {LOBBY})
    except UserError:
        return False
    return True
