"""Bots and web clients: libraries of others, told by lines of JSON at a pipe, and answering so.

An order is ``{"order", "words", "number"}``. What comes back is ``{"event": …}``: ``line``, what
the server sent, as the library gives it; ``message``, as the library has read it; ``in``, it is
logged in; ``steady``, it would come back after a loss; ``answer`` to an order.
"""

import json
import os
import re
import subprocess
import threading
from pathlib import Path
from typing import Any, ClassVar

from tests.clients.program import Abilities, Door, Program
from tests.harness import PASSWORD, ROOT, started

MADE = ROOT / ".venv-clients"
"""What `make test-clients` installs."""
SCRIPTS = Path(__file__).parent / "bots"


class Bot(Program):
    """A library and a script that hands on what it is told."""

    words: ClassVar[tuple[str, ...]]

    def begin(self) -> None:
        self._answers: dict[int, Any] = {}
        self.is_steady = self._is_in = False
        settings = {
            "port": self.address.port,
            "name": self.name,
            "password": PASSWORD,
            "sha256": self.address.digest("sha256"),
            "sha512": self.address.digest("sha512"),
        }
        modules = str(MADE / "node" / "node_modules")
        self._process = started(
            self.command(),
            cwd=self.folder,
            env={**os.environ, "BOT": json.dumps(settings), "NODE_PATH": modules},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            bufsize=1,
        )
        threading.Thread(target=self._read, args=(self._process.stdout,), daemon=True).start()

    def command(self) -> tuple[str, ...]:
        """Return its command line."""
        return self.words

    def wait_until_in(self) -> None:
        self.wait(lambda: self._is_in, "its login")

    def raw(self, line: str) -> None:
        self._order("raw", line)

    def say(self, target: str, text: str) -> None:
        self._order("say", target, text)

    def me(self, room: str, text: str) -> None:
        self._order("me", room, text)

    def join(self, room: str) -> None:
        self._order("join", room)
        self.wait_until_joined(room)

    def topic(self, room: str, text: str) -> None:
        self._order("topic", room, text)

    def kick(self, room: str, name: str, why: str) -> None:
        self._order("kick", room, name, why)

    def ban(self, room: str, name: str) -> None:
        self._order("ban", room, name)

    def names(self, room: str) -> set[str]:
        return set(self._order("names", room))

    def _order(self, order: str, *words: str) -> Any:
        number = len(self._answers) + 1
        said = {"order": order, "words": words, "number": number}
        assert self._process.stdin
        self._process.stdin.write(json.dumps(said) + "\n")
        self.wait(lambda: number in self._answers, f"an answer to {said}")
        return self._answers[number]

    def _read(self, stream: Any) -> None:
        for line in stream:
            try:
                said = json.loads(line)
            except ValueError:
                self.add(line.rstrip("\n"))
                continue
            if said["event"] == "message":
                self.add("<{from}> {to}: {text}".format(**said))
            elif said["event"] != "line":
                with self.news:
                    self._is_in |= said["event"] == "in"
                    self.is_steady |= said["event"] == "steady"
                    if said["event"] == "answer":
                        self._answers[said["number"]] = said["value"]
                    self.news.notify_all()
            elif not re.search(r"^(@\S+ )?:\S+ (PRIVMSG|NOTICE) ", said["line"]):
                self.add(said["line"].strip())


def python(environment: str) -> str:
    """Return the Python of a virtual environment."""
    return str(MADE / environment / "bin" / "python")


class Framework(Bot):
    """irc-framework."""

    can = Abilities(Door.UNPINNED)
    needs = ("node", str(MADE / "node" / "node_modules"))
    words = ("node", str(SCRIPTS / "framework.js"))


class Robots(Bot):
    """ircrobots."""

    can = Abilities(Door.PINNED, history=True)
    needs = (python("ircrobots"),)
    words = (python("ircrobots"), str(SCRIPTS / "robots.py"))


class Pydle(Bot):
    """pydle."""

    can = Abilities(Door.UNPINNED)
    needs = (python("pydle"),)
    words = (python("pydle"), str(SCRIPTS / "by_pydle.py"))


class Limnoria(Bot):
    """Limnoria, with a plugin."""

    can = Abilities(Door.PINNED)
    needs = (str(MADE / "limnoria" / "bin" / "limnoria"),)

    def command(self) -> tuple[str, ...]:
        network = {
            "servers": f"127.0.0.1:{self.address.port}",
            "ssl": "True",
            "ssl.serverFingerprints": self.address.digest("sha256"),
            "sasl.username": self.name,
            "sasl.password": PASSWORD,
            "sasl.mechanisms": "plain",
            "sasl.required": "True",
        }
        settings = {
            "nick": self.name,
            "networks": "chat",
            **{f"networks.chat.{key}": value for key, value in network.items()},
            "directories.plugins": str(SCRIPTS / "limnoria"),
            "plugins": "Bridge",
            "plugins.Bridge": "True",
            "drivers.minReconnectWait": "1.0",
            "log.stdout": "False",
            "protocols.irc.throttleTime": "0.0",
            "abuse.flood.command": "False",
            "flush": "False",
        }
        lines = [f"supybot.{key}: {value}\n" for key, value in settings.items()]
        (self.folder / "bot.conf").write_text("".join(lines))
        return (self.needs[0], "--allow-root", "bot.conf")
