"""Delivery to many at once: whole, in order, and nobody suffers from a neighbour of the stripe.

Each with one call for each member, and with one for all of them.
"""

import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from chatroom.accounts.retries import Retries
from chatroom.net.admission import Admission
from chatroom.net.connection import Connection
from chatroom.net.flusher import Flusher
from chatroom.net.limits import ConnectionLimits
from chatroom.net.listener import Listener
from chatroom.net.outbox import Outbox
from chatroom.net.ring import LEAST, fan_of
from chatroom.net.stripe import WIDE, Stripe
from chatroom.net.tls import Tls
from chatroom.tunnel import Tunnel
from tests.harness import PATIENCE, pair

CAP = 1_000_000
FULL = b"x" * 300_000 + b"\n"


class Reader:
    """One member of a stripe, and the far end of its connection."""

    def __init__(self, stripe: Stripe, flusher: Flusher) -> None:
        self.ours, self.theirs = pair()
        self.ours.setblocking(False)
        self.theirs.settimeout(PATIENCE)
        self.outbox = Outbox(self.ours, stripe, CAP, flusher, b"too slow\n")

    def read(self, size: int) -> bytes:
        data = b""
        while len(data) < size and (more := self.theirs.recv(size - len(data))):
            data += more
        return data


@pytest.fixture
def flusher() -> Iterator[Flusher]:
    made = Flusher()
    made.start()
    yield made
    made.close()


@pytest.fixture(params=["one by one", "ring"])
def stripe(request: pytest.FixtureRequest) -> Stripe:
    return Stripe(fan_of(request.param == "ring"))


@pytest.fixture
def readers(stripe: Stripe, flusher: Flusher) -> list[Reader]:
    """So many that a ring is used for them."""
    return [Reader(stripe, flusher) for _ in range(LEAST + 2)]


def test_a_full_neighbour_gets_everything_later_and_in_order(
    stripe: Stripe, readers: list[Reader]
) -> None:
    walk = stripe.walk((r.outbox for r in readers), WIDE)
    readers[1].outbox.offer(FULL)
    for line in (b"1\n", b"2\n"):
        walk(line)
    assert [r.read(4) for r in (readers[0], *readers[2:])] == [b"1\n2\n"] * (LEAST + 1)
    assert readers[1].read(len(FULL) + 4) == FULL + b"1\n2\n"
    walk(b"3\n")
    assert [r.read(2) for r in readers] == [b"3\n"] * (LEAST + 2)


def test_who_is_filled_by_the_delivery_itself_gets_the_rest_of_it(
    stripe: Stripe, readers: list[Reader]
) -> None:
    walk = stripe.walk((r.outbox for r in readers), WIDE)
    walk(FULL)
    walk(b"1\n")
    assert [r.read(len(FULL) + 2) for r in readers] == [FULL + b"1\n"] * (LEAST + 2)


def test_a_broken_neighbour_is_passed_over(stripe: Stripe, readers: list[Reader]) -> None:
    walk = stripe.walk((r.outbox for r in readers), WIDE)
    readers[1].theirs.close()
    for line in (b"1\n", b"2\n"):
        walk(line)
    assert [r.read(4) for r in (readers[0], *readers[2:])] == [b"1\n2\n"] * (LEAST + 1)
    assert readers[1].outbox.input_ended


def test_who_sends_garbage_by_tls_takes_nothing_from_its_neighbours(
    stripe: Stripe, flusher: Flusher, tmp_path: Path
) -> None:
    """What was sealed for them before must be sent: they could open nothing any more."""
    tls = Tls(tmp_path / "tls")
    readers = [Reader(stripe, flusher) for _ in range(3)]
    clients = [sealed(reader, tls) for reader in readers]
    walk = stripe.walk((r.outbox for r in readers), WIDE)
    walk(b"1\n")
    with pytest.raises(ssl.SSLError):
        readers[1].outbox.unseal(b"\x17\x03\x03\x00\x20" + b"z" * 32)
    walk(b"2\n")
    readers[1].outbox.finish(b"3\n")
    assert readers[1].outbox.flush()
    for reader, client in ((readers[0], clients[0]), (readers[2], clients[2])):
        seen = b""
        while not seen.endswith(b"2\n"):
            seen += client.open(reader.theirs.recv(4096))
        assert seen == b"1\n2\n"


