"""The operator's sub-commands: they work on the data directory, also beside a running server."""

import argparse
import getpass
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

from chatroom import config
from chatroom.accounts.accounts import Accounts
from chatroom.accounts.invites import Invites, line_to_type
from chatroom.accounts.sanctions import Sanctions
from chatroom.cli import number, whole
from chatroom.commands.audit import AUDIT_SHOWN, audit_text, rows_of
from chatroom.commands.erasure import Erasure
from chatroom.commands.invites import invite_table
from chatroom.commands.moderation import reset_sentence
from chatroom.errors import Damaged, StartError, UserError
from chatroom.names import check_name
from chatroom.ops import config_words, room_words, rooms, running, sanctions
from chatroom.ops.backup import words as backup
from chatroom.ops.doctor import report as doctor
from chatroom.sentences import GRANT_WORDS, minute, table
from chatroom.storage.engine import LOOK_SECONDS, Engine
from chatroom.storage.keys import export, legacy_import, rotation, vault
from chatroom.storage.records import NORMAL, OPERATOR, SUPERUSER, Account, Actor, RoomRecord
from chatroom.text import (
    PASSWORD_LONGEST,
    check_new_password,
    clean_text,
    escape,
)

KEY_COMMANDS = ("rotate-keys", "rewrap", "keyring")
"""These open no store, only the keyring."""

_PASSPHRASE = "CHATROOM_KEYRING_PASSPHRASE"
MAKERS = ("add-user", "import-legacy")
"""These, and the import of a keyring, may begin a room where there is none."""
INVITE_COMMANDS = ("invite", "invites", "revoke-invite")
_NEEDED = {
    "invite": ("host", "port", "listen", "public_host", "tls_certificate", "tls_key"),
    "fingerprint": ("tls_certificate", "tls_key"),
}
"""Settings that a sub-command needs beside those that say where the room is."""
_EPILOG = "It takes all settings of the server, as flags or otherwise: chatroom_server.py --help"
USES_MOST = 10000
"""Accounts that one invitation may be for."""


def add_commands(parser: argparse.ArgumentParser) -> None:
    """Add the sub-commands to the server's command line; each takes the server's flags, too."""
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="for the operator")

    def add(name: str, text: str) -> argparse.ArgumentParser:
        return commands.add_parser(
            name, help=text, description=f"{text[0].upper()}{text[1:]}.", epilog=_EPILOG
        )

    def password_flag(command: argparse.ArgumentParser) -> None:
        command.add_argument(
            "--password-stdin", action="store_true", help="read the password from standard input"
        )

    command = add("add-user", "make an account")
    command.add_argument("user", metavar="NAME")
    command.add_argument("--superuser", action="store_true", help="with all rights")
    password_flag(command)
    command = add("grant", "make somebody a superuser (0) or a normal user (1)")
    command.add_argument("user", metavar="NAME")
    command.add_argument("grant", metavar="0|1", type=whole, choices=(SUPERUSER, NORMAL))
    command = add("reset-password", "set a new password for somebody")
    command.add_argument("user", metavar="NAME")
    password_flag(command)
    command = add("reset-code", "print a one-time code with which somebody sets a new password")
    command.add_argument("user", metavar="NAME")
    command = add("rename-user", "give somebody another name; nothing else changes")
    command.add_argument("user", metavar="OLD")
    command.add_argument("new", metavar="NEW")
    command = add("delete-user", "erase an account and all its messages in the rooms for good")
    command.add_argument("user", metavar="NAME")
    command.add_argument("--yes", action="store_true", help="do not ask")
    command = add("free-name", "free a reserved name; its new owner inherits nothing")
    command.add_argument("user", metavar="NAME")
    add("list-users", "list all accounts")
    what = "list all rooms, private ones, too; give one an owner, or delete one"
    rooms.add_words(add("rooms", what))
    command = add("migrate", "move everything into Redis or Valkey; the server must be stopped")
    command.add_argument("--to", metavar="URL", required=True, help="as --engine takes it")
    command = add("audit", "print what superusers and operators did, the newest last")
    command.add_argument("--last", metavar="N", type=whole, default=AUDIT_SHOWN, help="how many")
    command = add("lockdown", "stop new logins, or allow them again; people who are logged in stay")
    command.add_argument("state", metavar="on|off", choices=("on", "off"))
    command = add("import-legacy", "import the accounts of an old users_credentials.enc")
    command.add_argument("file", metavar="FILE", type=Path)
    command.add_argument("--passphrase", required=True, help="that the old file was made with")
    command.add_argument(
        "--superuser", metavar="NAME", help="make this one a superuser; the old grants do not count"
    )
    command = add("invite", "print an invitation to make an account")
    command.add_argument(
        "--uses", metavar="N", type=whole, default=1, help="accounts (%(default)s)"
    )
    command.add_argument("--days", metavar="N", type=number, default=7.0, help="(%(default)g)")
    add("invites", "list the valid invitations")
    command = add("revoke-invite", "withdraw an invitation")
    command.add_argument("number", metavar="N", type=whole, help="as invites shows it")
    doctor.add_words(add(doctor.COMMAND, "look whether anything here is amiss, and say what to do"))
    add("fingerprint", "print the fingerprint of this server's certificate, as clients show it")
    add("rotate-keys", "seal with a new data key from now on; the server must be stopped")
    add("rewrap", "give the keyring a new master secret; the server must be stopped")
    command = add("keyring", "export the keyring under a passphrase, or import such a copy")
    command.add_argument("way", metavar="export|import", choices=("export", "import"))
    command.add_argument("file", metavar="FILE", type=Path)
    command.add_argument(
        "--passphrase-file",
        metavar="FILE",
        type=Path,
        help=f"read the passphrase there; without it {_PASSPHRASE} holds it, or it is asked for",
    )
    for family in (backup, running, config_words, sanctions, room_words):
        family.add_words(add)
    for name, command in commands.choices.items():  # behind its own ones
        shown = (*config.WHERE, *_NEEDED.get(name, ()))
        config.add_flags(command.add_argument_group("settings of the server"), shown)


