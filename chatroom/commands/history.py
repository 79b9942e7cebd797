"""What was said: /history, /search, and /delete of a message."""

import contextlib
import re
import time
from collections.abc import Iterator
from dataclasses import replace

from chatroom import sentences
from chatroom.answers import Answer
from chatroom.commands.grammar import Id
from chatroom.commands.registry import Context, Registry
from chatroom.errors import Code, UserError
from chatroom.rooms import post_lines
from chatroom.rooms.catch_up import PAGE_CHARACTERS
from chatroom.rooms.room import Member, Room
from chatroom.storage.engine import Engine
from chatroom.storage.records import (
    PRIVATE,
    REMOVED,
    SUPERUSER,
    Account,
    Post,
    SearchQuery,
)

PAGE = 50
"""Messages of a /history without a number."""
FOUND_MOST = 20
"""Messages that a /search shows."""
OWN_LOOKED_AT = 2000
"""Places that a /delete without an id looks back for one's own last message."""
WORDS_MOST = 20
_STEP = 64  # places that are read at once
_SETTLE_SECONDS = 3.0


def add_to(registry: Registry) -> None:
    """Enter these commands into the table."""

    @registry.command(
        "history", "[N] [from DATE|ID] [before ID]", "what was said in this room", cost=5
    )
    def history(
        context: Context, number: int | None, start: float | Id | None, before: Id | None
    ) -> Answer:
        """The last 50 lines (or N, at most 500), or those from a date or an id on."""
        log = context.member.room.log
        with one_at_a_time(context):
            return _history(context, log, number or PAGE, start, before)

    @registry.command(
        "search",
        "WORDS [in ROOM] [from USER] [since DATE]",
        "find messages in your rooms and your mail",
        cost=20,
    )
    def search(
        context: Context,
        words: str,
        room: str | None,
        sender: Account | None,
        since: float | None,
    ) -> Answer:
        """Double quotes keep words together."""
        without = context.member.ignores
        wanted = SearchQuery(_words(words), sender.id if sender else "", since or 0.0, without)
        rooms = list(context.person.logs)
        if room is not None:
            rooms = [context.services.memberships.joined(context.person, room)]
        with one_at_a_time(context):
            found = _search(context.services.engine, rooms, wanted)
        shown, more = found[:FOUND_MOST], len(found) > FOUND_MOST
        lines = [_found_line(post) for post in shown]
        sentence = f"{len(shown)} found." if shown else "Nothing was found."
        if more:
            sentence = f"There are more; these are the newest {FOUND_MOST}. Add words to narrow."
            lines.append(sentence)
        text = "\n".join(lines) or sentence
        return Answer(text, fields={"more": more}, posts=shown, sentence=sentence, is_long=True)

    @registry.command(
        "delete",
        "[ID]",
        "remove a message of yours, the last one without ID",
        others=SUPERUSER,
        cost=5,
    )
    def delete(context: Context, which: Id | None) -> None:
        """It is gone for good and for everybody. Superusers may remove any message."""
        log, engine = context.member.room.log, context.services.engine
        post = _own_last(context, log) if which is None else _find(engine, log, which)
        room = "a private room" if context.member.room.record.private else f"#{log}"
        what = f"message {post.seq} of {post.sender} in {room}"
        is_others = context.is_others(post.sender_id)
        if is_others:
            engine.audit.write(context.actor.did(f"removed {what}", post.sender_id))
        if not engine.logs.erase(log, post.sender_id, post.seq):
            if is_others:  # somebody else was faster: the trail is to say who has done it
                act = f"did not remove {what}: it was gone already"
                engine.audit.write(context.actor.did(act, post.sender_id))
            raise UserError(f"Message {post.seq} is removed already.")
        member = context.member
        member.room.post(REMOVED, context.account, "", origin=member, ref=post.seq)
        context.reply(f"Message {post.seq} is removed for good.")


