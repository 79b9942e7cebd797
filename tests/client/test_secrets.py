"""A password that is typed at a terminal goes to its question or to nobody, whatever happens."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.client.test_strange import NOON, Call, Stranger, stranger
from tests.harness import PASSWORD
from tests.typist import Typist

__all__ = ["stranger"]  # the fixture

SECRET = "brand new secret"
FACES: dict[str, tuple[tuple[str, ...], dict[str, str]]] = {
    "prompt": ((), {}),
    "linear": (("--linear",), {}),
    "plain": ((), {"TERM": "dumb"}),
}


@pytest.fixture(params=FACES)
def ann(request: pytest.FixtureRequest, tmp_path: Path, stranger: Stranger) -> Iterator[Typist]:
    """Somebody at each kind of terminal; the server is played by the test."""
    flags, environment = FACES[request.param]
    given = {"CHATROOM_PASSWORD": PASSWORD, **environment}
    words = ("--plain", "--name", "ann", *flags)
    person = Typist(tmp_path / "ann", stranger.port, *words, environment=given)
    yield person
    person.close()
    assert SECRET not in person.raw
    assert not person.file.exists() or SECRET not in person.file.read_text()


def come_in(ann: Typist, stranger: Stranger) -> Call:
    """Let ann in, so that she can talk."""
    call = stranger.accept()
    call.let_in()
    ann.sees("Welcome, ann.")
    return call


def ask_in(call: Call, ann: Typist, ask: str = "old-password", secret: bool = True) -> None:
    """Ask a question, and wait until it is seen."""
    call.say_event("prompt", ask=ask, text=f"Your {ask}:", secret=secret)
    ann.sees(f"Your {ask}:")


def hear(call: Call, word: str) -> dict[str, object]:
    """Return the fields of the client's next line of this kind; none on the way is the secret."""
    while True:
        line = call.hear()
        assert line, f"it has ended before >{word}"
        assert SECRET not in line or line.startswith(f">{word} "), line
        if line.startswith(f">{word} "):
            fields: dict[str, object] = json.loads(line.partition(" ")[2])
            if "/help" not in fields.values():  # the prompt's own, for completion
                return fields


def only_hello_is_said(ann: Typist, call: Call) -> None:
    """Say something; it must be the first message that the server hears."""
    ann.type("hello\r")
    assert hear(call, "post")["text"] == "hello"


def test_a_question_that_is_lost_with_its_connection_takes_no_answer(
    ann: Typist, stranger: Stranger
) -> None:
    call = come_in(ann, stranger)
    ask_in(call, ann)
    call.close()
    ann.sees("is lost")
    ann.type(f"{SECRET}\r")
    ann.sees("That question is no longer open.")
    only_hello_is_said(ann, come_in(ann, stranger))


def test_a_half_typed_secret_is_no_answer_to_the_question_after_it(
    ann: Typist, stranger: Stranger
) -> None:
    call = come_in(ann, stranger)
    ask_in(call, ann)
    ann.type(SECRET[:5])
    call.close()
    ann.sees("is lost")
    call = come_in(ann, stranger)
    call.say_event("prompt", ask="confirmation", text="Your confirmation:", secret=False)
    call.say_event("notice", kind="error", text="by the way")
    ann.sees("by the way")
    ann.type(f"{SECRET[5:]}\r")
    ann.sees("That question is no longer open.")
    ann.sees("Your confirmation:")
    ann.type("y\r")
    assert hear(call, "answer")["text"] == "y"


@pytest.mark.parametrize("end", ["refused", "lost", "an older message comes back", "given up"])
def test_what_is_typed_ahead_of_a_password_question_that_never_comes_is_thrown_away(
    ann: Typist, stranger: Stranger, end: str
) -> None:
    call = come_in(ann, stranger)
    ann.type("older\r")
    older = hear(call, "post")
    ann.type("/ChangePassword\r")
    command = hear(call, "command")
    assert command["line"] == "/ChangePassword"
    ann.type(f"{SECRET}\r")
    if end == "given up":
        call.say_event("ping")
        hear(call, "pong")  # the command has left the hands of who sends it
        ann.type("\x03")
        ann.sees("No longer waiting for the answer")
    elif end == "lost":
        call.close()
        ann.sees("is lost")
        call = come_in(ann, stranger)
        assert hear(call, "post")["text"] == "older"
    else:
        call.echo(older, time=NOON)
        ann.sees("ann: older")
        if end == "refused":
            call.say_event("result", command="changepassword", ok=False, text="No.", **command)
            ann.sees("No.")
        else:  # the question has not come yet
            ask_in(call, ann)
            ann.type("the right one\r")
            assert hear(call, "answer")["text"] == "the right one"
            call.say_event("result", command="changepassword", ok=True, text="Done.", **command)
            ann.sees("Done.")
    only_hello_is_said(ann, call)


def test_a_secret_typed_ahead_is_not_the_answer_to_a_later_question(
    ann: Typist, stranger: Stranger
) -> None:
    call = come_in(ann, stranger)
    ann.type("/deleteaccount\r")
    hear(call, "command")
    ann.type(f"{SECRET}\r")
    ask_in(call, ann)
    ann.type("typed at the question\r")
    assert hear(call, "answer")["text"] == "typed at the question"
    ann.type(f"{SECRET}\r")
    ask_in(call, ann, "confirmation", secret=False)
    ann.type("y\r")
    assert hear(call, "answer")["text"] == "y"


@pytest.mark.parametrize("ann", ["prompt"], indirect=True)  # others show it before we can hide it
def test_a_command_that_cannot_be_sent_takes_the_password_behind_it_along(
    ann: Typist, stranger: Stranger
) -> None:
    call = come_in(ann, stranger)
    call.close()
    ann.sees("is lost")
    ann.type(f"/changepassword\r{SECRET}\r")
    ann.sees("There is no connection right now; the command was not sent.")
    ann.type("\x15")  # the draft that the prompt gives back
    only_hello_is_said(ann, come_in(ann, stranger))
