"""Who may mention all who are in a room, by ``@here``."""

from chatroom.rooms.remote_presence import RemotePresence
from chatroom.rooms.room import Room
from chatroom.rooms.roster import Roster
from chatroom.storage.records import SUPERUSER

EVERYBODY, OWNERS, NOBODY = "everybody", "owners", "nobody"


class Callers:
    """Tells it for each room; any thread may ask. What others write by ``@here`` is plain text.

    :param who: ``EVERYBODY``, ``NOBODY``, or ``OWNERS``: who owns the room, and superusers. May be
        replaced at any time.
    :param roster: who is here.
    :param presence: who is at other nodes.
    """

    def __init__(self, who: str, roster: Roster, presence: RemotePresence) -> None:
        self.who = who
        self._roster = roster
        self._presence = presence

    def may_call_all(self, room: Room, account_id: str) -> bool:
        """Tell whether who has this account id may do it in a room."""
        if self.who != OWNERS:
            return self.who == EVERYBODY
        if account_id == room.record.owner:
            return True
        person = self._roster.people.get(account_id)
        one = person.account if person is not None else self._presence.people.get(account_id)
        return one is not None and one.grant == SUPERUSER
