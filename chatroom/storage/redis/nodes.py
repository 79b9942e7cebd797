"""The nodes that share the store."""

from chatroom.storage.engine import Watcher
from chatroom.storage.records import Node
from chatroom.storage.redis.presence import PresenceKeeper


class Nodes:
    """The role ``nodes``; see ``engine.Nodes``."""

    def __init__(self, presence: PresenceKeeper) -> None:
        self._presence = presence

    def attach_presence(self, watcher: Watcher) -> None:
        self._presence.watcher = watcher

    def load_all(self) -> list[Node]:
        return self._presence.nodes
