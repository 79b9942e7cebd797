"""The attacks of docs/security.md by IRC: nobody else notices, nothing of one is another's."""

import re
import socket
import sys
import time
from pathlib import Path

import pytest

from chatroom.commands.table import build
from tests.conftest import StartServer
from tests.harness import PASSWORD, PATIENCE, ROOT, Peer, ServerProcess
from tests.irc.peer import ALL_CAPS, IrcPeer, irc, irc_peer
from tests.net.test_bad_peers import memory_of
from tests.session.test_flood import HASTY

CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202e]")
HARMFUL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202e\u200b]")
FORGED = "\x1b[31m\x07\u202eforged\x85\u2028 \x9b2J"
MULTI = (*ALL_CAPS, "draft/multiline")


@pytest.fixture
def hasty(tmp_path: Path) -> tuple[str, str]:
    """A server that cuts a flood off after a second."""
    script = tmp_path / "hasty.py"
    script.write_text(HASTY.format(root=str(ROOT)))
    return sys.executable, str(script)


def new_name(room: ServerProcess, begin: str) -> str:
    return f"{begin}{len(room.log())}"


def come(room: ServerProcess, begin: str, *caps: str) -> IrcPeer:
    return irc(room, new_name(room, begin), *caps)


def nick_of(peer: Peer) -> str:
    found = re.search(r" 001 (\S+)", peer.seen)
    assert found
    return found[1]


def lines_of(peer: Peer) -> list[str]:
    return peer.seen.split("\r\n")


# -- lines


def test_a_line_that_is_too_long_is_told_and_the_next_one_is_heard(room: ServerProcess) -> None:
    ann, bob = come(room, "ann"), come(room, "bob")
    for long in ("x" * 500, "x" * 9000, "é" * 251):
        told = [line.command for line in ann.asks(f"PRIVMSG #lobby :{long}")]
        assert [word for word in told if word.isdigit()] == ["417"]
    for tags, numbers in (("t" * 4094, []), ("t" * 4095, ["417"]), ("t" * 9000, ["417"])):
        told = [line.command for line in ann.asks(f"@{tags} PRIVMSG #lobby :a")]
        assert [word for word in told if word.isdigit()] == numbers
    ann.send("PRIVMSG #lobby :after that")
    bob.until_line("PRIVMSG", "after that")
    assert "xxx" not in bob.seen


@pytest.mark.parametrize("begin", [b"", b"NICK ann\r\n"], ids=["inside", "before the login"])
def test_a_line_without_end_is_cut_off_and_costs_no_memory(
    room: ServerProcess, begin: bytes
) -> None:
    bob = come(room, "bob")
    ann = irc_peer(room) if begin else come(room, "ann")
    ann.send_bytes(begin)
    before = memory_of(room)
    with ann.flooding(b"x" * 65536):
        text = ann.until_end()
    assert text.split("\r\n")[-2] == "ERROR :You sent a line without an end. Connect again."
    assert memory_of(room) - before < 4096
    bob.sync()


@pytest.mark.parametrize("bad", [b"\xff", b"caf\xe9", b"\xed\xa0\x80", b"\xc0\xaf"])
def test_a_line_that_is_no_utf8_is_not_said(room: ServerProcess, bad: bytes) -> None:
    ann, bob = come(room, "ann"), come(room, "bob")
    ann.send_bytes(b"PRIVMSG #lobby :" + bad + b"\r\n")
    ann.until_line("FAIL", "PRIVMSG", "INVALID_UTF8")
    ann.send_bytes(b"PRIVMSG #lobby :caf\xc3\xa9\r\n")
    bob.until_line("PRIVMSG", "café")


def test_no_line_hides_in_another_one(room: ServerProcess) -> None:
    ann, bob = come(room, "ann"), come(room, "bob")
    ann.send_bytes(b"PRIVMSG #lobby :one\rPRIVMSG #lobby :two\r\n")
    ann.until_line("NOTICE")
    ann.send("PRIVMSG #lobby :three")
    bob.until_line("PRIVMSG", "three")
    assert not re.search("one.?PRIVMSG|:two", bob.seen)


