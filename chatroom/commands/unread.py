"""What is unread: /unread."""

from collections import Counter

from chatroom.answers import Answer, Row
from chatroom.commands.registry import Context, Registry
from chatroom.rooms.room import Room
from chatroom.sentences import table
from chatroom.storage.engine import LogStore
from chatroom.storage.records import PRIVATE

MAIL_LOOKED_AT = 500
"""Private messages, the newest, that are looked at for whom they are from."""


def add_to(registry: Registry) -> None:
    """Enter this command into the table."""

    @registry.command("unread", "", "in which rooms, and from whom, something is unread", cost=5)
    def unread(context: Context) -> Answer:
        """Where you talk, what you were shown counts as read."""
        services, person = context.services, context.person
        found = services.read_marks.unread(person)
        mail = found.pop(person.mailbox, 0)
        if not context.member.face.is_for_programs:
            found.pop(context.member.room, None)
        rows: list[Row] = [
            {"room": room.log, "user": "", "unread": number} for room, number in found.items()
        ]
        if mail:
            senders = _senders(services.logs, person.mailbox, mail, context.account.id)
            rows += [
                {"room": "", "user": name, "unread": number}
                for name, number in senders.most_common()
            ]
        lines = [(f"#{row['room']}" if row["room"] else row["user"], row["unread"]) for row in rows]
        return Answer(_text(lines), rows)


def _text(lines: list[tuple[str, int]]) -> str:
    if not lines:
        return "Everything is read."
    return table(("where", "unread"), [(where, str(number)) for where, number in lines])


def _senders(logs: LogStore, mailbox: Room, unread: int, own: str) -> Counter[str]:
    """Return from whom private messages are unread, with the number of each."""
    last = mailbox.delivered
    after = max(last - unread, last - MAIL_LOOKED_AT)
    posts = logs.read(mailbox.log, after, last, MAIL_LOOKED_AT)
    return Counter(post.sender for post in posts if post.kind == PRIVATE and post.sender_id != own)
