"""What a client asks by commands, each with its record."""

from collections.abc import Iterator
from typing import Any

from chatroom.client.api.records import Answer, NotDelivered, Page, Person, Room, Unread
from chatroom.client.api.requests import Requests
from chatroom.client.pending import Sent
from chatroom.client.said import text_of
from chatroom.client.session import Session
from chatroom.errors import Code
from chatroom.protocol import CID_LONGEST

_TOO_OLD = "The server is too old for this: it takes no commands by their names."


class Commands:
    """The part of a client that asks the server. One thread at a time may call the methods."""

    _session: Session
    _requests: Requests

    def command(self, command: str, /, **args: object) -> Answer:
        """Give a command, wait for its answer and return it.

        :param command: a line, such as ``/join dev``; or its name, with its arguments by theirs:
            ``command("history", number=5)``.
        :param args: see docs/commands.md, "For programs"; None is left out.
        :raises NotDelivered: it was refused, and ``code`` says why; or it asks a question, which
            is given up (code ``answer-first``).
        :raises Ended: the visit is over.
        """
        if command.startswith("/"):
            return self._requests.ask(lambda: self._give(command))
        given = {name: value for name, value in args.items() if value is not None}
        is_named = "named-commands" in self._session.conversation.features
        if given and not is_named:
            raise NotDelivered(_TOO_OLD, Code.NOT_UNDERSTOOD)
        by_name = given if is_named else None
        return self._requests.ask(lambda: self._give(f"/{command}", by_name))

    def history(
        self,
        number: int | None = None,
        *,
        room: str | None = None,
        with_: str | None = None,
        before: str | None = None,
        from_: str | None = None,
        around: str | None = None,
    ) -> Page:
        """Return what was said in a room, or with one person; the oldest first.

        :param number: of messages, 1 to 500; None: 50.
        :param room: None: where the visit talks.
        :param with_: the private messages with this person, instead of a room's.
        :param before: id of a message; the page ends in front of it.
        :param from_: id of a message or a UTC time; the page begins there.
        :param around: id of a message; it stands in the middle.
        :raises NotDelivered, Ended: as :meth:`command` does.
        """
        where = None if with_ is not None else room or self._talks_in
        start = {"before": before, "from": from_, "around": around}
        return self._page("history", number=number, room=where, **{"with": with_}, **start)

    def context(self, message_id: str, number: int | None = None) -> Page:
        """Return what was said around a message, in whatever room of one's own it is.

        :param number: of messages, 1 to 500; None: 11.
        :raises NotDelivered, Ended: as :meth:`command` does.
        """
        return self._page("context", id=message_id, number=number)

    def search(
        self,
        words: str,
        *,
        room: str | None = None,
        from_: str | None = None,
        since: str | None = None,
    ) -> Page:
        """Return the newest 20 messages of one's rooms and mail that hold all words, newest first.

        :param words: double quotes keep words together.
        :param room: only of this one.
        :param from_: only of this person.
        :param since: only those from this UTC time on.
        :raises NotDelivered, Ended: as :meth:`command` does.
        """
        return self._page("search", words=words, room=room, since=since, **{"from": from_})

    def mail(self, number: int | None = None) -> Page:
        """Return the last private messages, the oldest first.

        :param number: 1 to 500; None: as many as the server likes.
        :raises NotDelivered, Ended: as :meth:`command` does.
        """
        return self._page("mail", number=number)

    def who(self, room: str | None = None) -> tuple[Person, ...]:
        """Return who is in a room now, at all servers.

        :param room: None: where the visit talks.
        :raises NotDelivered, Ended: as :meth:`command` does.
        """
        answer = self._named("who", room=room or self._talks_in)
        return tuple(Person.of(row) for row in answer.rows)

    def rooms(self) -> tuple[Room, ...]:
        """Return the rooms that one may join or is in.

        :raises NotDelivered, Ended: as :meth:`command` does.
        """
        return tuple(Room.of(row) for row in self._named("rooms").rows)

    def room_id(self, room: str) -> str:
        """Return the id of a room, which stays when it is renamed.

        :param room: its name, one that it had before, or the id itself.
        :returns: empty: the server is older, and tells no ids.
        :raises NotDelivered, Ended: as :meth:`command` does, also when there is no such room.
        """
        conversation = self._session.conversation
        if "room-ids" not in conversation.features:
            return ""
        key = conversation.whereabouts.names.key_of(room.strip().removeprefix("#"))
        if key in (conversation.whereabouts.joined or {}).values():
            return key
        rows = self._named("roominfo", room=room).rows
        return text_of(rows[0], "room_id") if rows else ""

    def unread(self) -> tuple[Unread, ...]:
        """Return in which rooms, and from whom, something is unread, at whatever device.

        :raises NotDelivered, Ended: as :meth:`command` does.
        """
        return tuple(Unread.of(row) for row in self._named("unread").rows)

    def mark_read(self, message_id: str, room: str) -> None:
        """Note that a room is read up to a message, at all devices. It never goes back.

        :param room: empty: the private messages are.
        :raises NotDelivered, Ended: as :meth:`command` does.
        """
        cid = f"read-{message_id}"[:CID_LONGEST]

        def mark() -> Sent:
            self._session.wait_until_in()
            self._session.say("read", {"room": room, "id": message_id, "cid": cid})
            return self._session.command("/unread", args={})  # only refusals are told

        self._requests.ask(mark)
        if (refusal := self._requests.refusal(cid)) is not None:
            raise refusal

    def export(self) -> Iterator[dict[str, Any]]:
        """Return one's own data, record by record (docs/protocol.md, "History, search and export").

        The last one has ``part`` ``end``: only then it is whole. One export at a time.

        :raises NotDelivered: it was refused, or the connection was lost on the way.
        :raises Ended: the visit is over.
        """
        return self._requests.export(lambda: self._give("/export"))

    @property
    def _talks_in(self) -> str | None:
        whereabouts = self._session.conversation.whereabouts
        return whereabouts.told(whereabouts.room) or None

    def _page(self, name: str, **args: object) -> Page:
        return Page.of(self._named(name, **args))

    def _named(self, name: str, **args: object) -> Answer:
        """Ask for what only messages and rows tell."""
        if "answers" not in self._session.conversation.features:
            raise NotDelivered(_TOO_OLD, Code.NOT_UNDERSTOOD)
        return self.command(name, **args)

    def _give(self, line: str, args: dict[str, object] | None = None) -> Sent:
        self._session.wait_until_in()
        return self._session.command(line, args=args)
