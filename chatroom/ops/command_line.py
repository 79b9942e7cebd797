"""The operator's sub-commands: what each needs, opened for it."""

import argparse
import contextlib
import os
import sys
from collections.abc import Callable

from chatroom import log_files as logs
from chatroom.accounts.accounts import Accounts
from chatroom.accounts.invites import Invites, link
from chatroom.accounts.passwords import Passwords
from chatroom.config import Settings
from chatroom.net import sockets as port
from chatroom.ops import admin as operator
from chatroom.ops import config_words, room_words, running, sanctions
from chatroom.ops.backup import words as backup
from chatroom.ops.doctor import report as doctor
from chatroom.ops.rehearsal import tls_of
from chatroom.storage.engine import Engine
from chatroom.storage.sqlite.opening import has_room
from chatroom.text import escape


def operate(
    arguments: argparse.Namespace,
    settings: Settings,
    open_engine: Callable[[Settings], Engine],
    migrate: Callable[[str, Settings], int],
) -> int:
    """Carry out a sub-command; return its exit status. Who reads no further is no error.

    :param open_engine: opens the engine that the settings name.
    :param migrate: moves everything to the engine at an address.
    """
    try:
        status = _operate(arguments, settings, open_engine, migrate)
        sys.stdout.flush()
    except BrokenPipeError:
        # Nobody reads on, as behind "| head"; nor may the interpreter's last flush fail (Python
        # documentation, "Note on SIGPIPE").
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return status


def _operate(
    arguments: argparse.Namespace,
    settings: Settings,
    open_engine: Callable[[Settings], Engine],
    migrate: Callable[[str, Settings], int],
) -> int:
    if arguments.command == config_words.COMMAND:
        return config_words.run(arguments, settings)
    if arguments.command in running.COMMANDS:
        return running.run(arguments, settings.data_dir)
    if arguments.command == doctor.COMMAND:
        return doctor.run(arguments, settings)
    if arguments.command in backup.COMMANDS:
        return backup.run(arguments, settings)
    is_new = not has_room(settings.data_dir)
    where = settings.data_dir.absolute()
    operator.check(arguments, where if is_new else None)
    status = _carry_out(arguments, settings, open_engine, migrate)
    if is_new and arguments.command not in operator.KEY_COMMANDS:  # these have said it
        print(escape(f"This is a new room: {where} was made."))
    return status


def _carry_out(
    arguments: argparse.Namespace,
    settings: Settings,
    open_engine: Callable[[Settings], Engine],
    migrate: Callable[[str, Settings], int],
) -> int:
    logs.open_log(
        *(settings.log_dir, "chatroom_server.log", False), settings.log_format, settings.log_level
    )
    if arguments.command == "fingerprint":
        print(tls_of(settings).fingerprint)
        return 0
    if arguments.command in operator.KEY_COMMANDS:
        return operator.change_keys(arguments, settings.data_dir)
    if arguments.command == "migrate":
        return migrate(arguments.to, settings)
    with contextlib.ExitStack() as parts:
        engine = open_engine(settings)
        parts.callback(engine.close)
        passwords = Passwords(settings.scrypt_n, 0)
        parts.callback(passwords.close)
        engine.start(lambda *_: None, lambda *_: None, lambda *_: None)
        accounts = Accounts(
            *(engine.accounts, engine.sanctions, passwords), reserve_days=settings.reserve_days
        )
        if arguments.command in operator.INVITE_COMMANDS:
            first = settings.endpoints[0]
            host = port.outward_address(settings.public_host or first.host)
            tls = tls_of(settings)
            return operator.invite(
                arguments,
                Invites(engine.invites, settings.registration),
                accounts,
                lambda code: link(host, first.port, code, tls.fingerprint),
            )
        if arguments.command in sanctions.COMMANDS:
            return sanctions.run(arguments, accounts, engine, settings.kick_minutes)
        if arguments.command in room_words.COMMANDS:
            return room_words.run(arguments, accounts, engine, operator.confirm_room)
        return operator.run(arguments, accounts, engine)
