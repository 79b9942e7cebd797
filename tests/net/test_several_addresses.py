"""A server that listens on several addresses: all of them speak everything."""

import json
import socket
import sys

import pytest

from tests.conftest import StartServer
from tests.harness import Peer, ServerProcess, run_server

GIVE_TWO = """
import os, socket, sys
socks = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
copies = [os.dup(sock.fileno()) for sock in socks]
for number, copy in enumerate(copies, 3):
    os.dup2(copy, number)
    os.set_inheritable(number, True)
os.environ |= {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "2"}
os.execv(sys.argv[1], sys.argv[1:])
"""


def ports(server: ServerProcess) -> list[int]:
    """Return where it listens, as it has said."""
    server.wait_for_line("Fingerprint")
    return [int(line.rpartition(":")[2]) for line in server.lines if line.startswith("Listening")]


def meet(*peers: Peer) -> None:
    """Let everybody say something, and all hear it."""
    for number, peer in enumerate(peers):
        peer.send(f"hello from {number}")
        for other in peers:
            other.until(f": hello from {number}")


def come(port: int, name: str, host: str = "127.0.0.1") -> Peer:
    peer = Peer(port, host)
    peer.send("y", name, "correct horse", "correct horse")
    peer.until("Here now")
    return peer


def test_all_addresses_speak_everything_also_after_a_restart(start_server: StartServer) -> None:
    server = start_server(listen="127.0.0.1:0,[::1]:0,127.0.0.2:0")
    first, second, third = ports(server)
    told = json.loads(server.operate("status", "--json").stdout)
    assert told["addresses"] == [f"127.0.0.1:{first}", f"[::1]:{second}", f"127.0.0.2:{third}"]
    assert told["address"] == told["addresses"][0]
    ann, bob = come(first, "ann"), come(second, "bob", "::1")
    carl = come(third, "carl", "127.0.0.2")
    meet(ann, bob, carl)
    for peer in (ann, bob, carl):
        peer.close()
    assert server.operate("restart").returncode == 0
    assert json.loads(server.operate("status", "--json").stdout)["addresses"] == told["addresses"]
    for port, host in ((first, "127.0.0.1"), (second, "::1"), (third, "127.0.0.2")):
        Peer(port, host).until("a chat room.")
    assert server.operate("invite").stdout.startswith("chatroom://127.0.0.1:0/")


def test_one_port_may_be_listened_on_for_both_families(start_server: StartServer) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = start_server(listen=f"127.0.0.1:{port},[::]:{port}")
    assert ports(server) == [port, port]
    meet(come(port, "ann"), come(port, "bob", "::1"))


def test_all_sockets_that_a_manager_gives_are_taken(start_server: StartServer) -> None:
    server = start_server(before=(sys.executable, "-c", GIVE_TWO))
    first, second = ports(server)
    meet(come(first, "ann"), come(second, "bob"))


def test_an_address_that_cannot_be_had_ends_the_start(start_server: StartServer) -> None:
    server = start_server()
    taken = f"127.0.0.1:0,127.0.0.1:{server.port}"
    done = run_server(server.folder, listen=taken, data_dir=server.folder / "other")
    assert done.returncode == 1
    assert f"Cannot listen on 127.0.0.1 port {server.port}" in done.stderr


@pytest.mark.parametrize("flag", ["--host=127.0.0.1", "--port=7000"])
def test_listen_is_in_place_of_host_and_port(room: ServerProcess, flag: str) -> None:
    done = run_server(room.folder, "--listen", "127.0.0.1:0", flag)
    assert done.returncode == 2
    assert done.stderr == "listen is in place of host and port: give it alone, or take it away.\n"
