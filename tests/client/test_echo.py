"""What a person sees of the own typing, at a terminal of which the program draws nothing."""

import os
import pty
import sys
import termios
from collections.abc import Iterator

import pytest

from chatroom.client.pending import Sent
from chatroom.client.said import Said
from chatroom.client.ui.screen import Screen
from chatroom.client.ui.terminal import Terminal

WELCOME = Said("notice", {"kind": "welcome", "user": "ann", "text": "Welcome, ann."})


@pytest.fixture
def line(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Give this process a terminal for its standard input."""
    outside, inside = pty.openpty()
    with os.fdopen(inside, encoding="utf-8") as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        yield inside
    os.close(outside)


def shows_typing(terminal: int) -> bool:
    return bool(termios.tcgetattr(terminal)[3] & termios.ECHO)


def test_who_types_at_the_welcome_sees_it_however_late_the_other_thread_is(line: int) -> None:
    terminal = Terminal(Screen())
    terminal.hush()
    terminal._wait_unseen()
    assert not shows_typing(line)
    terminal.show(WELCOME, "Welcome, ann.\n", None)
    assert shows_typing(line)
    terminal._wait_unseen()
    assert shows_typing(line)


def test_who_types_at_the_end_of_a_command_with_secrets_sees_it(line: int) -> None:
    terminal = Terminal(Screen())
    terminal.show(WELCOME, "Welcome, ann.\n", None)
    terminal._is_secret_about = True
    terminal._wait_unseen()
    assert not shows_typing(line)
    changed = Sent("c1", "/changepassword", is_command=True)
    assert changed.may_ask_secrets
    terminal.show(Said("result", {"ok": True, "cid": "c1"}), "Changed.\n", changed)
    assert shows_typing(line)


def test_a_first_login_that_is_refused_lets_nothing_be_seen(line: int) -> None:
    terminal = Terminal(Screen())
    terminal.hush()
    terminal.show(Said("notice", {"kind": "error", "text": "No."}), "No.\n", None)
    assert not shows_typing(line)
