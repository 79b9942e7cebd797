"""The command table and the one place where permission and arguments are checked.

A command is data: its usage line says which arguments it takes, ``grant`` says who may use it. A
handler gets checked values; it cannot forget a check, because it has none to make.
"""

import difflib
import logging
from collections.abc import Callable, Mapping
from concurrent.futures import CancelledError
from typing import Any

from chatroom.accounts.rates import cost_of
from chatroom.commands.arguments import ECHO_LONGEST, first_word, names, read, read_named
from chatroom.commands.command import ROLES, Handler
from chatroom.commands.command import Command as Command
from chatroom.commands.command import Family as Family
from chatroom.commands.command import Muted as Muted
from chatroom.commands.command import Needs as Needs
from chatroom.commands.context import Context as Context
from chatroom.commands.context import Dialogue as Dialogue
from chatroom.config import SUPERUSERS
from chatroom.errors import Code, Disconnected, EndReason, StoreError, Unconfirmed, UserError
from chatroom.rooms.room import Room
from chatroom.storage.records import NORMAL, SUPERUSER, Account
from chatroom.text import clean_line

_log = logging.getLogger(__name__)

KEPT_SECONDS = 20.0
"""Longest wait for what becomes of a post."""
_HABITS = {
    **dict.fromkeys(("pm", "query", "tell", "whisper"), "messageto"),
    **dict.fromkeys(("users", "here"), "viewusers"),
    **dict.fromkeys(("roombans", "roommutes", "mutes", "banlist"), "sanctions"),
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
        runners_too: bool = False,
        needs: Needs = Needs.NOTHING,
        muted: Muted = Muted.MAY,
        cost: float = 1.0,
        aliases: tuple[str, ...] = (),
        takes_lines: bool = False,
        is_basic: bool = False,
    ) -> Callable[[Handler], Handler]:
        """Enter the decorated function as the handler of ``/name``.

        :raises ValueError: its name or an alias is another command's.
        """

        def enter(handler: Handler) -> Handler:
            family = self._family
            columns = (
                *(grant, others, runners_too, needs, muted, cost, aliases),
                *(takes_lines, is_basic),
            )
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
            allowed = [c.name for c in self.allowed(account)]
            near = [_HABITS[name]] if _HABITS.get(name) in allowed else []
            near = near or difflib.get_close_matches(name, allowed, 3, 0.5)
            hint = f" Did you mean {' or '.join('/' + n for n in near)}?" if near else ""
            raise UserError(
                f"There is no command /{name}.{hint} See /help all.",
                Code.NO_SUCH_COMMAND,
            )
        if not command.allows(account):
            raise UserError(f"/{command.name} is for superusers only.", Code.NOT_ALLOWED)
        return command

    def name_of(self, word: str) -> str:
        """Return the name of the command that a word stands for; empty: of none."""
        command = self._words.get(word)
        return command.name if command is not None else ""

    def cost(self, line: str, args: Mapping[str, Any] | None = None) -> float:
        """Return what a command costs, in lines; what is no command is a line."""
        if args:
            line = f"{line} {' '.join(map(str, args.values()))}"
        command = self._words.get(first_word(line.strip())[0].removeprefix("/").lower())
        return cost_of(line) + (command.cost - 1.0 if command else 0.0)

    def check_may(self, context: Context, name: str) -> None:
        """Refuse a command that its face has not put together yet: before a person is looked up.

        :raises UserError: who asks may not use it in the room of the context.
        """
        context.row = command = self.find(name, context.account)
        if command.needs in ROLES:
            context.runner.check(context.room.record, f"/{command.name}")

    def run(self, context: Context, line: str, args: Mapping[str, Any] | None = None) -> None:
        """Find, check and carry out one command; every failure is answered.

        :param line: starting with ``/``; with ``args`` the name of the command alone. It is cleaned
            here, by whatever way it has come.
        :param args: given by a program, by their names; ``None``: they stand in the line.
        :raises Disconnected: the peer left while it was asked something.
        """
        line = clean_line(line)
        word, rest = (line, "") if args is not None else first_word(line.strip())
        context.is_named = args is not None
        try:
            context.services.lookups.check(context.account.id)
            command = self.find(word, context.account)
            context.row = command
            accounts = context.services.accounts
            if args is not None:
                values = read_named(command.usage, args, accounts, command.takes_lines)
            else:
                values = read(command.usage, command.form, rest, accounts)
            _check_creator(command, context)
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


def _check_creator(command: Command, context: Context) -> None:
    if command.needs is not Needs.ROOM_CREATOR or context.account.grant == SUPERUSER:
        return
    if context.services.settings.room_creators == SUPERUSERS:
        raise UserError("On this server only superusers make rooms. Ask one.", Code.NOT_ALLOWED)


def _check_needs(command: Command, context: Context, values: list[Any]) -> None:
    is_to_change = command.needs is Needs.MODERATOR_TO_CHANGE
    if command.needs in ROLES and (not is_to_change or any(value is not None for value in values)):
        context.runner.check(_room_meant(command, context, values).record, f"/{command.name}")


def _room_meant(command: Command, context: Context, values: list[Any]) -> Room:
    """Return the room that a command is about: the one that is named, or where one talks."""
    for token, value in zip(names(command.usage).values(), values, strict=True):
        if "ROOM" in token and isinstance(value, str):
            return context.room_named(value, "USER" in token)
    return context.room


def _check_muted(command: Command, context: Context, values: list[Any]) -> None:
    spoken = values if command.muted is Muted.MAY_LOOK else values[-1:]
    if command.muted in (Muted.MAY_LOOK, Muted.WITHOUT_TEXT) and any(v is not None for v in spoken):
        # What takes a role in the room where one talks goes there.
        context.check_voice(context.room if command.needs in ROLES else None)
