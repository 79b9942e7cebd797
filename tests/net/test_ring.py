"""One system call for a whole stripe sends exactly what one call for each member would."""

import contextlib
import errno
import logging
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chatroom.net import ring as ring_module
from chatroom.net.ring import LEAST, Ring, fan_of
from chatroom.net.stripe import WIDE, Send, one_by_one
from tests.harness import PATIENCE, ServerProcess
from tests.tools import without_ring

WITHOUT = Path(without_ring.__file__)
MANY = 32
FULL = b"x" * 60_000


@pytest.fixture
def ring() -> Iterator[Ring]:
    made = Ring()
    yield made
    made.close()


class Pairs:
    """Connections of which this end is sent to; it does not block."""

    def __init__(self, number: int) -> None:
        self.ours, self.theirs = [], []
        with socket.create_server(("127.0.0.1", 0)) as listener:
            for _ in range(number):
                ours = socket.create_connection(listener.getsockname())
                ours.setblocking(False)
                theirs, _ = listener.accept()
                theirs.settimeout(PATIENCE)
                self.ours.append(ours)
                self.theirs.append(theirs)

    @property
    def fds(self) -> list[int]:
        return [one.fileno() for one in self.ours]

    def fill(self, at: int) -> int:
        """Send until no byte goes any more; return how many went."""
        number = 0
        with contextlib.suppress(BlockingIOError):
            while True:
                number += self.ours[at].send(FULL)
        return number

    def read_all(self, at: int) -> bytes:
        self.ours[at].shutdown(socket.SHUT_WR)
        came = b""
        while more := self.theirs[at].recv(1 << 20):
            came += more
        return came

    def close(self) -> None:
        for one in (*self.ours, *self.theirs):
            one.close()


@pytest.fixture
def pairs() -> Iterator[Pairs]:
    made = Pairs(MANY)
    yield made
    made.close()


def test_everybody_gets_the_whole_chunk(ring: Ring, pairs: Pairs) -> None:
    send = ring.fan(pairs.fds)
    for number in range(100):  # round and round the ring's 64 entries
        assert not send(b"line %d\n" % number)
    wanted = b"".join(b"line %d\n" % number for number in range(100))
    assert [pairs.read_all(at) for at in range(MANY)] == [wanted] * MANY


@pytest.mark.parametrize("number", [1, LEAST - 1, LEAST, MANY - 3, MANY])
def test_any_number_of_people_can_be_sent_to(ring: Ring, pairs: Pairs, number: int) -> None:
    send = ring.fan(pairs.fds[:number])
    for _ in range(7):
        assert not send(b"text\n")
    came = [pairs.read_all(at) for at in range(MANY)]
    assert came == [b"text\n" * 7] * number + [b""] * (MANY - number)


def test_a_short_send_is_told_with_its_count(ring: Ring, pairs: Pairs) -> None:
    """And nothing goes out later by itself, from a buffer that holds something else by then."""
    send = ring.fan(pairs.fds)
    wanted = [b""] * MANY
    is_short = False
    while not is_short:
        for chunk in (FULL, b"y" * 50_000):
            behind = dict(send(chunk))
            sent = [behind.get(at, len(chunk)) for at in range(MANY)]
            wanted = [had + chunk[:size] for had, size in zip(wanted, sent, strict=True)]
            is_short = is_short or any(0 < size < len(chunk) for size in sent)
    assert [pairs.read_all(at) == wanted[at] for at in range(MANY)] == [True] * MANY


def test_a_full_one_is_told_and_the_others_get_theirs(ring: Ring, pairs: Pairs) -> None:
    filled = pairs.fill(5)
    assert list(ring.fan(pairs.fds)(b"line\n")) == [(5, 0)]
    assert pairs.read_all(5) == b"x" * filled
    assert all(pairs.read_all(at) == b"line\n" for at in range(MANY) if at != 5)


def test_who_is_gone_is_told_without_a_signal_and_the_others_get_theirs(
    ring: Ring, pairs: Pairs
) -> None:
    pairs.ours[3].shutdown(socket.SHUT_WR)
    fds = pairs.fds
    fds[7] = -1
    assert list(ring.fan(fds)(b"line\n")) == [(3, -1), (7, -1)]
    assert all(pairs.read_all(at) == b"line\n" for at in range(MANY) if at not in (3, 7))


