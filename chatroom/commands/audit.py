"""The audit trail: what superusers and operators did."""

import time

from chatroom.commands.registry import Context, Registry
from chatroom.storage.records import SUPERUSER, Audit
from chatroom.text import escape, table

AUDIT_SHOWN = 20
"""Entries that are shown when no number is given."""


def add_to(registry: Registry) -> None:
    """Enter these commands into the table."""

    @registry.command("audit", "[N]", "what superusers did lately", SUPERUSER)
    def view_audit(context: Context, number: int | None) -> None:
        context.reply(audit_table(context.services.engine.audit(number or AUDIT_SHOWN)))


def audit_table(entries: list[Audit]) -> str:
    """Return entries for people, one in a line; times are the server's local time."""
    if not entries:
        return "Nothing is written down yet."
    rows = [
        (
            time.strftime("%Y-%m-%d %H:%M", time.localtime(entry.time)),
            entry.by,
            escape(entry.act),
        )
        for entry in entries
    ]
    return table(("when", "who", "did what"), rows)
