"""ii and sic: programs that know no capabilities at all; what is plain IRC has to do for them."""

import functools
import os
import pty
import re
import subprocess
import termios
import threading
from pathlib import Path
from typing import Any

from tests.clients.files import Filer
from tests.clients.program import LAST, Abilities, Door, Program
from tests.harness import at_end, started

NO_SPACE = "correct-horse"
"""Both send PASS without a colon, so what follows a space would be lost."""


class Ii(Filer):
    """ii: files and pipes. It connects to a socket, behind which socat speaks TLS."""

    can = Abilities(Door.TUNNEL, returns=False, all_shown=False)
    password = NO_SPACE
    needs = ("ii", "socat")

    def begin(self) -> None:
        super().begin()
        self._folders = self.folder / "irc" / "localhost"
        self.follow("")
        self.come_back()

    def come_back(self) -> None:
        door, pem = self.folder / "door", self.address.certificate
        tunnel = f"OPENSSL:127.0.0.1:{self.address.port},cafile={pem},commonname=chatroom"
        socat = started(
            ("socat", "-d", "-d", f"UNIX-LISTEN:{door}", tunnel), stderr=subprocess.PIPE
        )
        assert socat.stderr
        while b"listening on" not in socat.stderr.readline():
            pass
        words = ("ii", "-s", "localhost", "-u", door, "-i", self.folder / "irc", "-n", self.name)
        secret = {**os.environ, "SECRET": f"{self.name}:{self.password}"}
        quiet = subprocess.DEVNULL
        started((*words, "-k", "SECRET", "-f", self.name), env=secret, stdout=quiet, stderr=quiet)

    def wait_until_in(self) -> None:
        self.shows(LAST)

    def raw(self, line: str) -> None:
        self._type("", f"/{line}")

    def say(self, target: str, text: str) -> None:
        if (self._folders / target / "in").exists():
            self._type(target, text)
        else:
            self.raw(f"PRIVMSG {target} :{text}")

    def away(self, text: str) -> None:
        self._type("", f"/a {text}" if text else "/AWAY")

    def topic(self, room: str, text: str) -> None:
        self._type(room, f"/t {text}")

    def join(self, room: str) -> None:
        self._type("", f"/j {room}")
        self.wait_until_joined(room)

    def names(self, room: str) -> set[str]:
        since = self.mark()
        self.raw(f"NAMES {room}")
        self.shows(rf"{re.escape(room)} .*End of", since)
        with self.news:
            rows = [row for row in self.lines()[since:] if f"= {room} " in row]
        return {name for row in rows for name in row.partition(f"= {room} ")[2].split()}

    def file_of(self, target: str) -> Path:
        return self._folders / target / "out"

    def _type(self, target: str, text: str) -> None:
        with (self._folders / target / "in").open("w") as pipe:
            pipe.write(text + "\n")


class Sic(Program):
    """sic: standard input and output, and nothing between them and the server."""

    can = Abilities(Door.PLAIN, returns=False)
    password = NO_SPACE
    needs = ("sic",)

    def begin(self) -> None:
        port = str(self.address.port)
        words = ("sic", "-h", "127.0.0.1", "-p", port, "-n", self.name)
        # A terminal gives it line by line: what else came at once it would leave lying.
        self._keys, inside = pty.openpty()
        at_end.append(functools.partial(os.close, self._keys))
        way = termios.tcgetattr(inside)
        way[3] &= ~termios.ECHO
        termios.tcsetattr(inside, termios.TCSANOW, way)
        process = started(
            (*words, "-k", f"{self.name}:{self.password}"),
            stdin=inside,
            stdout=subprocess.PIPE,
            text=True,
        )
        os.close(inside)

        def read(stream: Any) -> None:
            for line in stream:
                self.add(line.rstrip("\n"))

        threading.Thread(target=read, args=(process.stdout,), daemon=True).start()

    def wait_until_in(self) -> None:
        self.shows(LAST)

    def raw(self, line: str) -> None:
        os.write(self._keys, f":{line}\n".encode())

    def say(self, target: str, text: str) -> None:
        self.raw(f"m {target} {text}")

    def join(self, room: str) -> None:
        self.raw(f"j {room}")
        self.wait_until_joined(room)

    def wait_until_joined(self, room: str, since: int = 0) -> None:
        self.shows(rf"{self.name}\b.*JOIN \({room}\)", since)

    def names(self, room: str) -> set[str]:
        since = self.mark()
        self.raw(f"NAMES {room}")
        self.shows(rf"{re.escape(room)}.*End of", since)
        with self.news:
            rows = [row for row in self.lines()[since:] if f"= {room}" in row]
        return {name for row in rows for name in row.partition(f"= {room}): ")[2].split()}
