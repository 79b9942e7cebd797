"""Notifications: by the terminal that takes them, by tmux, by a program; and never elsewhere."""

import base64
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from chatroom.client.ui.capabilities import notices
from tests.client.test_links import program
from tests.harness import PASSWORD, PATIENCE, ROOT, Peer, ServerProcess
from tests.typist import Typist

Seat = Callable[..., Typist]
FORMS = {
    "osc9": {"TERM_PROGRAM": "iTerm.app"},
    "osc777": {"TERM": "foot"},
    "osc99": {"TERM": "xterm-kitty"},
}


@pytest.fixture
def seat(tmp_path: Path, server: ServerProcess) -> Iterator[Seat]:
    """Seat people at terminals; ``settings`` is their settings file."""
    people: list[Typist] = []

    def sit(name: str, *flags: str, settings: str = "", **environment: str) -> Typist:
        (tmp_path / name / "chatroom").mkdir(parents=True)
        (tmp_path / name / "chatroom" / "client.toml").write_text(settings)
        person = Typist(tmp_path / name, server.port, *flags, environment=environment)
        people.append(person)
        person.answer("[y/n]", "y")
        person.answer("user name:", name)
        person.answer("(8 bytes or more):", PASSWORD)
        person.answer("again:", PASSWORD)
        person.sees(f"{name} has joined")
        return person

    yield sit
    for person in people:
        person.close()


@pytest.fixture
def bob(server: ServerProcess) -> Iterator[Peer]:
    peer = server.program_peer("bob")
    yield peer
    peer.close()


def hears(person: Typist, peer: Peer, text: str) -> None:
    """Let a private message come, and wait until it has rung."""
    peer.send_event("command", line=f"/messageto ann {text}", cid="m")
    person.sees("private" if "--linear" in person.terminal.args else "private from")
    person.waits_for(lambda rows: "\a" in person.raw)


def told(raw: str) -> list[str]:
    """Return what notifications of all forms say."""
    found = re.findall(r"\x1b\]9;(.*?)\x1b\\", raw)
    found += [": ".join(two) for two in re.findall(r"\x1b\]777;notify;(.*?);(.*?)\x1b\\", raw)]
    coded = re.findall(r"\x1b\]99;[^;]*:e=1[^;]*;(.*?)\x1b\\", raw)
    decoded = [base64.b64decode(one).decode() for one in coded]
    return found + [": ".join(decoded[at : at + 2]) for at in range(0, len(decoded), 2)]


@pytest.mark.parametrize("form", FORMS)
def test_a_private_message_notifies_where_the_terminal_takes_that(
    seat: Seat, bob: Peer, form: str
) -> None:
    ann = seat("ann", **FORMS[form])
    bob.send_event("post", text="nothing for anybody")
    ann.sees("nothing for anybody")
    assert told(ann.raw) == []
    hears(ann, bob, "tea; 漢字?")
    ann.waits_for(lambda rows: bool(told(ann.raw)))
    text = "tea, 漢字?" if form == "osc777" else "tea; 漢字?"
    assert told(ann.raw) == [f"bob (private): {text}"]
    ann.type("still here\r")
    ann.sees("ann: still here")


def test_a_mention_in_a_room_notifies(seat: Seat, bob: Peer) -> None:
    ann = seat("ann", **FORMS["osc9"])
    bob.send_event("post", text="ann, are you there?")
    ann.waits_for(lambda rows: bool(told(ann.raw)))
    assert told(ann.raw) == ["bob in #lobby: ann, are you there?"]


def test_the_text_can_be_left_out(seat: Seat, bob: Peer) -> None:
    ann = seat("ann", settings="notify_text = false\n", **FORMS["osc9"])
    hears(ann, bob, "a secret")
    ann.waits_for(lambda rows: bool(told(ann.raw)))
    assert told(ann.raw) == ["bob (private): has written to you"]


@pytest.mark.parametrize(
    ("flags", "settings", "environment"),
    [
        ((), "", {}),
        ((), 'notify = "off"\n', FORMS["osc9"]),
        (("--notify", "off"), "", FORMS["osc99"]),
        (("--linear",), "", FORMS["osc99"]),
        ((), "linear = true\n", FORMS["osc9"]),
        ((), "", {"TERM": "dumb", "KITTY_WINDOW_ID": "1"}),
        ((), "", {"TERM": "screen", "STY": "1.x", "KITTY_WINDOW_ID": "1"}),
    ],
    ids=["unknown", "settings", "flag", "linear", "linear setting", "dumb", "screen"],
)
def test_elsewhere_the_bell_rings_alone(
    seat: Seat, bob: Peer, flags: tuple[str, ...], settings: str, environment: dict[str, str]
) -> None:
    ann = seat("ann", *flags, settings=settings, **environment)
    bob.send_event("post", text="hello ann")
    ann.waits_for(lambda rows: "\a" in ann.raw)
    bob.send_event("post", text="and more")
    ann.sees("and more")
    assert "\x1b]" not in ann.raw


