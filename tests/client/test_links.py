"""Addresses in what is shown: hyperlinks where they are supported, and /open."""

import re
import stat
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from chatroom.client.ui.capabilities import has_hyperlinks
from chatroom.client.ui.fold import fold_styled
from chatroom.client.ui.links import addresses, find, linked
from tests.harness import ServerProcess
from tests.typist import Typist

Seat = Callable[..., Typist]
_LINK = re.compile(r"\x1b\]8;;(.*?)\x1b\\(.*?)\x1b\]8;;\x1b\\", re.DOTALL)
_STYLE = re.compile(r"\x1b\[[0-9;]*m")
KITTY = {"TERM": "xterm-kitty"}


@pytest.fixture
def seat(tmp_path: Path, room: ServerProcess) -> Iterator[Seat]:
    people: list[Typist] = []

    def sit(name: str, *flags: str, **environment: str) -> Typist:
        people.append(Typist(tmp_path / name, room.port, *flags, environment=environment))
        people[-1].register(name)
        return people[-1]

    yield sit
    for person in people:
        person.close()


def program(folder: Path, name: str = "shows") -> tuple[Path, Path]:
    """Make a program that writes its arguments to a file, each ended by a NUL, and that pipe."""
    out = folder / f"{name}.txt"
    file = folder / name
    file.write_text(f"#!/bin/sh\nprintf '%s\\0' \"$@\" > {out}.new && mv {out}.new {out}\n")
    file.chmod(file.stat().st_mode | stat.S_IXUSR)
    return file, out


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("see https://a.example/x?y=1#z.", ["https://a.example/x?y=1#z"]),
        ("(https://a.example/x_(y))", ["https://a.example/x_(y)"]),
        (
            "<http://a.example:8080/> and HTTPS://B.example",
            ["http://a.example:8080/", "HTTPS://B.example"],
        ),
        (
            "[it](https://a.example/it), 漢字 https://b.example 漢字",
            ["https://a.example/it", "https://b.example"],
        ),
        ("https://[2001:db8::1]/x", ["https://[2001:db8::1]/x"]),
        ("https://ex\u00e4mple.com https://a.example/\u6f22", []),
        ("https://bank.example@evil.example/", []),
        ("https:// http://? https://a:99999/ https://a:0/ https://a.example/\\evil", []),
        ("javascript://x file:///etc/passwd ftp://a.example xhttps://a.example", []),
        ("https://" + "a" * 3000, []),
    ],
)
def test_only_whole_and_well_formed_addresses_of_pages_are_links(
    text: str, found: list[str]
) -> None:
    assert [text[begin:end] for begin, end in find(text)] == found


def test_what_is_linked_is_what_is_read_and_a_cut_address_is_no_link() -> None:
    text = "bob: https://a.example/ https://b.example/x" + ":y" * 60 + " end"
    whole = addresses([text])
    for width in range(10, 100):
        pieces = linked(fold_styled([("bold", text)], width), whole)
        for number, (style, piece) in enumerate(pieces):
            if style == "[ZeroWidthEscape]" and len(piece) > len("\x1b]8;;\x1b\\"):
                assert piece == f"\x1b]8;;{pieces[number + 1][1]}\x1b\\"
                assert pieces[number + 1][1] in whole
        seen = "".join(piece for style, piece in pieces if style != "[ZeroWidthEscape]")
        assert seen == "".join(piece for _, piece in fold_styled([("", text)], width))


@pytest.mark.parametrize(
    ("environment", "has"),
    [
        ({"TERM": "xterm-256color"}, False),
        ({"TERM": "xterm-kitty"}, True),
        ({"TERM": "xterm-256color", "VTE_VERSION": "7600"}, True),
        ({"TERM": "xterm-256color", "VTE_VERSION": "4000"}, False),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "iTerm.app"}, True),
        ({"TERM": "dumb", "TERM_PROGRAM": "iTerm.app"}, False),
        ({"TERM": "screen", "STY": "1.x", "KITTY_WINDOW_ID": "1"}, False),
        (
            {"TERM": "tmux-256color", "TMUX": "x", "TERM_PROGRAM": "tmux"}
            | {"TERM_PROGRAM_VERSION": "3.4"},
            True,
        ),
        (
            {"TERM": "screen", "TMUX": "x", "TERM_PROGRAM": "tmux"}
            | {"TERM_PROGRAM_VERSION": "3.3a", "KITTY_WINDOW_ID": "1"},
            False,
        ),
        ({}, False),
    ],
)
def test_only_terminals_that_are_known_to_take_them_get_hyperlinks(
    environment: dict[str, str], has: bool
) -> None:
    assert has_hyperlinks(environment) is has


