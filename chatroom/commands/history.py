"""What was said: /history, /context, /search, and /delete of a message."""

import contextlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

from chatroom import sentences
from chatroom.answer_texts import Told, found_line
from chatroom.answers import Answer
from chatroom.commands import private
from chatroom.commands.grammar import Id
from chatroom.commands.pages import Wanted, find, label, page, room_of, said, seq_of
from chatroom.commands.private import located
from chatroom.commands.registry import Context, Muted, Registry
from chatroom.commands.services import SETTLE_SECONDS
from chatroom.errors import Code, UserError
from chatroom.rooms.person import Person
from chatroom.rooms.room import Room
from chatroom.storage.engine import LogStore
from chatroom.storage.records import (
    REMOVED,
    ROOM_NAME,
    Account,
    Post,
    SearchQuery,
)

AROUND = 11
"""Messages of a /context without a number."""
PAGE = 50
"""Messages of a /history without a number."""
FOUND_MOST = 20
"""Messages that a /search shows."""
OWN_LOOKED_AT = 2000
"""Places that a /delete without an id looks back for one's own last message."""
WORDS_MOST = 20
_STEP = 64  # places that are read at once
_WAIT_SECONDS = 0.5  # an IRC client of the same person may read a page just now


def add_to(registry: Registry) -> None:
    """Enter these commands into the table."""

    @registry.command(
        "history",
        "[N] [in ROOM] [with USER] [before ID] [from DATE|ID] [around ID]",
        "what was said in a room or with somebody",
        cost=5,
        is_basic=True,
    )
    def history(
        context: Context,
        number: int | None,
        room: str | None,
        other: Account | None,
        before: Id | None,
        start: float | Id | None,
        around: Id | None,
    ) -> Answer:
        """50 lines or N, at most 500."""
        if sum(given is not None for given in (start, around)) > 1:
            raise UserError("Take from or around, not both.", Code.USAGE)
        number = number or PAGE
        wanted = _wanted(context, number, room, other)
        with one_at_a_time(context):
            for one in (around, before, start):
                if isinstance(one, Id) and one.private_id and other is None and room is None:
                    wanted = private.conversation_of(context, located(context, one).seq, number)
                    break
            before, around = (one and located(context, one) for one in (before, around))
            start = located(context, start) if isinstance(start, Id) else start
            return page(context.services.logs, wanted, start, before, around)

    @registry.command("context", "ID [N]", "what was said around a message", cost=5)
    def show_context(context: Context, which: Id, number: int | None) -> Answer:
        """It may be in any of your rooms, or private; IDs stand in /history and /search."""
        logs, person = context.services.logs, context.person
        with one_at_a_time(context):
            which = located(context, which)
            found = room_of(which, context.room, person.logs, logs)
            if found.is_mailbox:
                wanted = private.conversation_of(context, which.seq, number or AROUND)
            else:
                wanted = _wanted(context, number or AROUND, found.log)
            return page(logs, wanted, around=which)

    @registry.command(
        "search",
        "WORDS [in ROOM] [from USER] [since DATE]",
        "find messages in your rooms and your mail",
        cost=20,
        is_basic=True,
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
            found = _search(context.services.logs, rooms, wanted)
        shown, more = found[:FOUND_MOST], len(found) > FOUND_MOST
        names = {room.log: room.name for room in rooms}
        lines = [found_line(_told(post, names), sentences.SERVER) for post in shown]
        sentence = f"{len(shown)} found." if shown else "Nothing was found."
        if more:
            sentence = f"There are more; these are the newest {FOUND_MOST}. Add words to narrow."
            lines.append(sentence)
        text = "\n".join(lines) or sentence
        fields = {"more": more, "foot": sentence if more or not shown else ""}
        return Answer(
            text, fields=fields, posts=shown, names=names, sentence=sentence, is_long=True
        )

    @registry.command(
        "delete",
        "[ID] [reason]",
        "remove a message of yours, else your last one",
        runners_too=True,
        muted=Muted.WITHOUT_TEXT,
        cost=5,
    )
    def delete(context: Context, which: Id | None, reason: str | None) -> None:
        """For good, in both mailboxes. Who runs a room removes any there."""
        member, services = context.member, context.services
        room = context.room
        if which is None and member.query:
            raise UserError("Give the id of a private message; /history shows them.", Code.USAGE)
        if which is not None:
            if which.private_id:
                with one_at_a_time(context):
                    which = located(context, which)
            room = room_of(which, room, context.person.logs, services.logs)
        log = room.log
        post = _own_last(context, room) if which is None else standing(services.logs, room, which)
        if room.is_mailbox:
            private.delete(context, post, reason or "")
            return
        what = f"message {post.seq} of {post.sender} in {ROOM_NAME}"
        is_others = context.is_others(post.sender_id, room)
        by, actor = context.runner.asker(room.record), context.actor
        if is_others:
            entry = actor.did(f"removed {what}", post.sender_id, reason or "", room=log)
            services.audit.write(entry, by)
        if not services.logs.erase(log, post.sender_id, post.seq):
            if is_others:  # somebody else was faster: the trail is to say who has done it
                act = f"did not remove {what}: it was gone already"
                services.audit.write(actor.did(act, post.sender_id, room=log), by)
            raise UserError(f"Message {post.seq} is removed already.", Code.NO_SUCH_MESSAGE)
        room.post(REMOVED, context.account, reason or "", origin=member, ref=post.seq)
        context.reply(f"Message {post.seq} is removed for good.")


@contextlib.contextmanager
def one_at_a_time(context: Context) -> Iterator[None]:
    """Hold what lets a person read back much only once at a time.

    :raises UserError: another one of this person still runs.
    """
    with reading_back(context.person, _WAIT_SECONDS):
        yield


@contextlib.contextmanager
def reading_back(person: Person, seconds: float) -> Iterator[None]:
    """The same, after waiting for the other one for so long. :raises UserError: it still runs."""
    lock = person.reading_back
    if not lock.acquire(timeout=seconds):
        raise UserError(
            "Your last /history, /search or /export is still running. Wait until it is done."
        )
    try:
        yield
    finally:
        lock.release()


def _search(logs: LogStore, rooms: list[Room], wanted: SearchQuery) -> list[Post]:
    """Return the newest that are wanted of several logs, and one more than is shown."""
    found: list[Post] = []
    for room in rooms:
        found += logs.search(room.log, wanted, FOUND_MOST + 1)
        found.sort(key=lambda post: post.time, reverse=True)
        del found[FOUND_MOST + 1 :]
        if len(found) > FOUND_MOST:  # older ones of the other rooms would not be shown
            wanted = replace(wanted, since=found[-1].time)
    return found


def _wanted(
    context: Context, number: int, name: str | None = None, other: Account | None = None
) -> Wanted:
    """Return what of which log is to be shown. :raises UserError: it is not one's own."""
    member, person = context.member, context.person
    if name is None and other is None and member.query:
        other = context.services.accounts.find_by_id(member.query)
    if other is not None:
        if name is not None:
            raise UserError("Take in or with, not both.", Code.USAGE)
        return private.with_account(context, other, number)
    room = context.room
    if name is not None:
        room = context.services.memberships.joined(person, name)
    command = "/history" if room is context.room else f"/history in {room.name}"
    return Wanted(room, member, f"History of #{room.name}", command, number)


def _told(post: Post, names: Mapping[str, str]) -> Told:
    room = "" if post.log[0] == "@" else names.get(post.log, "")
    return Told(post.seq, post.time, said(post), room, label(post))


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


def standing(logs: LogStore, room: Room, which: Id) -> Post:
    """Return the message with this id. :raises UserError: there is none that still stands."""
    seq = seq_of(which, room, logs)
    found = find(logs, room, seq)
    if found is None:
        raise UserError(f"Message {seq} is damaged: it has no text any more.")
    if found.kind == REMOVED:
        raise UserError(f"Message {label(found) or seq} is removed already.", Code.NO_SUCH_MESSAGE)
    return found


def _own_last(context: Context, room: Room) -> Post:
    """Return the last message of who asks. :raises UserError: there is none lately."""
    logs = context.services.logs
    # What was typed just before may still be queued, and would be the last one.
    if not context.services.settle(SETTLE_SECONDS):
        raise UserError(
            "The room is too busy to find your last message. Give its id, see /history."
        )
    log = room.log
    span = logs.span(log)
    place = span.last
    floor = max(span.first - 1, place - OWN_LOOKED_AT)
    while place > floor:
        for post in reversed(logs.read(log, max(floor, place - _STEP), place, _STEP)):
            if post.sender_id == context.account.id and post.kind != REMOVED:
                return post
        place -= _STEP
    raise UserError(
        f"You have said nothing in #{room.name} lately. Give its id, see /history.",
        Code.NO_SUCH_MESSAGE,
    )
