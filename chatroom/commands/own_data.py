"""A person's own data: /export of it, and /deleteaccount with it."""

import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from typing import Any

from chatroom.commands.history import one_at_a_time
from chatroom.commands.own import Questions
from chatroom.commands.registry import Context, Registry
from chatroom.errors import Code, StoreError, UserError
from chatroom.rooms.post_lines import is_event
from chatroom.rooms.roster import may_enter
from chatroom.storage.engine import LogStore
from chatroom.storage.records import Post
from chatroom.storage.rules.private_ids import private_id

_log = logging.getLogger(__name__)

CHUNK_BYTES = 64 * 1024
"""Size from which a part of an export is sent."""
_STEP = 256  # places that are read at once
_SETTLE_SECONDS = 5.0


def add_to(registry: Registry) -> None:
    """Enter these commands into the table."""

    @registry.command(
        "export", "", "your account, your messages and your mail as JSON lines", cost=50
    )
    def export(context: Context) -> None:
        """To keep, or to take along."""
        with one_at_a_time(context):
            _export(context)
        context.reply("")  # the last line is the end; a program waits for its >result

    @registry.command(
        "deleteaccount", "", "erase your account and all your messages for good", cost=5
    )
    def delete_account(context: Context) -> None:
        """Asks for your password. There is no way back."""
        account, services = context.account, context.services
        services.accounts.check_may_go(account)
        questions = Questions(context, "Nothing was deleted.")
        questions.own_password("Your password:")
        questions.until_right(lambda: _confirm_name(account.name, questions))
        for member in context.person.members:
            if member is not context.member:
                text = "Your account was deleted in another session. Goodbye."
                member.end(member.face.control("disconnect", text, code=Code.DELETED))
        try:
            settled = partial(services.settle, _SETTLE_SECONDS)
            by = context.actor._replace(id="")  # everybody may do it
            services.erasure.erase(account, by, settled, context.dialogue.network)
        except StoreError as error:
            _log.error("account not erased %s reason=%s", account.ident, error)
            raise UserError(
                "Not everything could be erased right now. Type /deleteaccount again later.",
                Code.NOT_KEPT,
            ) from None
        context.leaving = True


def _confirm_name(name: str, questions: Questions) -> None:
    typed = questions.answer(
        "confirm-name",
        f"This erases for good: the account {name}, all its messages in all rooms and "
        "its mailbox. What you wrote to others stays in their mailboxes. Each of your rooms goes "
        "to who has been its moderator for longest, or stays without an owner; those without one "
        "where nobody else has written are closed. Type your user name to confirm:",
    )
    if typed.strip() != name:
        raise UserError("That is not your user name.")


def _export(context: Context) -> None:
    """Send all records, a chunk at a time. :raises Disconnected: the peer left or reads nothing."""
    face, dialogue = context.member.face, context.dialogue
    chunk, size, messages = [], 0, 0
    for record in _records(context):
        line = face.export(record)
        chunk.append(line)
        size += len(line)
        messages += record["part"] == "message"
        if size >= CHUNK_BYTES:
            dialogue.send_at_length(b"".join(chunk))
            chunk, size = [], 0
    chunk.append(face.export({"part": "end", "messages": messages}))
    dialogue.send_at_length(b"".join(chunk))


def _records(context: Context) -> Iterator[dict[str, Any]]:
    """Return the account, then the messages, log by log, oldest first."""
    account, logs = context.account, context.services.logs
    records = context.services.roster.records()
    yield {
        "part": "account",
        "name": account.name,
        "grant": account.grant,
        "created": _utc(account.created),
        "rooms": [room.name for room in context.person.rooms],
        "owns": [record.name for record in records if record.owner == account.id],
    }
    for record in records:
        name = record.name if may_enter(record, account.id) else "a private room"
        for post in _posts(logs, record.log):
            if post.sender_id == account.id and not is_event(post):
                yield {**_message(post, name), "room_id": record.log}
    for post in _posts(logs, context.person.mailbox.log):
        if not is_event(post):
            yield {
                **_message(post, ""),
                "from": post.sender,
                "to": post.to,
                "private_id": private_id(post),
            }


def _posts(logs: LogStore, log: str, after: int = 0) -> Iterator[Post]:
    """Return what is kept of a log after a place, up to its end of now; a part at a time."""
    span = logs.span(log)
    place = max(after, span.first - 1)
    while place < span.last:
        end = min(place + _STEP, span.last)
        yield from logs.read(log, place, end, _STEP)
        place = end


def _message(post: Post, room: str) -> dict[str, Any]:
    return {
        "part": "message",
        "room": room,
        "seq": post.seq,
        "kind": post.kind,
        "time": _utc(post.time),
        "text": post.text,
    }


def _utc(seconds: float) -> str:
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
