"""The primaries of a store: one, or those of a Cluster, each with its part of the keys.

In a Cluster a key's hash tag says in which of 16,384 slots it is, and who has a slot may change
(https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/).
"""

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import redis
from redis.backoff import ExponentialBackoff
from redis.cluster import RedisCluster
from redis.exceptions import (
    AskError,
    ClusterDownError,
    MasterDownError,
    NoScriptError,
    ReadOnlyError,
    RedisClusterException,
    ResponseError,
    TryAgainError,
)
from redis.retry import Retry

from chatroom.storage.redis import scripts

Command = tuple[Any, ...]

FAILURES = (redis.RedisError, RedisClusterException, OSError)
"""What redis-py raises when a store is away, or refuses."""
AWAY = (
    *(redis.ConnectionError, redis.TimeoutError, RedisClusterException, OSError),
    *(ClusterDownError, MasterDownError, ReadOnlyError),
)
"""Those of the failures that may be over in a moment."""
_ELSEWHERE = (AskError, TryAgainError, ClusterDownError)
# MOVED is one of ASK's kind.
_UNDONE = (NoScriptError, *_ELSEWHERE)
_AGAIN = 5
_BOTH_WAYS = 2  # socket.SHUT_RDWR
_FIRST_PAUSE_SECONDS = 0.005
_LONGEST_PAUSE_SECONDS = 0.1


class NotSent(Exception):
    """Nothing was sent."""

    def __init__(self, reason: Exception) -> None:
        super().__init__(str(reason))
        self.reason = reason


class _Undone(Exception):
    """Something has to be sent again."""


def _key(command: Command) -> str:
    """Return the first key of a command; its other keys are in the same slot."""
    return str(command[3] if command[0] == "EVALSHA" else command[1])


def _packed(commands: Sequence[Command]) -> bytes:
    """Return commands as the store reads them (RESP); redis-py takes seven times as long.

    https://redis.io/docs/latest/develop/reference/protocol-spec/
    """
    parts = []
    for command in commands:
        parts.append(b"*%d\r\n" % len(command))
        for word in command:
            plain = word if isinstance(word, bytes) else str(word).encode()
            parts.append(b"$%d\r\n%b\r\n" % (len(plain), plain))
    return b"".join(parts)


def _is_elsewhere(answers: Sequence[Any]) -> bool:
    return any(isinstance(one, _ELSEWHERE) for one in answers)