def check(arguments: argparse.Namespace, new: Path | None) -> None:
    """Look at the words of a sub-command before anything is opened or made.

    :param new: the data directory, when there is no room in it; a password is asked for first then.
    :raises StartError: there is no room, and this command makes none; or a file cannot be read.
    :raises UserError: the words cannot be used; the sentence says why.
    """
    is_import = arguments.command == "keyring" and arguments.way == "import"
    if new is not None and not is_import and arguments.command not in MAKERS:
        raise StartError(
            f"There is no room in {new}. Run this in the folder where the server is started, or "
            "name its data directory with --data-dir."
        )
    match arguments.command:
        case "add-user":
            check_name(arguments.user)
            arguments.password = _new_password(arguments.password_stdin) if new else None
        case "rename-user":
            check_name(arguments.new)
        case "rooms":
            rooms.check(arguments)
        case "import-legacy":
            try:
                arguments.content = arguments.file.read_bytes()
            except OSError as error:
                raise StartError(f"{arguments.file} cannot be read: {error.strerror}.") from None
        case "keyring" if is_import:
            export.read(arguments.file)
        case "invite" if not 1 <= arguments.uses <= USES_MOST:
            raise UserError(f"--uses is {arguments.uses}; it must be from 1 to {USES_MOST}.")
        case "audit" if arguments.last < 1:
            raise UserError(f"--last is {arguments.last}; it must be 1 or more.")


def change_keys(arguments: argparse.Namespace, data_dir: Path) -> int:
    """Carry out one of ``KEY_COMMANDS``; return the exit status.

    :raises StartError: it cannot be done; the sentence says why.
    :raises UserError: the passphrase cannot be used.
    """
    match arguments.command:
        case "rotate-keys":
            done = rotation.rotate(data_dir)
        case "rewrap":
            done = rotation.rewrap(data_dir)
        case _:
            is_new = arguments.way == "export"
            carry = export.export if is_new else export.take_over
            done = carry(
                data_dir, arguments.file, lambda: _passphrase(arguments.passphrase_file, is_new)
            )
    print(escape(done))
    return 0