def test_a_line_with_a_nul_is_heard_without_it(room: ServerProcess) -> None:
    ann, bob = come(room, "ann"), come(room, "bob")
    ann.send_bytes(b"PRIVMSG #lobby :a n\0ul\0 JOIN #x\r\n")
    bob.until_line("PRIVMSG", "a nul JOIN #x")
    ann.send_bytes(b"QUIT :bye\0 all\r\n")
    assert "ERROR" in ann.until_end()
    bob.until_line("QUIT", "bye all")


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        (b"PRIVMSG #lobby :caf\xe9", "FAIL"),
        (b"PRIVMSG #lobby :" + b"x" * 600, "417"),
        (b"PING a\rb", "NOTICE"),
        (b":source", "NOTICE"),
        (b"NO_SUCH", "421"),
    ],
)
def test_what_is_wrong_with_a_line_is_told_with_its_label(
    room: ServerProcess, line: bytes, answer: str
) -> None:
    ann = come(room, "ann", "labeled-response", "batch", "standard-replies")
    ann.send_bytes(b"@label=" + "é".encode() * 32 + b";x=y " + line + b"\r\n")
    assert ann.until_line(answer).tags == {"label": "é" * 32}
    ann.send_bytes(b"@label=" + "é".encode() * 33 + b" " + line + b"\r\n")
    assert ann.until_line(answer).tags == {}


def test_half_lines_of_who_vanishes_go_nowhere(room: ServerProcess) -> None:
    bob = come(room, "bob")
    for _ in range(3):
        peer = come(room, "ghost")
        peer.send_bytes(b"PRIVMSG #lobby :half a li")
        peer.vanish()
    assert not [line for line in bob.asks("NAMES #lobby") if "half" in line.params[-1]]


def test_many_parameters_and_strange_tags_are_taken_as_they_are(room: ServerProcess) -> None:
    ann = come(room, "ann", *ALL_CAPS)
    many = " ".join(map(str, range(40)))
    assert [line.command for line in ann.asks(f"WHOIS {many}")] != []
    ann.asks(f"@{';'.join(f'k{n}=v' for n in range(600))} PRIVMSG #lobby {many}")
    ann.send("@label=a\\:\\sb\\\\\\r\\n PING x")
    assert ann.until_line("PONG").tags["label"] == "a; b\\\r\n"
    assert "label" not in ann.asks(f"@label={'l' * 65} PING y")[-1].tags


# -- what others see


def test_control_bytes_of_one_reach_nobody(room: ServerProcess) -> None:
    name = new_name(room, "ann")
    witness, plain, events = come(room, "wit", *ALL_CAPS), room.join("nc"), room.device("prog")
    ann = irc_peer(room)
    ann.send("CAP LS 302", f"NICK {name}", f"USER {name} 0 * :real {FORGED}")
    ann.send(f"REGISTER * * :{PASSWORD}", "CAP END")
    ann.until_line("001")
    ann.send(
        f"PRIVMSG #lobby :{FORGED}",
        f"NOTICE #lobby :{FORGED}",
        f"PRIVMSG #lobby :\x01ACTION {FORGED}\x01",
        f"AWAY :{FORGED}",
        "AWAY",
        f"SETNAME :{FORGED}",
        f"TOPIC #lobby :{FORGED}",
        f"JOIN #{FORGED}",
        "PRIVMSG #lobby :that is all",
        f"QUIT :{FORGED}",
    )
    witness.until_line("QUIT")
    plain.until(f"{name} has left")
    events.until_event("message", kind="leave", **{"from": name})
    witness.asks(f"WHOIS {name}", f"WHOWAS {name}", "WHO #lobby")
    for line in lines_of(witness):
        acts = line.replace("\x01ACTION", "").replace("\x01", "")
        assert not CONTROL.search(acts), repr(line)
    for peer in (plain, events):
        assert not CONTROL.search(peer.seen.replace("\r", "")), repr(peer.seen)
    assert all(line.isprintable() for line in room.log().split("\n"))


