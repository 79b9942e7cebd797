"""Where the person is: the rooms that were joined, and where typed lines go."""

from collections.abc import Iterator

from chatroom.client.conversation.actions import Action, Tell
from chatroom.client.cursors import Cursors
from chatroom.client.said import Said, text_of, texts_of

_LOBBY = "lobby"


class Whereabouts:
    """Follows what the server says of rooms. Guarded by its conversation's owner.

    :param begins_in: where the first lines go; empty: where the account has talked last.
    :param cursors: what was heard before.
    """

    def __init__(self, begins_in: str, cursors: Cursors) -> None:
        self.room = ""
        """Where typed lines go; empty when the server has not said."""
        self.query = ""
        """For whom alone they are instead; empty: for the room."""
        self.rooms: frozenset[str] | None = None
        """Where the person is, as of the last login; None: older servers do not say."""
        self._begins_in = begins_in
        self._cursors = cursors

    def welcome(self, said: Said, was_in: bool) -> Iterator[Action]:
        """Yield what the person is to be told, who was let in.

        :param was_in: not for the first time.
        """
        if (rooms := texts_of(said.fields, "rooms")) is not None:
            self.rooms = rooms
        room = text_of(said.fields, "room")
        if was_in and room != self.room and not self._begins_in:
            yield Tell(f"You talk in #{room} now.")

    def let_in(self, room: str, was_in: bool) -> None:
        """Lines go out from now on.

        :param room: where the server says that they go.
        :param was_in: not for the first time.
        """
        if self._begins_in and room:
            room = self.room if was_in else self._begins_in
            room = room if self.rooms is None or room in self.rooms else _LOBBY
        self.room = room

    def moved(self, said: Said) -> None:
        """Typed lines go elsewhere."""
        self.room = text_of(said.fields, "room")
        self.query = text_of(said.fields, "user")

    def left(self, said: Said) -> None:
        """The person is in a room no more; lines that went there go to the lobby."""
        room = text_of(said.fields, "room")
        self._cursors.forget(room)
        if self.room == room:
            self.room = _LOBBY

    def heard(self, said: Said) -> None:
        """A message has come. What was asked for says nothing of what was shown."""
        if "re" not in said.fields:
            self._cursors.note(said.fields.get("room"), said.fields.get("id"))
