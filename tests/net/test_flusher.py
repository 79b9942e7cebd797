"""Slow readers: what waits for them is bounded, in order, and sent when there is room again."""

import selectors
import socket
import threading
from collections.abc import Iterator

import pytest

from chatroom.net.flusher import Flusher
from chatroom.net.outbox import Outbox
from chatroom.net.stripe import Stripe
from tests.harness import PATIENCE, pair

CAP = 1_000_000
TOO_SLOW = b"too slow\n"
SELECTORS = [selectors.DefaultSelector, selectors.PollSelector, selectors.SelectSelector]


class Reader:
    """A connected pair of sockets; the outbox writes into one, the test reads from the other."""

    def __init__(self, flusher: Flusher) -> None:
        self.ours, self.theirs = pair()
        self.ours.setblocking(False)
        self.ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        self.theirs.settimeout(PATIENCE)
        self.outbox = Outbox(self.ours, Stripe(), CAP, flusher, TOO_SLOW)

    def read(self, size: int) -> bytes:
        data = b""
        while len(data) < size and (more := self.theirs.recv(size - len(data))):
            data += more
        return data

    def read_all(self) -> bytes:
        data = b""
        while more := self.theirs.recv(65536):
            data += more
        return data


@pytest.fixture(params=SELECTORS, ids=lambda s: s.__name__)
def flusher(request: pytest.FixtureRequest) -> Iterator[Flusher]:
    made = Flusher(request.param)
    made.start()
    yield made
    made.close()


def test_what_waits_is_sent_in_order_when_there_is_room_again(flusher: Flusher) -> None:
    reader = Reader(flusher)
    chunks = [f"{i:06} ".encode() * 100 for i in range(1000)]
    for chunk in chunks:
        reader.outbox.offer(chunk)
    whole = b"".join(chunks)
    assert reader.read(len(whole)) == whole
    reader.outbox.offer(b"and on")
    assert reader.read(6) == b"and on"


def test_many_slow_readers_all_get_everything(flusher: Flusher) -> None:
    readers = [Reader(flusher) for _ in range(20)]
    chunk = b"x" * 20_000
    for _ in range(5):
        for reader in readers:
            reader.outbox.offer(chunk)
    for reader in readers:
        assert reader.read(100_000) == chunk * 5


def test_the_end_comes_after_all_that_waits(flusher: Flusher) -> None:
    reader = Reader(flusher)
    reader.outbox.offer(b"x" * 200_000)
    reader.outbox.finish(b"goodbye\n")
    reader.outbox.offer(b"never")
    reader.outbox.finish(b"not twice")
    assert reader.read(200_008) == b"x" * 200_000 + b"goodbye\n"
    reader.outbox.wait_drained(PATIENCE)
    reader.outbox.close()
    assert reader.read_all() == b""


@pytest.mark.parametrize("size", [0, 200_000], ids=["idle", "slow"])
def test_what_was_handed_over_is_all_that_the_successor_has_to_go_on_with(
    flusher: Flusher, size: int
) -> None:
    """What is offered after that would be torn, or shown twice."""
    ended = Flusher()
    reader = Reader(ended)
    ended.close()
    assert reader.outbox.hand_over() == b""
    reader.outbox.offer(b"nobody asks for this" * 10_000)
    reader.outbox.finish(b"nor for this")
    successor = Outbox(reader.ours, Stripe(), CAP, flusher, TOO_SLOW)
    successor.take_over(b"x" * size)
    successor.offer(b" and on")
    assert reader.read(size + 7) == b"x" * size + b" and on"


def test_without_a_successor_what_waits_goes_out_here_after_all(flusher: Flusher) -> None:
    ended = Flusher()
    reader = Reader(ended)
    reader.outbox.offer(b"x" * 200_000)
    ended.close()
    waiting = reader.outbox.hand_over()
    assert waiting
    reader.outbox.offer(b"nobody asks for this")
    reader.outbox.go_on()
    reader.outbox.finish(b" goodbye")
    sending = threading.Thread(target=reader.outbox.wait_drained, args=(PATIENCE,))
    sending.start()
    assert reader.read(200_008) == b"x" * 200_000 + b" goodbye"
    sending.join()