def test_what_harms_a_terminal_goes_by_no_command_to_anybody(start_server: StartServer) -> None:
    """Neither typed by SERVER, nor said to the nick, nor by what IRC has of its own."""
    server = start_server(message_rate=0)
    evil = "b\x1b[2J\x07\u2028\u202e\u200bX"
    witness, plain, events = irc(server, "wit", *ALL_CAPS), server.join("nc"), server.device("prog")
    alice = irc(server, "alice")
    alice.asks(f"SERVER claim {server.claim_code()}")
    for name in ("carl", "dora", "eve", "fred"):
        irc(server, name).socket.close()
    for front in ("SERVER ", "PRIVMSG server :"):
        for one in build().all():
            if one.name not in ("disconnect", "claim"):
                alice.send(f"{front}{one.name} {evil}", f"{front}#lobby {one.name} {evil}")
                alice.send(f"{front}cancel")
                alice.sync()
        told = alice.asks(
            f"{front}busy {evil}",
            f"{front}announce {evil}",
            f"{front}#lobby topic {evil}",
            f"{front}#lobby me {evil}",
            f"{front}messageto nc {evil}",
            f"{front}mute fred 1h {evil}",
            f"{front}unmute fred",
            f"{front}report eve {evil}",
        )
        assert told
        witness.asks("WHOIS alice", "WHO #lobby", "PRIVMSG alice :are you there?", "NAMES #lobby")
    address = "127.0.0.7"
    inside = IrcPeer(server.port, local=address).come_in("gina")
    alice.asks(
        f"AWAY :{evil}",
        f"SERVER ban carl 1h {evil}",
        f"SERVER kickuser dora {evil}",
        f"KILL eve :{evil}",
        f"KICK #lobby fred :{evil}",
        f"SERVER ban {address} 2h {evil}",
        "SERVER sanctions",
        "SERVER audit",
        "PRIVMSG #lobby :that is all",
    )
    witness.until_line("PRIVMSG", "that is all")
    plain.until("that is all")
    events.until_event("message", text="that is all")
    peers: list[Peer] = [witness, plain, events, alice]
    for who in ("carl", "dora", "eve"):
        back = irc_peer(server)
        back.send(f"PASS :{who}:{PASSWORD}", f"NICK {who}", f"USER {who} 0 * :x")
        peers.append(back)
    peers += [inside, IrcPeer(server.port, local=address)]
    for one_out in peers[4:]:
        assert "X" in one_out.until_end()
    for one_told in peers:
        for line in re.split("\r?\n", one_told.seen):
            acts = line.replace("\x01ACTION", "").replace("\x01", "")
            assert not HARMFUL.search(acts), repr(line)


def test_what_others_type_begins_no_line_at_an_irc_client(room: ServerProcess, boss: Peer) -> None:
    ann, program = come(room, "ann"), room.device("prog")
    before = len(ann.seen)
    fake = "hi\r\nERROR :fake\r\n:boss!~u@chat QUIT :fake\x01VERSION\x01\n\x01ACTION x\x01"
    program.send_event("post", text=fake)
    program.send_event("post", text=fake, to="nobody")
    boss.send("/announce \x01ACTION fake\x01")
    boss.send("/topic hi \x01VERSION\x01 \x0d there")
    ann.until_line("TOPIC", "#lobby")
    program.send_event("post", text="that is all")
    ann.until_line("PRIVMSG", "that is all")
    for line in ann.seen[before:].split("\r\n"):
        assert "\x01" not in line
        if "fake" in line:
            assert re.match(r":(prog|boss)!~u@chat PRIVMSG #lobby :", line), line
    assert not [line for line in lines_of(ann) if line.startswith("ERROR")]


def test_a_source_that_a_client_gives_counts_for_nothing(room: ServerProcess) -> None:
    name = new_name(room, "ann")
    ann, bob = irc(room, name), come(room, "bob")
    ann.send(":boss!~u@chat PRIVMSG #lobby :not of boss")
    assert bob.until_line("PRIVMSG", "not of boss").source == f"{name}!~u@chat"


def test_a_password_is_in_no_log_and_comes_back_to_nobody(room: ServerProcess) -> None:
    witness = come(room, "wit")
    secret = "my secret:word"
    for lines in (
        (f"PASS {secret}", "NICK boss", "USER x 0 * :x"),
        (f"PASS :boss:{secret}", "NICK boss", "USER x 0 * :x"),
        ("NICK new", "USER x 0 * :x", f"REGISTER * {secret}"),
        ("NICK new", f"OPER boss {secret}", f"AUTHENTICATE {secret}", "USER x 0 * :x"),
    ):
        peer = irc_peer(room)
        peer.send("CAP END", *lines)
        peer.sync()
        assert "secret" not in peer.seen
    witness.sync()
    assert "secret" not in witness.seen + room.log()


# -- floods


