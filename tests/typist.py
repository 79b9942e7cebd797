"""Somebody at the client's prompt: a real terminal, and a screen that shows what it was sent."""

import os
import re
import signal
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

import pexpect
import pyte

from tests.harness import PASSWORD, PATIENCE, ROOT

_ESCAPES = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[()].|[=>78]|\][^\x07\x1b]*(?:\x07|\x1b\\)"
    r"|P(?:\x1b\x1b|[^\x1b])*\x1b\\)"
)
_STRANGE = (
    *("CHATROOM_", "ALACRITTY_", "GHOSTTY_", "ITERM_", "KITTY_", "KONSOLE_", "LC_TERMINAL"),
    *("NO_COLOR", "STY", "TERM_PROGRAM", "TMUX", "VTE_", "WEZTERM_", "WT_SESSION"),
)
"""What the terminal that the tests run in has put into the environment."""
PASTE, PASTED = "\x1b[200~", "\x1b[201~"


class Typist:
    """The client under a person's hands.

    :param flags: of the client.
    :param shell: begin with a shell; the client is started in it.
    :param environment: of the client, besides the usual.
    :param command: what is typed in the shell to start the client, where it is not the usual one.
    """

    def __init__(
        self,
        folder: Path,
        port: int,
        *flags: str,
        shell: bool = False,
        environment: Mapping[str, str] = MappingProxyType({}),
        command: str = "",
    ) -> None:
        folder.mkdir(exist_ok=True)
        kept = {k: v for k, v in os.environ.items() if not k.startswith(_STRANGE)}
        logs = ("--log-dir", str(folder / "logs"))
        client = [str(ROOT / "chatroom_client.py"), "127.0.0.1", str(port), *logs, *flags]
        program, words = sys.executable, client
        if shell:
            program, words = "/bin/bash", ["--norc", "-i"]
            kept["PS1"] = "shell$ "
        self.file = folder / "chatroom" / "history"
        self.raw = ""
        """What the terminal was sent, escape sequences and all."""
        self.terminal = pexpect.spawn(
            program,
            words,
            env={**kept, "TERM": "xterm-256color", "XDG_CONFIG_HOME": str(folder), **environment},
            encoding="utf-8",
            timeout=PATIENCE,
            dimensions=(40, 100),
        )
        self.terminal.delaybeforesend = None
        self.terminal.ptyproc.delayafterclose = self.terminal.ptyproc.delayafterterminate = 0
        self._screen = pyte.Screen(100, 40)
        self._stream = pyte.Stream(self._screen)
        self._tail = self._shown = ""
        if shell:
            self.type((command or " ".join((sys.executable, *client))) + "\r")

    def type(self, text: str) -> None:
        """Press keys; "\\r" is Enter."""
        self.terminal.send(text)

    def sees(self, text: str) -> str:
        """Wait for a text on the screen, whatever its colours; return what came before it."""
        self._wait(lambda: text in self._shown, f"{text!r} to come")
        before, _, self._shown = self._shown.partition(text)
        return before

    def waits_for(self, is_so: Callable[[list[str]], bool]) -> list[str]:
        """Wait until the rows of the screen are as they should be, and return them."""
        self._wait(lambda: is_so(self.rows() or [""]), "the screen to be right")
        return self.rows()

    def rows(self) -> list[str]:
        """Return the rows that the screen shows, without empty ones."""
        return [row.rstrip() for row in self._screen.display if row.strip()]

    def styled(self) -> list[list[tuple[str, str]]]:
        """Return the rows that the screen shows, each as texts with their styles."""
        rows = []
        for number, shown in enumerate(self._screen.display):
            if not shown.strip():
                continue
            cells = self._screen.buffer[number]
            row = [(cells[x].data, _style(cells[x])) for x in range(self._screen.columns)]
            while row and not row[-1][0].strip():
                row.pop()
            rows.append(row)
        return rows

    def answer(self, question: str, line: str) -> None:
        """Wait for a question and type the answer."""
        self.sees(question)
        self.type(line + "\r")

    def register(self, name: str) -> None:
        """Make an account by hand."""
        self.answer("[y/n]", "y")
        self.answer("user name:", name)
        self.answer("(8 bytes or more):", PASSWORD)
        self.answer("again:", PASSWORD)
        self.sees("Here now")
        self.sees(f"{name} has joined")
        self.waits_for(lambda rows: rows[-1] == "#lobby>")

    def resize(self, rows: int, columns: int) -> None:
        """Give the window another size."""
        self._screen.resize(rows, columns)
        self.terminal.setwinsize(rows, columns)

    def ends(self) -> int:
        """Wait for the end of the program; return its exit status."""
        self.terminal.expect(pexpect.EOF)
        self._take(self.terminal.before)
        self.terminal.wait()
        self.terminal.close()
        assert self.terminal.exitstatus is not None, f"ended by {self.terminal.signalstatus}"
        return int(self.terminal.exitstatus)

    def close(self) -> None:
        """End the program however it is."""
        if self.terminal.isalive():
            self.terminal.kill(signal.SIGKILL)
            self.terminal.wait()
        self.terminal.close()

    def _wait(self, is_so: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while not is_so():
            assert time.monotonic() < deadline, f"waited for {what}: {self.rows()}"
            try:
                self._take(self.terminal.read_nonblocking(4096, 1))
            except pexpect.TIMEOUT:
                continue
            except pexpect.EOF:
                raise AssertionError(f"it ended before {what}: {self.rows()}") from None

    def _take(self, text: str) -> None:
        self.raw += text
        self._stream.feed(text)
        whole, self._tail = self._tail + text, ""
        at = 0
        while (at := whole.find("\x1b", at)) >= 0:
            if (escape := _ESCAPES.match(whole, at)) is None:  # the rest of it is to come
                whole, self._tail = whole[:at], whole[at:]
                break
            at = escape.end()
        self._shown += _ESCAPES.sub("", whole)


def _style(cell: pyte.screens.Char) -> str:
    marks = [mark for mark in ("bold", "reverse") if getattr(cell, mark)]
    if cell.underscore:
        marks.append("underline")
    if cell.fg != "default":
        is_hex = re.fullmatch(r"[0-9a-f]{6}", cell.fg) is not None
        marks.append(f"#{cell.fg}" if is_hex else cell.fg.replace("bright", "bright_"))
    return " ".join(marks)
