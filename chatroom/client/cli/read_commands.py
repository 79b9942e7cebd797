"""The client's commands for scripts that read back: history, search, mail, who, rooms, export."""

import argparse
from collections.abc import Callable

from chatroom.answer_texts import text_of
from chatroom.client.api import Answer, Client, Ended, Page
from chatroom.client.api.records import RECORD_VERSION
from chatroom.client.cli.script_output import write, write_json, write_message
from chatroom.client.pending import read_room, read_user
from chatroom.client.ui.reader_clock import ReaderClock, hours_of_locale
from chatroom.client.ui.screen import Screen
from chatroom.errors import UserError
from chatroom.text import clean_text

_TYPES = {"who": "person", "rooms": "room"}
"""What a row is, by the command."""


def check(flags: argparse.Namespace) -> None:
    """Look at what is asked for before anybody logs in. :raises UserError: it cannot be meant."""
    if getattr(flags, "room", None) is not None:
        read_room(flags.room)
    if getattr(flags, "with_", None) is not None:
        read_user(flags.with_)
        if flags.room is not None:
            raise UserError("--with is for private messages, --room for a room. Take one away.")
    if flags.do == "search" and not " ".join(flags.words).strip():
        raise UserError("Which words are to be found? Usage: search WHERE WORDS")


def run(client: Client, flags: argparse.Namespace, screen: Screen) -> None:
    """Ask, and write the answer to standard output; what is said of it to standard error.

    :raises Ended: it was refused, or the visit is over.
    :raises OSError: standard output cannot be written.
    """
    do: Callable[[Client, argparse.Namespace, Screen], None] = {
        "history": _history,
        "search": _search,
        "mail": _mail,
        "who": _who,
        "rooms": _rooms,
        "export": _export,
    }[flags.do]
    do(client, flags, screen)


def _history(client: Client, flags: argparse.Namespace, screen: Screen) -> None:
    room, other = flags.room, flags.with_
    page = client.history(
        flags.number,
        room=None if room is None else read_room(room),
        with_=None if other is None else read_user(other),
        before=flags.before,
        from_=flags.from_,
        around=flags.around,
    )
    _write_page(page, flags.json)
    if page.more and page.messages:
        rest = f"--from {page.last}" if flags.from_ else f"--before {page.first}"
        screen.tell(f"There is more: {rest}")
    elif not page.messages:
        screen.tell("There is nothing.")


def _search(client: Client, flags: argparse.Namespace, screen: Screen) -> None:
    room = None if flags.room is None else read_room(flags.room)
    words = " ".join(flags.words)
    page = client.search(words, room=room, from_=flags.from_, since=flags.since)
    _write_page(page, flags.json)
    if page.more:
        screen.tell("There are more; these are the newest. Add words to narrow.")
    elif not page.messages:
        screen.tell("Nothing was found.")


def _mail(client: Client, flags: argparse.Namespace, screen: Screen) -> None:
    page = client.mail(flags.number)
    _write_page(page, flags.json)
    if not page.messages:
        screen.tell("There are no private messages.")


def _who(client: Client, flags: argparse.Namespace, screen: Screen) -> None:
    room = "lobby" if flags.room is None else read_room(flags.room)
    _write_rows(client.command("who", room=room), "who", flags)


def _rooms(client: Client, flags: argparse.Namespace, screen: Screen) -> None:
    _write_rows(client.command("rooms"), "rooms", flags)


def _export(client: Client, flags: argparse.Namespace, screen: Screen) -> None:
    try:
        for record in client.export():
            write_json(record)
    except Ended:
        screen.tell("What was written is not whole.")
        raise


def _write_page(page: Page, is_json: bool) -> None:
    for message in page:
        write_message(message, is_json)


def _write_rows(answer: Answer, command: str, flags: argparse.Namespace) -> None:
    if flags.json:
        for row in answer.rows:
            write_json({"v": RECORD_VERSION, "type": _TYPES[command], **row})
        return
    clock = ReaderClock(flags.clock or hours_of_locale())
    try:
        text = text_of(command, answer.rows, clock)
    except (LookupError, TypeError, ValueError):  # another server's rows
        text = ""
    write(clean_text(text or answer.text))
