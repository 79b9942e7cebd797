"""A WebSocket carries the same lines as every other connection."""

import json
import socket
import struct

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from websockets.exceptions import ConnectionClosed

from tests.conftest import StartServer
from tests.harness import PASSWORD, PATIENCE, ServerProcess
from tests.irc.peer import irc
from tests.web.browser import Tab


@pytest.mark.parametrize("sealed", [False, True])
def test_two_tabs_nc_and_irc_read_each_other_in_one_order(
    room: ServerProcess, sealed: bool
) -> None:
    tab, other = Tab(room, sealed).come_in("ann"), Tab(room).come_in("bob")
    people, program = room.join("cyd"), irc(room, f"dan{sealed}", "echo-message")
    tab.send("post", text="by a tab")
    people.until("ann: by a tab")
    people.send("by nc")
    other.until("message", text="by nc")
    program.until_line("PRIVMSG", "by nc")
    program.send("PRIVMSG #lobby :by IRC")
    found = [tab.until("message", text=text)["seq"] for text in ("by a tab", "by nc", "by IRC")]
    assert [other.until("message", text="by IRC")["seq"]] == found[-1:]
    assert found == sorted(found)


def test_a_message_of_many_lines_and_a_long_answer_are_whole(start_server: StartServer) -> None:
    tab = Tab(start_server(message_rate=0)).come_in("ann")
    text = "\n".join("long" * 60 for _ in range(20))
    for _ in range(30):
        tab.send("post", text=text)
    for _ in range(30):
        tab.until("message", text=text)
    tab.send("command", name="history", args={"number": 30}, cid="h")
    old = [tab.until("message", re="h")["text"] for _ in range(30)]
    assert set(old) == {text}


def test_who_comes_back_by_ticket_misses_nothing(room: ServerProcess) -> None:
    tab = Tab(room)
    tab.send("hello", v=1, answers=1)
    tab.send("register", name="amy", password="correct horse", ticket=True)
    ticket = tab.until("ticket")["ticket"]
    bob = room.join("bob")
    bob.send("one")
    last = tab.until("message", text="one")["id"]
    tab.close()
    bob.send("two")
    bob.until("bob: two")
    back = Tab(room)
    back.send("hello", v=1, answers=1)
    back.send("resume", ticket=ticket, cursors={"lobby": last})
    assert back.until("message")["text"] == "two"
    assert back.until("notice", kind="resumed")["number"] == 1


def test_a_kick_and_a_stop_close_with_a_code_and_say_why(server: ServerProcess) -> None:
    room = server
    boss = room.join_superuser("boss")
    tab = Tab(room).come_in("ann")
    boss.send("/kickuser ann too loud")
    assert "too loud" in tab.until("control", do="kick")["text"]
    with pytest.raises(ConnectionClosed):
        tab.until("nothing")
    assert tab.socket.close_code == 1008
    other = Tab(room).come_in("bob")
    room.stop()
    assert other.until("control")["code"] == "stopping"
    with pytest.raises(ConnectionClosed):
        other.until("nothing")
    assert other.socket.close_code == 1001


def test_who_does_not_read_is_told_why_in_a_code_and_slows_nobody(
    start_server: StartServer,
) -> None:
    server = start_server(message_rate=0, outbox_bytes=65536)
    ann, bob, deaf = server.join("ann"), server.join("bob"), raw(server)
    login = ">register " + json.dumps({"name": "deaf", "password": PASSWORD})
    deaf.sendall(frame(0x81, b'>hello {"v":1}') + frame(0x81, login.encode()))
    bob.until("deaf has joined")
    line = "x" * 8000
    while "deaf has left" not in bob.seen:
        ann.send(*[line] * 20, "round")
        ann.until("ann: round")
        bob.until("ann: round", "deaf has left")
    read = b""
    while data := deaf.recv(65536):
        read += data
    told = read[read.rindex(b">control ") :]
    fields, closing = json.loads(told[9 : told.index(b"\n")]), told[told.index(b"\n") + 1 :]
    assert (fields["do"], fields["code"]) == ("disconnect", "too-slow")
    assert (closing[0], closing[2:4]) == (0x88, (1011).to_bytes(2, "big"))
    deaf.close()