@contextlib.contextmanager
def one_at_a_time(context: Context) -> Iterator[None]:
    """Hold what lets a person read back much only once at a time.

    :raises UserError: another one of this person still runs.
    """
    lock = context.person.reading_back
    if not lock.acquire(blocking=False):
        raise UserError("Your last /history, /search or /export still runs. Wait for its end.")
    try:
        yield
    finally:
        lock.release()


def _search(engine: Engine, rooms: list[Room], wanted: SearchQuery) -> list[Post]:
    """Return the newest that are wanted of several logs, and one more than is shown."""
    found: list[Post] = []
    for room in rooms:
        found += engine.logs.search(room.log, wanted, FOUND_MOST + 1)
        found.sort(key=lambda post: post.time, reverse=True)
        del found[FOUND_MOST + 1 :]
        if len(found) > FOUND_MOST:  # older ones of the other rooms would not be shown
            wanted = replace(wanted, since=found[-1].time)
    return found


# -- pages -----------------------------------------------------------------------------------


def _history(
    context: Context, log: str, number: int, start: float | Id | None, before: Id | None
) -> Answer:
    """Return a page, and where to go on."""
    engine = context.services.engine
    span = engine.logs.span(log)
    after, upto = span.first - 1, span.last
    if isinstance(start, Id):
        after = max(after, _place(engine, start, log) - 1)
    elif start is not None:
        after = max(after, engine.logs.seq_before(log, start))
    if before is not None:
        upto = min(upto, _place(engine, before, log) - 1)
    read = _newest if start is None else _oldest
    after, upto, posts = read(engine, log, after, upto, number)
    after = max(after, engine.logs.span(log).first - 1)  # meanwhile old ones may have gone
    lines = _page(posts, after, upto, context.member)
    more, rest = False, ""
    if start is not None:
        if more := upto < span.last and before is None:
            rest = f"Newer: /history from {upto + 1}"
    elif more := after >= span.first:
        rest = f"Older: /history before {after + 1}"
    elif span.first > 1:
        rest = "Older messages are no longer kept."
    seen = [post for post in context.member.seen(posts) if not is_event(post)]
    ids = [f"{post.epoch}-{post.seq}" for post in (seen[:1] + seen[-1:])]
    return Answer(
        "\n".join(filter(None, [f"History of #{log}:", *lines, rest])),
        fields={"room": log, "first": ids[0] if ids else "", "last": ids[-1] if ids else ""}
        | {"more": more},
        posts=seen,
        sentence=rest or f"History of #{log}.",
        is_long=True,
    )


def is_event(post: Post) -> bool:
    """Tell whether this only says that another message was removed."""
    return post.kind == REMOVED and post.ref != post.seq


def _newest(
    engine: Engine, log: str, after: int, upto: int, number: int
) -> tuple[int, int, list[Post]]:
    """Read the newest ``number`` messages of ``after < seq <= upto``.

    :returns: the place after which the page begins, the one with which it ends, its posts.
    """
    posts: list[Post] = []
    left, room, place = number, PAGE_CHARACTERS, upto
    while place > after and left and room > 0:
        floor = max(after, place - _STEP)
        for post in reversed(engine.logs.read(log, floor, place, _STEP)):
            posts.append(post)
            left -= not is_event(post)
            room -= len(post.text)
            if not left or room <= 0:
                floor = post.seq - 1
                break
        place = floor
    return place, upto, posts[::-1]


def _oldest(
    engine: Engine, log: str, after: int, upto: int, number: int
) -> tuple[int, int, list[Post]]:
    """Like :func:`_newest` for the oldest ones."""
    posts: list[Post] = []
    left, room, place = number, PAGE_CHARACTERS, after
    while place < upto and left and room > 0:
        end = min(upto, place + _STEP)
        for post in engine.logs.read(log, place, end, _STEP):
            posts.append(post)
            left -= not is_event(post)
            room -= len(post.text)
            if not left or room <= 0:
                end = post.seq
                break
        place = end
    return after, place, posts