def test_a_flood_is_delayed_told_and_cut_off_with_an_error(
    start_server: StartServer, hasty: tuple[str, str]
) -> None:
    server = start_server(program=hasty, message_rate=40)
    ann, bob = irc(server, "ann"), irc(server, "bob", "echo-message")
    with ann.flooding(b"PRIVMSG #lobby :flood\r\n" * 5_000):
        for number in range(100):
            bob.send(f"PRIVMSG #lobby :line {number}")
            bob.until_line("PRIVMSG", f"line {number}")
        text = ann.until_end()
    assert text.count("You write faster than 40 lines a second; your lines are delayed.") == 1
    last = text.rstrip("\r\n").split("\r\n")[-1]
    assert last.startswith("ERROR :You write faster than this server accepts")
    assert "reason=flooding" in server.log()
    bob.sync()


def test_questions_are_delayed_and_never_cut_off(
    start_server: StartServer, hasty: tuple[str, str]
) -> None:
    """A client asks for modes and names of each room when it has come in."""
    server = start_server(program=hasty, message_rate=0.5)
    ann = irc(server, "ann")
    with ann.reading():
        ann.send(*(["MODE #lobby", "WHO #lobby", "MODE #lobby b"] * 2_000))
    for _ in range(40):  # more than are answered at once; the cut-off is at one second
        ann.until_line("324")
    ann.send("PRIVMSG #lobby :x")
    assert "ERROR" not in ann.seen


def test_what_programs_say_to_each_other_goes_to_nobody(room: ServerProcess) -> None:
    ann, bob = come(room, "ann", *ALL_CAPS), come(room, "bob", *ALL_CAPS)
    before = len(bob.seen)
    ann.send(*([f"PRIVMSG #lobby :\x01{word} x\x01" for word in ("VERSION", "DCC", "PING")] * 50))
    ann.send(*(["NOTICE #lobby :\x01VERSION x\x01", "TAGMSG #lobby"] * 50))
    ann.send("PRIVMSG #lobby :that is all")
    bob.until_line("PRIVMSG", "that is all")
    assert not re.search(r"\x01|VERSION|TAGMSG", bob.seen[before:])


@pytest.mark.parametrize("asks", [False, True], ids=["silent", "asking"])
def test_who_never_reads_is_cut_off_with_an_error_and_slows_nobody(
    start_server: StartServer, asks: bool
) -> None:
    server = start_server(message_rate=0, outbox_bytes=65536)
    deaf, ann, bob = irc(server, "deaf"), irc(server, "ann", "echo-message"), irc(server, "bob")
    if asks:
        deaf.socket.settimeout(0.2)
        try:
            deaf.send(*(["HELP", "NAMES #lobby", "WHO #lobby"] * 5_000))
        except TimeoutError:
            pass
    line = "x" * 400
    rounds = 0
    while "reason=too slow" not in server.log():
        rounds += 1
        ann.send(*[f"PRIVMSG #lobby :{line}"] * 200, f"PRIVMSG #lobby :round {rounds}")
        ann.until_line("PRIVMSG", f"round {rounds}")
        bob.until_line("PRIVMSG", f"round {rounds}")
    last = deaf.until_end().rstrip("\r\n").split("\r\n")[-1]
    assert last.startswith("ERROR :You did not read fast enough")


def test_batches_that_never_end_cost_no_memory(room: ServerProcess) -> None:
    ann, bob = come(room, "ann", *MULTI), come(room, "bob", *MULTI)
    ann.sync()
    before = memory_of(room)
    with ann.reading():
        for number in range(300):
            ann.send(f"BATCH +r{number} draft/multiline #lobby")
            ann.send(*[f"@batch=r{number} PRIVMSG #lobby :{'y' * 400}"] * 60)
    ann.sync()
    assert memory_of(room) - before < 8192
    ann.send("BATCH -r299")
    bob.sync()
    ann.asks("PRIVMSG #lobby :and a line beside")


def test_asking_for_capabilities_again_and_again_harms_nobody(room: ServerProcess) -> None:
    ann, bob = come(room, "ann"), come(room, "bob", "server-time")
    with ann.reading():
        for _ in range(200):
            ann.send("CAP REQ :server-time echo-message", "CAP REQ :-server-time -echo-message")
        ann.send("PRIVMSG #lobby :still one line")
    bob.until_line("PRIVMSG", "still one line")
    ann.sync()
    assert bob.seen.count("still one line") == 1


