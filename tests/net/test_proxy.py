"""A load balancer in front that tells real addresses by the PROXY protocol."""

import re
import socket
import struct
import threading
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatroom.errors import Disconnected
from chatroom.net.limits import FROM_ADDRESS
from chatroom.net.proxy import NoHeader, parse, read_origin
from tests.conftest import StartServer
from tests.harness import PASSWORD, Peer, ServerProcess
from tests.net.test_tls import any_certificate

BALANCER, STRANGER = "127.0.0.2", "127.0.0.1"
SIGNATURE = bytes.fromhex("0d0a0d0a000d0a515549540a")
REFUSED = "must begin with a PROXY header"


def text_header(address: str = "203.0.113.7") -> bytes:
    family, own = ("TCP6", "2001:db8::1") if ":" in address else ("TCP4", "192.0.2.1")
    return f"PROXY {family} {address} {own} 50000 9797\r\n".encode()


def binary_header(address: str = "203.0.113.7", more: bytes = b"") -> bytes:
    if ":" in address:
        kind = 0x21
        pair = b"".join(socket.inet_pton(socket.AF_INET6, a) for a in (address, "2001:db8::1"))
    else:
        kind = 0x11
        pair = socket.inet_aton(address) + socket.inet_aton("192.0.2.1")
    return binary(0x21, kind, pair + struct.pack("!HH", 50000, 9797) + more)


def binary(command: int, kind: int, block: bytes = b"", length: int | None = None) -> bytes:
    size = len(block) if length is None else length
    return SIGNATURE + struct.pack("!BBH", command, kind, size) + block


TLVS = b"\x04\x00\x03abc" + b"\x20\x00\x05" + b"\0" * 5
LOCAL, UNKNOWN = binary(0x20, 0x00), b"PROXY UNKNOWN\r\n"
GOOD = {
    "text": (text_header(), "203.0.113.7"),
    "text IPv6": (text_header("2001:db8:7::7"), "2001:db8:7::7"),
    "text mapped": (text_header("::ffff:203.0.113.7"), "203.0.113.7"),
    "text unknown": (UNKNOWN, ""),
    "text unknown with addresses": (b"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n", ""),
    "text longest": (b"PROXY UNKNOWN " + b"f" * 91 + b"\r\n", ""),
    "binary": (binary_header(), "203.0.113.7"),
    "binary IPv6": (binary_header("2001:db8:7::7"), "2001:db8:7::7"),
    "binary mapped": (binary_header("::ffff:203.0.113.7"), "203.0.113.7"),
    "binary with TLVs": (binary_header(more=TLVS), "203.0.113.7"),
    "binary longest": (binary_header(more=b"\x04" * 508), "203.0.113.7"),
    "binary local": (LOCAL, ""),
    "binary local with a block": (binary(0x20, 0x11, b"x" * 12), ""),
    "binary unknown": (binary(0x21, 0x00, b"x" * 7), ""),
    "binary unix": (binary(0x21, 0x31, b"/" * 216), ""),
}
BAD = {
    "nothing like it": b'>hello {"v":1}\n',
    "TLS at once": b"\x16\x03\x01\x02\x00\x01",
    "small letters": b"proxy TCP4 203.0.113.7 192.0.2.1 1 2\r\n",
    "almost": b"PROXX TCP4",
    "no family": b"PROXY 203.0.113.7 192.0.2.1 1 2\r\n",
    "family of another": b"PROXY TCP4 2001:db8::7 2001:db8::1 1 2\r\n",
    "family of another, too": b"PROXY TCP6 203.0.113.7 192.0.2.1 1 2\r\n",
    "mixed families": b"PROXY TCP4 203.0.113.7 2001:db8::1 1 2\r\n",
    "no address": b"PROXY TCP4 300.0.113.7 192.0.2.1 1 2\r\n",
    "port too high": b"PROXY TCP4 203.0.113.7 192.0.2.1 65536 2\r\n",
    "port with a zero": b"PROXY TCP4 203.0.113.7 192.0.2.1 01 2\r\n",
    "two spaces": b"PROXY TCP4  203.0.113.7 192.0.2.1 1 2\r\n",
    "one field more": b"PROXY TCP4 203.0.113.7 192.0.2.1 1 2 3\r\n",
    "bare line end": b"PROXY TCP4 203.0.113.7 192.0.2.1 1 2\n",
    "text too long": b"PROXY UNKNOWN " + b"f" * 100 + b"\r\n",
    "text without end": b"PROXY " + b"f" * 1000,
    "binary too long": binary(0x21, 0x11, b"x" * 521),
    "binary endless": binary(0x21, 0x11, length=65535),
    "damaged signature": b"\r\n\r\n\0\r\nQUIX\n!!!!",
    "version 1 in binary": binary(0x11, 0x11, b"x" * 12),
    "unknown command": binary(0x22, 0x11, b"x" * 12),
    "unknown family": binary(0x21, 0x41, b"x" * 36),
    "unknown transport": binary(0x21, 0x13, b"x" * 12),
    "datagrams": binary(0x21, 0x12, b"x" * 12),
    "block too short": binary(0x21, 0x11, b"x" * 11),
    "block of the other family": binary(0x21, 0x21, b"x" * 12),
    "binary unix too short": binary(0x21, 0x31, b"x" * 215),
}


