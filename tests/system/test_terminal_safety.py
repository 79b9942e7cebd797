"""What people and servers can write never does anything to a terminal or a log but stand there."""

import json
import random
import re
import sys
import threading
import unicodedata
from collections.abc import Callable
from typing import Any

import pytest

from tests.client.test_pipe import Pipe, Script, pipe
from tests.client.test_strange import Stranger, stranger
from tests.client.test_terminal import sit
from tests.conftest import StartServer
from tests.harness import PASSWORD, Peer, ServerProcess, run_server

__all__ = ["pipe", "sit", "stranger"]  # the fixtures

EVILS = {
    "hyperlink": "\x1b]8;;http://evil\x1b\\click\x1b]8;;\x1b\\",
    "clipboard": "\x1b]52;c;ZXZpbA==\x07",
    "cursor": "\x1b[2J\x1b[1;1Hforged\r\b\b",
    "c1": "\x9b31mred\x9d0;title\x9c\x90q\x85",
    "bidi": "\u202eevil\u202c\u2066x\u2069\u200f\u061c",
    "unseen": "a\u200bb\u2060c\xadd\ufeffe\U000e0041f\u200dg\u180e",
    "marks": "z" + "\u0301\u0489" * 20,
    "ends": "x\u2028y\u2029z\x0b\x0c\x1c\x1d\x1e\x7f\x00",
}
# Written independently of the sanitiser: everything that is a control or a format character.
_EMOJI_JOINER = re.compile("(?<=[^\x00-\x7f])\u200d(?=[\u2190-\u2bff\U0001f000-\U0001faff])")
_HARMFUL = {c for c in range(sys.maxunicode + 1) if unicodedata.category(chr(c)) in ("Cc", "Cf")}
_HARM = re.compile(
    "["
    + "".join(re.escape(chr(c)) for c in sorted(_HARMFUL | {0x2028, 0x2029}) if c not in (9, 10))
    + "]"
)
_VIRAMAS = "".join(c for c in map(chr, range(0x20000)) if unicodedata.combining(c) == 9)
_WORD_JOINER = re.compile(
    f"(?<=[{_VIRAMAS}])[\u200c\u200d]|\u200d(?=[{_VIRAMAS}])|(?<=[\u0620-\u08ff\u1807-\u18aa])\u200c(?=[\u0620-\u18aa])"
)
_MARKS = re.compile("[\u0300-\u036f\u0488\u0489]{5}")


def harm_in(text: str) -> str:
    """Return the first harmful character of a text with what stands around it; empty for none."""
    without = _WORD_JOINER.sub("", _EMOJI_JOINER.sub("", text))
    found = _HARM.search(without) or _MARKS.search(text)
    return ascii(text[max(0, found.start() - 40) : found.end() + 40]) if found else ""


def lines_of_a_person(evil: str) -> list[str]:
    """Return what a person can type that shows to others, stays in a record, or is answered."""
    return [
        *(evil, f"/me {evil}", f"/messageto watcher {evil}", f"/reply {evil}", f"/topic {evil}"),
        *(f"/create {evil}", f"/join {evil}", f"/room {evil}", f"/leave {evil}", f"/busy {evil}"),
        *("/free", f"/search {evil}", f"/search x in {evil} from {evil}", f"/history {evil}"),
        *(f"/history from {evil}", f"/delete {evil}", f"/announce {evil}", f"/kickuser {evil}"),
        *(f"/kickuser victim {evil}", "/viewkickusers", "/unkickuser victim", "/audit", "/export"),
        *(
            f"/changegrant {evil} 1",
            f"/changegrant victim {evil}",
            f"/claim {evil}",
            f"/help {evil}",
        ),
        *(
            f"/audit {evil}",
            f"/invite {evil}",
            f"/{evil}",
            f"/mail {evil}",
            "/history 20",
            "/rooms",
        ),
        f"/viewusers {evil}",
    ]


