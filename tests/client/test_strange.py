"""The client and servers that are not ours, hostile, or gone at the worst moment."""

import json
import signal
import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.client.test_pipe import Pipe, pipe, said
from tests.client.test_terminal import Sit, sit
from tests.harness import PASSWORD, PATIENCE

__all__ = ["pipe", "sit"]  # the fixtures


class Call:
    """One connection of the client, answered by the test."""

    def __init__(self, sock: socket.socket) -> None:
        self.socket = sock
        sock.settimeout(PATIENCE)
        self._lines = sock.makefile("rb")

    def hear(self) -> str:
        """Return the next line of the client; empty at its end."""
        return self._lines.readline().decode().rstrip("\n")

    def hear_event(self, word: str) -> dict[str, Any]:
        """Return the fields of the next line, which must have this word."""
        line = self.hear()
        assert line.startswith(f">{word} "), line
        fields: dict[str, Any] = json.loads(line.partition(" ")[2])
        return fields

    def say(self, *lines: str) -> None:
        """Send lines."""
        self.socket.sendall("".join(line + "\n" for line in lines).encode())

    def say_event(self, word: str, **fields: object) -> None:
        """Send one ``>word {json}`` line."""
        self.say(f">{word} {json.dumps(fields)}")

    def let_in(self, name: str = "ann") -> None:
        """Play a server of ours up to the welcome."""
        self.hear_event("hello")
        self.say("This is a greeting.", "[y/n]")
        self.say_event("hello", v=1, name="Strange", line_bytes=8192)
        self.say_event("prompt", ask="account", text="account?", secret=False)
        self.hear_event("login")
        self.say_event("notice", kind="welcome", text=f"Welcome, {name}.", user=name, grant=1)

    def echo(self, post: dict[str, Any], **more: object) -> None:
        """Send a post back, as the room does."""
        fields = {"room": "lobby", "seq": 1, "kind": "text", "from": "ann", "time": NOON}
        self.say_event("message", **{**fields, **post, **more})

    def say_goodbye(self) -> None:
        """Play the end of a visit."""
        assert self.hear_event("command")["line"] == "/disconnect"
        self.say_event("control", do="disconnect", text="Goodbye.")
        self.close()

    def close(self) -> None:
        """Hang up."""
        self.socket.shutdown(socket.SHUT_RDWR)
        self._lines.close()
        self.socket.close()


NOON = "2026-11-22T12:00:00.000Z"


class Stranger:
    """A server that says whatever the test wants."""

    def __init__(self) -> None:
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.socket.settimeout(PATIENCE)
        self.port: int = self.socket.getsockname()[1]
        self.calls: list[Call] = []

    def accept(self) -> Call:
        """Wait for the client."""
        self.calls.append(Call(self.socket.accept()[0]))
        return self.calls[-1]


@pytest.fixture
def stranger() -> Iterator[Stranger]:
    """A server of the test's own."""
    server = Stranger()
    yield server
    server.socket.close()
    for call in server.calls:
        call.socket.close()


@pytest.fixture
def ann(stranger: Stranger, pipe: Pipe) -> Callable[..., Any]:
    """Start a script that logs in to the stranger."""
    return lambda *flags: pipe(
        stranger.port, "--plain", "--name", "ann", *flags, CHATROOM_PASSWORD=PASSWORD
    )


EVIL = "\x1b]0;owned\x07\x1b[2J\x9b31m\u202eevil\r\b\x00\u2028"


def test_no_escape_sequence_reaches_the_terminal(stranger: Stranger, sit: Sit) -> None:
    person = sit(stranger.port, "--plain")
    call = stranger.accept()
    call.hear_event("hello")
    call.say_event("hello", v=1, name=EVIL, line_bytes=EVIL)
    call.say_event("prompt", ask=EVIL, text=EVIL + "one?", secret=False)
    person.answer("one?", "yes")
    assert call.hear_event("answer") == {"text": "yes"}
    call.say_event("prompt", ask=EVIL, text=EVIL + "two?", secret=True)
    person.answer("two?", "unseen")
    assert call.hear_event("answer") == {"text": "unseen"}
    call.say_event("notice", kind="welcome", text=EVIL, user=EVIL)
    for kind in ("text", "private", "join", "leave", EVIL):
        fields = {"room": EVIL, "from": EVIL, "to": EVIL, "time": EVIL, "text": EVIL + "\nmore"}
        call.say_event("message", kind=kind, seq=EVIL, cid=EVIL, **fields)
    call.say_event("notice", kind="history", text=EVIL)
    call.say_event("result", command=EVIL, ok=True, text=EVIL, cid=EVIL)
    call.say_event("control", do="busy", text=EVIL, reason=EVIL)
    call.say(EVIL + "plain", ">" + EVIL, ">message " + EVIL, ">message [1]", ">message {")
    call.say_event("control", do="disconnect", text=EVIL + "that was all")
    assert person.end() == 4
    assert "evil\r\nplain\r\n" in person.screen
    assert "that was all" in person.screen
    assert "unseen" not in person.screen
    # What is left are line breaks, and the return that the terminal puts in front of them.
    assert {c for c in person.screen if not c.isprintable()} == {"\r", "\n"}
    assert "\r" not in person.screen.replace("\r\n", "")


