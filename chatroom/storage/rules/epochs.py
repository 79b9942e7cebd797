"""The epochs of a log: under which name each seq of it was given out.

Every start of the server opens a new epoch in a log with the first post that it keeps there. So a
store that was put back from a copy is recognised by the ids alone, however the copy was made: what
was given out after the copy belongs to an epoch that the store does not know, or lies behind the
end of the one in which the copy was made.
"""

from bisect import bisect_right
from dataclasses import dataclass

from chatroom.storage.records import Post

EPOCHS = 64
"""Epochs that a log knows; an older seq has the name of the oldest one."""


@dataclass(frozen=True, slots=True)
class Epochs:
    """The epochs of one log, the oldest first. Never changed; any thread."""

    firsts: tuple[int, ...]
    """Where each begins."""
    names: tuple[str, ...]

    @property
    def newest(self) -> str:
        """The name under which each seq is given out now."""
        return self.names[-1]

    def at(self, seq: int) -> str:
        """Return the name of the epoch to which a seq belongs."""
        return self.names[max(bisect_right(self.firsts, seq) - 1, 0)]

    def knows(self, name: str, seq: int) -> bool:
        """Tell whether a seq may have been given out under a name; the newest has no end yet."""
        return bool(name) and self.at(seq) == name

    def then(self, first: int, name: str) -> "Epochs":
        """Return the epochs with a new one behind them."""
        firsts, names = (*self.firsts, first), (*self.names, name)
        if len(firsts) > EPOCHS:
            firsts, names = (firsts[0], *firsts[2:]), (names[0], *names[2:])
        return Epochs(firsts, names)

    def __str__(self) -> str:
        """Return what :func:`read_epochs` reads."""
        return ",".join(f"{a}:{b}" for a, b in zip(self.firsts, self.names, strict=True))


def read_epochs(text: str, newest: str) -> Epochs:
    """Return epochs that were written as text.

    :param newest: the name of the last one, whatever the text says.
    """
    pairs = [one.partition(":") for one in text.split(",")] if text else [("0", "", "")]
    names = [name for _, _, name in pairs]
    return Epochs(tuple(int(first) for first, _, _ in pairs), (*names[:-1], newest))


def name_posts(epochs: Epochs, posts: list[Post]) -> None:
    """Give posts of one log, in order, the names of their epochs."""
    if not posts:
        return
    name = epochs.at(posts[0].seq)
    is_one = epochs.at(posts[-1].seq) == name
    for post in posts:
        post.epoch = name if is_one else epochs.at(post.seq)
        if post.ref:
            name_ref(epochs, post)


def name_ref(epochs: Epochs, post: Post) -> None:
    """Say to which epoch the seq belongs that a post refers to, when it is another one."""
    name = epochs.at(post.ref)
    post.ref_epoch = "" if name == post.epoch or post.ref >= post.seq else name
