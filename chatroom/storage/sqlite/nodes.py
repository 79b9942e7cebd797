"""The one node that this engine has."""

import platform
import time

from chatroom import __version__
from chatroom.storage.engine import Watcher
from chatroom.storage.records import Node


class Nodes:
    """The role ``nodes``; see ``engine.Nodes``."""

    def __init__(self) -> None:
        self._watcher: Watcher | None = None
        self._since = time.time()

    def attach_presence(self, watcher: Watcher) -> None:
        self._watcher = watcher

    def load_all(self) -> list[Node]:
        people = len(self._watcher.here()) if self._watcher is not None else 0
        return [Node("", platform.node(), self._since, people, 0.0, 0.0, True, __version__)]
