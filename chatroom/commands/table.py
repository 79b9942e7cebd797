"""The families of commands, together: the whole table."""

from chatroom.commands import (
    audit,
    help_pages,
    history,
    invites,
    moderation,
    motd,
    nodes,
    own,
    own_data,
    people,
    reporting,
    room_info,
    room_sanctions,
    rooms,
    running,
    sanction_list,
    sanctions,
    sessions,
    talk,
    talking,
    undo,
    unread,
    whois,
)
from chatroom.commands.registry import Family, Registry

_FAMILIES = {
    Family("talking", "say something, to one or to all; be busy, leave"): (help_pages, talking),
    Family("people", "who is here, and whom you do not want to hear"): (
        *(people, whois, reporting),
    ),
    Family("rooms", "find rooms, join and leave them, see who is in, run your own"): (
        *(rooms, room_info, talk),
        *(running, room_sanctions, sanction_list),
    ),
    Family("reading", "read back, search, take back what you said"): (history, unread),
    Family("account", "your password, your sessions, your data"): (own, own_data, sessions),
    Family("moderation", "grants, kicks, bans, mutes, announcements, restart"): (
        moderation,
        sanctions,
    ),
    Family("server", "what the operator tells you; invitations, the audit trail, servers"): (
        *(motd, invites),
        *(audit, undo, nodes),
    ),
}


def build() -> Registry:
    """Return the table with every command in it."""
    registry = Registry()
    for family, modules in _FAMILIES.items():
        registry.begin(family)
        for module in modules:
            module.add_to(registry)
    return registry
