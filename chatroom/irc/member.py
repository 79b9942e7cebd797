"""One IRC session as the rooms see it."""

from collections.abc import Callable

from chatroom.irc.face import goings_face_of
from chatroom.irc.own_face import OwnFace
from chatroom.irc.shape import CHATHISTORY
from chatroom.rooms.face import Outbox, RoomFace
from chatroom.rooms.room import LOBBY, Member, Room


class IrcMember(Member):
    """What it is shown first of a room that it comes into is a part of its answer.

    :param face: its own one; the other parameters are as of ``Member``.
    """

    __slots__ = ("_first", "_slot", "hides_lobby")

    face: OwnFace

    def __init__(
        self,
        account_id: str,
        face: OwnFace,
        outbox: Outbox,
        end: Callable[[bytes], None],
        address: str,
    ) -> None:
        super().__init__(account_id, face, outbox, end, address)
        self._slot: object | None = None
        self._first = b""
        self.hides_lobby = False
        """The client has left the lobby, where the person stays: it is shown only who goes from
        the server."""

    @property
    def is_shown_last(self) -> bool:
        """It does not read back by itself."""
        return CHATHISTORY not in self.face.caps

    def face_in(self, room: Room) -> RoomFace:
        """Return the face that shows messages of a room to this session."""
        if self.hides_lobby and room.log == LOBBY:
            return goings_face_of(self.face.shared.shape)
        return super().face_in(room)

    def hide_lobby(self, is_hidden: bool, lobby: Room) -> None:
        """Show nothing of what is said in the lobby any more, or show it again."""
        self.hides_lobby = is_hidden
        lobby.invalidate_snapshot()

    # -- only the session's own thread ----------------------------------------------------------

    def show_first(self, slot: object, chunk: bytes) -> None:
        """Take what is shown first of a room, for the answer, in front of all that comes there."""
        self._first += chunk
        if self._slot is None:
            self._slot = slot
        else:  # the answer stands in front of this one, too
            self.outbox.fill(slot, b"")

    def hold(self) -> None:
        """Let the answer stand in front of all that comes from now on."""
        if self._slot is None:
            self._slot = self.outbox.reserve()

    def take_first(self) -> bytes:
        """Return what is shown first of rooms; it belongs to the answer."""
        first, self._first = self._first, b""
        return first

    def fill(self, answer: bytes) -> bool:
        """Send an answer where its place is held; False: it is not held."""
        slot, self._slot = self._slot, None
        if slot is None:
            return False
        self.outbox.fill(slot, answer)
        return True
