"""The command table and the one place where permission and arguments are checked.

A command is data: its usage line says which arguments it takes, ``grant`` says who may use it. A
handler gets checked values; it cannot forget a check, because it has none to make.
"""

import difflib
import logging
from collections.abc import Callable, Mapping
from concurrent.futures import CancelledError
from dataclasses import dataclass
from enum import Enum
from typing import Any, Protocol

from chatroom.accounts.rates import cost_of
from chatroom.accounts.sanctions import muted
from chatroom.answers import Answer
from chatroom.commands.arguments import ECHO_LONGEST, first_word, read, read_named
from chatroom.commands.services import Services
from chatroom.errors import Code, Disconnected, EndReason, StoreError, Unconfirmed, UserError
from chatroom.rooms.person import Person
from chatroom.rooms.room import Member, Room
from chatroom.storage.records import NORMAL, SUPERUSER, Account, Actor
from chatroom.storage.rules.receipts import Receipt

_log = logging.getLogger(__name__)

KEPT_SECONDS = 20.0
"""Longest wait for what becomes of a post."""
_HABITS = {
    **dict.fromkeys(("pm", "query", "tell", "whisper"), "messageto"),
    **dict.fromkeys(("users", "here"), "viewusers"),
    **dict.fromkeys(("passwd", "password"), "changepassword"),
    "channels": "rooms",
    "dnd": "busy",
    "logout": "disconnect",
    "op": "changegrant",
    "switch": "room",
}
"""What people of other chats type and what may be meant; what surely is meant is an alias."""
_ELSEWHERE = {
    "nick": "A name belongs to an account, so /nick changes nothing: ask the operator for another "
    "name.",
}
"""Commands of other chats that there cannot be here, with the sentence that says why."""


class Dialogue(Protocol):
    """What a command needs of the connection that it was typed in; see ``session.dialogue``."""

    @property
    def network(self) -> str: ...

    @property
    def takes_query(self) -> bool: ...

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
        self, services: Services, person: Person, member: Member, dialogue: Dialogue, cid: str
    ) -> None:
        self.services = services
        self.person = person
        self.member = member
        self.dialogue = dialogue
        self.cid = cid
        self.row: Command | None = None
        """The row of the table that is carried out."""
        self.is_named = False
        """The command was given by its name with arguments, by a program."""
        self.leaving = False
        """Set by a handler after which the session ends."""

    @property
    def command(self) -> str:
        """The name of the command that is carried out; empty when there is none."""
        return self.row.name if self.row else ""

    @property
    def actor(self) -> Actor:
        """Who asks, for the audit trail."""
        return Actor(self.account.name, self.account.id, self.member.address)

    def check_voice(self) -> None:
        """Refuse what somebody says who is muted. :raises UserError: says until when."""
        mute = self.services.sanctions.mute_of(self.account.id)
        if mute is not None:
            raise muted(mute)

    def check_recipient(self, account: Account) -> None:
        """Refuse a private message of somebody who is muted, as the command's row says.

        :raises UserError: says until when.
        """
        assert self.row is not None
        if self.row.muted is Muted.TO_SUPERUSERS and account.grant != SUPERUSER:
            self.check_voice()

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

    def is_others(self, owner_id: str) -> bool:
        """Tell whether something is somebody else's.

        :param owner_id: account id of who owns it.
        :raises UserError: it is, and the command's row allows that to stronger grants only.
        """
        if owner_id == self.account.id:
            return False
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

    def may_see(self, owner_id: str) -> bool:
        """Tell whether what is somebody's is one's own, or of others whom the row allows."""
        assert self.row is not None
        return owner_id == self.account.id or self.account.grant <= self.row.others

    def post(self, room: Room, kind: str, text: str) -> Receipt:
        """Post to a room in the name of who typed the command: the line that comes back answers.

        :raises StoreError: the server stops.
        """
        return room.post(kind, self.account, text, self.cid, self.member)

    def refuse(self, text: str, code: Code = Code.REFUSED, **fields: Any) -> None:
        """Say why the command was not carried out; ``code`` and ``fields`` are for programs."""
        self.dialogue.refuse(text, self.cid, self.command, code, **fields)


