"""The servers that share the room: /nodes."""

from chatroom.answers import Answer, Row, when
from chatroom.commands.registry import Context, Registry
from chatroom.sentences import minute, table
from chatroom.storage.records import SUPERUSER, Node

_LATE_SECONDS = 5.0
_SLOW_SECONDS = 1.0


def add_to(registry: Registry) -> None:
    """Enter this command into the table."""

    @registry.command("nodes", "", "list the servers of this room and how they are", SUPERUSER)
    def nodes(context: Context) -> Answer:
        """Version, people, how fast the store answers."""
        found = context.services.nodes.load_all()
        lines = [
            (
                f"{node.id[:8] or '-'}{' (here)' if node.is_this else ''}",
                node.host,
                node.version or "-",
                str(node.people),
                minute(node.since),
                f"{node.lag * 1000:.0f} ms",
                f"{node.heard:.0f}s ago" if node.heard else "now",
                _health(node),
            )
            for node in found
        ]
        heads = ("node", "host", "version", "people", "since", "store", "heard", "health")
        return Answer(table(heads, lines), list(map(_row, found)))


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
