"""How far the other nodes are with the control events: who changes what must hold waits for them.

A node says it on the control channel when it has acted upon an event, so a change costs one way to
each node and back, and nothing is added to a message. One that stays silent is waited for once.
"""

import threading

from chatroom.errors import StoreError, Unconfirmed
from chatroom.storage.redis.client import Store
from chatroom.storage.redis.control_events import order
from chatroom.storage.redis.presence import NODES
from chatroom.storage.redis.subscriber import CONTROL_CHANNEL, HEARD

WAIT_SECONDS = 3.0
"""Longest wait for a node that may be about to end, or is cut off from the store."""


class Heard:
    """Says how far this node is, and waits for the others. Any thread may call the methods.

    :param instance_id: of this start of the node.
    """

    def __init__(self, store: Store, instance_id: str) -> None:
        self._store = store
        self._instance_id = instance_id
        self._node = instance_id.partition(".")[0]  # what it was before its start has ended
        # Guards the tables below; innermost.
        self._news = threading.Condition()
        self._upto: dict[str, tuple[int, int]] = {}
        self._silent: set[str] = set()

    def say(self, at: bytes) -> None:
        """Tell the others that this node has acted upon an event, by its id, and those before.

        :raises StoreError: they were not told.
        """
        told = f"{HEARD} {self._instance_id} {at.decode()}"
        with self._store.client(), self._store.shards.one() as client:
            client.publish(CONTROL_CHANNEL, told)

    def note(self, told: str) -> None:
        """Take what another one has said; what is no such word is ignored. Returns at once."""
        instance_id, _, at = told.removeprefix(HEARD).strip().partition(" ")
        try:
            upto = order(at.encode())
        except ValueError:
            return
        with self._news:
            self._upto[instance_id] = max(upto, self._upto.get(instance_id, upto))
            self._silent.discard(instance_id)
            self._news.notify_all()

    def wait_for(self, at: bytes) -> None:
        """Wait until the other nodes have acted upon an event.

        One that says nothing for some seconds is not waited for again before it has said something:
        it has ended, is cut off, or is of an older version.

        :raises Unconfirmed: the store does not tell which there are: it is kept, and holds here.
        """
        try:
            others = self._others()
        except StoreError:
            raise Unconfirmed("Nobody knows whether all nodes have heard of it.") from None
        wanted = order(at)
        with self._news:
            self._upto = {one: upto for one, upto in self._upto.items() if one in others}
            self._silent &= others
            asked = others - self._silent

            def late() -> set[str]:
                return {one for one in asked if self._upto.get(one, (0, 0)) < wanted}

            if not self._news.wait_for(lambda: not late(), WAIT_SECONDS):
                self._silent |= late()

    def _others(self) -> set[str]:
        with self._store.client() as client:
            found = {raw.decode(errors="replace") for raw in client.hkeys(NODES)}
        return {one for one in found if one.partition(".")[0] != self._node}
