"""What a session brings to the rooms: its face, and its outbox."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

from chatroom.storage.records import Post


class RoomFace(Protocol):
    """Turns what is said in rooms into the bytes of one kind of client; shared by all of it."""

    @property
    def is_for_programs(self) -> bool:
        """Who has it is told of mentions, and says what was read: else what is written where one
        talks counts as read."""

    def messages(
        self, posts: list[Post], names: Mapping[str, str], old: bool = False, reader: str = ""
    ) -> bytes:
        """Render posts, in order.

        :param names: of the rooms that they are in, by log.
        :param old: they are read back.
        :param reader: name of who sees them, where it may be mentioned; empty: it is not.
        """


class Face(RoomFace, Protocol):
    """Turns what else happens into bytes, too; one session's own, or shared as well."""

    @property
    def name(self) -> str:
        """What it is called, for a superuser who looks at somebody's sessions."""

    @property
    def answers_pings(self) -> bool:
        """Who has it sends something now and then, even if nobody types."""

    @property
    def shows_rooms(self) -> bool:
        """Who has it sees each room by itself, with those inside: it is told of each room that the
        person comes into, by :meth:`entered`, and not of the person's own comings and goings."""

    def of_room(self, is_current: bool) -> RoomFace:
        """Return the face for messages of a room.

        :param is_current: the session's typed lines go there.
        """

    def entered(self, room: Any) -> bytes:
        """Render what a session is shown first of a room, a ``Room``, that the person is in now.

        Called without the roster's lock; empty, unless :attr:`shows_rooms`.
        """

    def about(self, what: str, name: str, **fields: Any) -> bytes:
        """Render what has become of somebody else; empty where nobody is told of it.

        :param what: ``away``, ``back``, ``renamed``, ``setname``, ``online`` or ``offline``, or
            ``invited`` to a room.
        :param name: of whom; of who is renamed the one before.
        """

    def notice(self, kind: str, text: str, **fields: Any) -> bytes:
        """Render a sentence of the server for one person."""

    def control(self, do: str, text: str, **fields: Any) -> bytes:
        """Render something that the client has to act upon."""

    def read(self, message_id: str, **fields: str) -> bytes:
        """Render up to where this person has read a room; empty: who has it does not care.

        :param fields: which room; see ``Room.fields``.
        """

    def read_until(self, until: int, room: Any, other_id: str) -> bytes:
        """Render up to when this person has read a room, or the messages with somebody; empty,
        unless :attr:`shows_rooms`, and where who has it does not care.

        :param until: milliseconds since the epoch.
        :param room: a ``Room``.
        :param other_id: account id of who the messages were exchanged with; empty: it is a room.
        """

    def export(self, fields: dict[str, Any]) -> bytes:
        """Render one record of somebody's own data."""

    def ticket(self, ticket: str, until: float) -> bytes:
        """Render the right to come back; ``until`` in seconds since the epoch."""

    def result(self, command: str, text: str, ok: bool, cid: str, **fields: Any) -> bytes:
        """Render the answer to a line of one's own; ``command`` is empty for a message."""


class Stripe(Protocol):
    """What the outboxes of some members share; see ``net.stripe.Stripe``."""

    def walk(self, outboxes: Iterable[Any], among: int) -> Callable[[bytes], None]: ...


class Outbox(Protocol):
    """Where a member's bytes go; see ``net.outbox.Outbox``. No call blocks."""

    @property
    def stripe(self) -> Stripe: ...

    def offer(self, chunk: bytes) -> None: ...

    def reserve(self) -> Any: ...

    def fill(self, slot: Any, first: bytes) -> None: ...

    def progress(self) -> tuple[int, int] | None: ...
