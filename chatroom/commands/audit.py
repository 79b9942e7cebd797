"""The audit trail: what superusers and operators did."""

from chatroom.answer_texts import text_of
from chatroom.answers import Answer, Row, when
from chatroom.commands.registry import Context, Registry
from chatroom.sentences import SERVER
from chatroom.storage.records import SUPERUSER, Account, Audit

AUDIT_SHOWN = 20
"""Entries that are shown when no number is given."""


def add_to(registry: Registry) -> None:
    """Enter these commands into the table."""

    @registry.command(
        "audit", "[USER] [N]", "what superusers did recently, or what concerns USER", SUPERUSER
    )
    def view_audit(context: Context, account: Account | None, number: int | None) -> Answer:
        """The last entries, or N of them."""
        found = context.services.audit.load(number or AUDIT_SHOWN, account)
        return Answer(audit_table(found), list(map(_row, found)), is_long=True)


def _row(entry: Audit) -> Row:
    return {
        "time": when(entry.time),
        "by": entry.by,
        "from": entry.origin,
        "act": entry.act,
        "why": entry.why,
    }


def audit_table(entries: list[Audit]) -> str:
    """Return entries for people, one in a line; times are the server's local time."""
    return text_of("audit", list(map(_row, entries)), SERVER) or "The audit log is empty."
