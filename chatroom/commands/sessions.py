"""One's own sessions: /sessions."""

from collections.abc import Collection

from chatroom.answer_texts import text_of
from chatroom.answers import Answer, Row, when
from chatroom.commands.own import renew_ticket
from chatroom.commands.registry import Context, Registry
from chatroom.errors import Code, UserError
from chatroom.sentences import SERVER
from chatroom.storage.records import SessionInfo


def add_to(registry: Registry) -> None:
    """Enter this command into the table."""

    @registry.command(
        "sessions",
        "[end NUMBER|others]",
        "where you are logged in; ends one session or all others",
        cost=5,
    )
    def sessions(context: Context, which: int | str | None) -> Answer:
        """What has ended needs the password to come back."""
        found = _sessions(context)
        if which is None:
            context.member.listed = tuple(one.since for one in found)
            rows = _rows(context, found)
            return Answer(text_of("sessions", rows, SERVER), rows)
        own = context.member.since
        ended = {one.since for one in found} - {own}
        if isinstance(which, int):
            ended &= {_begin_of(context, which, found)}
            if not ended:
                return Answer("That session has ended already.")
        rows = [
            row for row, one in zip(_rows(context, found), found, strict=True) if one.since in ended
        ]
        _end_all_but(context, [one.since for one in found if one.since not in ended])
        number = "1 session has" if len(rows) == 1 else f"{len(rows)} sessions have"
        head = f"{number} ended." if rows else "There is no other session; your tickets have ended."
        text = "\n".join(filter(None, (head, text_of("sessions", rows, SERVER))))
        return Answer(text, rows, {"head": head})


def _sessions(context: Context) -> list[SessionInfo]:
    """Return one's own, the oldest first."""
    found = context.services.presence.presence(context.account.id)
    return sorted(found.seats, key=lambda one: one.since) if found is not None else []


def _rows(context: Context, sessions: Collection[SessionInfo]) -> list[Row]:
    names = {room.log: room.name for room in context.person.rooms}
    here = next((node.id for node in context.services.nodes.load_all() if node.is_this), "")
    return [
        {
            "number": number,
            "current": one.since == context.member.since,
            "address": one.address,
            "face": one.face,
            "since": when(one.since),
            "room": names.get(one.room, ""),
            "node": one.node or here,
        }
        for number, one in enumerate(sessions, 1)
    ]


def _begin_of(context: Context, number: int, sessions: Collection[SessionInfo]) -> float:
    """Return when a session began, by its number in the list that was shown last, if one was.

    :raises UserError: there is none of this number, or it is the one that asks.
    """
    listed = context.member.listed or tuple(one.since for one in sessions)
    if not 1 <= number <= len(listed):
        raise UserError(f"There is no session {number}. See /sessions.", Code.USAGE, field="end")
    if listed[number - 1] == context.member.since:
        sentence = "That is this session. /disconnect leaves it."
        raise UserError(sentence, Code.USAGE, field="end")
    return listed[number - 1]


def _end_all_but(context: Context, kept: Collection[float]) -> None:
    member = context.member

    def chosen(password_id: str) -> None:
        member.next_password_id = password_id

    had_ticket, member.ticket = bool(member.ticket), b""
    try:
        account = context.services.sessions.end_all_but(member.account_id, kept, chosen)
        member.password_id = account.password_id
    finally:
        member.next_password_id = ""
    if had_ticket:
        renew_ticket(context, account)
