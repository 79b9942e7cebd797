"""Where somebody is and what was shown, as several nodes have changed it."""

import dataclasses
from dataclasses import replace

from chatroom.storage.records import ReadState


def merged(stored: ReadState | None, mine: ReadState, base: ReadState | None) -> ReadState:
    """Return somebody's read state with what two nodes have changed of it (a three-way merge).

    :param stored: what is kept now, which another node may have saved.
    :param mine: how it is at this node.
    :param base: what this node knew to be kept when it last looked.

    A room that was joined or left at either node is joined or left. Of what was shown the later
    seq counts when both have moved, of what was read always; all else is as the one has it who has
    changed it.
    """
    if stored is None:
        return mine
    if base is None:
        base = ReadState({}, mine.room, 0.0)
    cursors = {}
    for log in mine.cursors | stored.cursors:
        here, there, known = (one.cursors.get(log) for one in (mine, stored, base))
        if here is not None and there is not None:
            cursors[log] = here if there == known else max(here, there)
        elif known is None:  # it was added, at one of them
            cursors[log] = here if here is not None else (there or 0)
    read = {
        log: max(mine.read.get(log, 0), stored.read.get(log, 0))
        for log in mine.read | stored.read
        if log in cursors
    }
    until = {
        log: max(mine.read_until.get(log, 0), stored.read_until.get(log, 0))
        for log in mine.read_until | stored.read_until
    }
    others = {
        one.name: getattr(stored, one.name)
        for one in dataclasses.fields(ReadState)
        if getattr(mine, one.name) == getattr(base, one.name)
    }
    always = {"cursors": cursors, "read": read, "read_until": until}
    return replace(mine, **others | always | {"seen": max(mine.seen, stored.seen)})
