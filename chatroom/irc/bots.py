"""Who has said of itself that it is a bot (https://ircv3.net/specs/extensions/bot-mode)."""

import threading


class Bots:
    """The accounts of bots that are here, at this server. Any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.ids: frozenset[str] = frozenset()
        """Account ids; replaced, never changed."""

    def add(self, account_id: str) -> None:
        """Note that somebody is a bot."""
        with self._lock:
            self.ids |= {account_id}

    def discard(self, account_id: str) -> None:
        """Note that somebody is none, or has gone."""
        with self._lock:
            self.ids -= {account_id}


BOTS = Bots()
"""Those of this server."""
