"""The servers that share the room: /nodes."""

from chatroom.answer_texts import text_of
from chatroom.answers import Answer, Row, when
from chatroom.commands.registry import Context, Registry
from chatroom.sentences import SERVER
from chatroom.storage.records import SUPERUSER, Node

_LATE_SECONDS = 5.0
_SLOW_SECONDS = 1.0


def add_to(registry: Registry) -> None:
    """Enter this command into the table."""

    @registry.command("nodes", "", "list the servers of this room and how they are", SUPERUSER)
    def nodes(context: Context) -> Answer:
        """Version, people, how fast the store answers."""
        found = context.services.nodes.load_all()
        rows = list(map(_row, found))
        return Answer(text_of("nodes", rows, SERVER), rows)


def _row(node: Node) -> Row:
    return {
        "node": node.id,
        "here": node.is_this,
        "host": node.host,
        "version": node.version,
        "people": node.people,
        "since": when(node.since),
        "store_seconds": node.lag,
        "heard_seconds": node.heard,
        "health": _health(node),
    }


def _health(node: Node) -> str:
    if node.heard > _LATE_SECONDS:
        return "silent"
    return "slow store" if node.lag > _SLOW_SECONDS else "well"
