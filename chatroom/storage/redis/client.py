"""The store as a client sees it: commands in batches, scripts, acknowledgements, its keyring."""

import logging
import os
import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from redis.exceptions import AuthenticationError, ResponseError
from redis.sentinel import MasterNotFoundError

from chatroom.errors import Damaged, StoreAway, StoreError, Unconfirmed, VaultError
from chatroom.storage.keys.data_dir import NODE_FILE, opening_lock
from chatroom.storage.keys.vault import KEYRING_FILE, Vault, open_vault
from chatroom.storage.redis import scripts
from chatroom.storage.redis.cluster import AWAY, FAILURES, Command, NotSent, Shards
from chatroom.storage.redis.url import shown

META = "{c}:meta"
MOVING = "moving"
"""Field of META: a move into this store has begun and not ended."""
BUCKETS = 64
"""Slots that the logs are spread over; the keys of one log are in one of them."""
ACKNOWLEDGE_MS = 1000
"""Longest wait for the replicas."""
ON_DISK_MS = 1500
"""Longest wait for their disks, and the primary's: one that syncs once a second is in time."""
_SLOW_SECONDS = 0.7
_SEAL_CONTEXT = "meta seal"
_WAITAOF_SINCE = (7, 2)

_log = logging.getLogger(__name__)


def script_command(text: str, keys: Sequence[str], arguments: Sequence[Any]) -> Command:
    """Return the command that runs a script."""
    return ("EVALSHA", scripts.NAMES[text], len(keys), *keys, *arguments)