def invite(
    arguments: argparse.Namespace,
    invites: Invites,
    accounts: Accounts,
    link: Callable[[str], str],
) -> int:
    """Carry out one of ``INVITE_COMMANDS``; return the exit status.

    :param link: makes the invitation of its code.
    :raises UserError: it cannot be done; the sentence says why.
    """
    if arguments.command == "invites":
        _show(invite_table(invites.all()))
    elif arguments.command == "revoke-invite":
        invites.revoke(arguments.number, OPERATOR)
        print(f"Invitation {arguments.number} is no longer valid.")
    else:
        seconds = arguments.days * 86400
        invitation = link(invites.issue(OPERATOR, arguments.uses, seconds))
        print(invitation)  # alone on standard output, for scripts
        print(f"The line to send: {line_to_type(invitation)}", file=sys.stderr)
    return 0


def run(arguments: argparse.Namespace, accounts: Accounts, engine: Engine) -> int:
    """Carry out one sub-command; return the exit status.

    :raises UserError: it cannot be done; the sentence says why.
    """
    match arguments.command:
        case "add-user":
            if accounts.is_taken(arguments.user):
                raise UserError(f"There is an account '{arguments.user}' already.")
            password = arguments.password or _new_password(arguments.password_stdin)
            grant = SUPERUSER if arguments.superuser else NORMAL
            accounts.register(arguments.user, password, grant, by=OPERATOR)
            _show(f"Made the account {arguments.user}.")
        case "grant":
            account = rooms.account_named(accounts, arguments.user)
            accounts.set_grant(account, arguments.grant, OPERATOR)
            _show(f"{account.name} is a {GRANT_WORDS[arguments.grant]} now.")
        case "reset-password":
            account = rooms.account_named(accounts, arguments.user)
            act = OPERATOR.did(f"set a new password for {account.name}", account.id)
            accounts.set_password(account.id, _new_password(arguments.password_stdin), act=act)
            _show(f"{account.name} has a new password. All sessions of {account.name} end.")
        case "reset-code":
            account = rooms.account_named(accounts, arguments.user)
            _show(reset_sentence(account, accounts.issue_reset(account, OPERATOR)))
        case "rename-user":
            accounts.rename(rooms.account_named(accounts, arguments.user), arguments.new, OPERATOR)
            _show(f"{arguments.user} is called {arguments.new} now.")
        case "delete-user":
            account = rooms.account_named(accounts, arguments.user)
            if not arguments.yes:
                _confirm(account)
            roles = (engine.logs, engine.rooms, engine.controls)
            Erasure(*roles, accounts, engine.settle).erase(account, OPERATOR, _wait_until_seen)
            _show(f"{account.name} is deleted, and all its messages in the rooms.")
        case "free-name":
            name = arguments.user
            if not engine.accounts.free_name(name, OPERATOR.did(f"freed the name {name}")):
                raise UserError(
                    f"The name {escape(name)} is not reserved, and nothing is inherited."
                )
            _show(f"The name {name} may be taken again.")
        case "list-users":
            rows = [
                (a.name, str(a.grant), minute(a.created), _last_here(engine, a), a.id)
                for a in accounts.all()
            ]
            _show(table(("user", "grant", "since", "last here", "id"), rows))
        case "rooms" if arguments.deed == rooms.OWN:
            account = rooms.account_named(accounts, arguments.user)
            _show(rooms.give(engine, arguments.room, account))
        case "rooms" if arguments.deed == rooms.DELETE:
            ask = (lambda _: None) if arguments.yes else confirm_room
            _show(rooms.delete(engine, arguments.room, ask))
        case "rooms":
            _show(rooms.list_all(accounts, engine, arguments.json))
        case "audit":
            found = engine.audit.load(arguments.last)
            _show(audit_text(rows_of(found, engine.rooms.load_all())))
        case "lockdown":
            Sanctions(engine.sanctions, engine.settle).set_lockdown(
                arguments.state == "on", OPERATOR
            )
            _show(f"The lockdown is {arguments.state}.")
        case "import-legacy":
            return _import_legacy(
                accounts, arguments.content, arguments.passphrase, arguments.superuser
            )
    return 0