@pytest.mark.parametrize("evil", EVILS.values(), ids=EVILS)
def test_nothing_that_a_person_fills_in_disturbs_a_terminal_or_a_log(
    server: ServerProcess, evil: str
) -> None:
    boss = server.join_superuser("boss")
    watcher = server.join("watcher")
    program = server.program_peer("program")
    server.join("victim").close()
    boss.send("/create own")
    boss.until("is yours")
    watcher.send("/join own", "/messageto boss hi")
    boss.until("private from watcher")
    one_line = evil.replace("\n", "")
    for line in lines_of_a_person(one_line):
        boss.send(line)
        program.send_event("command", line=line, cid=evil[:60])
    program.send_event("post", text=evil, cid=evil[:60], room=evil)
    program.send_event("post", text=evil + "\n" + evil)
    program.send_event(evil, text=evil)
    program.send(f">post{evil} {{", f">{evil}")
    program.send_event("resume", ticket=evil, cursors={evil: "0-1", "x": evil})
    boss.send("all done")
    watcher.until("all done")
    program.send_event("command", line="/help", cid="the end")
    program.until_event("result", cid="the end")
    stranger = server.peer()
    stranger.send("y", one_line, "n", one_line, one_line)
    stranger.until("name")
    for word in ("login", "register"):
        asking = server.program_start()
        asking.send_event(word, name=evil, password=evil, ticket=False)
        asking.until_event("result", ok=False)
        assert harm_in(asking.seen) == ""
    for peer in (boss, watcher, stranger):
        assert harm_in(peer.seen) == ""
    for line in program.seen.splitlines():
        assert (
            not line.startswith(">")
            or harm_in(json.dumps(json.loads(line.partition(" ")[2]), ensure_ascii=False)) == ""
        )
    assert harm_in(program.seen) == ""
    assert harm_in(server.log()) == ""
    assert harm_in("\n".join(server.lines)) == ""
    for words in (("audit",), ("list-users",), ("grant", one_line.replace("\0", ""), "1")):
        done = server.operate(*words)
        assert harm_in(done.stdout + done.stderr) == ""
        assert "Traceback" not in done.stderr


@pytest.mark.parametrize("evil", EVILS.values(), ids=EVILS)
def test_a_hostile_server_does_nothing_to_the_clients_terminal(
    stranger: Stranger, pipe: Callable[..., Script], evil: str
) -> None:
    script = pipe(stranger.port, "--plain", "--name", "ann", CHATROOM_PASSWORD=PASSWORD)
    call = stranger.accept()
    call.let_in()
    fields: dict[str, Any] = dict.fromkeys(
        ("from", "to", "room", "id", "ref", "time", "text", "cid", "user", "do", "reason"), evil
    )
    for kind in ("text", "private", "removed", "announce", "action", "join", "leave", evil):
        call.say_event("message", **{**fields, "kind": kind, "seq": 1})
    for word in ("notice", "result", "export", "hello", "ticket", evil):
        call.say_event(word, **{**fields, "kind": evil, "command": evil, "ok": False, "name": evil})
    call.say_event("notice", kind="left", text=evil, room=evil)
    call.say_event("control", do="busy", text=evil, reason=evil)
    call.say_event("control", do="kick", text=evil)
    call.close()
    assert script.process.wait(20) in (5, 6)
    assert script.process.stdout
    assert script.process.stderr
    shown = script.process.stdout.read() + script.process.stderr.read()
    assert harm_in(shown.decode()) == ""
    log = (script.log_dir / "chatroom_client.log").read_text(encoding="utf-8")
    assert harm_in(log) == ""
    assert "Traceback" not in log


def test_what_an_older_version_has_kept_is_cleaned_when_it_is_shown(server: ServerProcess) -> None:
    # An old version took out the controls, but not these.
    from chatroom.session.faces import PLAIN  # the face itself: the server lets nothing in
    from chatroom.storage.records import ANNOUNCE, PRIVATE, TEXT, Post

    posts = [
        Post("lobby", kind, "id", "ann", EVILS["unseen"]) for kind in (TEXT, ANNOUNCE, PRIVATE)
    ]
    assert harm_in(PLAIN.messages(posts, {}).decode()) == ""


@pytest.mark.parametrize("evil", ["\x1b[2J\x9b", "\u202eevil\u200b"])
def test_command_lines_are_repeated_with_their_controls_escaped(tmp_path: Any, evil: str) -> None:
    for words in (
        (evil,),
        ("--port", evil),
        (f"--{evil}",),
        ("--name", f"a{evil}"),
        ("grant", evil, evil),
    ):
        done = run_server(tmp_path, *words)
        assert done.returncode == 2
        assert harm_in(done.stdout + done.stderr) == ""
        assert "Traceback" not in done.stderr
    done = run_server(tmp_path, "--config", evil)
    assert harm_in(done.stderr) == ""


def test_the_clients_own_sentences_hold_no_controls(pipe: Pipe) -> None:
    evil = "\x1b[2J\u202e"
    for words in ((1, evil), ("x", "--name", "a"), (1, "--name", "a", "--password-file", evil)):
        script = pipe(*words)
        assert script.process.stderr
        script.process.wait(20)
        assert harm_in(script.process.stderr.read().decode()) == ""


def test_a_console_that_cannot_show_a_name_shows_it_escaped(start_server: StartServer) -> None:
    server = start_server()
    server.add_user("Ольга")
    server.settings["PYTHONIOENCODING"] = "ascii:strict"
    done = server.operate("list-users")
    assert done.returncode == 0, done.stderr
    assert "\\u041e\\u043b" in done.stdout


# -- noise of everything at once ---------------------------------------------------------------

