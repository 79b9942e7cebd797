"""An IRC client under somebody's hands: what all of them can be told, and what they have shown."""

import abc
import hashlib
import re
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import ClassVar

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.harness import PASSWORD, PATIENCE, ServerProcess

LAST = "End of|MOTD|essage of the day"
"""What the server says last at a login."""


class Door(Enum):
    """How a program comes to the server."""

    PINNED = "TLS, the certificate is pinned"
    UNPINNED = "TLS, a library that pins nothing"
    TUNNEL = "TLS by socat in front of it"
    PLAIN = "plain text"


@dataclass(frozen=True)
class Abilities:
    """What a program can do, and cannot.

    :param door: how it comes in.
    :param returns: it connects again by itself.
    :param history: it asks for what it missed (CHATHISTORY); else the server shows it.
    :param all_shown: also invitations, refusals, and that it has left a room itself.
    """

    door: Door
    returns: bool = True
    history: bool = False
    all_shown: bool = True


@dataclass(frozen=True)
class Address:
    """Where the server is, and what its certificate is known by."""

    port: int
    certificate: Path

    @classmethod
    def of(cls, server: ServerProcess) -> "Address":
        """Return that of a running server."""
        return cls(server.port, server.data_dir / "tls" / "cert.pem")

    def digest(self, algorithm: str) -> str:
        """Return the fingerprint of the certificate, in hexadecimal digits."""
        der = ssl.PEM_cert_to_DER_cert(self.certificate.read_text("ascii"))
        return hashlib.new(algorithm, der).hexdigest()

    def key_digest(self) -> str:
        """Return the fingerprint of the certificate's key, which a new certificate may keep."""
        certificate = x509.load_pem_x509_certificate(self.certificate.read_bytes())
        der = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return hashlib.sha256(der).hexdigest()


class Program(abc.ABC):
    """A client of others, which logs in by itself; see :meth:`wait_until_in`.

    One thread, the test's, may call the methods; another one, the program's reader, adds what is
    shown.

    :param name: of the account and of the nick.
    :param folder: for its files; made by this.
    """

    can: ClassVar[Abilities]
    password: ClassVar[str] = PASSWORD
    needs: ClassVar[tuple[str, ...]] = ()
    """Programs that have to be installed."""

    def __init__(self, name: str, address: Address, folder: Path) -> None:
        folder.mkdir(parents=True)
        self.name = name
        self.address = address
        self.folder = folder
        self.news = threading.Condition()
        self.is_steady = True
        self._lines: list[str] = []
        self.begin()

    @abc.abstractmethod
    def begin(self) -> None:
        """Start it, and let it log in."""

    @abc.abstractmethod
    def wait_until_in(self) -> None:
        """Wait until it is logged in."""

    @abc.abstractmethod
    def raw(self, line: str) -> None:
        """Let it send a line as it is."""

    @abc.abstractmethod
    def say(self, target: str, text: str) -> None:
        """Say something in a room, or to a person alone."""

    @abc.abstractmethod
    def names(self, room: str) -> set[str]:
        """Return who is in a room, as the program says it: with ``@`` who runs it."""

    def join(self, room: str) -> None:
        """Join a room, and wait until the program shows it."""
        self.raw(f"JOIN {room}")
        self.wait_until_joined(room)

    def wait_until_joined(self, room: str, since: int = 0) -> None:
        """Wait until the program shows that it is in a room."""
        self.shows(rf"{self.name}\b.*JOIN :?{room}\b", since)

    def wait_until_steady(self) -> None:
        """Wait until it would come back after a loss."""
        self.wait(lambda: self.is_steady, "that it would come back")

    def come_back(self) -> None:
        """Start it again after a loss, where it does not come back by itself."""
        self.begin()

    def me(self, room: str, text: str) -> None:
        """Do something, as /me says it."""
        self.raw(f"PRIVMSG {room} :\x01ACTION {text}\x01")

    def topic(self, room: str, text: str) -> None:
        """Set a topic."""
        self.raw(f"TOPIC {room} :{text}")

    def away(self, text: str) -> None:
        """Go away, with a text for others; or come back, with an empty one."""
        self.raw(f"AWAY :{text}" if text else "AWAY")

    def kick(self, room: str, name: str, why: str) -> None:
        """Remove somebody from a room."""
        self.raw(f"KICK {room} {name} :{why}")

    def ban(self, room: str, name: str) -> None:
        """Ban somebody from a room."""
        self.raw(f"MODE {room} +b {name}!*@*")

    # -- what it has shown -------------------------------------------------------------------------

    def add(self, line: str) -> None:
        """Take a line that it shows; its reader's thread."""
        with self.news:
            self._lines.append(line)
            self.news.notify_all()

    def lines(self) -> list[str]:
        """Return all lines that it shows."""
        return self._lines

    def mark(self) -> int:
        """Return from where on the next lines are."""
        with self.news:
            return len(self.lines())

    def shows(self, pattern: str, since: int = 0) -> str:
        """Wait until a line matches; return it."""
        compiled = re.compile(pattern)
        found: list[str] = []

        def come() -> bool:
            found[:] = [line for line in self.lines()[since:] if compiled.search(line)]
            return bool(found)

        self.wait(come, repr(pattern))
        return found[0]

    def hears(self, sender: str, text: str) -> str:
        """Wait until it shows a message; return the line."""
        return self.shows(rf"\b{re.escape(sender)}\b.*{re.escape(text)}")

    def hears_alone(self, sender: str, text: str) -> str:
        """Wait until it shows a private message; return the line."""
        return self.hears(sender, text)

    def count(self, text: str) -> int:
        """Return how many lines hold a text."""
        with self.news:
            return sum(text in line for line in self.lines())

    def wait(self, is_so: Callable[[], bool], what: str) -> None:
        """Wait until something is so; ``is_so`` is asked with each line, while no other comes."""
        with self.news:
            assert self.news.wait_for(is_so, PATIENCE), (
                f"{self.name} does not show {what}; last: " + "\n".join(self.lines()[-40:])
            )