def _show(text: str) -> None:
    """Print what may hold words of people; they are clean, or were kept by an older version."""
    print(clean_text(text))


def _last_here(engine: Engine, account: Account) -> str:
    try:
        places = engine.read_states.load(account.id)
    except Damaged:
        return "?"
    return minute(places.seen) if places else "never"


def _confirm(account: Account) -> None:
    _ask_for(
        f"This erases {escape(account.name)} for good, and all its messages in the rooms.",
        *("user name", account.name),
    )


def confirm_room(room: RoomRecord) -> None:
    _ask_for(
        f"This deletes #{escape(room.name)} for good, and all that was said there.",
        *("name of the room", room.name),
    )


def _ask_for(what: str, thing: str, name: str) -> None:
    """Go on only with who types a name. :raises UserError: it was another one, or nothing."""
    try:
        typed = input(f"{what} Type the {thing} to confirm: ")
    except EOFError:
        typed = ""
    if typed.strip() != name:
        raise UserError(f"That is not the {thing}; nothing was deleted.")


def _wait_until_seen() -> None:
    """A server beside this command has ended the sessions, and what they said is written."""
    time.sleep(LOOK_SECONDS + 1.0)


def _new_password(from_stdin: bool) -> str:
    if from_stdin:
        password = sys.stdin.buffer.readline().decode("utf-8", "surrogateescape").rstrip("\r\n")
    else:
        try:
            password = getpass.getpass("New password: ")
            check_new_password(password)
            if getpass.getpass("The same again: ") != password:
                raise UserError("The two are not the same; nothing was changed.")
        except EOFError:
            raise UserError("No password was given; nothing was changed.") from None
    return check_new_password(password)


def _passphrase(file: Path | None, is_new: bool) -> str:
    """Return the passphrase of an exported keyring: from a file, the environment, the terminal."""
    if file is not None:
        content = vault.read_private(file).decode("utf-8", "surrogateescape")
        given, source = content.rstrip("\r\n"), str(file)
    elif _PASSPHRASE in os.environ:
        given, source = os.environ[_PASSPHRASE], _PASSPHRASE
    else:
        try:
            given, source = getpass.getpass("Passphrase of the copy: "), "The passphrase"
            if is_new and getpass.getpass("The same again: ") != given:
                raise UserError("The two are not the same; nothing was written.")
        except EOFError:
            raise UserError(
                f"No passphrase was given: put one into {_PASSPHRASE} or a file for "
                "--passphrase-file, or type it at a terminal."
            ) from None
    if not export.is_passphrase(given):
        raise UserError(f"{source} must have {export.PASSPHRASE_ALLOWED}; take another one.")
    return given


def _import_legacy(
    accounts: Accounts, content: bytes, passphrase: str, superuser: str | None
) -> int:
    old, problems = legacy_import.read(content, passphrase)
    taken, known = 0, 0
    for record in old:
        shown = escape(record.name)
        try:
            check_name(record.name)
        except UserError as error:
            problems.append(f"'{shown}': {error}")
            continue
        if accounts.is_taken(record.name):
            known += 1
            continue
        if not 1 <= len(record.password.encode()) <= PASSWORD_LONGEST:
            problems.append(f"'{shown}': its password is empty or over {PASSWORD_LONGEST} bytes")
            continue
        try:
            accounts.adopt(record.name, record.password, by=OPERATOR)
        except UserError as error:  # it looks like one that was taken over already
            problems.append(f"'{shown}': {error}")
            continue
        taken += 1
    print(f"Imported {taken} accounts; {known} were here already; {len(problems)} not taken.")
    for problem in problems:
        _show(f"  not taken: {problem}")
    if superuser:
        account = rooms.account_named(accounts, superuser)
        if account.grant != SUPERUSER:
            accounts.set_grant(account, SUPERUSER, Actor("import-legacy", "", "operator"))
            _show(f"{account.name} is a superuser now.")
    return 1 if problems and not old else 0