def sealed(reader: Reader, tls: Tls) -> Tunnel:
    """Let a reader speak TLS; return its far end's tunnel."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    client, server = Tunnel(context, is_server=False), tls.tunnel()
    said = client.shake()
    while not (client.is_open and server.is_open):
        said = client.shake(server.shake(said))
    reader.outbox.attach_tls(server)
    return client


def test_a_held_neighbour_gets_what_is_read_back_first(
    stripe: Stripe, readers: list[Reader]
) -> None:
    walk = stripe.walk((r.outbox for r in readers), WIDE)
    walk(b"1\n")
    slot = readers[2].outbox.reserve()
    walk(b"3\n")
    readers[2].outbox.fill(slot, b"2\n")
    walk(b"4\n")
    assert readers[0].read(6) == b"1\n3\n4\n"
    assert readers[2].read(8) == b"1\n2\n3\n4\n"


def test_nothing_is_sent_to_whoever_gets_a_closed_one_s_descriptor(
    stripe: Stripe, readers: list[Reader]
) -> None:
    walk = stripe.walk((r.outbox for r in readers), WIDE)
    walk(b"1\n")
    descriptor = readers[0].ours.fileno()
    readers[0].outbox.close()
    stranger, far = pair()
    assert descriptor in (stranger.fileno(), far.fileno())
    walk(b"2\n")
    assert readers[1].read(4) == b"1\n2\n"
    for end in (stranger, far):
        with pytest.raises(BlockingIOError):
            end.recv(10, socket.MSG_DONTWAIT)
    stranger.close()
    far.close()


def test_replies_of_many_threads_never_cut_into_a_delivery(
    stripe: Stripe, readers: list[Reader]
) -> None:
    """Each reader sees whole lines, the delivered ones in order, each thread's ones in order."""
    walk = stripe.walk((r.outbox for r in readers), WIDE)
    number = 100

    def reply(reader: Reader) -> None:
        for n in range(number):
            reader.outbox.offer(b"reply %04d " % n + b"r" * 900 + b"\n")

    def deliver() -> None:
        for n in range(number):
            walk(b"posts %04d " % n + b"p" * 900 + b"\n")

    threads = [threading.Thread(target=reply, args=(r,)) for r in readers]
    threads.append(threading.Thread(target=deliver))
    for thread in threads:
        thread.start()
    for reader in readers:
        lines = reader.read(2 * number * 912).split(b"\n")
        for kind in (b"reply", b"posts"):
            mine = [int(line.split()[1]) for line in lines if line.startswith(kind)]
            assert mine == list(range(number))
        assert {line.split()[2] for line in lines if line} == {b"r" * 900, b"p" * 900}
    for thread in threads:
        thread.join()


def test_who_comes_takes_the_place_of_who_left(flusher: Flusher, tmp_path: Path) -> None:
    """Else a room of old-timers would be spread over ever more stripes."""
    seen: list[Stripe] = []
    came = threading.Semaphore(0)

    def serve(connection: Connection) -> None:
        seen.append(connection.outbox.stripe)
        came.release()
        connection.outbox.offer(b"hello\n")
        while connection.read() != [b"bye"]:
            pass

    sock = socket.create_server(("127.0.0.1", 0))
    sock.setblocking(False)
    tls = Tls(tmp_path / "tls")
    admission = Admission(ConnectionLimits(1000, 0, 0, 0, Retries()), 60.0, lambda address: "")
    listener = Listener([sock], serve, tls, False, flusher, admission, 1000, CAP)
    listener.start()
    guests = [socket.create_connection(sock.getsockname()) for _ in range(64)]
    for _ in guests:
        assert came.acquire(timeout=PATIENCE)
    half = guests[::2]
    for guest in half:
        guest.sendall(b"bye\n")
        guest.shutdown(socket.SHUT_WR)
        guest.settimeout(PATIENCE)
        while guest.recv(100):
            pass
    while len(admission.connections()) > 32:
        admission.wait_empty(0.01)
    guests += [socket.create_connection(sock.getsockname()) for _ in half]
    for _ in half:
        assert came.acquire(timeout=PATIENCE)
    assert len(set(seen)) == 2
    for guest in guests:
        guest.close()
    listener.stop_accepting()
    assert admission.wait_empty(PATIENCE)
    listener.close()
