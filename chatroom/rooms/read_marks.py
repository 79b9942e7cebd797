"""How far people have read: marks that only go forward, heard at all sessions of a person."""

from collections.abc import Callable, Iterable

from chatroom.rooms.person import Person
from chatroom.rooms.read_state import ReadStateStore
from chatroom.rooms.remote_presence import RemotePresence
from chatroom.rooms.room import Member, Room
from chatroom.rooms.roster import Roster
from chatroom.storage.engine import ControlEvents, LogStore
from chatroom.storage.rules.events import Control, ControlKind


class ReadMarks:
    """Moves the marks of people who are here. Any thread may call the methods; none waits for a
    peer, and :meth:`mark` waits for the store where somebody is at several nodes.

    They are saved with all that is known of where people are: once a minute, and when one leaves.

    :param logs: knows the ids of messages.
    :param roster: who is here; its lock guards the marks.
    :param read_states: keeps them.
    :param presence: who is at other nodes, too.
    :param controls: tells those nodes.
    """

    def __init__(
        self,
        logs: LogStore,
        roster: Roster,
        read_states: ReadStateStore,
        presence: RemotePresence,
        controls: ControlEvents,
    ) -> None:
        self._logs = logs
        self._roster = roster
        self._read_states = read_states
        self._presence = presence
        self._controls = controls
        read_states.locked_follow_marks = self._locked_follow

    def mark(self, person: Person, member: Member, room: Room, seq: int) -> None:
        """Note that somebody has read a log up to a message; what is behind the mark is no news.

        :param member: the session that says so: the others hear of it.
        :param seq: of the message; one that is not there yet means the newest.
        """
        with self._roster.lock:
            if not person.mark(room, seq):
                return
        self._tell(person, (room,), member)
        self._tell_elsewhere(person)

    def note(self, person: Person, member: Member) -> None:
        """Look what a session has taken that does not say itself what was read."""
        if member.face.is_for_programs:
            return
        with self._roster.lock:
            news = person.note_read(member)
        self._tell(person, news, member)

    def unread(self, person: Person) -> dict[Room, int]:
        """Return how much is unread in the logs of somebody, where anything is. Reads no log."""
        with self._roster.lock:
            found = {room: person.unread(room) for room in person.logs}
        return {room: number for room, number in found.items() if number}

    def _tell_elsewhere(self, person: Person) -> None:
        account_id = person.account.id
        if account_id in self._presence.people:
            self._read_states.keep(person)
            self._controls.publish(Control(ControlKind.MEMBERSHIPS, account_id))

    def _locked_follow(self, person: Person, marks: dict[str, int]) -> Callable[[], None] | None:
        """Take over what was read at other nodes; return what tells of it, without the lock."""
        moved = [room for room in person.logs if person.mark(room, marks.get(room.log, 0))]
        return (lambda: self._tell(person, moved)) if moved else None

    def _tell(self, person: Person, rooms: Iterable[Room], by: Member | None = None) -> None:
        others = [one for one in person.members if one.face.is_for_programs and one is not by]
        if not others:
            return
        for room in rooms:
            seq = person.marks.get(room.log, 0)
            message_id = f"{self._logs.span(room.log).epoch}-{seq}"
            for one in others:
                one.outbox.offer(one.face.read(message_id, **room.fields))
