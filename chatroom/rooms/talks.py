"""Private rooms of a few people, found or made by who is in them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet

from chatroom.errors import Code, UserError
from chatroom.names import fold
from chatroom.rooms.catalogue import Catalogue, Taken
from chatroom.rooms.memberships import Memberships, tell
from chatroom.rooms.person import Person
from chatroom.rooms.room import Member, Room
from chatroom.rooms.roster import Roster
from chatroom.rooms.talk_names import names_for
from chatroom.storage.records import Account
from chatroom.storage.rules.askers import Asker

PEOPLE_MOST = 20
"""People of such a room, who begins it among them."""


class Talks:
    """Opens rooms by their people. Any thread may call the methods; they wait for the store.

    :param roster: the tables of rooms.
    :param catalogue: makes rooms.
    :param memberships: lets people join.
    :param follow: tells who is here of what was made of a room.
    """

    def __init__(
        self,
        roster: Roster,
        catalogue: Catalogue,
        memberships: Memberships,
        follow: Callable[[Taken], None],
    ) -> None:
        self._roster = roster
        self._catalogue = catalogue
        self._memberships = memberships
        self._follow = follow

    def open(
        self, person: Person, member: Member, others: Sequence[Account], by: Asker
    ) -> tuple[Room, bool]:
        """Join the private room of exactly these people and oneself; make it if there is none.

        Those who are not inside are invited. Of several who do it at once, also at several nodes,
        one makes the room, which then is that of all: its name is made of their names, and of one
        name there is one room.

        :returns: the room, and whether it is new.
        :raises UserError: they are too many or too few, or no more rooms can be made.
        """
        account = person.account
        people = {one.id: one for one in (account, *others)}
        if len(people) < 2:
            raise UserError("Name somebody else, such as /talk ann bob", Code.USAGE)
        if len(people) > PEOPLE_MOST:
            text = f"That is for at most {PEOPLE_MOST} people, you among them. See /create."
            raise UserError(text, Code.LIMIT)
        room = self._find(people.keys(), account.id)
        is_new = False
        if room is None:
            room, is_new = self._make(account, people, by)
        else:
            self._invite_again(room, account, others)
        return self._memberships.join(person, member, room.log), is_new

    def _find(self, account_ids: AbstractSet[str], by_id: str) -> Room | None:
        """Return the room of exactly these people that can be written to; the oldest one.

        :param by_id: account id of who has to be allowed there.
        """
        with self._roster.lock:
            found = [
                room
                for room in self._roster.by_name.values()
                if room.record.private
                and not room.record.is_archived
                and len(room.record.invited) <= PEOPLE_MOST
                and {room.record.owner, *room.record.invited} - {""} == account_ids
                and self._roster.may_be_in(room, by_id)
            ]
        return min(found, key=lambda room: (room.record.created, room.log), default=None)

    def _make(self, owner: Account, people: Mapping[str, Account], by: Asker) -> tuple[Room, bool]:
        invited = tuple(sorted(people.keys() - {owner.id}))
        for name in names_for(people.values()):
            try:
                taken = self._catalogue.create(name, owner, True, by, invited)
                self._follow(taken)
                return taken.room, True
            except UserError as error:
                if error.code is not Code.NAME_TAKEN:
                    raise
            if not self._is_known(name):  # made at another node a moment ago
                for taken in self._catalogue.load():
                    self._follow(taken)
            if (room := self._find(people.keys(), owner.id)) is not None:
                return room, False
        raise UserError("All names for such a room are taken. See /create.", Code.NAME_TAKEN)

    def _is_known(self, name: str) -> bool:
        with self._roster.lock:
            return fold(name) in self._roster.by_name

    def _invite_again(self, room: Room, by: Account, others: Iterable[Account]) -> None:
        """Tell those of them who are here and have left the room."""
        for one in others:
            person = self._roster.person(one.id)
            may_come = one.id not in room.people and self._roster.may_be_in(room, one.id)
            if person is not None and may_come:
                text = f"{by.name} invites you: /join {room.name}"
                tell(person.members, "invited", text, room, by.id, by.name)