def test_an_end_amid_what_is_read_back_leaves_no_gap(flusher: Flusher) -> None:
    reader = Reader(flusher)
    filled, amid = reader.outbox.reserve(), reader.outbox.reserve()
    reader.outbox.fill(filled, b"1")
    reader.outbox.insert(amid, b"2")
    reader.outbox.offer(b"4")
    reader.outbox.finish(b" goodbye")
    reader.outbox.fill(amid, b"3")
    assert reader.read(10) == b"12 goodbye"
    reader.outbox.close()
    assert reader.read_all() == b""


@pytest.mark.parametrize("is_ended", [False, True])
def test_a_peer_that_a_write_finds_gone_was_lost_unless_it_was_sent_away(
    flusher: Flusher, is_ended: bool
) -> None:
    reader = Reader(flusher)
    if is_ended:
        reader.outbox.stop_reading()
    reader.theirs.close()
    reader.outbox.offer(b"is somebody there?")
    assert reader.outbox.input_ended
    assert reader.outbox.lost is not is_ended
    reader.outbox.close()


def test_past_its_cap_a_reader_gets_the_started_chunk_and_the_reason(flusher: Flusher) -> None:
    reader = Reader(flusher)
    chunk = b"y" * 99_999 + b"\n"
    for _ in range(100):
        reader.outbox.offer(chunk)
    assert reader.outbox.overflowed

    def end() -> None:
        reader.outbox.wait_drained(PATIENCE)
        reader.outbox.close()

    ended = threading.Thread(target=end)
    ended.start()
    data = reader.read_all()
    ended.join()
    assert data == chunk * (data.count(b"\n") - 1) + TOO_SLOW
    assert len(data) < CAP


def test_what_is_held_comes_behind_what_was_before(flusher: Flusher) -> None:
    reader = Reader(flusher)
    reader.outbox.offer(b"1")
    slot = reader.outbox.reserve()
    reader.outbox.offer(b"4")
    reader.outbox.offer(b"5")
    reader.outbox.fill(slot, b"23")
    reader.outbox.offer(b"6")
    assert reader.read(6) == b"123456"


def test_two_slots_are_filled_in_their_own_order(flusher: Flusher) -> None:
    reader = Reader(flusher)
    first = reader.outbox.reserve()
    reader.outbox.offer(b"2")
    second = reader.outbox.reserve()
    reader.outbox.offer(b"4")
    reader.outbox.fill(second, b"3")
    reader.outbox.fill(first, b"1")
    reader.outbox.offer(b"5")
    assert reader.read(5) == b"12345"


def test_what_was_read_back_does_not_count_as_slowness(flusher: Flusher) -> None:
    reader = Reader(flusher)
    slot = reader.outbox.reserve()
    reader.outbox.fill(slot, b"x" * 3_000_000)
    for _ in range(10):
        reader.outbox.offer(b"y")
    assert reader.read(3_000_010).endswith(b"x" + b"y" * 10)


def test_a_reader_who_is_gone_harms_nobody(flusher: Flusher) -> None:
    gone, other = Reader(flusher), Reader(flusher)
    gone.outbox.offer(b"x" * 200_000)
    gone.theirs.close()
    other.outbox.offer(b"x" * 200_000)
    assert len(other.read(200_000)) == 200_000
    gone.outbox.offer(b"nobody hears")
    gone.outbox.close()
    gone.outbox.offer(b"nobody hears")
    gone.outbox.stop_reading()
    again = Reader(flusher)  # it gets the descriptor that has just become free
    again.outbox.offer(b"x" * 200_000)
    assert len(again.read(200_000)) == 200_000


def test_bytes_of_several_threads_never_mix(flusher: Flusher) -> None:
    reader = Reader(flusher)

    def write(letter: bytes) -> None:
        for _ in range(200):
            reader.outbox.offer(letter * 999 + b"\n")

    writers = [threading.Thread(target=write, args=(letter,)) for letter in (b"a", b"b", b"c")]
    for writer in writers:
        writer.start()
    lines = reader.read(600_000).split(b"\n")[:-1]
    for writer in writers:
        writer.join()
    assert {(len(line), len(set(line))) for line in lines} == {(999, 1)}
    assert len(lines) == 600


def test_closing_twice_or_without_a_start_is_harmless() -> None:
    never = Flusher()
    never.close()
    never.close()
