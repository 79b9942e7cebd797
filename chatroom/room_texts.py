"""The texts of answers about rooms and who is in them, made of their rows."""

from collections.abc import Sequence

from chatroom.answers import Row
from chatroom.cells import cell, minute, table_of
from chatroom.sentences import Clock, duration, indented
from chatroom.text import clean_text


def who(rows: Sequence[Row], clock: Clock) -> str:
    """Return who is in a room now."""
    lines = [
        (
            row["user"],
            "-" if row.get("away") else minute(row, "since", clock),
            "-" if row.get("away") else duration(row["idle_seconds"]),
            _state(row),
            ", ".join(filter(None, (row.get("role"), "muted" if row.get("muted") else ""))),
        )
        for row in rows
    ]
    return table_of(("user", "here since", "idle", "state", ""), lines)


def _state(row: Row) -> str:
    if row.get("away"):
        return "away"
    if row["busy"]:
        return f"busy ({row['reason']})" if row["reason"] else "busy"
    return "free"


def members(rows: Sequence[Row], _clock: Clock) -> str:
    """Return who is a member of a room, and who is only invited."""
    lines = [
        (row["user"], row["role"] or "-", "here" if row["here"] else "not here")
        for row in rows
        if row["member"]
    ]
    text = table_of(("user", "role", "now"), lines)
    invited = ", ".join(cell(row["user"]) for row in rows if not row["member"])
    return f"{text}\nInvited: {invited}" if invited else text


def room_info(rows: Sequence[Row], clock: Clock) -> str:
    """Return what there is to know of one room."""
    (row,) = rows
    marks = [word for word in ("private", "archived") if row[word]]
    if row["slow"]:
        marks.append(f"one message in {duration(row['slow'])}")
    topic = row["topic"] or "-"
    if row["topic"] and row["topic_by"] and row["topic_at"]:
        topic += f" (by {row['topic_by']}, {minute(row, 'topic_at', clock)})"
    lines = [
        f"#{row['room']} ({row['room_id']}){': ' if marks else ''}{', '.join(marks)}",
        f"Topic: {topic}",
        f"Owner: {row['owner'] or 'without owner'}",
        f"Moderators: {', '.join(row['moderators']) or '-'}",
        f"Since: {minute(row, 'created', clock) if row['created'] else 'not known'}",
        f"Here now: {row['people']}; members: {row['members']}",
        f"Messages kept: {row['messages']}",
    ]
    text = "\n".join(map(cell, lines))
    return f"{text}\n{rules_text('Rules:', row['rules'])}" if row["rules"] else text


def rules_text(head: str, rules: str) -> str:
    """Return the rules of a room, of one or more lines, under a heading: none looks like a message.

    What heads them is a line.
    """
    return indented(f"{head}\n{clean_text(rules)}")


def rules(rows: Sequence[Row], _clock: Clock) -> str:
    """Return the rules of one room."""
    (row,) = rows
    return rules_text(cell(f"Rules of #{row['room']}:"), row["rules"]) if row["rules"] else ""


def rooms(rows: Sequence[Row], _clock: Clock) -> str:
    """Return the rooms that one may join."""
    lines = [
        (
            f"#{row['room']}",
            row["people"],
            row.get("unread") or "",
            _marks(row),
            row["topic"] or "-",
        )
        for row in rows
    ]
    return table_of(("room", "people", "unread", "", "topic"), lines)


def _marks(row: Row) -> str:
    where = "talking" if row["current"] else "joined" if row["joined"] else ""
    role = "yours" if row["owner"] else row.get("role", "")
    others = [word for word in ("private", "archived", "banned") if row.get(word)]
    return ", ".join(filter(None, (where, role, *others)))
