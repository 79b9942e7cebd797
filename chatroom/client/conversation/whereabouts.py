"""Where the person is: the rooms that were joined, and where typed lines go."""

from collections.abc import Iterator

from chatroom.client.conversation.actions import Action, Tell
from chatroom.client.conversation.cursors import Cursors
from chatroom.client.conversation.room_names import RoomNames, has_left
from chatroom.client.said import Said, text_of, texts_of

_LOBBY = "lobby"


class Whereabouts:
    """Follows what the server says of rooms. Guarded by its conversation's owner.

    A room is kept by its id, so that it may be renamed meanwhile; by its name, where the server is
    older and tells no ids.

    :param begins_in: where the first lines go; empty: where the account has talked last.
    :param cursors: what was heard before.
    """

    def __init__(self, begins_in: str, cursors: Cursors) -> None:
        self.names = RoomNames()
        self.room = ""
        """Where typed lines go; empty when the server has not said."""
        self.query = ""
        """For whom alone they are instead; empty: for the room."""
        self._joined: frozenset[str] | None = None
        self._takes_ids = False
        self._begins_in = begins_in
        self._cursors = cursors

    @property
    def room_name(self) -> str:
        """What the room is called where typed lines go."""
        return self.names.name(self.room)

    @property
    def joined(self) -> dict[str, str] | None:
        """Return the rooms that the person is in, as of the last login, by their names of now.

        None: older servers do not say. Those names lead to the ids; to the names again, where the
        server tells none.
        """
        if self._joined is None:
            return None
        return {self.names.name(room): room for room in self._joined}

    def told(self, room: str) -> str:
        """Return how a room is told to this server, given its id or a name."""
        key = self.names.key_of(room)
        return key if self._takes_ids else self.names.name(key)

    def called(self, room: str) -> str:
        """Return what people call a room, given its id or a name."""
        return self.names.name(self.names.key_of(room))

    def hello(self, features: frozenset[str]) -> None:
        """Another server may speak now."""
        self._takes_ids = "room-ids" in features

    def hear(self, said: Said) -> None:
        """Learn from whatever the server says, before anything else is done with it."""
        self.names.hear(said)
        fields, do = said.fields, said.fields.get("do") if said.word == "control" else None
        if said.word == "message":
            if room_id := text_of(fields, "room_id"):
                fields["room"] = self.names.name(room_id)  # it may have been on its way
            if "re" not in fields:  # what was asked for says nothing of what was shown
                self._cursors.note(self.names.key(fields), fields.get("id"))
        elif has_left(said):
            self._left(self.names.key(fields))
        elif do in ("room", "query"):
            self.room, self.query = self.names.key(fields), text_of(fields, "user")
            if self._joined is not None and self.room:
                self._joined |= {self.room}
        elif do == "renameroom":  # perhaps its id is told for the first time
            self.room = self.names.key_of(self.room)
            self._cursors.rekey(self.names.key_of)

    def welcome(self, said: Said, was_in: bool) -> Iterator[Action]:
        """Yield what the person is to be told, who was let in.

        :param was_in: not for the first time.
        """
        if (rooms := texts_of(said.fields, "rooms")) is not None:
            self._joined = frozenset(map(self.names.key_of, rooms))
        self._cursors.rekey(self.names.key_of)
        if self._joined is not None and "room_ids" in said.fields:  # all of them are known now
            self._cursors.keep(self._joined | {""})
        for was, now in self.names.renamed:
            yield Tell(f"#{was} is called #{now} now.")
        room = self.names.key(said.fields)
        if was_in and room != self.names.key_of(self.room) and not self._begins_in:
            yield Tell(f"You talk in #{self.names.name(room)} now.")

    def let_in(self, room: str, was_in: bool) -> None:
        """Lines go out from now on.

        :param room: where the server says that they go.
        :param was_in: not for the first time.
        """
        room = self.names.key_of(room)
        if self._begins_in and room:
            room = self.names.key_of(self.room if was_in else self._begins_in)
            room = room if self._joined is None or room in self._joined else _LOBBY
        self.room = room

    def _left(self, room: str) -> None:
        """The person is in a room no more; lines that went there go to the lobby."""
        self._cursors.forget(room)
        self.names.forget(room)
        if self._joined is not None:
            self._joined -= {room}
        if self.room == room:
            self.room = _LOBBY
