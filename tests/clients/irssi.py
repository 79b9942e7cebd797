"""irssi in a real terminal: what its screen shows counts."""

import os
import re
import threading

import pexpect
import pyte

from tests.clients.program import LAST, Abilities, Door, Program
from tests.harness import PASSWORD, PATIENCE, at_end

ROWS, COLUMNS = 400, 250
"""A window in which nothing scrolls away, and hardly a line is broken."""
CONFIG = """
servers = ({{
  address = "127.0.0.1"; chatnet = "chat"; port = "{port}"; autoconnect = "yes";
  use_tls = "yes"; tls_verify = "no"; tls_pinned_cert = "{pin}"; tls_pinned_pubkey = "{key}";
}});
chatnets = {{ chat = {{
  type = "IRC"; nick = "{name}";
  sasl_mechanism = "PLAIN"; sasl_username = "{name}"; sasl_password = "{password}";
}}; }};
settings = {{
  core = {{ real_name = "{name}"; user_name = "{name}"; nick = "{name}";
            server_reconnect_time = "1s"; }};
  "irc/core" = {{ cmd_queue_speed = "1msec"; }};
  "fe-common/core" = {{ autocreate_windows = "no"; autocreate_query_level = "NONE";
                        show_names_on_join = "no"; }};
  "fe-text" = {{ paste_verify_line_count = "0"; }};
}};
ignores = ();
"""


def colons(digest: str) -> str:
    """Write a fingerprint as irssi wants it."""
    return ":".join(re.findall("..", digest.upper()))


class Irssi(Program):
    """irssi under a person's hands; all rooms are in one window."""

    can = Abilities(Door.PINNED)
    needs = ("irssi",)

    def begin(self) -> None:
        (self.folder / "config").write_text(
            CONFIG.format(
                port=self.address.port,
                pin=colons(self.address.digest("sha256")),
                key=colons(self.address.key_digest()),
                name=self.name,
                password=PASSWORD,
            )
        )
        self._screen = pyte.Screen(COLUMNS, ROWS)
        self._stream = pyte.Stream(self._screen)
        self._terminal = pexpect.spawn(
            "irssi",
            [f"--home={self.folder}"],
            env={**os.environ, "TERM": "xterm-256color", "LC_ALL": "C.UTF-8"},
            encoding="utf-8",
            codec_errors="replace",
            dimensions=(ROWS, COLUMNS),
        )
        self._terminal.delaybeforesend = None
        self._terminal.ptyproc.delayafterclose = self._terminal.ptyproc.delayafterterminate = 0
        reader = threading.Thread(target=self._read)
        reader.start()

        def end() -> None:
            self._terminal.kill(9)
            reader.join(PATIENCE)
            self._terminal.close()

        at_end.append(end)

    def lines(self) -> list[str]:
        # Above is the topic, below the state of the window and what is typed.
        return [row.rstrip() for row in self._screen.display[1:-2] if row.strip()]

    def wait_until_in(self) -> None:
        self.shows("SASL authentication succeeded")
        self.shows(LAST)

    def wait_until_joined(self, room: str, since: int = 0) -> None:
        self.shows(rf"{self.name} .*has joined {room}\b", since)

    def raw(self, line: str) -> None:
        self._type(f"/quote {line}")

    def say(self, target: str, text: str) -> None:
        self._type(f"/msg {target} {text}")

    def me(self, room: str, text: str) -> None:
        self._type(f"/action {room} {text}")

    def topic(self, room: str, text: str) -> None:
        self._type(f"/topic {room} {text}")

    def away(self, text: str) -> None:
        self._type(f"/away {text}".rstrip())

    def kick(self, room: str, name: str, why: str) -> None:
        self._type(f"/kick {room} {name} {why}")

    def ban(self, room: str, name: str) -> None:
        self._type(f"/ban {room} {name}!*@*")

    def names(self, room: str) -> set[str]:
        before = self.count("End of /NAMES") + self.count(f"{room}: Total of")
        self._type(f"/names {room}")
        self.wait(lambda: self.count(f"{room}: Total of") > before, "the names")
        with self.news:
            rows = self.lines()
        start = max(i for i, row in enumerate(rows) if f"[Users {room}]" in row)
        found: set[str] = set()
        for row in rows[start + 1 :]:
            if "Total of" in row:
                break
            found |= {one.strip() for one in re.findall(r"\[([^\]]*)\]", row)}
        return found

    def _type(self, text: str) -> None:
        self._terminal.send(text + "\r")

    def _read(self) -> None:
        while True:
            try:
                text = self._terminal.read_nonblocking(65536, None)
            except (pexpect.EOF, ValueError, OSError):
                return
            with self.news:
                self._stream.feed(text)
                self.news.notify_all()