# -- the header alone --------------------------------------------------------------------------


@pytest.mark.parametrize(("header", "address"), GOOD.values(), ids=GOOD)
def test_a_header_is_read_to_its_last_byte(header: bytes, address: str) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(header + b"PROXY \n")
        assert read_origin(ours) == address
        assert ours.recv(100) == b"PROXY \n"


@pytest.mark.parametrize(("header", "address"), GOOD.values(), ids=GOOD)
def test_a_header_may_come_byte_by_byte(header: bytes, address: str) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)

        def send() -> None:
            for byte in header + b"!":
                theirs.sendall(bytes([byte]))

        sender = threading.Thread(target=send)
        sender.start()
        assert read_origin(ours) == address
        assert ours.recv(100) == b"!"
        sender.join()


@pytest.mark.parametrize("header", BAD.values(), ids=BAD)
def test_what_is_no_header_is_refused_as_soon_as_that_is_known(header: bytes) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(header)
        with pytest.raises(NoHeader):
            read_origin(ours)


@pytest.mark.parametrize("header", [text_header(), binary_header(more=TLVS)])
def test_half_a_header_and_an_end_is_somebody_who_has_left(header: bytes) -> None:
    for kept in range(len(header)):
        ours, theirs = socket.socketpair()
        with ours, theirs:
            theirs.sendall(header[:kept])
            theirs.close()
            with pytest.raises(Disconnected, match="left before"):
                read_origin(ours)


@given(
    st.binary(max_size=600), st.sampled_from([b"", b"PROXY ", b"PROXY TCP4 1.2.3.4 ", SIGNATURE])
)
def test_whatever_comes_is_a_header_or_an_end(noise: bytes, begin: bytes) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(begin + noise)
        theirs.shutdown(socket.SHUT_WR)
        try:
            origin = read_origin(ours)
        except Disconnected:
            return
        rest = len(ours.recv(1000))
        assert parse((begin + noise)[: len(begin + noise) - rest]) == origin


# -- the server behind a balancer --------------------------------------------------------------