def test_it_keeps_its_place_among_other_sends(ring: Ring, pairs: Pairs) -> None:
    send = ring.fan(pairs.fds)
    for number in range(50):
        assert not send(b"a%d\n" % number)
        for fd in pairs.fds:
            os.write(fd, b"b%d\n" % number)
    wanted = b"".join(b"a%d\nb%d\n" % (number, number) for number in range(50))
    assert [pairs.read_all(at) for at in range(MANY)] == [wanted] * MANY


def test_what_is_larger_than_its_buffer_goes_one_by_one(ring: Ring, pairs: Pairs) -> None:
    chunk = b"z" * 70_000
    fan = ring.fan(pairs.fds)
    behind = dict(fan(chunk))
    for at in range(MANY):
        assert pairs.read_all(at) == chunk[: behind.get(at, len(chunk))]


def test_two_threads_at_once_do_not_mix(ring: Ring, pairs: Pairs) -> None:
    """Who comes second sends one by one."""
    half = MANY // 2

    def talk(send: Send, word: bytes) -> None:
        for _ in range(300):
            assert not send(word)

    threads = [
        threading.Thread(target=talk, args=(ring.fan(pairs.fds[:half]), b"left\n")),
        threading.Thread(target=talk, args=(ring.fan(pairs.fds[half:]), b"right\n")),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    came = [pairs.read_all(at) for at in range(MANY)]
    assert came == [b"left\n" * 300] * half + [b"right\n" * 300] * half


def test_what_the_kernel_does_not_take_goes_one_by_one(
    ring: Ring, pairs: Pairs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when it has no memory for all of it; what was taken is not sent twice."""
    whole = ring._call
    pairs.ours[20].shutdown(socket.SHUT_WR)
    send = ring.fan(pairs.fds)
    for few in (0, 10):

        def take_few(number: int, *arguments: Any, few: int = few) -> int:
            return whole(number, arguments[0], few, *arguments[2:])

        monkeypatch.setattr(ring, "_call", take_few)
        assert list(send(b"%d\n" % few)) == [(20, -1)]
    monkeypatch.setattr(ring, "_call", whole)
    assert list(send(b"end\n")) == [(20, -1)]
    assert all(pairs.read_all(at) == b"0\n10\nend\n" for at in range(MANY) if at != 20)


def test_a_refusal_of_the_call_leaves_nothing_behind(
    ring: Ring, pairs: Pairs, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = ring._call

    def refuse(number: int, *arguments: Any) -> int:
        raise OSError(errno.EBUSY, "busy")

    send = ring.fan(pairs.fds)
    monkeypatch.setattr(ring, "_call", refuse)
    assert not send(b"one\n")
    monkeypatch.setattr(ring, "_call", whole)
    assert not send(b"two\n")
    assert [pairs.read_all(at) for at in range(MANY)] == [b"one\ntwo\n"] * MANY


def test_its_descriptor_does_not_go_to_another_program(ring: Ring) -> None:
    assert not os.get_inheritable(ring._fd)


def test_it_needs_no_more_locked_memory_than_anybody_has() -> None:
    code = (
        "import os, resource\n"
        "from chatroom.net.ring import Ring\n"
        "resource.setrlimit(resource.RLIMIT_MEMLOCK, (65536, 65536))\n"
        "os.geteuid() or os.setuid(65534)\n"
        "Ring()"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=PATIENCE)


def test_who_forbids_it_gets_it_one_by_one() -> None:
    assert fan_of(False) is one_by_one


def test_a_kernel_that_hides_short_sends_is_found_out_at_the_start(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(ring_module, "_FLAGS", socket.MSG_DONTWAIT)  # without MSG_WAITALL
    with caplog.at_level(logging.INFO):
        assert fan_of(True) is one_by_one
    assert "io_uring not used" in caplog.text


@pytest.mark.parametrize("way", ["setting", "forbidden", "ring"])
def test_a_room_is_served_with_it_and_without_it(tmp_path: Path, way: str) -> None:
    """Also where the system forbids the calls, as in a container; the log says so."""
    before = (sys.executable, str(WITHOUT)) if way == "forbidden" else ()
    server = ServerProcess(
        tmp_path,
        before=before,
        ring="off" if way == "setting" else "on",
        connections_per_address=0,
    )
    try:
        people = [server.join("ann") for _ in range(WIDE + 10)]
        people[0].send("hello everybody")
        for one in people:
            one.until("hello everybody")
        links = {str(fd.readlink()) for fd in Path(f"/proc/{server.process.pid}/fd").iterdir()}
        assert ("anon_inode:[io_uring]" in links) == (way == "ring")
        log = server.log()
        assert ("io_uring not used" in log) == (way == "forbidden")
    finally:
        assert server.stop() == 0
