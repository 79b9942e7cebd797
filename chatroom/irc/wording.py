"""Sentences of the server as IRC clients are told them: NOTICEs, with commands as they type them.

Any thread.
"""

import re
from collections.abc import Callable, Iterator
from functools import cache, partial

from chatroom.commands.registry import Registry
from chatroom.irc.grammar import BODY_BYTES, format_line, split_text
from chatroom.text import clean_line, clean_text

NICK = "server"
"""The nick that takes the commands, see ``service``. Nobody's name: it is reserved."""
_TYPED = re.compile(r"(?<![\w/:.])/([a-z][a-z-]*)(?![\w/])")
_JOIN = re.compile(r"(?<![\w/:.])/join (?=\w)")
_NATIVE = {
    **{name: f"/{name}" for name in ("join", "me", "topic", "whois")},
    "messageto": "/msg",
    "leave": "/part",
    "disconnect": "/quit",
}
"""Commands that every IRC client has, with its word for them."""


def as_typed(registry: Registry, text: str) -> str:
    """Return a sentence with the commands in it as they are typed by IRC."""

    def typed(found: re.Match[str]) -> str:
        name = registry.name_of(found[1])
        return _NATIVE.get(name, f"/msg {NICK} {found[1]}") if name else found[0]

    return _TYPED.sub(typed, _JOIN.sub("/join #", text)) if "/" in text else text


@cache
def wording_of(registry: Registry) -> Callable[[str], str]:
    """Return :func:`as_typed` for a table of commands; one for all sessions."""
    return partial(as_typed, registry)


def as_it_is(text: str) -> str:
    """Return a sentence as it is."""
    return text


def notice_lines(source: str, nick: str, text: str) -> Iterator[str]:
    """Return sentences as NOTICEs without their ends, one for each line that fits.

    :param source: who says it.
    :param nick: to whom.
    """
    head = format_line("NOTICE", nick, source=source) + " :"
    room = BODY_BYTES - len(head.encode())
    for line in filter(str.strip, clean_text(text).split("\n")):
        for piece in split_text(clean_line(line), room):
            yield head + piece