@pytest.mark.parametrize("flags", [("--linear",), ()], ids=["linear", "prompt"])
def test_who_asks_for_a_form_gets_it(seat: Seat, bob: Peer, flags: tuple[str, ...]) -> None:
    ann = seat("ann", *flags, "--notify", "osc9")
    bob.send_event("post", text="hello ann")
    ann.waits_for(lambda rows: bool(told(ann.raw)))
    assert told(ann.raw) == ["bob in #lobby: hello ann"]


def test_a_program_gets_sender_and_text_as_plain_arguments(
    tmp_path: Path, seat: Seat, bob: Peer
) -> None:
    file, out = program(tmp_path, "notify-send")
    settings = f'notify = ["{file}", "-a", "chat"]\n'
    ann = seat("ann", settings=settings, **FORMS["osc9"])
    bob.send_event("command", line="/messageto ann -u <b>$(id)</b>; x", cid="m")
    ann.sees("private from bob")
    ann.waits_for(lambda rows: out.exists())
    assert out.read_text().split("\0")[:-1] == [
        *("-a", "chat"),
        "bob (private)",
        " -u &lt;b&gt;$(id)&lt;/b&gt;; x",
    ]
    assert told(ann.raw) == []


def test_a_program_that_hangs_or_is_not_there_holds_nothing_up(seat: Seat, bob: Peer) -> None:
    ann = seat("ann", settings='notify = ["/nowhere/notify"]\n')
    hears(ann, bob, "one")
    ann.sees("The program for notifications, /nowhere/notify, cannot be started")
    eve = seat("eve", settings='notify = ["sleep", "8"]\n')
    for number in range(5):
        bob.send_event("post", text=f"eve, {number}")
        eve.sees(f"bob: eve, {number}")
    eve.type("going on\r")
    eve.sees("eve: going on")
    eve.type("\x04")
    assert eve.ends() == 0


@pytest.mark.skipif(shutil.which("tmux") is None, reason="needs tmux")
def test_tmux_hands_a_notification_on(tmp_path: Path, server: ServerProcess, bob: Peer) -> None:
    (tmp_path / "tmux.conf").write_text("set -g allow-passthrough on\nset -g status off\n")
    client = " ".join(
        [
            *(sys.executable, str(ROOT / "chatroom_client.py"), "127.0.0.1", str(server.port)),
            *("--log-dir", str(tmp_path / "logs")),
        ]
    )
    socket, conf = tmp_path / "socket", tmp_path / "tmux.conf"
    ann = Typist(
        tmp_path / "ann",
        server.port,
        shell=True,
        environment={"KITTY_WINDOW_ID": "1", "LC_ALL": "C.UTF-8", "SHELL": "/bin/sh"},
        command=f"tmux -S {socket} -f {conf} new-session '{client}'",
    )
    try:
        ann.register("ann")
        bob.send_event("post", text="hello ann")
        ann.waits_for(lambda rows: bool(told(ann.raw)))
        assert told(ann.raw) == ["bob in #lobby: hello ann"]
        ann.type("\x04")
        ann.sees("shell$")
    finally:
        ann.close()
        stop = ["tmux", "-S", str(socket), "kill-server"]
        subprocess.run(stop, capture_output=True, timeout=PATIENCE, check=False)


@pytest.mark.parametrize(
    ("environment", "form"),
    [
        ({"TERM": "xterm-256color"}, ""),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "WezTerm"}, "osc777"),
        ({"TERM": "xterm-ghostty", "TERM_PROGRAM": "ghostty"}, "osc777"),
        ({"TERM": "tmux-256color", "TERM_PROGRAM": "tmux", "LC_TERMINAL": "iTerm2"}, "osc9"),
        ({"TERM": "xterm-256color", "VTE_VERSION": "7600"}, ""),
        ({"TERM": "linux", "TERM_PROGRAM": "WezTerm"}, ""),
        ({}, ""),
    ],
)
def test_only_terminals_that_are_known_to_take_them_get_notifications(
    environment: dict[str, str], form: str
) -> None:
    assert notices(environment) == form