def test_many_who_do_not_log_in_keep_nobody_out(start_server: StartServer) -> None:
    server = start_server(unauthenticated=20, unauthenticated_per_address=5)
    crowd: list[IrcPeer] = []
    for _ in range(12):
        peer = irc_peer(server)
        try:
            peer.send("NICK somebody", "USER x 0 * :x")
        except OSError:
            pass
        crowd.append(peer)
    assert sum("Too many" in peer.until_end() for peer in crowd[5:]) >= 1
    for peer in crowd[:5]:
        peer.close()
    deadline = time.monotonic() + PATIENCE
    while True:  # until it is noticed that they have left
        try:
            irc(server, "ann")
            return
        except (AssertionError, OSError):
            assert time.monotonic() < deadline


# -- who may not be there


def test_a_ban_and_a_kick_end_a_visit_at_once(room: ServerProcess, boss: Peer) -> None:
    for command in ("/ban {} rude", "/kickuser {} rude"):
        name = new_name(room, "ann")
        ann = irc(room, name)
        boss.answer_to(command.format(name))
        last = ann.until_end().rstrip("\r\n").split("\r\n")[-1]
        assert last.startswith("ERROR :")
        assert "rude" in last
        again = irc_peer(room)
        again.send(f"PASS {name}:{PASSWORD}", f"NICK {name}", "USER x 0 * :x")
        again.until_line("465")
        again.until_end()


def test_a_lookalike_of_a_room_is_not_made(start_server: StartServer) -> None:
    server = start_server(irc_join_creates=True)
    ann = irc(server, "ann")
    ann.send("JOIN #paypal")
    ann.until_line("JOIN", "#paypal")
    for name in ("#раypal", "#PAYPAL", "#lоbby", "#../x", "#a:c", "#server", "#" + "x" * 40):
        told = ann.asks(f"JOIN :{name}")
        assert not [line for line in told if line.command == "JOIN"], (name, told)


def test_people_are_found_by_names_of_any_letters(room: ServerProcess) -> None:
    zoe, ann = come(room, "Zoë"), come(room, "ann")
    name = nick_of(zoe)
    ann.send(f"PRIVMSG {name.upper()} :hello")
    assert zoe.until_line("PRIVMSG", "hello").params[0] == name
    assert "401" in [line.command for line in ann.asks("PRIVMSG Zое :hello")]


def test_nothing_is_said_by_who_is_muted(room: ServerProcess, boss: Peer) -> None:
    name = new_name(room, "ann")
    ann, bob = irc(room, name, *MULTI), come(room, "bob", *MULTI)
    boss.answer_to(f"/mute {name}")
    for line in ("PRIVMSG #lobby :m1", "NOTICE #lobby :m2", "PRIVMSG server :#lobby me m3"):
        ann.asks(line)
    ann.asks("BATCH +1 draft/multiline #lobby", "@batch=1 PRIVMSG #lobby :m4", "BATCH -1")
    ann.asks(f"PRIVMSG {nick_of(bob)} :m5", "AWAY :m6", "SETNAME :m7")
    ann.send("QUIT :m8")
    bob.until_line("QUIT")
    assert not re.search(r":m\d", bob.seen)


def test_one_who_hears_nothing_of_another_is_not_told_of_what_that_one_does(
    room: ServerProcess,
) -> None:
    """What is private stays private: neither a room nor who is in it can be asked for."""
    owner, stranger = come(room, "own"), come(room, "str")
    name = new_name(room, "den")
    owner.asks(f"PRIVMSG server :create {name} private", f"TOPIC #{name} :hidden topic")
    for line in (
        *(f"{word} #{name}" for word in ("JOIN", "NAMES", "WHO", "TOPIC", "MODE", "LIST", "PART")),
        f"CHATHISTORY LATEST #{name} * 10",
        f"PRIVMSG #{name} :x",
        f"KICK #{name} boss",
        f"INVITE boss #{name}",
        f"MARKREAD #{name}",
        f"PRIVMSG server :#{name} topic",
        f"PRIVMSG server :roominfo {name}",
    ):
        for told in stranger.asks(line):
            assert "hidden" not in told.params[-1], line
            assert told.command not in ("353", "352", "332", "324", "322"), (line, told)


def test_a_connection_that_is_reset_amid_the_login_leaves_nothing(room: ServerProcess) -> None:
    for lines in (("NICK a",), ("CAP LS", "NICK a"), ("CAP REQ sasl", "AUTHENTICATE PLAIN")):
        peer = irc_peer(room)
        peer.send(*lines)
        peer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        peer.close()
    come(room, "ann").sync()
