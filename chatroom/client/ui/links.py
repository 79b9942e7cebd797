"""Addresses of web pages in what is shown: found, made hyperlinks of, and opened."""

import re
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from urllib.parse import urlsplit

from chatroom.client.ui.programs import run

_LIKE_A_LINK = re.compile(r"(?<![\w+.-])https?://[!-~]+", re.IGNORECASE)
_LONGEST = 2000
_REMEMBERED = 50
_STOPS = ".,;:!?'\"*_>`"
_BRACKETS = {")": "(", "]": "[", "}": "{"}
_OPENER = "import sys, webbrowser; sys.exit(not webbrowser.open(sys.argv[1]))"

Fragments = Sequence[tuple[str, str]]


def find(text: str) -> list[tuple[int, int]]:
    """Return where the addresses of pages stand in a text: begin and end of each.

    Only whole and well-formed ones with http or https: what is opened is what is read. The stop of
    a sentence, and a bracket around an address, are none of it.
    """
    if "://" not in text:
        return []
    found = []
    for match in _LIKE_A_LINK.finditer(text):
        begin, end = match.span()
        if end < len(text) and text[end].isalnum():  # it goes on in another script
            continue
        end = begin + len(_without_stops(match[0]))
        if end - begin <= _LONGEST and _is_sound(text[begin:end]):
            found.append((begin, end))
    return found


def _without_stops(address: str) -> str:
    while address:
        last = address[-1]
        opens = _BRACKETS.get(last)
        is_around = opens is not None and address.count(last) > address.count(opens)
        if last not in _STOPS and not is_around:
            break
        address = address[:-1]
    return address


def _is_sound(address: str) -> bool:
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        return False
    has_user = "@" in parts.netloc  # reads like another host
    host = parts.hostname or ""
    is_host = re.fullmatch(r"[0-9a-z._-]+|[0-9a-f:.]+", host) is not None
    return is_host and not has_user and port != 0 and not set('<>"\\^`{|}') & set(address)


def addresses(texts: Iterable[str]) -> set[str]:
    """Return the addresses that stand in texts."""
    return {text[begin:end] for text in texts for begin, end in find(text)}


def linked(fragments: Fragments, whole: set[str]) -> list[tuple[str, str]]:
    """Return styled fragments with hyperlinks (OSC 8) around the addresses in them.

    What is between the sequences is the address itself, and it holds printable ASCII only.

    :param fragments: clean ones.
    :param whole: the addresses that stood there before rows were cut: a piece of one is no link.
    """
    made: list[tuple[str, str]] = []
    for style, text in fragments:
        at = 0
        for begin, end in find(text):
            address = text[begin:end]
            if address not in whole:
                continue
            made += [(style, text[at:begin]), (_RAW, f"\x1b]8;;{address}\x1b\\")]
            made += [(style, address), (_RAW, "\x1b]8;;\x1b\\")]
            at = end
        made.append((style, text[at:]))
    return made


_RAW = "[ZeroWidthEscape]"
"""What prompt_toolkit sends as it is."""


class Links:
    """The last addresses that were shown. The receiving thread hears, the main thread asks.

    :param program: opens an address, with its first arguments; empty: the system's browser.
    """

    def __init__(self, program: Sequence[str] = ()) -> None:
        self._program = list(program) or [sys.executable, "-I", "-c", _OPENER]
        self._is_own = bool(program)
        # Guards the addresses; nothing is taken under it.
        self._remembering = threading.Lock()
        self._shown: deque[str] = deque(maxlen=_REMEMBERED)

    def hear(self, text: str) -> None:
        """Remember the addresses of a text that is shown."""
        for begin, end in find(text):
            address = text[begin:end]
            with self._remembering:
                if address in self._shown:
                    self._shown.remove(address)
                self._shown.append(address)

    def last(self, number: int) -> str:
        """Return an address, 1 for the last one that was shown; empty: there are not so many."""
        with self._remembering:
            return self._shown[-number] if 0 < number <= len(self._shown) else ""

    def open(self, address: str, tell: Callable[[str], None]) -> None:
        """Open an address of :meth:`last`; ``tell`` is told when that fails, from any thread."""

        def failed(why: str) -> None:
            what = "The program for links" if self._is_own else "The browser"
            tell(f'{what} {why}. The settings file may name one: open = ["firefox"]')

        run([*self._program, address], failed)