def test_fields_of_the_wrong_kind_and_unknown_words_are_survived(
    stranger: Stranger, ann: Callable[..., Any]
) -> None:
    script = ann()
    call = stranger.accept()
    call.let_in()
    wrong: tuple[Any, ...] = (None, 5, [], {}, True, "x", 1e999, "9999-12-31T23:59:59-23:59")
    for value in wrong:
        fields = ("room", "from", "to", "time", "text", "cid", "do", "command", "ok", "seq", "old")
        for word, kind in (("message", "text"), ("result", value), ("notice", value)):
            call.say_event(word, kind=kind, **dict.fromkeys(fields, value))
        call.say_event("control", do="later", text=value)
        call.say_event("later", text=value)
        call.say_event("notice", kind=value, user=value)
    call.socket.sendall(b">message \xff\n\xff\n>\n> {}\n" + b">x " + b"[" * 100_000 + b"\n")
    call.say("." * 9_000_000)  # longer than anything that is shown
    call.say_event("message", kind="text", text="the end", time="0001-01-01T00:00:00Z")
    script.see("the end")
    script.give_no_more()
    call.say_goodbye()
    assert script.end()[0] == 0


def test_another_server_is_shown_and_spoken_to_as_it_is(stranger: Stranger, sit: Sit) -> None:
    person = sit(stranger.port, "--plain", "--patience", "1")
    call = stranger.accept()
    call.say("220 mail \x1b[31mready", "> quoted")
    person.see("220 mail [31mready\r\n> quoted\r\n")
    assert call.hear().startswith(">hello ")
    person.type("/QUIT now", "", "//x")
    assert [call.hear() for _ in range(3)] == ["/QUIT now", "", "//x"]
    call.say("221 bye")
    person.see("221 bye\r\n")
    call.close()
    assert person.end() == 0
    assert "has closed the connection." in person.screen


def test_a_script_says_nothing_to_another_server(
    stranger: Stranger, ann: Callable[..., Any]
) -> None:
    script = ann("--patience", "1")
    script.give("one", "/two")
    call = stranger.accept()
    call.say("SSH-2.0-OpenSSH_9.6")
    script.give_no_more()
    assert [call.hear() for _ in range(2)] == ['>hello {"v":1,"answers":1,"query":1}', ""]
    assert script.end() == (5, "")
    assert "2 lines were not delivered." in script.errors


def test_a_refusal_before_the_hello_is_shown(stranger: Stranger, sit: Sit) -> None:
    person = sit(stranger.port, "--plain")
    call = stranger.accept()
    call.hear()
    call.say("The room is full just now.")
    call.close()
    assert person.end() == 4
    assert "The room is full just now.\r\n" in person.screen


def test_leaving_while_nothing_has_been_said_yet(stranger: Stranger, sit: Sit) -> None:
    person = sit(stranger.port, "--plain")
    call = stranger.accept()
    call.hear()
    person.terminal.sendintr()
    assert person.end() == 0


def test_what_was_not_confirmed_is_sent_again_with_its_id_after_a_loss(
    stranger: Stranger, ann: Callable[..., Any]
) -> None:
    script = ann()
    script.give("one", "two", "three")
    call = stranger.accept()
    call.let_in()
    posts = [call.hear_event("post") for _ in range(3)]
    assert len({post["cid"] for post in posts}) == 3
    call.echo(posts[0], seq=1)
    script.see("ann: one")
    call.close()
    call = stranger.accept()
    call.let_in()
    call.say_event("notice", kind="history", text="The last messages:")
    call.echo(posts[0], seq=1, old=True)
    call.echo(posts[1], seq=2, old=True)
    # Sent again before the history is read: the id makes the repeat harmless.
    assert call.hear_event("post") == posts[1]
    assert call.hear_event("post") == posts[2]
    call.echo(posts[2], seq=3)
    script.give("four")
    call.echo(call.hear_event("post"), seq=4)
    script.give_no_more()
    call.say_goodbye()
    status, out = script.end()
    assert (status, said(out, "ann")) == (0, ["two", "three", "four"])
    assert "not shown" not in script.errors


def test_a_message_of_somebody_else_with_the_same_id_confirms_nothing(
    stranger: Stranger, ann: Callable[..., Any]
) -> None:
    script = ann()
    script.give("one")
    call = stranger.accept()
    call.let_in()
    post = call.hear_event("post")
    call.echo(post, **{"from": "mallory"})
    call.say_event("control", do="disconnect", text="The server stops.")
    assert script.end()[0] == 5
    assert "1 line was not delivered." in script.errors


def test_a_full_login_queue_is_tried_again(stranger: Stranger, ann: Callable[..., Any]) -> None:
    script = ann()
    call = stranger.accept()
    call.hear_event("hello")
    call.say_event("hello", v=1)
    for code in ("crowded", "wrong-password"):
        call.say_event("prompt", ask="account", text="account?", secret=False)
        login = {"name": "ann", "password": PASSWORD, "ticket": True}
        assert call.hear_event("login") == login
        call.say_event("result", command="login", ok=False, code=code, text="Not now.")
    assert script.end() == (3, "")


def test_ctrl_c_tells_what_was_not_confirmed(stranger: Stranger, ann: Callable[..., Any]) -> None:
    script = ann()
    script.give("one", "two", "three")
    call = stranger.accept()
    call.let_in()
    for _ in range(3):
        call.hear_event("post")
    script.process.send_signal(signal.SIGINT)
    assert script.end()[0] == 130
    assert "3 lines were not delivered." in script.errors


@pytest.mark.parametrize(("hours", "shown"), [("12", "05:30 PM"), ("24", "17:30")])
def test_a_message_is_shown_in_the_readers_own_time(
    stranger: Stranger, pipe: Pipe, hours: str, shown: str
) -> None:
    settings = {"CHATROOM_PASSWORD": PASSWORD, "TZ": "Asia/Kolkata"}
    script = pipe(stranger.port, "--plain", "--name", "ann", "--clock", hours, **settings)
    call = stranger.accept()
    call.let_in()
    call.echo({"text": "at noon"})
    call.say_event("control", do="kick", text="Out.")
    status, out = script.end()
    assert (status, out) == (6, f"{shown} | ann: at noon\n")
