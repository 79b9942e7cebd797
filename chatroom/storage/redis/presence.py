"""Who is here at all nodes: each tells its own people, and looks at those of the others.

A node is alive while its heartbeat is; one that is not is taken for dead by the first node that has
seen that for some seconds on end, and that one alone tells who has left. A node goes by its
instance id here, so one that was started again is another one.
"""

import json
import logging
import platform
import threading
import time
from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from typing import Any

from chatroom import __version__
from chatroom.errors import Damaged, StoreError
from chatroom.storage.engine import Watcher
from chatroom.storage.keys.vault import Vault
from chatroom.storage.records import Node, Presence, SessionInfo, joined
from chatroom.storage.redis import scripts
from chatroom.storage.redis.append import jitter
from chatroom.storage.redis.client import Store, script_command
from chatroom.storage.redis.entries import decoding

NODES = "{c}:nodes"
"""Instance id → when it was heard, number of changes of its people, and what is sealed of it."""
ROUND_SECONDS = 1.5
_REST_SECONDS = 0.2  # between two rounds, whoever comes and goes
FRESH_SECONDS = 0.25
"""A round that began so lately shows how the store is."""
HEARTBEAT_SECONDS = 4.0
DEAD_SECONDS = 5.0
"""How long the heartbeat must have been missing, as one node sees it that has answers itself."""
_ACTIVE_SECONDS = 10.0  # coarse: it is told anew whenever it changes
_NEW = "new"

_log = logging.getLogger(__name__)


def _heartbeat(instance_id: str) -> str:
    return f"{{c}}:alive:{instance_id}"


def _people(instance_id: str) -> str:
    return f"{{c}}:here:{instance_id}"


_KNOWN = frozenset(field.name for field in fields(Presence))
"""What is read of a presence: nodes of a newer version may tell more."""


