"""The families of commands, together: the whole table."""

from chatroom.commands import (
    audit,
    history,
    invites,
    moderation,
    nodes,
    own,
    own_data,
    people,
    rooms,
    sanctions,
    talking,
    whois,
)
from chatroom.commands.registry import Registry


def build() -> Registry:
    """Return the table with every command in it."""
    registry = Registry()
    families = (talking, people, rooms, history, own, own_data, whois, moderation)
    for family in (*families, sanctions, invites, audit, nodes):
        family.add_to(registry)
    return registry
