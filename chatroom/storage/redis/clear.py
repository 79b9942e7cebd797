"""What stands in clear beside what is sealed: whoever reaches the store may have changed it."""

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from chatroom.errors import Damaged

_log = logging.getLogger(__name__)
_From = TypeVar("_From")
_To = TypeVar("_To")


@contextmanager
def clear(what: str) -> Iterator[None]:
    """Read something; tell one kind of error when it has not the form that it should have.

    :param what: for the sentence.
    :raises Damaged: it has not.
    """
    try:
        yield
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise Damaged(f"What the store has of {what} is damaged.") from error


def readable(found: Iterable[_From], read: Callable[[_From], _To]) -> list[_To]:
    """Return what can be read; each of the others is logged."""
    done: list[_To] = []
    for one in found:
        try:
            done.append(read(one))
        except Damaged as error:
            _log.error("record damaged reason=%s", error)
    return done
