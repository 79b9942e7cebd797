"""Noise of all kinds: it never gets more than a sentence, and the connection stays usable."""

import json
import random

import pytest

from tests.harness import Peer, ServerProcess

WORDS = ["post", "command", "answer", "hello", "prompt", "", "x" * 40, "é", "po st", "__init__"]
KEYS = ["text", "cid", "room", "line", "v", "", "more"]
VALUES: list[object] = [
    *(
        "",
        "x",
        "/help",
        "//",
        "lobby",
        "\ud800",
        "\x00",
        "\u2028",
        "a\nb",
        "x" * 70,
        "/busy",
        "/free",
    ),
    *(0, -1, 10**40, 1.5, None, True, False, [], {}, [[]], {"a": {}}),
]
COMMANDS = [
    "/help",
    "/messageto",
    "/viewusers",
    "/changegrant",
    "/kickuser",
    "/unkickuser",
    "/claim",
]
PLAIN = [*COMMANDS, *(c + " boss" for c in COMMANDS), "/", "//", ">post {}", "\x1b[2J", "é" * 30]
LINES = 1500


def noise(dice: random.Random) -> bytes:
    """Return bytes that do not end the line before its end."""
    size = dice.choice((0, 1, 5, 60, 9000))
    return bytes(dice.randrange(256) for _ in range(size)).replace(b"\n", b"").replace(b"\r", b"")


def event(dice: random.Random) -> bytes:
    word = dice.choice(WORDS[:4] * 3 + WORDS)
    fields = {dice.choice(KEYS): dice.choice(VALUES) for _ in range(dice.randrange(4))}
    line = f">{word} {json.dumps(fields)}".encode()
    if dice.random() < 0.2:
        line = line[: dice.randrange(len(line))]
    return line + (noise(dice) if dice.random() < 0.1 else b"")


def plain(dice: random.Random) -> bytes:
    words = " ".join(dice.choice(PLAIN) for _ in range(dice.randrange(1, 4)))
    return words.encode() + (noise(dice) if dice.random() < 0.3 else b"")


def send_noise(peer: Peer, lines: list[bytes]) -> None:
    """Send lines in odd pieces, reading meanwhile so that the peer is no slow reader."""
    data = b"\n".join(lines) + b"\n"
    with peer.reading():
        for i in range(0, len(data), 1777):
            peer.send_bytes(data[i : i + 1777])


@pytest.mark.parametrize("seed", range(2))
def test_noise_on_the_events_face_leaves_it_usable(room: ServerProcess, seed: int) -> None:
    dice = random.Random(seed)
    program = room.program_peer(f"program{seed}")
    send_noise(program, [event(dice) for _ in range(LINES)])
    program.send_event("post", text="still here", cid="last-one")
    program.until_event("message", cid="last-one")
    assert "Something went wrong" not in program.seen


@pytest.mark.parametrize("seed", range(2))
def test_noise_on_the_plain_face_leaves_it_usable(room: ServerProcess, seed: int) -> None:
    dice = random.Random(seed)
    ann = room.join(f"ann{seed}")
    send_noise(ann, [plain(dice) for _ in range(LINES)])
    ann.send("still here at last")
    ann.until("still here at last")
    assert "Something went wrong" not in ann.seen


def test_noise_before_the_login_ends_in_a_sentence_or_goes_on(room: ServerProcess) -> None:
    for seed in range(60):
        dice = random.Random(seed)
        peer = room.program_start() if seed % 2 else room.peer()
        with peer.reading():
            try:
                for _ in range(20):
                    peer.send_bytes((event(dice) if seed % 2 else plain(dice)) + b"\n")
            except OSError:
                pass  # it was the last try
        peer.vanish()
        assert "Something went wrong" not in peer.seen
    room.join("boss").answer_to("/help")
    assert "session failed" not in room.log()