class Shards:
    """Who has which key. Any thread may call the methods.

    :param client: of redis-py; that of a Cluster knows its slots.
    """

    def __init__(self, client: Any) -> None:
        self._client = client
        self._cluster: Any = client if isinstance(client, RedisCluster) else None
        self._are_slots_old = False

    def primaries(self) -> list[Any]:
        """Return a client for each primary."""
        if self._cluster is None:
            return [self._client]
        return [self._cluster.get_redis_connection(one) for one in self._cluster.get_primaries()]

    @contextlib.contextmanager
    def one(self) -> Iterator[Any]:
        """Give a client for one of the servers; each hears what is published at any.

        :raises redis.RedisError: no server of a Cluster can be reached.
        """
        if self._cluster is None:
            yield self._client
            return
        self._learn_slots()
        # Held meanwhile: redis-py closes the client of a server that nobody holds any more.
        server = self._cluster.get_random_node()
        yield self._cluster.get_redis_connection(server)

    def hang_up(self) -> None:
        """End all connections, under whoever waits for an answer there. Any thread."""
        clients = [self._client]
        if self._cluster is not None:
            clients = [one.redis_connection for one in self._cluster.get_nodes()]
        for client in filter(None, clients):
            pool = client.connection_pool
            # Copied in one step; a connection that comes later finds the store closed.
            for connection in tuple(getattr(pool, "_in_use_connections", ())):
                found = getattr(connection, "_sock", None)
                if found is not None:
                    with contextlib.suppress(OSError):
                        found.shutdown(_BOTH_WAYS)

    def invalidate_slots(self) -> None:
        """Ask again who has the slots, before they are needed next."""
        self._are_slots_old = self._cluster is not None

    def _learn_slots(self) -> None:
        if self._are_slots_old:
            self._cluster.nodes_manager.initialize()
            self._are_slots_old = False

    def execute(
        self, commands: Sequence[Command], trailer: Sequence[Command]
    ) -> tuple[list[Any], list[list[Any]]]:
        """Send commands to whom they belong, and behind them a trailer to each of these.

        Those of one key are done in their order. What was surely not done, since its script is not
        there or its slot is moving, is sent again, a few times within a quarter of a second.

        :return: the answers. One that is a ``ResponseError`` tells what was refused, ``NotSent``
            that nothing was sent, another one of ``FAILURES`` that nobody knows what was done. And
            for each command the answers to the trailer where it was done.
        """
        answers: list[Any] = [None] * len(commands)
        trailers: list[list[Any]] = [[] for _ in commands]
        rest = list(range(len(commands)))

        def attempt() -> None:
            undone = []
            for batch, found in self._round(commands, rest, trailer):
                for index, answer in zip(batch.indexes, found, strict=False):
                    answers[index], trailers[index] = answer, found[len(batch.indexes) :]
                    if isinstance(answer, _UNDONE):
                        undone.append(index)
            rest[:] = sorted(undone)
            if rest:
                raise _Undone

        pauses = ExponentialBackoff(_LONGEST_PAUSE_SECONDS, _FIRST_PAUSE_SECONDS)
        with contextlib.suppress(_Undone):  # what is undone in the end has its error as its answer
            Retry(pauses, _AGAIN, (_Undone,)).call_with_retry(attempt, lambda error: None)
        return answers, trailers

    def _round(
        self, commands: Sequence[Command], indexes: Sequence[int], trailer: Sequence[Command]
    ) -> list[tuple["NodeBatch", list[Any]]]:
        """Send commands once; return who had which of them, and all answers of each."""
        try:
            self._learn_slots()
            batches = self._split(commands, indexes)
        except FAILURES as error:
            self.invalidate_slots()
            return [(NodeBatch(None, commands, indexes), [NotSent(error)] * len(indexes))]
        try:
            for batch in batches:
                batch.send(trailer)
            found = [(batch, batch.answers()) for batch in batches]
        finally:
            for batch in batches:
                batch.close()
        if any(batch.is_broken or _is_elsewhere(answers) for batch, answers in found):
            self.invalidate_slots()
        return found

    def _split(self, commands: Sequence[Command], indexes: Sequence[int]) -> list["NodeBatch"]:
        if self._cluster is None:
            return [NodeBatch(self._client, commands, indexes)]
        shares: dict[str, tuple[Any, list[int]]] = {}
        for index in indexes:
            slot = self._cluster.keyslot(_key(commands[index]))
            server = self._cluster.nodes_manager.get_node_from_slot(slot)
            shares.setdefault(server.name, (server, []))[1].append(index)
        return [
            NodeBatch(self._cluster.get_redis_connection(server), commands, share, server)
            for server, share in shares.values()
        ]


class NodeBatch:
    """What one primary is to do: sent in one go, on one connection, answered in order. One thread.

    Several of them work at once: all are sent before an answer is read.
    """

    def __init__(
        self, client: Any, commands: Sequence[Command], indexes: Sequence[int], server: Any = None
    ) -> None:
        self._server = server  # held meanwhile, see Shards.one
        self.indexes = indexes
        self.is_broken = False
        self._is_read = False
        self._client = client
        self._commands = [commands[index] for index in indexes]
        self._connection: Any = None
        self._error: Exception | None = None

    def send(self, trailer: Sequence[Command]) -> None:
        """Send the commands, and a trailer."""
        self._commands += trailer
        try:
            self._connection = self._client.connection_pool.get_connection()
        except FAILURES as error:
            self._error = NotSent(error)
            return
        try:
            self._connection.send_packed_command([_packed(self._commands)])
        except FAILURES as error:
            self._error = error

    def answers(self) -> list[Any]:
        """Return the answers; when the connection has broken, its error for each command."""
        if self._error is not None:
            self.is_broken = True
            return [self._error] * len(self.indexes)
        found: list[Any] = []
        try:
            for command in self._commands:
                found.append(self._answer(command))
            self._is_read = True
            if any(isinstance(answer, NoScriptError) for answer in found):
                for text in scripts.ALL.values():
                    self._client.script_load(text)
        except FAILURES as error:
            self.is_broken = True
            return [error] * len(self.indexes)
        return found

    def _answer(self, command: Command) -> Any:
        try:
            return self._client.parse_response(self._connection, command[0])
        except ResponseError as error:
            return error

    def close(self) -> None:
        """Give the connection back; one with answers that nobody has read is closed. Idempotent."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        if not self._is_read:
            connection.disconnect()
        self._client.connection_pool.release(connection)