def test_a_link_leads_where_it_says_and_nothing_of_the_network_is_an_escape(
    room: ServerProcess, seat: Seat
) -> None:
    ann = seat("ann", **KITTY)
    bob = room.program_peer("bob")
    evil = "https://a.example/\x1b\\\x1b]8;;https://evil.example\x07x and https://b.example/\x9d8"
    bob.send_event("post", text=f"{evil} https://c.example/ok, yes")
    ann.sees("ok, yes")
    found = _LINK.findall(ann.raw)
    assert "https://c.example/ok" in {target for target, _ in found}
    for target, text in found:
        assert _STYLE.sub("", text) == target
        assert re.fullmatch(r"https?://[!-~]+", target)
    assert ann.raw.count("\x1b]") == 2 * len(found)
    assert "\x9d" not in ann.raw


@pytest.mark.parametrize(
    ("flags", "environment"),
    [
        ((), {}),
        ((), {**KITTY, "NO_COLOR": "1"}),
        (("--no-colour",), KITTY),
        (("--linear",), KITTY),
        ((), {"TERM": "dumb", "KITTY_WINDOW_ID": "1"}),
    ],
    ids=["unknown", "NO_COLOR", "no-colour", "linear", "dumb"],
)
def test_elsewhere_addresses_are_text(
    tmp_path: Path, room: ServerProcess, flags: tuple[str, ...], environment: dict[str, str]
) -> None:
    person = Typist(tmp_path / "x", room.port, *flags, environment=environment)
    try:
        name = f"n{len(room.log())}"
        person.answer("[y/n]", "y")
        person.answer("user name:", name)
        person.answer("(8 bytes or more):", "a good password")
        person.answer("again:", "a good password")
        person.sees("Here now")
        with closing(room.join("writer")) as writer:
            writer.send("see https://a.example/")
            person.sees("https://a.example/")
        assert "\x1b]" not in person.raw
    finally:
        person.close()


@pytest.mark.parametrize("flags", [(), ("--linear",)], ids=["prompt", "linear"])
def test_open_shows_where_the_link_leads_and_asks(
    tmp_path: Path, server: ServerProcess, flags: tuple[str, ...]
) -> None:
    name = f"o{len(server.log())}"
    folder = tmp_path / name
    (folder / "chatroom").mkdir(parents=True)
    opener, opened = program(tmp_path)
    settings = f'open = ["{opener}", "--new"]\n'
    (folder / "chatroom" / "client.toml").write_text(settings)
    person = Typist(folder, server.port, *flags)
    try:
        person.answer("[y/n]", "y")
        person.answer("user name:", name)
        person.answer("(8 bytes or more):", "a good password")
        person.answer("again:", "a good password")
        person.sees("Here now")
        person.type("/open\r")
        person.sees("No link was shown yet.")
        with closing(server.join("writer")) as writer:
            writer.send("first https://a.example/1", "then https://a.example/2;$(id)&x")
            person.sees("https://a.example/2")
            person.type("/open\r")
            person.answer("Open https://a.example/2;$(id)&x ? [y/n]", "n")
            person.type("/open 99\r")
            person.sees("There are not so many links.")
            person.type("/open x\r")
            person.sees("Type /open for the last link")
            assert not opened.exists()
            person.type("/open 2\r")
            person.answer("Open https://a.example/1 ? [y/n]", "y")
            person.type("still here\r")
            writer.until(f"{name}: still here")
        person.waits_for(lambda rows: opened.exists())
        assert opened.read_text().split("\0")[:-1] == ["--new", "https://a.example/1"]
        person.type("/help open\r")
        person.sees("/open [N]")
    finally:
        person.close()


def test_a_browser_that_cannot_be_started_is_told(tmp_path: Path, server: ServerProcess) -> None:
    name = f"b{len(server.log())}"
    folder = tmp_path / name
    (folder / "chatroom").mkdir(parents=True)
    (folder / "chatroom" / "client.toml").write_text('open = ["/nowhere/browser"]\n')
    person = Typist(folder, server.port)
    try:
        person.register(name)
        person.type("https://a.example/\r")
        person.sees(f"{name}: https://a.example/")
        person.type("/open\r")
        person.answer("? [y/n]", "y")
        person.sees("The program for links cannot be started: No such file or directory.")
    finally:
        person.close()
