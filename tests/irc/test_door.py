"""How the one port tells an IRC client, and who is not let in by it."""

import socket
import ssl
from pathlib import Path

import pytest

from tests.conftest import StartServer
from tests.harness import PASSWORD, ServerProcess
from tests.irc.peer import IrcPeer, irc, irc_peer
from tests.net.test_tls import put_pair

BALANCER = "127.0.0.5"
FAR = b"PROXY TCP4 203.0.113.7 192.0.2.1 1 2\r\n"
LOGIN = ("NICK ann", "USER ann 0 * :Ann")


def context_for(*protocols: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if protocols:
        context.set_alpn_protocols(list(protocols))
    return context


def sealed(server: ServerProcess, *protocols: str, header: bytes = b"") -> IrcPeer:
    """Return a connection by TLS that offers these protocols by ALPN."""
    peer = IrcPeer(server.port, local=BALANCER if header else "")
    if header:
        peer.send_bytes(header)
    peer.socket = context_for(*protocols).wrap_socket(peer.socket)
    return peer


def through(server: ServerProcess, header: bytes = FAR) -> IrcPeer:
    """Return a connection by a load balancer."""
    peer = IrcPeer(server.port, local=BALANCER)
    peer.send_bytes(header)
    return peer


@pytest.mark.parametrize("first", ["CAP LS 302", "NICK ann", "USER ann 0 * :Ann", "PASS x:y"])
def test_each_first_word_of_a_client_is_known(room: ServerProcess, first: str) -> None:
    peer = irc_peer(room)
    peer.send(first, "PING hello")
    peer.until(" PONG ")
    assert "a chat room" not in peer.seen


def test_the_first_line_may_come_byte_by_byte(room: ServerProcess) -> None:
    peer = irc_peer(room)
    peer.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for byte in b"NICK ann\r\nPING 1\r\n":
        peer.send_bytes(bytes([byte]))
    peer.until(" PONG ")


@pytest.mark.parametrize("end", [b"\r\n", b"\n"])
def test_an_irc_client_may_wait_for_the_greeting(room: ServerProcess, end: bytes) -> None:
    peer = irc_peer(room)
    peer.until("[y/n]")
    peer.send_bytes(b"NICK ann" + end + b"PING 1" + end)
    peer.until(" PONG ")


def test_after_another_first_line_it_is_no_irc_client_any_more(room: ServerProcess) -> None:
    peer = irc_peer(room)
    peer.until("[y/n]")
    peer.send("hello", "NICK ann")
    peer.until("Answer y")
    peer.until("Answer y")
    assert "PONG" not in peer.seen


def test_alpn_says_that_irc_is_spoken(room: ServerProcess) -> None:
    peer = sealed(room, "irc")
    assert isinstance(peer.socket, ssl.SSLSocket)
    assert peer.socket.selected_alpn_protocol() == "irc"
    peer.send("PING first")  # no word by which it would be known
    peer.until(" PONG ")


@pytest.mark.parametrize("protocols", [(), ("h2", "http/1.1x")])
def test_tls_without_that_is_told_by_the_first_line(
    room: ServerProcess, protocols: tuple[str, ...]
) -> None:
    peer = sealed(room, *protocols)
    peer.send("NICK ann", "PING 1")
    peer.until(" PONG ")
    late = sealed(room, *protocols)
    late.until("[y/n]")
    late.send("CAP LS", "PING 1")
    late.until(" PONG ")


def test_somebody_from_elsewhere_comes_in_by_tls(start_server: StartServer) -> None:
    server = start_server(proxy_from=f"{BALANCER}/32")
    peer = sealed(server, "irc", header=FAR)
    peer.send(*LOGIN, f"REGISTER * * :{PASSWORD}")
    peer.until_line("001", "ann")
    boss = server.join_superuser("boss")
    assert "203.0.113.7" in boss.answer_to("/whois ann")


def test_plain_text_from_elsewhere_is_refused_by_an_error(start_server: StartServer) -> None:
    server = start_server(proxy_from=f"{BALANCER}/32")
    peer = through(server)
    peer.send(*LOGIN)
    text = peer.until_end()
    assert text.startswith("ERROR :This server speaks TLS only")
    assert text.endswith("\r\n")
    assert "PONG" not in text


def test_plain_text_from_elsewhere_where_it_is_allowed(start_server: StartServer) -> None:
    server = start_server(proxy_from=f"{BALANCER}/32", allow_plain="yes")
    peer = through(server, FAR + b"NICK ann\r\nUSER ann 0 * :Ann\r\n")
    peer.send(f"REGISTER * * :{PASSWORD}")
    peer.until_line("001", "ann")
    assert "203.0.113.7" in server.join_superuser("boss").answer_to("/whois ann")


def test_a_header_from_who_is_no_balancer_is_no_line_of_irc(room: ServerProcess) -> None:
    peer = irc_peer(room)
    peer.send_bytes(FAR)
    peer.send(*LOGIN)
    assert "001" not in peer.until_end()


def test_who_brings_no_header_where_one_must_be_is_turned_away(start_server: StartServer) -> None:
    server = start_server(proxy_from=f"{BALANCER}/32")
    peer = through(server, b"")
    peer.send(*LOGIN)
    assert "must begin with a PROXY header" in peer.until_end()


def test_a_banned_address_is_turned_away_before_it_says_anything(
    start_server: StartServer,
) -> None:
    server = start_server(proxy_from=f"{BALANCER}/32", allow_plain="yes")
    ann = through(server)
    ann.come_in("ann")
    boss = server.join_superuser("boss")
    boss.answer_to("/ban 203.0.113.0/24 rude")
    assert "ERROR :" in ann.until_end()
    late = through(server)
    late.send(*LOGIN)
    assert "001" not in late.until_end()


def test_where_irc_is_off_a_client_is_told_so_at_once_and_let_go(
    start_server: StartServer,
) -> None:
    server = start_server(irc="off")
    peer, late = irc_peer(server), irc_peer(server)
    peer.send("PASS :ann:secret-word", "NICK ann")
    late.until("[y/n]")
    late.send("NICK ann", "PING 1")
    tls = sealed(server, "irc")
    assert tls.until_end().startswith("ERROR :IRC is off on this server")
    assert peer.until_end().startswith("ERROR :IRC is off on this server")
    assert "ERROR :IRC is off on this server" in late.until_end()
    server.join("bob")  # everybody else is let in


def test_irc_is_shut_and_opened_while_the_server_runs(
    start_server: StartServer, tmp_path: Path
) -> None:
    file = tmp_path / "settings.toml"
    file.write_text("irc = true\n")
    server = start_server("--config", str(file))
    inside = irc(server, "ann")
    for state, told in (("false", "ERROR :IRC is off"), ("true", " PONG ")):
        file.write_text(f"irc = {state}\n")
        assert server.operate("reload").returncode == 0
        peer = irc_peer(server)
        peer.send("NICK bob", "PING 1")
        peer.until(told)
        inside.sync()  # who is inside stays


def sts(peer: IrcPeer, ask: str = "CAP LS 302") -> list[str]:
    """Return what a client is told of TLS."""
    told = [line for line in peer.asks("CAP LIST", ask) if line.command == "CAP"]
    words = " ".join(line.params[-1] for line in told).split()
    return [word for word in words if word.startswith("sts")]


def test_that_only_tls_is_to_be_used_is_told_where_the_operator_says_so(
    start_server: StartServer, tmp_path: Path
) -> None:
    pair = tmp_path / "tls"
    put_pair(pair, 300, issuer="An authority")
    settings = {"tls_certificate": pair / "cert.pem", "tls_key": pair / "key.pem"}
    server = start_server(irc_sts_days=30, **settings)
    plain = irc_peer(server)
    plain.send("CAP END")
    assert sts(plain) == [f"sts=port={server.port}"]
    assert sts(sealed(server, "irc")) == [f"sts=duration={30 * 86400}"]
    assert sts(sealed(server, "irc"), "CAP LS") == []  # who knows no values
    assert plain.asks("CAP REQ sts")[0].params[1] == "NAK"
    assert sts(plain, "CAP LIST") == []
    assert sts(sealed(start_server(folder="two", **settings), "irc")) == []


def test_with_a_certificate_of_its_own_nothing_is_told_of_tls(start_server: StartServer) -> None:
    """Clients would not come in again until the time is over."""
    server = start_server(irc_sts_days=30)
    assert sts(sealed(server, "irc")) == []
