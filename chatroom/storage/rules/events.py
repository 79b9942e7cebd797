"""The control events of records that were saved."""

from dataclasses import replace

from chatroom.storage.records import IGNORES, Account, Control, RoomRecord, standing_of


def of_account(saved: Account, before: Account | None) -> Control:
    """Return the control event of an account that was saved.

    :param before: as it was; ``None``: it is new, or nobody can tell.
    """
    kind = "account"
    if before is not None:
        same = replace(before, ignores=saved.ignores, version=saved.version)
        kind = IGNORES if same == saved else kind
    return Control(kind, saved.id, standing_of(saved))


def of_closed_room(room: RoomRecord) -> Control:
    """Return the control event of a room that is no more."""
    return Control("room", "", replace(room, version=room.version + 1, invited=(), is_closed=True))