Handler = Callable[..., Answer | None]


class Needs(Enum):
    """What a command needs beside its grant; superusers always have it."""

    NOTHING = "nothing"
    OWNER = "to be the owner of the room where one talks"
    OWNER_TO_CHANGE = "the same, when an argument is given; without one it only shows something"


class Muted(Enum):
    """What a command is to somebody who is muted."""

    MAY = "may be used"
    MAY_LOOK = "may be used without an argument only: it says something to others"
    WITHOUT_TEXT = "may be used without the text at its end: others see it"
    TO_SUPERUSERS = "may be used to write to superusers only; see Context.check_recipient"


@dataclass(frozen=True)
class Family:
    """Commands that belong together: people look for them in one place."""

    name: str
    """No command's name, nor an alias."""
    summary: str


@dataclass(frozen=True)
class Command:
    """One row of the table."""

    name: str
    usage: str
    """``USER`` (an account), ``ROOM`` (with its ``#`` or without), ``45m`` (a length of time),
    ``0|1`` and ``private`` (a choice), any other word (a text). ``[…]`` may be missing; a last
    ``TEXT``, ``WORDS`` or ``[reason]`` takes the rest of the line. ``[from USER]`` is a clause at
    the end of the line, and ``N``, ``ID`` and ``DATE`` are read by ``grammar``."""
    summary: str
    handler: Handler
    family: Family
    grant: int = NORMAL
    """The weakest grant that may use it."""
    others: int = SUPERUSER
    """The weakest grant that may use it on what is somebody else's; see ``Context.is_others``."""
    needs: Needs = Needs.NOTHING
    muted: Muted = Muted.MAY
    """What somebody who is muted may do with it."""
    cost: float = 1.0
    """What it takes of the person's rate, in lines: by its work, and by whom it is told to."""
    aliases: tuple[str, ...] = ()
    """Other words for it, as people of other chats type them."""
    is_basic: bool = False
    """Whoever is new is shown it first."""

    @property
    def details(self) -> str:
        """More of what it does, in one line: its handler's docstring; may be empty."""
        return " ".join((self.handler.__doc__ or "").split())

    @property
    def form(self) -> str:
        """How it is typed."""
        return f"/{self.name} {self.usage}".rstrip()

    def allows(self, account: Account) -> bool:
        """Tell whether this account may use the command."""
        return account.grant <= self.grant


