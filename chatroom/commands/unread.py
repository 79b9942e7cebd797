"""What is unread: /unread."""

from collections import Counter

from chatroom.answer_texts import text_of
from chatroom.answers import Answer, Row
from chatroom.commands.history import one_at_a_time
from chatroom.commands.registry import Context, Registry
from chatroom.rooms.post_lines import is_event, is_mention
from chatroom.rooms.room import Room
from chatroom.sentences import SERVER
from chatroom.storage.records import REMOVED, Post

LOOKED_AT = 500
"""Unread messages of one log, the newest, that are looked at: whose they are, whom they mention."""
ROOMS_LOOKED_AT = 20


def add_to(registry: Registry) -> None:
    """Enter this command into the table."""

    @registry.command("unread", "", "in which rooms, and from whom, something is unread", cost=10)
    def unread(context: Context) -> Answer:
        """And how often you are mentioned. Where you talk, what you were shown is read."""
        person = context.person
        found = context.services.read_marks.unread(person)
        mail = found.pop(person.mailbox, 0)
        if not context.member.face.is_for_programs:
            found.pop(context.room, None)
        with one_at_a_time(context):
            rows = _rooms(context, found)
            posts = _unread(context, person.mailbox, mail) if mail else []
        senders = Counter(post.sender for post in posts if post.kind != REMOVED)
        rows += [
            {"room": "", "user": name, "unread": number, "mentions": 0}
            for name, number in senders.most_common()
        ]
        return Answer(text_of("unread", rows, SERVER) or "Everything is read.", rows)


def _rooms(context: Context, found: dict[Room, int]) -> list[Row]:
    rows: list[Row] = []
    name = context.account.name
    for at, (room, number) in enumerate(found.items()):
        mentions: int | None = None
        if at < ROOMS_LOOKED_AT and number <= LOOKED_AT:
            posts = _unread(context, room, number)
            number = len(posts)
            mentions = sum(is_mention(post, name) for post in posts)
        if number:
            rows.append({**room.fields, "user": "", "unread": number, "mentions": mentions})
    return rows


def _unread(context: Context, room: Room, number: int) -> list[Post]:
    """Return what others have said in a log lately, as far as it is shown to who asks."""
    last = room.delivered
    after = last - min(number, LOOKED_AT)
    posts = context.services.logs.read(room.log, after, last, LOOKED_AT)
    own = context.account.id
    return [
        post for post in context.member.seen(posts) if post.sender_id != own and not is_event(post)
    ]