class Store:
    """A Redis or Valkey, one or a Cluster. Any thread may call the methods.

    :param client: as ``url.connect`` makes it.
    :param url: its address, for sentences.
    :param replicas: how many replicas must have what is confirmed.
    """

    def __init__(self, client: Any, url: str, replicas: int) -> None:
        self._client = client
        self.shards = Shards(client)
        self.name = shown(url)
        self.replicas = replicas
        self.life = 0
        """Number of the life of the store; see ``scripts.LIFE``. For the engine's thread."""
        self._has_aof_wait = False
        self._is_slow_told = False
        self._is_closed = False

    def _check_open(self) -> None:
        if self._is_closed:
            raise StoreError("The store is closed.")

    def close(self) -> None:
        """Close all connections. Idempotent."""
        self._is_closed = True
        self._client.close()

    def give_up(self) -> None:
        """Let whatever waits for an answer fail now, and all that comes later at once."""
        self._is_closed = True
        self.shards.hang_up()

    @contextmanager
    def client(self) -> Iterator[Any]:
        """Give the client for some commands.

        :raises StoreError: the store cannot be reached, or refuses.
        """
        self._check_open()
        try:
            yield self._client
        except FAILURES as error:
            raise self.to_store_error(error) from None

    def to_store_error(self, error: Exception) -> StoreError:
        """Return the sentence about an error of the store."""
        if isinstance(error, StoreError):
            return error
        text = str(error)
        if isinstance(error, AuthenticationError) or "NOAUTH" in text or "AUTH <user>" in text:
            return StoreError(
                f"{self.name} rejected the user name or password: give them with "
                "--engine-user, and CHATROOM_ENGINE_PASSWORD or --engine-password-file."
            )
        if isinstance(error, MasterNotFoundError):
            text = "no Sentinel that answers knows a living primary of this name"
        kind = StoreAway if isinstance(error, AWAY) else StoreError
        return kind(f"The store {self.name} cannot be used: {text.rstrip('.')}.")

    def batch(self, commands: Sequence[Command]) -> list[Any]:
        """Send commands together; return their answers, errors among them.

        Those of one key are done in their order.

        :raises StoreError: the store cannot be reached.
        :raises Unconfirmed: what was done is unknown.
        """
        answers, _ = self._execute(commands, ())
        for answer in answers:
            if isinstance(answer, StoreError):
                raise answer
        return answers

    def execute_replicated(
        self, commands: Sequence[Command]
    ) -> tuple[list[Any], list[Unconfirmed | None]]:
        """Send commands that change something, and wait for the replicas.

        :return: the answers, errors among them: a ``StoreError`` where nothing was done, one that
            is ``Unconfirmed`` where nobody knows. And for each command what is missing, when too
            few replicas have confirmed it.
        :raises StoreError: the store is closed.
        """
        trailer: list[Command] = []
        if self.replicas:
            trailer.append(("WAIT", self.replicas, ACKNOWLEDGE_MS))
            # After a WAIT the replicas are asked again, with what they got on their disk; without
            # it they tell that at their next report only, which comes once a second.
            if self._has_aof_wait:
                trailer.append(("WAITAOF", 1, self.replicas, ON_DISK_MS))
        begun = time.monotonic()
        answers, trailers = self._execute(commands, trailer)
        missing = [self._missing(found) for found in trailers]
        has_come = all(trailers) and not any(missing)
        if has_come and time.monotonic() - begun > _SLOW_SECONDS and not self._is_slow_told:
            self._is_slow_told = True
            _log.warning("replicas take long to confirm; have they set appendfsync always?")
        return answers, missing

    def eval_script(self, text: str, keys: Sequence[str], arguments: Sequence[Any]) -> Any:
        """Run a script that changes something; return its answer.

        :raises Unconfirmed: it was done, and may not last; or nobody knows.
        :raises StoreError: it was not done.
        """
        (answer,), (missing,) = self.execute_replicated([script_command(text, keys, arguments)])
        if isinstance(answer, Exception):
            raise self.to_store_error(answer)
        if missing is not None:
            raise missing
        return answer

    def _execute(
        self, commands: Sequence[Command], trailer: Sequence[Command]
    ) -> tuple[list[Any], list[list[Any]]]:
        self._check_open()
        answers, trailers = self.shards.execute(commands, trailer) if commands else ([], [])
        for index, answer in enumerate(answers):
            if isinstance(answer, NotSent):
                answers[index] = self.to_store_error(answer.reason)
            elif isinstance(answer, FAILURES) and not isinstance(answer, ResponseError):
                answers[index] = Unconfirmed(str(self.to_store_error(answer)))
        return answers, trailers

    def _missing(self, confirmations: Sequence[Any]) -> Unconfirmed | None:
        for answer in confirmations:
            if isinstance(answer, Exception):
                return Unconfirmed(str(self.to_store_error(answer)))
            count = answer[1] if isinstance(answer, list) else answer
            if count < self.replicas or (isinstance(answer, list) and answer[0] < 1):
                return Unconfirmed(
                    f"That was done, but only {count} of {self.replicas} replicas of the store "
                    f"{self.name} have it: it may be lost with the primary."
                )
        return None

    # -- what it belongs to ---------------------------------------------------------------------

    def open(self, data_dir: Path, is_moving_in: bool = False) -> Vault:
        """Open the keyring in a data directory; a new store gets its seal.

        :param is_moving_in: a store that is half moved in may be opened.

        :raises VaultError: the keyring cannot be used.
        :raises StoreError: the store cannot be used, or is sealed by another keyring.
        """
        with opening_lock(data_dir):
            with self.client() as client:
                seal = client.hget(META, "seal")
                self._learn_version()
            if seal is not None and not (data_dir / KEYRING_FILE).exists():
                raise VaultError(
                    f"The store {self.name} has its keyring on another node: bring that one into "
                    f"{data_dir} before the first start here."
                )
            vault = open_vault(data_dir, store_exists=seal is not None)
            if seal is None:
                with self.client() as client:
                    client.hsetnx(META, "seal", vault.seal(b"ok", _SEAL_CONTEXT))
            self.check_seal(vault)
            with self.client() as client:
                is_half = client.hexists(META, MOVING)
            if is_half and not is_moving_in:
                raise StoreError(
                    f"The move into the store {self.name} has not ended: run migrate again."
                )
            return vault

    def check_seal(self, vault: Vault) -> None:
        """Look whether the store is still the one that belongs to a keyring.

        :raises StoreError: it is empty, or sealed by another keyring.
        """
        with self.client() as client:
            seal = client.hget(META, "seal")
        if seal is None:
            raise StoreError(
                f"The store {self.name} has lost what was in it: bring its data back and start it."
            )
        try:
            vault.unseal(seal, _SEAL_CONTEXT)
        except Damaged:
            raise StoreError(
                f"The store {self.name} was sealed by another keyring: use the same one on all "
                "nodes."
            ) from None

    def _learn_version(self) -> None:
        found = [one.info() for one in self.shards.primaries()]
        versions = [
            tuple(int(part) for part in str(one["redis_version"]).split(".")[:2]) for one in found
        ]
        have_files = all(one.get("aof_enabled") for one in found)
        self._has_aof_wait = have_files and min(versions) >= _WAITAOF_SINCE

    def server_ids(self) -> str:
        """Return what names the processes of the store: another one may have lost something.

        :raises StoreError: one of them cannot be reached.
        """
        with self.client():
            found = [one.info("server")["run_id"] for one in self.shards.primaries()]
        return " ".join(sorted(map(str, found)))

    def begin_life(self, server_ids: str) -> None:
        """Note which life of the store this is, in which :meth:`server_ids` names its processes.

        :raises StoreError: the store cannot be written.
        """
        (answer,) = self.batch([script_command(scripts.LIFE, (META,), (server_ids,))])
        if isinstance(answer, Exception):
            raise self.to_store_error(answer)
        self.life = int(answer)


def node_id(data_dir: Path) -> str:
    """Return the name of the node that a data directory makes, made at its first start.

    :raises StoreError: it cannot be written.
    """
    file = data_dir / NODE_FILE
    try:
        if file.exists() and (found := file.read_text(encoding="ascii").strip()):
            return found
        fresh = secrets.token_hex(8)
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as opened:
            opened.write(fresh + "\n")
            opened.flush()
            os.fsync(opened.fileno())
        return fresh
    except (OSError, UnicodeDecodeError) as error:
        raise StoreError(f"{file} cannot be used: {error}.") from None
