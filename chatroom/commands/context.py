"""What a handler of a command works with."""

from collections.abc import Callable
from typing import Any, Protocol

from chatroom.answers import Answer
from chatroom.commands.command import ROLES, Command
from chatroom.commands.services import Services
from chatroom.errors import Code, UserError
from chatroom.rooms.person import Person
from chatroom.rooms.roles import Role, Runner, runs
from chatroom.rooms.room import Member, Room
from chatroom.rooms.voice import check_unmuted, check_voice
from chatroom.storage.records import ANNOUNCE, SUPERUSER, Account, Actor
from chatroom.storage.rules.receipts import Receipt


class Dialogue(Protocol):
    """What a command needs of the connection that it was typed in; see ``session.dialogue``."""

    @property
    def network(self) -> str: ...

    @property
    def takes_query(self) -> bool: ...

    @property
    def cancelling(self) -> str: ...

    def ask(self, ask: str, text: str, secret: bool = False) -> str: ...

    def ask_new_password(self, ask: Callable[..., str] | None = None) -> str: ...

    def give_ticket(self, ticket: str, until: float) -> None: ...

    def tell(self, kind: str, text: str, **fields: Any) -> None: ...

    def answer(
        self, command: str, answer: Answer, cid: str, is_named: bool = False, reader: str = ""
    ) -> None: ...

    def send_at_length(self, chunk: bytes) -> None: ...

    def refuse(
        self, text: str, cid: str = "", command: str = "", code: Code = ..., **fields: Any
    ) -> None: ...

    def end(self, text: str, **fields: Any) -> None: ...


class Context:
    """What a handler works with: who asks, the services, and the ways to answer.

    It belongs to the thread of the session that typed the command.
    """

    def __init__(
        self,
        services: Services,
        person: Person,
        member: Member,
        dialogue: Dialogue,
        cid: str,
        room: Room | None = None,
    ) -> None:
        self.services = services
        self.person = person
        self.member = member
        self.dialogue = dialogue
        self.cid = cid
        self._room = room
        self.row: Command | None = None
        """The row of the table that is carried out."""
        self.is_named = False
        """The command was given by its name with arguments, by a program."""
        self.leaving = False
        """Set by a handler after which the session ends."""

    @property
    def room(self) -> Room:
        """Where it is done: the room that its face names each time, else where one talks."""
        return self._room or self.member.room

    @property
    def command(self) -> str:
        """The name of the command that is carried out; empty when there is none."""
        return self.row.name if self.row else ""

    @property
    def actor(self) -> Actor:
        """Who asks, for the audit trail."""
        return Actor(self.account.name, self.account.id, self.member.address)

    @property
    def runner(self) -> Runner:
        """Who asks, for what is done in a room by who runs it, as the command's row says."""
        assert self.row is not None
        needs = ROLES.get(self.row.needs, Role.MODERATOR)
        return Runner(self.actor, self.account.grant == SUPERUSER, needs)

    def check_voice(self, room: Room | None = None) -> None:
        """Refuse what somebody says who is muted.

        :param room: where it goes; ``None``: nowhere in particular.
        :raises UserError: says until when.
        """
        check_unmuted(self.services.sanctions, self.person, room)

    def room_named(self, name: str, may_be_user: bool = False) -> Room:
        """Return a room by its name.

        :param may_be_user: a name of somebody could have stood there, too.
        :raises UserError: there is none for who asks.
        """
        if may_be_user and self.services.roster.room_named(name, self.account.id) is None:
            raise UserError(
                f"There is nobody and no room called '{name[:40]}'. See /viewusers and /rooms.",
                Code.NO_SUCH_ROOM,
            )
        return self.services.memberships.find(self.person, name)

    @property
    def account(self) -> Account:
        """The account of who asks, as it is now."""
        return self.person.account

    def reply(self, text: str, **fields: Any) -> None:
        """Answer the person who typed the command; ``fields`` are for programs."""
        self.answer(Answer(text, fields=fields))

    def answer(self, answer: Answer) -> None:
        """Answer whoever gave the command.

        :raises Disconnected: of a long answer: the peer has left, or reads nothing.
        """
        self.dialogue.answer(self.command, answer, self.cid, self.is_named, self.account.name)

    def runs_too(self, room: Room) -> bool:
        """Tell whether the command's row allows more to who runs a room, and who asks does."""
        assert self.row is not None
        return self.row.runners_too and runs(self.account, room.record)

    def is_others(self, owner_id: str, room: Room) -> bool:
        """Tell whether something in a room is somebody else's.

        :param owner_id: account id of who owns it.
        :raises UserError: it is, and the command's row allows that to stronger grants only.
        """
        if owner_id == self.account.id:
            return False
        if self.runs_too(room):
            return True
        if not self.may_see(owner_id):
            self.check_own(owner_id)
        return True

    def check_own(self, owner_id: str) -> None:
        """Refuse what is somebody else's, whatever the grant of who asks. :raises UserError: it is.

        :param owner_id: account id of who owns it.
        """
        if owner_id != self.account.id:
            raise UserError(
                f"That is not yours; /{self.command} only works on your own.", Code.NOT_ALLOWED
            )

    @property
    def sees_all(self) -> bool:
        """True when the row allows who asks to use the command on what is others'."""
        assert self.row is not None
        return self.account.grant <= self.row.others

    def may_see(self, owner_id: str) -> bool:
        """Tell whether what is somebody's is one's own, or of others whom the row allows."""
        return owner_id == self.account.id or self.sees_all

    def post(self, room: Room, kind: str, text: str) -> Receipt:
        """Post to a room in the name of who typed the command: the line that comes back answers.

        :raises UserError: it may not be said there.
        :raises StoreError: the server stops.
        """
        if kind != ANNOUNCE:
            check_voice(self.services.sanctions, self.person, room)
        return room.post(kind, self.account, text, self.cid, self.member)

    def refuse(self, text: str, code: Code = Code.REFUSED, **fields: Any) -> None:
        """Say why the command was not carried out; ``code`` and ``fields`` are for programs."""
        self.dialogue.refuse(text, self.cid, self.command, code, **fields)
