"""Which name each room has now, by its id, as far as the server has told."""

from typing import Any

from chatroom.client.pending import plain
from chatroom.client.said import Said, text_of
from chatroom.text import clean_line


def has_left(said: Said) -> bool:
    """Tell whether the person is in a room no more, or it is there no more."""
    fields = said.fields
    if said.word == "control":
        return fields.get("do") == "roomgone"
    return said.word == "notice" and fields.get("kind") == "left"


class RoomNames:
    """Rooms by what names them for good: the id; of an older server, which has none, the name.

    The receiving thread only; what is asked is one value, as of a moment ago, for any thread.
    """

    def __init__(self) -> None:
        self.renamed: tuple[tuple[str, str], ...] = ()
        """What rooms were called before the last login, and are called since."""
        self._names: dict[str, str] = {}  # by id
        self._ids: dict[str, str] = {}  # by name, also by a former one while no room is called so

    def hear(self, said: Said) -> None:
        """Learn from something that the server has said.

        A message may have been on its way when its room was renamed: it tells of new rooms only.
        """
        fields = said.fields
        if said.word == "notice" and fields.get("kind") == "welcome":
            self._take(fields)
            return
        room_id, name = text_of(fields, "room_id"), text_of(fields, "room")
        if not room_id or not name:
            return
        if said.word == "control" or room_id not in self._names:
            if fields.get("do") == "renameroom" and (was := text_of(fields, "was")):
                self._ids[plain(was)] = room_id
            self._learn(room_id, name)

    def _take(self, fields: dict[str, Any]) -> None:
        """Whoever was let in knows where they are; what was heard of other rooms may be over."""
        found = fields.get("room_ids")
        if not isinstance(found, dict):
            return
        found = {clean_line(name): one for name, one in found.items() if isinstance(one, str)}
        before = [(self._names.get(one, name), name) for name, one in found.items()]
        self.renamed = tuple((was, name) for was, name in before if was != name)
        ids = set(found.values())
        self._ids = {name: one for name, one in self._ids.items() if one in ids}
        for name, room_id in found.items():
            self._learn(room_id, name)

    def _learn(self, room_id: str, name: str) -> None:
        self._names[room_id] = name
        self._ids[plain(name)] = room_id

    def forget(self, key: str) -> None:
        """The person has left a room: another one may be called as it was, and is meant then."""
        self._ids = {name: room_id for name, room_id in self._ids.items() if room_id != key}

    def key(self, fields: dict[str, Any]) -> str:
        """Return what names for good the room of a line; empty: it is of none."""
        return text_of(fields, "room_id") or self.key_of(text_of(fields, "room"))

    def key_of(self, room: str) -> str:
        """Return what names for good a room that is given by its name, a former one, or an id."""
        return self._ids.get(plain(room), room) if room else ""

    def name(self, key: str) -> str:
        """Return what a room is called now."""
        return self._names.get(key, key)
