"""What is read back by the threads that read for everybody."""

from collections.abc import Iterator
from concurrent.futures import CancelledError

import pytest

from chatroom.rooms.readers import Readers


@pytest.fixture
def readers() -> Iterator[Readers]:
    made = Readers()
    yield made
    made.close()


@pytest.mark.parametrize("number", range(6))
def test_all_pieces_come_in_order(readers: Readers, number: int) -> None:
    assert list(readers.each(iter(range(number)))) == list(range(number))


def test_no_more_is_read_ahead_than_one_piece(readers: Readers) -> None:
    read = []

    def pieces() -> Iterator[int]:
        for number in range(9):
            read.append(number)
            yield number

    for number in readers.each(pieces()):
        assert read[-1] <= number + 1
    assert read == list(range(9))


def test_what_fails_while_it_is_read_fails_for_who_asked(readers: Readers) -> None:
    def pieces() -> Iterator[int]:
        yield 1
        raise KeyError("damaged")

    with pytest.raises(KeyError):
        list(readers.each(pieces()))


def test_nothing_is_read_after_the_end(readers: Readers) -> None:
    found = readers.each(iter([1, 2, 3]))
    assert next(found) == 1
    readers.close()
    assert next(found) == 2  # it was read already
    with pytest.raises(CancelledError):
        next(found)
