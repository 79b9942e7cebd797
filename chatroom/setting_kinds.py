"""Kinds of settings: what is allowed, in words, and what makes a value of a text. Pure; any thread.

Each ``parse`` raises ``ValueError`` for what is not allowed.
"""

import ipaddress
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from chatroom.addresses import Range, range_of
from chatroom.errors import UserError
from chatroom.sentences import WELCOME
from chatroom.text import clean_line

Kind = tuple[str, Callable[[str], Any]]


def whole(least: int, most: int) -> Kind:
    def parse(text: str) -> int:
        value = int(text)
        if not least <= value <= most:
            raise ValueError
        return value

    return f"a whole number from {least} to {most}", parse


def number(least: float, most: float) -> Kind:
    def parse(text: str) -> float:
        value = float(text)
        if not least <= value <= most:  # false for nan, too
            raise ValueError
        return value

    return f"a number from {least:g} to {most:g}", parse


def power_of_two(least: int, most: int) -> Kind:
    def parse(text: str) -> int:
        value = int(text)
        if not least <= value <= most or value & (value - 1):
            raise ValueError
        return value

    return f"a power of two from {least} to {most}", parse


def choice(*words: str) -> Kind:
    def parse(text: str) -> str:
        if text not in words:
            raise ValueError
        return text

    return "one of " + ", ".join(words), parse


def path() -> Kind:
    def parse(text: str) -> Path:
        if not text or "\0" in text:
            raise ValueError
        return Path(text)

    return "a path", parse


def yes_or_no() -> Kind:
    def parse(text: str) -> bool:
        word = text.lower()
        if word not in ("yes", "no", "on", "off", "true", "false", "1", "0"):
            raise ValueError
        return word in ("yes", "on", "true", "1")

    return "yes or no", parse


def room_name(text: str) -> str:
    # That word tells scripts that the login went well, so the greeting before it may not say it.
    is_clean = clean_line(text) == text and "\t" not in text
    if not 1 <= len(text) <= 60 or not is_clean or WELCOME.lower() in text.lower():
        raise ValueError
    return text


def origins() -> Kind:
    def parse(text: str) -> tuple[str, ...]:
        found = tuple(one.strip().lower() for one in text.split(","))
        if not all(re.fullmatch(r"https?://[a-z0-9.\[\]:-]{1,253}", one) for one in found):
            raise ValueError(text)
        return found

    return "addresses such as https://chat.example.org, separated by commas", parse


def server_name(text: str) -> str:
    """Return the name of a server as IRC has it: a host name (RFC 2812, section 2.3.1)."""
    if not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,61}[A-Za-z0-9])?", text):
        raise ValueError(text)
    return text


def host(text: str) -> str:
    if not text.isprintable() or not text or any(c.isspace() for c in text):
        raise ValueError
    return text


class Endpoint(NamedTuple):
    """Where a server listens."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def endpoints() -> Kind:
    def parse(text: str) -> tuple[Endpoint, ...]:
        return tuple(map(_endpoint, text.split(","))) if text else ()

    return "addresses with ports such as 0.0.0.0:9797,[::1]:6697", parse


def _endpoint(text: str) -> Endpoint:
    where, colon, number = text.strip().rpartition(":")
    is_bracketed = where.startswith("[") and where.endswith("]")
    if not colon or (":" in where and not is_bracketed):
        raise ValueError
    return Endpoint(host(where[1:-1] if is_bracketed else where), whole(0, 65535)[1](number))


_ENGINES = (
    *("redis://", "rediss://", "unix://"),
    *("redis+sentinel://", "rediss+sentinel://", "redis+cluster://", "rediss+cluster://"),
)


def is_engine(text: str) -> bool:
    """Tell whether a text looks like the address of an engine."""
    return text.startswith(_ENGINES) and not any(c.isspace() for c in text)


def engine(text: str) -> str:
    if text and not is_engine(text):
        raise ValueError
    return text


def metrics_address(text: str) -> str:
    scheme, _, path = text.partition(":")
    if scheme == "unix" and path and "\0" not in path:
        return text
    name, _, port = text.rpartition(":")
    whole(0, 65535)[1](port)
    return host(name) and text


def ranges() -> Kind:
    def parse(text: str) -> tuple[Range, ...]:
        try:
            found = tuple(range_of(one.strip()) for one in text.split(",")) if text else ()
        except UserError:
            raise ValueError from None
        for one in text.split(",") if text else ():
            ipaddress.ip_network(one.strip())  # refuses bits behind the prefix: a slip trusts many
        return found

    return "ranges of addresses such as 192.0.2.7/32,2001:db8::/64", parse


_PASSWORD = re.compile(r"(://[^/@:]*:)[^/@]*@")


def shown(value: Any) -> str:
    """Return a value as people write it; a password in an address is hidden."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return ",".join(map(str, value)) or "none"
    if value in ("", None):
        return "none"
    if isinstance(value, float):
        return f"{value:g}"
    return _PASSWORD.sub(r"\1***@", str(value))
