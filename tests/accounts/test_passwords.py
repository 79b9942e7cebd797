"""Whose password is looked at first while many wait, and who is told to try again."""

import threading
from collections.abc import Iterator
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor

import pytest

from chatroom.accounts.passwords import LONGEST, Passwords, TooManyLogins
from tests.harness import PATIENCE


class Busy:
    """Passwords whose threads are all at work until they are let go; three more may wait."""

    def __init__(self) -> None:
        self.passwords = Passwords(2, 3)
        self.let_go = threading.Event()
        self.done: list[int] = []
        self._callers = ThreadPoolExecutor(20 + self.passwords._slots)
        at_work = threading.Semaphore(0)

        def work() -> None:
            at_work.release()
            self.let_go.wait(PATIENCE)

        for _ in range(self.passwords._slots):
            self._callers.submit(self.passwords.in_turn, work)
            assert at_work.acquire(timeout=PATIENCE)

    def queue(self, rank: int) -> "Future[None]":
        """Let one more wait; it waits, or somebody was refused for it, when this returns."""
        before, changed = list(self.passwords._waiting), threading.Event()
        future = self._callers.submit(self.passwords.in_turn, lambda: self.done.append(rank), rank)
        future.add_done_callback(lambda _: changed.set())
        while self.passwords._waiting == before and not changed.wait(0.001):
            pass
        return future

    def close(self) -> None:
        self.let_go.set()
        self._callers.shutdown()
        self.passwords.close()


@pytest.fixture
def busy() -> Iterator[Busy]:
    made = Busy()
    yield made
    made.close()


def test_who_has_failed_less_comes_first(busy: Busy) -> None:
    waiting = [busy.queue(rank) for rank in (4, -1, 0)]
    assert [turn.rank for turn in busy.passwords._waiting] == [-1, 0, 4]
    busy.let_go.set()
    for one in waiting:
        one.result(PATIENCE)
    assert sorted(busy.done) == [-1, 0, 4]


def test_when_too_many_wait_who_has_failed_most_is_told_to_try_again(busy: Busy) -> None:
    guesser, first, second = busy.queue(7), busy.queue(0), busy.queue(0)
    comer = busy.queue(0)
    with pytest.raises(TooManyLogins):
        guesser.result(PATIENCE)
    late = busy.queue(0)
    with pytest.raises(TooManyLogins):
        late.result(PATIENCE)
    comes_back = busy.queue(-1)
    with pytest.raises(TooManyLogins):
        comer.result(PATIENCE)
    busy.let_go.set()
    for one in (first, second, comes_back):
        one.result(PATIENCE)
    assert sorted(busy.done) == [-1, 0, 0]


def test_when_the_server_stops_who_comes_then_is_told() -> None:
    passwords = Passwords(2, 3)
    passwords.close()
    with pytest.raises(CancelledError):
        passwords.in_turn(lambda: None)


def test_a_password_that_fails_leaves_its_thread_to_the_next() -> None:
    passwords = Passwords(2, 1)

    def fail() -> None:
        raise ZeroDivisionError

    for _ in range(passwords._slots + 2):
        with pytest.raises(ZeroDivisionError):
            passwords.in_turn(fail)
    assert passwords.in_turn(lambda: 3) == 3
    passwords.close()


@pytest.mark.parametrize("wrong", ["", "x" * (LONGEST + 1), "Correct horse", "correct horse "])
def test_only_the_right_password_is_right_and_that_of_nobody_never(wrong: str) -> None:
    passwords = Passwords(2, 0)
    record = passwords.hash("correct horse")
    assert passwords.check("correct horse", record)
    assert not passwords.check(wrong, record)
    assert not passwords.check(wrong, None)
    assert not passwords.check(wrong, passwords.hash(""))
    passwords.close()