@pytest.mark.parametrize("line", ["NICK x", "CAP LS 302", "USER a 0 * :x", "PASS y"])
def test_a_word_of_irc_in_a_frame_is_no_irc(room: ServerProcess, line: str) -> None:
    tab = Tab(room)
    tab.socket.send(line)
    assert "Every line is >word" in tab.until("result", ok=False)["text"]


def frame(first: int, payload: bytes, mask: bytes | None = b"\1\2\3\4") -> bytes:
    """Return a frame as a client sends it, or as it may not."""
    size = len(payload)
    masked = 0x80 if mask is not None else 0
    if size < 126:
        head = struct.pack("!BB", first, masked | size)
    elif size < 65536:
        head = struct.pack("!BBH", first, masked | 126, size)
    else:
        head = struct.pack("!BBQ", first, masked | 127, size)
    if mask is None:
        return head + payload
    return head + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(payload))


def raw(room: ServerProcess) -> socket.socket:
    """Return a socket on which a WebSocket has just been opened; the greeting comes."""
    sock = socket.create_connection(("127.0.0.1", room.port), PATIENCE)
    where = f"127.0.0.1:{room.port}"
    sock.sendall(
        f"GET /ws HTTP/1.1\r\nHost: {where}\r\nOrigin: http://{where}\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n".encode()
    )
    head = b""
    while b"\r\n\r\n" not in head:
        head += sock.recv(1)
    assert b" 101 " in head
    assert b"Extensions" not in head
    return sock


def closed_with(sock: socket.socket) -> int:
    """Read to the end; return the code of the close frame, 0: there was none."""
    with sock:
        heard = b""
        try:
            while data := sock.recv(65536):
                heard += data
        except ConnectionResetError:
            pass
    at = heard.rfind(b"\x88")
    return int.from_bytes(heard[at + 2 : at + 4], "big") if at >= 0 else 0


@pytest.mark.parametrize(
    ("what", "data", "code"),
    [
        ("no mask", frame(0x81, b">pong {}", None), 1002),
        ("a reserved bit", frame(0xC1, b">pong {}"), 1002),
        ("an unknown kind", frame(0x83, b""), 1002),
        ("a ping in parts", frame(0x09, b""), 1002),
        ("a long ping", frame(0x89, b"x" * 126), 1002),
        ("a part of nothing", frame(0x80, b"x"), 1002),
        ("too long", frame(0x81, b"x" * 20_000), 1009),
        ("2^63 bytes", struct.pack("!BBQ", 0x81, 0xFF, 1 << 63) + b"\0" * 8, 1009),
        ("many parts", frame(0x01, b"x" * 5000) + frame(0x00, b"x" * 5000), 1009),
        ("no UTF-8", frame(0x81, b"\xff\xfe"), 1007),
        ("bytes", frame(0x82, b"x"), 1003),
        ("a wrong close", frame(0x88, b"\x03"), 1002),
        ("a close", frame(0x88, b"\x03\xe8bye"), 1000),
    ],
)
def test_a_wrong_frame_closes_with_its_code_and_does_nothing_else(
    room: ServerProcess, what: str, data: bytes, code: int
) -> None:
    sock = raw(room)
    sock.sendall(data)
    sock.shutdown(socket.SHUT_WR)
    assert closed_with(sock) == code, what


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.binary(max_size=300))
def test_noise_in_the_place_of_frames_harms_nobody(room: ServerProcess, data: bytes) -> None:
    sock = raw(room)
    sock.sendall(data)
    sock.shutdown(socket.SHUT_WR)
    closed_with(sock)