_PIECES = [
    *EVILS.values(),
    *(
        "hello",
        "é",
        "漢字",
        "👩\u200d👧",
        "e\u0301",
        "ann",
        "#lobby",
        "@boss",
        "'",
        '"',
        "\\",
        "|",
        "<",
    ),
    *("\u200d", "\t", "\n", " ", "-", "1", "\ud800", "\udfff", "\U0010ffff", "\ue000", "\ufdd0"),
]
_COMMANDS = [
    *("me", "topic", "busy", "free", "join", "room", "leave", "create", "messageto noise", "reply"),
    *(
        "search",
        "history",
        "kickuser",
        "claim",
        "changegrant",
        "help",
        "rooms",
        "viewusers",
        "mail",
    ),
    *("delete", "invite", "audit", "announce", "unkickuser", ""),
]


def noisy(dice: random.Random) -> str:
    return "".join(
        dice.choice(_PIECES) if dice.random() < 0.7 else chr(dice.choice(_RANGES)(dice))
        for _ in range(dice.randrange(1, 6))
    )


_RANGES: list[Callable[[random.Random], int]] = [
    lambda dice: dice.randrange(0xA0),
    lambda dice: dice.randrange(0x3100),
    lambda dice: dice.randrange(0x2000, 0x2070),
    lambda dice: dice.randrange(0xD800, 0xE000),
    lambda dice: dice.randrange(0x110000),
]


def noisy_event(dice: random.Random, commands: list[str]) -> bytes:
    """Return one line of a program, with noise in its fields."""
    fields: dict[str, object] = {"text": noisy(dice)}
    word = "post"
    if dice.random() < 0.1:
        word, fields = "command", {"line": f"/{dice.choice(commands)} {noisy(dice)}"}
    if dice.random() < 0.3:
        fields["cid"] = noisy(dice)
    if (where := dice.random()) < 0.7:  # else where one talks just now
        fields["room"] = noisy(dice) if where < 0.05 else "lobby"
    return f">{word} {json.dumps(fields)}\n".encode()


def fuzz(server: ServerProcess, pipe: Callable[..., Script], lines: int) -> tuple[int, int]:
    """Send noise from a program to a plain reader and to our client.

    :returns: lines that came to either.
    """
    server.join("watcher").close()
    client = pipe(server.port, "--name", "watcher", CHATROOM_PASSWORD=PASSWORD)
    client.see_error("Welcome, watcher")
    errors = client.process.stderr
    assert errors
    told: list[bytes] = []  # read all along: a full pipe would hold the client up
    listener = threading.Thread(target=lambda: told.extend(errors))
    listener.start()
    watcher = server.join("plain-watcher")
    noise = server.program_peer("noise")
    dice = random.Random(lines)
    counts = [0, 0]
    for start in range(0, lines, 2000):
        mark = f"mark-{start}-"
        # A search reads all that was said: in a long run it is asked for now and then only.
        commands = _COMMANDS if start % 100_000 == 0 else [c for c in _COMMANDS if c != "search"]
        data = b"".join(noisy_event(dice, commands) for _ in range(min(2000, lines - start)))
        with noise.reading():
            noise.send_bytes(data)
            noise.send_event("command", line="/room lobby")
            noise.send_event("command", line="/free")
            noise.send_event("post", text=mark, room="lobby")
            counts[0] += heard(watcher, mark)
            counts[1] += shown(client, mark)
        assert harm_in(noise.seen) == ""
        noise.seen, noise._mark = "", 0
    assert server.process.poll() is None
    assert "Traceback" not in server.log()
    for file in [*server.log_dir.iterdir(), *client.log_dir.iterdir()]:
        assert harm_in(file.read_text(encoding="utf-8")) == "", file
    assert harm_in("\n".join(server.lines)) == ""
    client.process.kill()
    listener.join()
    assert harm_in(b"".join(told).decode()) == ""
    return counts[0], counts[1]


def heard(peer: Peer, mark: str) -> int:
    text = peer.until(mark)
    assert harm_in(text) == ""
    peer.seen, peer._mark = peer.seen[peer._mark :], 0
    return text.count("\n")


def shown(client: Script, mark: str) -> int:
    """Read what the client shows up to a mark."""
    assert client.process.stdout
    text = ""
    count = 0
    while mark not in text[-200:]:
        data = client.process.stdout.readline()
        assert data, "the client has ended"
        count += 1
        text += data.decode()
    assert harm_in(text) == ""
    return count


def test_noise_in_all_fields_arrives_harmless(
    start_server: StartServer, pipe: Callable[..., Script]
) -> None:
    heard_lines, shown_lines = fuzz(start_server(message_rate=0), pipe, 4000)
    assert min(heard_lines, shown_lines) > 2000


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_a_million_lines_of_noise_arrive_harmless(
    start_server: StartServer, pipe: Callable[..., Script]
) -> None:
    counts = fuzz(start_server(message_rate=0, keep_mb=0), pipe, 1_000_000)
    assert min(counts) > 500_000
