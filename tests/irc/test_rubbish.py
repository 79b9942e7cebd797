"""Whatever an IRC client sends harms neither the server nor anybody else who is there."""

import json
import random
import re

import pytest

from chatroom.irc.grammar import BODY_BYTES, TAGS_BYTES
from chatroom.irc.table import ROWS
from tests.conftest import StartServer
from tests.harness import Peer, ServerProcess
from tests.irc.peer import ALL_CAPS, IrcPeer, irc, irc_peer

MULTI = (*ALL_CAPS, "draft/multiline", "draft/chathistory")
_AT_ONCE = 100
_ENDS = {"QUIT"}
_WORDS = (
    *("#lobby", "#den", "#", "#a b", "bob", "alice", "alice,bob,#lobby", "*", "0", "-", "+o", "-b"),
    *(
        "+is",
        "server",
        "%tcn,5",
        "timestamp=2026-01-01T00:00:00.000Z",
        "msgid=x",
        "LATEST",
        "TARGETS",
    ),
    *("LS", "REQ", "END", "302", "+1", "-1", "draft/multiline", "$$*", "*!*@*", "a" * 300),
)
_BITS = (
    *("\x01", "\x02", "\x03", "\x0304,12", "\x04ff0000", "\x07", "\x0f", "\x1b[2J", "\x7f", "\x85"),
    *("\t", "\r", "\u2028", "\u2029", "\u202e", "\ufeff", "\u00e4", "e\u0301", "\u0301" * 9, "%s"),
    *("\U0001f468\u200d\U0001f469", ":", "::", ";", "=", "\\", "\\r\\n", " ", "  ", "ACTION x\x01"),
    *("PRIVMSG bob :forged", ":bob!~u@chat QUIT", "/me ", "hello", "@here", "[announcement] "),
)
_TAGS = (
    *("", "", "", "@label={own} ", "@label={own};batch=1 ", "@batch=1;draft/multiline-concat "),
    *(
        "@+typing=active ",
        "@a\\b;=;;c=\\ ",
        "@ ",
        "@" + "t" * 5000 + " ",
        "@time=x;account=bob ",
        "@+a=\x07\x1b[;+b/c=\\s\\n\x85;+msgid=1 ",
    ),
)


def line_of(dice: random.Random, own: str) -> bytes:
    """Return one line of rubbish.

    :param own: what stands in its label, and may come back to nobody else.
    """
    tags = dice.choice(_TAGS).replace("{own}", own)
    if dice.random() < 0.05:
        return tags.encode() + dice.randbytes(dice.randrange(60)).replace(b"\n", b"")
    command = dice.choice(sorted(ROWS.keys() - _ENDS))
    if dice.random() < 0.4:
        command = dice.choice(["PRIVMSG", "NOTICE", "BATCH", "TAGMSG", "privmsg", "Topic"])
    params = [dice.choice(_WORDS) for _ in range(dice.randrange(5))]
    text = "".join(dice.choice(_BITS) for _ in range(dice.choice([0, 1, 3, 9, 60])))
    source = dice.choice(["", "", ":bob ", ": "])
    words = f"{tags}{source}{command} {' '.join(params)} {dice.choice([':', ''])}{text}"
    return words.encode("utf-8", "replace").replace(b"\n", b"")


def check_irc(text: str, foreign: str) -> None:
    """Check what an IRC client was sent.

    :param foreign: what another session alone may be sent.
    """
    assert foreign not in text
    for line in text.split("\r\n"):
        assert not re.search(r"[\x00\x02-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029]", line), line
        tags, _, body = line.partition(" ") if line.startswith("@") else ("", "", line)
        assert len(tags.encode()) <= TAGS_BYTES, line
        assert len(body.encode()) <= BODY_BYTES, line
        assert re.match(r"(:[^ ]+ )?([A-Z]+|[0-9]{3})( |\Z)|\Z", body), line


def drain(peer: Peer) -> str:
    """Return what has come, and forget it."""
    text, peer.seen, peer._mark = peer.seen[: peer._mark], peer.seen[peer._mark :], 0
    return text


def is_fine(server: ServerProcess) -> bool:
    """Tell whether the server has met no fault of its own."""
    log = server.log()
    return not re.search(r"Traceback| ERROR | CRITICAL ", log)


@pytest.mark.parametrize("number", [2_000, pytest.param(100_000, marks=pytest.mark.soak)])
def test_rubbish_of_one_session_harms_no_other_one(start_server: StartServer, number: int) -> None:
    server = start_server(message_rate=0, irc_join_creates=True)
    dice = random.Random(number)
    alice, old = irc(server, "alice", *MULTI), irc(server, "old")
    bob = irc(server, "bob", *MULTI)
    nc, events = server.join("nc"), server.program_peer("program")
    drain(events)  # the greeting is for people
    others: list[IrcPeer] = [old, bob]
    for done in range(0, number, _AT_ONCE):
        own = f"own-{done}"
        alice.send_bytes(b"".join(line_of(dice, own) + b"\r\n" for _ in range(_AT_ONCE)))
        # What it has opened and asked for is over before the next lines.
        alice.send("BATCH -1", "CAP END", "CAP REQ :" + " ".join(MULTI))
        alice.sync()
        check_irc(drain(alice), "no such thing")
        for peer in others:
            peer.sync()
            check_irc(drain(peer), own)
        nc.send(f"nc {done}")
        nc.until(f"nc: nc {done}")
        text = drain(nc)
        assert own not in text
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]", text)
        events.send_event("post", text=f"events {done}")
        events.until(f"events {done}")
        for one in filter(None, drain(events).split("\n")):
            assert own not in one
            json.loads(one.partition(" ")[2])
    assert is_fine(server)
    bob.send("PRIVMSG alice :still there?")
    alice.until_line("PRIVMSG", "still there?")


@pytest.mark.parametrize("number", [20, pytest.param(1_000, marks=pytest.mark.soak)])
def test_rubbish_before_the_login_ends_nothing_but_its_connection(
    start_server: StartServer, number: int
) -> None:
    server = start_server(message_rate=0, login_failures=0)
    dice = random.Random(number)
    ann = irc(server, "ann")
    for _ in range(number):
        peer = irc_peer(server)
        peer.send("NICK someone")
        rubbish = b"".join(line_of(dice, "own") + b"\r\n" for _ in range(30))
        try:
            peer.send_bytes(rubbish)
            peer.send("QUIT")
        except OSError:
            pass  # it was ended before
        check_irc(peer.until_end().partition("ERROR :")[0], "no such thing")
        peer.close()
    ann.sync()
    assert is_fine(server)