class Registry:
    """The table of commands. Filled at the start, then only read: any thread may run commands."""

    def __init__(self) -> None:
        self._commands: dict[str, Command] = {}
        self._words: dict[str, Command] = {}
        """The same by their names and by their aliases."""
        self._family = Family("", "")
        self.families: dict[str, Family] = {}
        """By their names, in the order in which they were begun."""

    def begin(self, family: Family) -> None:
        """Let the commands that are entered from now on belong to a family."""
        self._family = self.families[family.name] = family

    def command(
        self,
        name: str,
        usage: str,
        summary: str,
        grant: int = NORMAL,
        others: int = SUPERUSER,
        needs: Needs = Needs.NOTHING,
        muted: Muted = Muted.MAY,
        cost: float = 1.0,
        aliases: tuple[str, ...] = (),
        is_basic: bool = False,
    ) -> Callable[[Handler], Handler]:
        """Enter the decorated function as the handler of ``/name``.

        :raises ValueError: its name or an alias is another command's.
        """

        def enter(handler: Handler) -> Handler:
            family = self._family
            columns = (grant, others, needs, muted, cost, aliases, is_basic)
            command = Command(name, usage, summary, handler, family, *columns)
            for word in (name, *aliases):
                if word in self._words:
                    raise ValueError(f"/{word} is in the table already.")
                self._words[word] = command
            self._commands[name] = command
            return handler

        return enter

    def allowed(self, account: Account) -> list[Command]:
        """Return the commands that this account may use, by name."""
        return [c for _, c in sorted(self._commands.items()) if c.allows(account)]

    def all(self) -> list[Command]:
        """Return every command, in the order in which they were entered."""
        return list(self._commands.values())

    def find(self, word: str, account: Account) -> Command:
        """Return the command for its name or an alias, with or without its slash.

        :raises UserError: there is none (with the nearest names), or it is for superusers.
        """
        name = word.removeprefix("/").lower()
        command = self._words.get(name)
        if command is None and name in _ELSEWHERE:
            raise UserError(_ELSEWHERE[name], Code.NO_SUCH_COMMAND)
        if command is None:
            name = name[:ECHO_LONGEST]
            names = [c.name for c in self.allowed(account)]
            near = [_HABITS[name]] if _HABITS.get(name) in names else []
            near = near or difflib.get_close_matches(name, names, 3, 0.5)
            hint = f" Did you mean {' or '.join('/' + n for n in near)}?" if near else ""
            raise UserError(
                f"There is no command /{name}.{hint} See /help all.",
                Code.NO_SUCH_COMMAND,
            )
        if not command.allows(account):
            raise UserError(f"/{command.name} is for superusers only.", Code.NOT_ALLOWED)
        return command

    def cost(self, line: str, args: Mapping[str, Any] | None = None) -> float:
        """Return what a command costs, in lines; what is no command is a line."""
        if args:
            line = f"{line} {' '.join(map(str, args.values()))}"
        command = self._words.get(first_word(line.strip())[0].removeprefix("/").lower())
        return cost_of(line) + (command.cost - 1.0 if command else 0.0)

    def run(self, context: Context, line: str, args: Mapping[str, Any] | None = None) -> None:
        """Find, check and carry out one command; every failure is answered.

        :param line: cleaned, starting with ``/``; with ``args`` the name of the command alone.
        :param args: given by a program, by their names; ``None``: they stand in the line.
        :raises Disconnected: the peer left while it was asked something.
        """
        word, rest = (line, "") if args is not None else first_word(line.strip())
        context.is_named = args is not None
        try:
            context.services.lookups.check(context.account.id)
            command = self.find(word, context.account)
            context.row = command
            accounts = context.services.accounts
            if args is not None:
                values = read_named(command.usage, args, accounts)
            else:
                values = read(command.usage, command.form, rest, accounts)
            _check_needs(command, context, values)
            _check_muted(command, context, values)
            # Superusers' acts are told apart in the log; what they name is never a message.
            if command.grant == SUPERUSER:
                _log.info("command=%s %s", command.name, context.account.ident)
            answer = command.handler(context, *values)
            if answer is not None:
                context.answer(answer)
        except UserError as error:
            context.refuse(str(error), error.code, **error.fields)
        except Unconfirmed as error:
            _log.error("command=%s unconfirmed reason=%s", context.command, error)
            context.refuse(
                "The store did not confirm that: it may or may not be done. "
                "Check before you repeat it.",
                error.code,
            )
        except StoreError as error:
            _log.error("command=%s failed reason=%s", context.command, error)
            context.refuse(
                "The store cannot be used right now; nothing was changed. Try again later.",
                error.code,
            )
        except Disconnected:
            raise
        except CancelledError:  # the server stops
            raise Disconnected(reason=EndReason.ENDED) from None
        except Exception:
            _log.exception("command=%s failed", context.command)
            context.refuse(
                f"Something went wrong with /{context.command}; it was logged.", Code.INTERNAL
            )


def _check_needs(command: Command, context: Context, values: list[Any]) -> None:
    room = context.member.room
    is_asked = command.needs is Needs.OWNER or any(value is not None for value in values)
    if command.needs is Needs.NOTHING or not is_asked:
        return
    if not context.services.ownership.rules(context.account, room):
        raise UserError(
            f"In #{room.log} /{command.name} is for the owner of the room only.", Code.NOT_ALLOWED
        )


def _check_muted(command: Command, context: Context, values: list[Any]) -> None:
    spoken = values if command.muted is Muted.MAY_LOOK else values[-1:]
    if command.muted in (Muted.MAY_LOOK, Muted.WITHOUT_TEXT) and any(v is not None for v in spoken):
        context.check_voice()
