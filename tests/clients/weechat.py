"""weechat-headless: told by its pipe, read from its logs."""

import os
import re
import subprocess
from pathlib import Path

from tests.clients.files import Filer
from tests.clients.program import LAST, Abilities, Door
from tests.harness import PASSWORD, started


class Weechat(Filer):
    """weechat, without a screen."""

    can = Abilities(Door.PINNED)
    needs = ("weechat-headless",)

    def begin(self) -> None:
        super().begin()
        pipe = self.folder / "pipe"
        server = {
            "addresses": f"127.0.0.1/{self.address.port}",
            "ssl": "on",  # "tls" and "tls_fingerprint" from 4.0 on
            "ssl_fingerprint": self.address.digest("sha256"),
            "sasl_mechanism": "plain",
            "sasl_username": self.name,
            "sasl_password": PASSWORD,
            "nicks": self.name,
            "autoreconnect_delay": "1",
            "anti_flood_prio_high": "0",
            "anti_flood_prio_low": "0",
        }
        options = {
            "fifo.file.path": str(pipe),
            "logger.file.path": str(self.folder),
            "logger.file.flush_delay": "0",
            "logger.look.backlog": "0",
            "weechat.look.prefix_join": "-->",
            "irc.look.smart_filter": "off",
            "irc.network.ban_mask_default": "$nick!*@*",
        }
        words = ["weechat-headless", "--dir", str(self.folder)]
        for option, value in options.items():
            words += ["-r", f'/set {option} "{value}"']
        words += ["-r", f"/server add chat 127.0.0.1/{self.address.port}"]
        for option, value in server.items():
            words += ["-r", f'/set irc.server.chat.{option} "{value}"']
        words += ["-r", "/fifo enable", "-r", "/connect chat"]
        self.follow("")
        quiet = subprocess.DEVNULL
        kept = {**os.environ, "LC_ALL": "C.UTF-8", "TZ": "UTC", "HOME": str(self.folder)}
        started(words, stdin=quiet, stdout=quiet, stderr=quiet, env=kept)
        self._pipe = pipe

    def wait_until_in(self) -> None:
        self.shows(LAST)

    def file_of(self, target: str) -> Path:
        buffer = f"chat.{target}" if target else "server.chat"
        return self.folder / f"irc.{buffer}.weechatlog"

    def raw(self, line: str) -> None:
        self._type("server.chat", f"/quote {line}")

    def say(self, target: str, text: str) -> None:
        self._type("server.chat", f"/msg {target} {text}")

    def me(self, room: str, text: str) -> None:
        self._type(f"chat.{room}", f"/me {text}")

    def topic(self, room: str, text: str) -> None:
        self._type(f"chat.{room}", f"/topic {text}")

    def away(self, text: str) -> None:
        self._type("server.chat", f"/away {text}".rstrip())

    def kick(self, room: str, name: str, why: str) -> None:
        self._type(f"chat.{room}", f"/kick {name} {why}")

    def ban(self, room: str, name: str) -> None:
        self._type(f"chat.{room}", f"/ban {name}")

    def names(self, room: str) -> set[str]:
        since = self.mark()
        self._type(f"chat.{room}", "/names")
        line = self.shows(rf"Nicks {re.escape(room)}: \[.*\]", since)
        return set(line.partition("[")[2].rpartition("]")[0].split())

    def _type(self, buffer: str, text: str) -> None:
        with self._pipe.open("w") as pipe:
            pipe.write(f"irc.{buffer} *{text}\n")