class PresenceKeeper:
    """Tells and learns who is here. Its thread is ``presence``; :attr:`nodes` is for any thread.

    :param node: the id of the node, which all its starts share.
    :param instance_id: of this start.
    """

    watcher: Watcher | None = None
    """Whom it asks and tells; without one (an operator's command) there is no thread."""

    def __init__(self, store: Store, vault: Vault, node: str, instance_id: str) -> None:
        self._store = store
        self._vault = vault
        self._node = node
        self._instance_id = instance_id
        self._since = time.time()
        self._lag = 0.0
        self._is_known = False
        self._is_waiting = False
        self._told: dict[str, tuple[Presence, bytes]] = {}
        self._others: dict[str, _Other] = {}
        self._warned: set[str] = set()
        self.nodes: list[Node] = []
        self._stopping = threading.Event()
        self._woken = threading.Event()
        # The round that ended last, guarded by itself: when it began (monotonic), how it went.
        self._ended = threading.Condition()
        self._begun, self._is_well = 0.0, True
        self._thread = threading.Thread(target=self._go_on, name="presence")

    def tell_once(self) -> None:
        """Tell and look once, before the start. :raises StoreError: the store cannot be used."""
        if self.watcher is not None:
            self._round(self.watcher)

    def start(self) -> None:
        """Start the thread."""
        if self.watcher is not None:
            self._thread.start()

    def close(self) -> None:
        """End the thread. The heartbeat ends by itself: people may come to another node meanwhile.

        Where there is no other node, nobody is here any more. Idempotent.
        """
        self._stopping.set()
        self._woken.set()
        if self._thread.is_alive():
            self._thread.join()
            if self._is_known and not self._others:
                self._take_leave()

    def check(self, seconds: float) -> bool:
        """Tell whether the store takes what it is told now; see ``Engine.check_writes``."""
        now = time.monotonic()
        with self._ended:
            if self._is_well and now - self._begun < FRESH_SECONDS:
                return True
            self.wake()
            return self._ended.wait_for(lambda: self._begun >= now, seconds) and self._is_well

    def _note(self, begun: float, is_well: bool) -> None:
        with self._ended:
            self._begun, self._is_well = begun, is_well
            self._ended.notify_all()

    def is_here(self, account_id: str) -> bool:
        """Tell whether somebody is at this node. Any thread."""
        return self.watcher is not None and self.watcher.is_here(account_id)

    def wake(self) -> None:
        """Somebody came or went, here or elsewhere: look soon. Any thread; returns at once."""
        self._woken.set()

    def _go_on(self) -> None:
        assert self.watcher is not None
        while not self._stopping.wait(_REST_SECONDS):
            self._woken.wait(jitter(ROUND_SECONDS))
            self._woken.clear()
            begun = time.monotonic()
            is_well = False
            try:
                self._round(self.watcher)
                self._is_waiting = False
                is_well = True
            except StoreError as error:
                if not self._is_waiting:
                    self._is_waiting = True
                    _log.warning("presence waits reason=%s", error)
                for other in self._others.values():
                    other.missing_since = 0.0  # nobody is dead because the store was away
            except Exception:
                _log.exception("presence failed")
            self._note(begun, is_well)

    def _round(self, watcher: Watcher) -> None:
        begun = time.monotonic()
        if not self._report(watcher):
            self._is_known, self._told = False, {}
            self._report(watcher)
            watcher.returned()
        self._lag = time.monotonic() - begun
        self._look()
        watcher.elsewhere(self._elsewhere())
        for instance_id in self._dead():
            self._reap(instance_id, watcher)

    # -- one's own ------------------------------------------------------------------------------

    def _report(self, watcher: Watcher) -> bool:
        """Tell what has changed here; False when others have taken this node for dead."""
        people = watcher.here()
        fresh: dict[str, tuple[Presence, bytes]] = {}
        changed: list[str | bytes] = []
        for exact in people:
            one = replace(exact, active=exact.active // _ACTIVE_SECONDS * _ACTIVE_SECONDS)
            told = self._told.get(one.account_id)
            if told is None or told[0] != one:
                told = one, self._vault.seal(_plain(one), f"presence {one.account_id}")
                changed += [one.account_id, told[1]]
            fresh[one.account_id] = told
        left = [account_id for account_id in self._told if account_id not in fresh]
        info = {"node": self._node, "host": platform.node(), "since": self._since}
        info |= {"lag": self._lag, "people": len(people), "replicas": self._store.replicas}
        info["version"] = __version__
        sealed = self._vault.seal(json.dumps(info).encode(), f"node {self._instance_id}")
        number = str(len(left)) if self._is_known else _NEW
        keys = (NODES, _heartbeat(self._instance_id), _people(self._instance_id))
        milliseconds = int(HEARTBEAT_SECONDS * 1000)
        arguments = (self._instance_id, milliseconds, sealed, number, *left, *changed)
        (answer,) = self._store.batch([script_command(scripts.REPORT, keys, arguments)])
        if isinstance(answer, Exception):
            raise self._store.to_store_error(answer)
        if answer[0]:
            self._is_known, self._told = True, fresh
            nowhere = {account_id.decode() for account_id in answer[1:]}
            watcher.left({account_id: account_id in nowhere for account_id in left})
        return bool(answer[0])

    def _take_leave(self) -> None:
        here = (_people(self._instance_id), _heartbeat(self._instance_id))
        try:
            self._store.batch([("HDEL", NODES, self._instance_id), ("DEL", *here)])
        except StoreError as error:
            _log.info("presence stays for a while reason=%s", error)

    # -- others ---------------------------------------------------------------------------------

    def _look(self) -> None:
        (answer,) = self._store.batch([script_command(scripts.LOOK, (NODES,), ())])
        if isinstance(answer, Exception):
            raise self._store.to_store_error(answer)
        (seconds, micro), *found = answer
        now = int(seconds) + int(micro) / 1e6
        nodes, known = [], set()
        for raw, value, is_alive in found:
            instance_id = raw.decode(errors="replace")
            known.add(instance_id)
            try:
                with decoding("a node"):
                    heard, count, sealed = value.split(b" ", 2)
                    changes = int(count)
                    nodes.append(self._open_node(instance_id, sealed, now - int(heard) / 1000))
            except Damaged as error:
                _log.error("node damaged instance=%s reason=%s", instance_id, error)
                continue
            if instance_id == self._instance_id:
                continue
            other = self._others.setdefault(instance_id, _Other())
            if other.count != changes:
                with self._store.client() as client:
                    found_people = client.hgetall(_people(instance_id))
                other.people = self._open_all(found_people, nodes[-1].id)
                other.count = changes
            if is_alive:
                other.missing_since = 0.0
            elif not other.missing_since:
                other.missing_since = time.monotonic()
        for gone in [one for one in self._others if one not in known]:
            del self._others[gone]
        self.nodes = sorted(nodes, key=lambda node: node.since)

    def _open_node(self, instance_id: str, sealed: bytes, heard: float) -> Node:
        info = json.loads(self._vault.unseal(sealed, f"node {instance_id}"))
        if info.get("replicas", self._store.replicas) != self._store.replicas:
            self._warn_of(instance_id, info)
        is_this = instance_id == self._instance_id
        age = 0.0 if is_this else max(0.0, heard)
        return Node(
            *(info["node"], info["host"], info["since"], info["people"], info["lag"], age, is_this),
            version=info.get("version", ""),
        )

    def _warn_of(self, instance_id: str, info: Mapping[str, Any]) -> None:
        if instance_id not in self._warned:
            self._warned.add(instance_id)
            _log.warning(
                "engine-replicas is %d here and %d at the node %s on %s: make it the same",
                *(self._store.replicas, info["replicas"], info["node"], info["host"]),
            )

    def _open_all(self, found: Mapping[bytes, bytes], node: str) -> dict[str, Presence]:
        people = {}
        for account_id, sealed in found.items():
            one = self._open(account_id.decode(errors="replace"), sealed, node)
            if one is not None:
                people[one.account_id] = one
        return people

    def _open(self, account_id: str, sealed: bytes, node: str) -> Presence | None:
        try:
            fields = json.loads(self._vault.unseal(sealed, f"presence {account_id}"))
        except Damaged as error:
            _log.error("presence damaged account=%s reason=%s", account_id, error)
            return None
        seats = tuple(SessionInfo(**seat, node=node) for seat in fields.pop("seats"))
        known = {name: value for name, value in fields.items() if name in _KNOWN}
        return Presence(**{**known, "rooms": tuple(fields["rooms"])}, seats=seats)

    def _elsewhere(self) -> dict[str, Presence]:
        people: dict[str, Presence] = {}
        for other in self._others.values():
            for account_id, one in other.people.items():
                known = people.get(account_id)
                people[account_id] = one if known is None else joined(known, one)
        return people

    def _dead(self) -> list[str]:
        now = time.monotonic()
        return [
            instance_id
            for instance_id, other in self._others.items()
            if other.missing_since and now - other.missing_since > DEAD_SECONDS
        ]

    def _reap(self, instance_id: str, watcher: Watcher) -> None:
        people = self._others.pop(instance_id).people
        keys = (NODES, _heartbeat(instance_id), _people(instance_id))
        (answer,) = self._store.batch([script_command(scripts.REAP, keys, (instance_id,))])
        if isinstance(answer, Exception):
            raise self._store.to_store_error(answer)
        if answer is None:
            return
        _log.warning("node dead instance=%s people=%d", instance_id, len(people))
        watcher.elsewhere(self._elsewhere())
        watcher.vanished(list(people.values()))


def _plain(one: Presence) -> bytes:
    """Return what other nodes are told; where it is they know, and older ones take no more."""
    fields = asdict(one)
    for seat in fields["seats"]:
        del seat["node"]
    if not one.real_name:
        del fields["real_name"]
    return json.dumps(fields, ensure_ascii=False).encode()


class _Other:
    """What this node knows of another one."""

    def __init__(self) -> None:
        self.count = -1
        self.people: dict[str, Presence] = {}
        self.missing_since = 0.0