@pytest.fixture(scope="module")
def behind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server behind a balancer, which takes plain text so that it can be seen."""
    folder = tmp_path_factory.mktemp("behind")
    server = ServerProcess(folder, proxy_from=f"192.0.2.0/24, {BALANCER}/32", allow_plain="yes")
    server.add_user("boss", superuser=True)
    yield server
    server.close()


def through(server: ServerProcess, header: bytes) -> Peer:
    peer = Peer(server.port, local=BALANCER)
    peer.send_bytes(header)
    return peer


def log_in(peer: Peer, name: str) -> Peer:
    peer.send("y", name, PASSWORD, PASSWORD)
    peer.until("Here now")
    return peer


@pytest.mark.parametrize(("header", "address"), GOOD.values(), ids=GOOD)
def test_whois_shows_the_address_of_the_header(
    behind: ServerProcess, header: bytes, address: str
) -> None:
    boss = behind.join("boss")
    name = f"somebody{list(GOOD.values()).index((header, address))}"
    peer = log_in(through(behind, header), name)
    assert f"{address or BALANCER} " in boss.answer_to(f"/whois {name}")
    peer.close()
    boss.close()


@pytest.mark.parametrize("header", [text_header(), binary_header(more=TLVS)])
def test_a_hello_may_come_in_the_same_bytes(behind: ServerProcess, header: bytes) -> None:
    peer = through(behind, header + b'>hello {"v":1}\n')
    peer.until_event("prompt", ask="account")


@pytest.mark.parametrize("header", BAD.values(), ids=BAD)
def test_who_begins_without_a_header_is_told_and_closed(
    behind: ServerProcess, header: bytes
) -> None:
    peer = through(behind, header)
    said = peer.until_end()
    assert REFUSED in said
    assert len(said.splitlines()) == 1
    assert behind.peer().until("[y/n]")


@pytest.mark.parametrize("header", [text_header(), binary_header() + b"\n"])
def test_a_header_of_a_stranger_ends_the_connection(behind: ServerProcess, header: bytes) -> None:
    peer = Peer(behind.port, local=STRANGER)
    peer.send_bytes(header)
    assert peer.until_end() == ""


def test_a_header_of_a_stranger_in_the_midst_of_the_login_is_a_line_like_any_other(
    behind: ServerProcess,
) -> None:
    boss = behind.join("boss")
    peer = Peer(behind.port, local=STRANGER)
    peer.until("[y/n]")
    peer.send_bytes(text_header())
    peer.until("[y/n]")  # asked again
    log_in(peer, "liar")
    shown = boss.answer_to("/whois liar")
    assert STRANGER in shown
    assert "203.0.113.7" not in shown


def test_what_superusers_do_is_audited_with_the_address(behind: ServerProcess) -> None:
    boss = through(behind, text_header("203.0.113.99"))
    boss.send("n", "boss", PASSWORD)
    boss.until("Here now")
    log_in(behind.peer(), "loud").close()
    boss.answer_to("/mute loud 1m")
    assert "203.0.113.99" in boss.answer_to("/audit loud")


def test_a_banned_range_is_that_of_the_header(behind: ServerProcess) -> None:
    boss = behind.join("boss")
    inside = log_in(through(behind, binary_header("198.51.100.7")), "inside")
    outside = through(behind, binary_header("198.51.100.8"))
    outside.until("[y/n]")
    other = log_in(through(behind, binary_header("198.51.101.7")), "other")
    waiting = through(behind, b"PROXY ")  # its address is not known yet
    ranges = ("198.51.100.0/24", f"{BALANCER}/32")
    bans = [re.search(r"/unban \d+", boss.answer_to(f"/ban {one} 1h")) for one in ranges]
    for peer in (inside, outside):
        assert "Your address was banned by boss." in peer.until_end()
    for header in (text_header("198.51.100.9"), binary_header("198.51.100.9"), LOCAL):
        said = through(behind, header).until_end()
        sentence, control = said.splitlines()
        assert "banned" in sentence.lower(), said
        assert control.startswith(">control ") and '"code":"banned"' in control
    assert other.answer_to("/help")
    waiting.send_bytes(text_header()[6:])
    waiting.until("[y/n]")
    for ban in bans:
        assert ban
        boss.answer_to(ban[0])
    through(behind, text_header("198.51.100.9")).until("[y/n]")


def test_limits_and_throttles_count_the_address_of_the_header(start_server: StartServer) -> None:
    server = start_server(
        proxy_from=BALANCER,
        allow_plain="yes",
        connections_per_address=2,
        unauthenticated_per_address=2,
        registrations_per_address=1,
    )
    first = [through(server, text_header("203.0.113.1")) for _ in range(2)]
    for peer in first:
        peer.until("[y/n]")
    assert FROM_ADDRESS in through(server, text_header("203.0.113.1")).until_end()
    many = [through(server, binary_header(f"203.0.113.{n}")) for n in range(2, 7)]
    for peer in many:
        peer.until("[y/n]")
    log_in(first[0], "ann")
    first[1].send("y", "bob", PASSWORD, PASSWORD)
    assert "Welcome" not in first[1].until("accounts", "Welcome")
    log_in(many[0], "carl")
    # A place is free again when its connection has ended, and only then.
    first[0].close()
    while FROM_ADDRESS in (peer := through(server, text_header("203.0.113.1"))).until(
        "[y/n]", FROM_ADDRESS
    ):
        pass
    assert FROM_ADDRESS in through(server, text_header("203.0.113.1")).until_end()


def test_a_full_house_is_full_before_any_header(start_server: StartServer) -> None:
    server = start_server(proxy_from=BALANCER, connections=3)
    waiting = [through(server, b"PROXY") for _ in range(3)]
    assert "The room is full" in server.peer().until_end()
    assert "The room is full" in through(server, b"").until_end()
    for peer in waiting:
        peer.send_bytes(text_header("127.0.0.3")[5:])
        peer.until("[y/n]")


def test_the_time_for_the_login_bounds_the_header(start_server: StartServer) -> None:
    server = start_server(proxy_from=BALANCER, login_seconds=0.5)
    for begin in (b"", b"PROXY TCP4 ", SIGNATURE, binary_header()[:-1]):
        assert through(server, begin).until_end() == ""
    assert server.log().count("reason=time is up") == 4


def test_plain_text_is_spoken_with_this_machine_only_by_the_header(
    start_server: StartServer,
) -> None:
    server = start_server(proxy_from=BALANCER)
    far = through(server, text_header() + b"n\n")
    assert "This server speaks TLS only" in far.until_end()
    through(server, text_header("127.0.0.9")).until("[y/n]")
    through(server, binary_header("::1")).until("[y/n]")
    through(server, UNKNOWN).until("[y/n]")


@pytest.mark.parametrize("header", [text_header(), binary_header(more=TLVS)])
def test_tls_begins_behind_the_header(start_server: StartServer, header: bytes) -> None:
    server = start_server(proxy_from=BALANCER)
    peer = through(server, header)
    peer.socket = any_certificate().wrap_socket(peer.socket)
    log_in(peer, "ann")
    server.add_user("boss", superuser=True)
    assert "203.0.113.7" in server.join("boss").answer_to("/whois ann")


def test_checks_of_the_balancer_leave_no_line_in_the_log(start_server: StartServer) -> None:
    server = start_server(proxy_from=BALANCER)
    for header in (LOCAL, UNKNOWN, text_header(BALANCER), b"", b"PROXY "):
        through(server, header).close()
        through(server, header).vanish()
    through(server, LOCAL).until("[y/n]")
    assert server.stop() == 0
    assert sum(BALANCER in line for line in server.log().splitlines()) == 1  # the last one


def test_a_stop_does_not_wait_for_headers(start_server: StartServer) -> None:
    server = start_server(proxy_from=BALANCER)
    peer = through(server, b"PROXY")
    server.join("ann")
    assert server.stop() == 0
    assert peer.until_end() == ""


def test_a_wrong_range_is_refused_at_the_start(start_server: StartServer) -> None:
    with pytest.raises(AssertionError, match=r"CHATROOM_PROXY_FROM is '10\.0\.0\.0/40'"):
        start_server(proxy_from="10.0.0.0/40")
