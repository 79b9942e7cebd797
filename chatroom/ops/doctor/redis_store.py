"""The Redis or Valkey that several servers share; needs the package redis."""

import contextlib
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from chatroom.errors import StartError
from chatroom.ops.doctor.case import Case, Finding, error, fine, warning
from chatroom.ops.doctor.store import people
from chatroom.storage.records import LOCKDOWN
from chatroom.storage.redis import accounts, sanctions
from chatroom.storage.redis.client import META, MOVING, Store
from chatroom.storage.redis.cluster import FAILURES
from chatroom.storage.redis.url import connect

_REDIS = "redis"
_LEAST = (6, 2)
_UNREACHED = "Start it, or mend the address."
_NEAR = {"127.0.0.1", "localhost", "[::1]", ""}


def redis(case: Case) -> Iterator[Finding]:
    """How it is set up, and what it holds; reads only."""
    chosen = case.settings
    try:
        client = connect(chosen.engine, chosen.engine_user, chosen.engine_password_file)
    except StartError as problem:
        yield error(_REDIS, str(problem))
        return
    with contextlib.closing(Store(client, chosen.engine, chosen.engine_replicas)) as store:
        try:
            found = [one for primary in store.shards.primaries() for one in _primary(case, primary)]
            found += [*_way(chosen.engine), *_content(case, store)]
        except StartError as problem:
            yield error(_REDIS, str(problem), _UNREACHED)
            return
        except FAILURES as problem:
            yield error(_REDIS, str(store.to_store_error(problem)), _UNREACHED)
            return
    yield from found
    if not [one for one in found if one.do]:
        yield fine(_REDIS, f"{store.name} answers, and is set up to keep what it is given.")


def _primary(case: Case, client: Any) -> Iterator[Finding]:
    info = client.info()
    version = tuple(int(part) for part in str(info["redis_version"]).split(".")[:2])
    if version < _LEAST:
        yield error(
            _REDIS,
            f"It is version {info['redis_version']}.",
            "Use Redis 6.2 or newer, or Valkey.",
        )
    if not info.get("aof_enabled"):
        yield error(
            _REDIS,
            "appendonly is off: a crash takes what was said since the last snapshot.",
            "Set appendonly yes, and appendfsync always.",
        )
    elif (sync := _setting(client, "appendfsync")) not in ("always", ""):
        yield warning(
            _REDIS,
            f"appendfsync is {sync}: a power cut takes what was confirmed in the last second.",
            "Set appendfsync always, unless replicas have it (engine_replicas).",
        )
    policy = str(info.get("maxmemory_policy", "noeviction"))
    if policy != "noeviction":
        yield error(
            _REDIS,
            f"maxmemory-policy is {policy}: it throws records away when memory is short.",
            "Set maxmemory-policy noeviction.",
        )
    yield from _user(client)
    yield from _replicas(case, client, info)


def _user(client: Any) -> Iterator[Finding]:
    with contextlib.suppress(*FAILURES):  # it may not ask that, so it is a user of its own
        name = client.acl_whoami()
        if (name.decode() if isinstance(name, bytes) else name) == "default":
            yield warning(
                _REDIS,
                "The server comes in as the user default, who may do everything.",
                "Make a user with the rights that docs/cluster.md lists (engine_user).",
            )


def _replicas(case: Case, client: Any, info: dict[str, Any]) -> Iterator[Finding]:
    wanted = case.settings.engine_replicas
    there = int(info.get("connected_slaves", 0))
    if wanted > there:
        yield error(
            _REDIS,
            f"engine_replicas is {wanted}, and {there} are connected: nothing is confirmed.",
            "Start the replicas, or lower engine_replicas at all servers.",
        )
    least = _setting(client, "min-replicas-to-write")
    if least.isdigit() and int(least) > there:
        yield error(
            _REDIS,
            f"min-replicas-to-write is {least}, and {there} are connected: it refuses writes.",
            "Start the replicas, or lower it.",
        )
    elif wanted and least.isdigit() and int(least) < wanted:
        yield warning(
            _REDIS,
            f"min-replicas-to-write is {least}, engine_replicas is {wanted}.",
            f"Set min-replicas-to-write {wanted}: a primary that was cut off then takes nothing.",
        )


def _setting(client: Any, name: str) -> str:
    """Return a setting of the store; empty: this user may not ask."""
    try:
        return str(client.config_get(name).get(name, ""))
    except FAILURES:
        return ""


def _way(address: str) -> Iterator[Finding]:
    parts = urlsplit(address)
    hosts = {host.rpartition(":")[0] for host in parts.netloc.rpartition("@")[2].split(",")}
    if not parts.scheme.startswith(("rediss", "unix")) and not hosts <= _NEAR:
        yield warning(
            _REDIS,
            "The way to it is not encrypted.",
            "Use rediss:// unless nobody else can listen there.",
        )


def _content(case: Case, store: Store) -> Iterator[Finding]:
    with store.client() as client:
        seal, is_half = client.hget(META, "seal"), client.hexists(META, MOVING)
    if is_half:
        yield error(_REDIS, "A move into it has not ended.", "Run migrate again.")
    if seal is None:
        do = "Start a server, or bring its data back."
        yield error(_REDIS, "There is no room in it yet.", do)
    elif case.vault is not None:
        store.check_seal(case.vault)
        found = sanctions.load(store, case.vault, None)
        is_locked_down = any(one.kind == LOCKDOWN for one in found)
        yield from people(len(accounts.superusers(store, case.vault)), is_locked_down, case)