def _page(posts: list[Post], after: int, upto: int, reader: Member) -> list[str]:
    """Return the lines of a page: a line for each new day, one for each gap."""
    lines = []
    day, expected = "", after + 1
    for post in posts:
        lines += _gap(post.seq - expected)
        expected = post.seq + 1
        if is_event(post) or not reader.seen([post]):
            continue
        local = time.localtime(post.time)
        if (date := time.strftime("%Y-%m-%d", local)) != day:
            day = date
            lines.append(f"-- {day} --")
        lines.append(f"[{post.seq}] {sentences.clock_of(local)} | {_said(post)}")
    lines += _gap(upto + 1 - expected)
    return lines or ["There is nothing."]


def _gap(missing: int) -> list[str]:
    if missing <= 0:
        return []
    what = "1 message is" if missing == 1 else f"{missing} messages are"
    return [f"({what} damaged and cannot be shown)"]


def _said(post: Post) -> str:
    """Return who said what."""
    if post.kind == REMOVED:
        return sentences.REMOVED
    return post_lines.line_of(post, post.text)


def _found_line(post: Post) -> str:
    moment = sentences.date_and_clock(time.localtime(post.time))
    where = "mail" if post.kind == PRIVATE else f"#{post.log}"
    return f"{moment} | {where} [{post.seq}] | {_said(post)}"


def _words(text: str) -> tuple[str, ...]:
    """Return the words of a search; what stands in double quotes stays together."""
    found = [quoted or word for quoted, word in re.findall(r'"([^"]*)"|([^\s"]+)', text)]
    words = tuple(word.strip() for word in found if word.strip())
    if not words:
        raise UserError("Say which words to look for, such as /search milk.")
    if len(words) > WORDS_MOST:
        raise UserError(f"A search has at most {WORDS_MOST} words. Take fewer.")
    return words


# -- one message -----------------------------------------------------------------------------


def _place(engine: Engine, which: Id, log: str) -> int:
    """Return the place that an id means in a log. :raises UserError: it is of another counting."""
    if which.epoch and not engine.logs.knows(log, which.epoch, which.seq):
        raise UserError(f"That id is not one of #{log}. Take one that /history shows here.")
    return which.seq


def _find(engine: Engine, log: str, which: Id) -> Post:
    """Return the message with this id. :raises UserError: there is none that can be removed."""
    span = engine.logs.span(log)
    seq = _place(engine, which, log)
    if not 0 < seq <= span.last:
        raise UserError(
            f"There is no message {seq} in #{log}. See /history for the ids.", Code.NO_SUCH_MESSAGE
        )
    if seq < span.first:
        raise UserError(f"Message {seq} is no longer kept.", Code.NO_SUCH_MESSAGE)
    found = engine.logs.read(log, seq - 1, seq, 1)
    if not found:
        raise UserError(f"Message {seq} is damaged; there is no text to remove.")
    if is_event(found[0]):
        raise UserError(
            f"There is no message {seq} in #{log}. See /history for the ids.", Code.NO_SUCH_MESSAGE
        )
    if found[0].kind == REMOVED:
        raise UserError(f"Message {seq} is removed already.")
    return found[0]


def _own_last(context: Context, log: str) -> Post:
    """Return the last message of who asks. :raises UserError: there is none lately."""
    engine = context.services.engine
    # What was typed just before may still be queued, and would be the last one.
    if not engine.settle(_SETTLE_SECONDS):
        raise UserError("Too much is going on just now. Give the id, see /history.")
    span = engine.logs.span(log)
    place = span.last
    floor = max(span.first - 1, place - OWN_LOOKED_AT)
    while place > floor:
        for post in reversed(engine.logs.read(log, max(floor, place - _STEP), place, _STEP)):
            if post.sender_id == context.account.id and post.kind != REMOVED:
                return post
        place -= _STEP
    raise UserError(f"You have said nothing in #{log} lately. Give the id, see /history.")
