"""Where the store is: the forms of ``--engine``, and the client that reaches it.

- ``redis://``, ``rediss://`` (TLS) and ``unix://`` as redis-py takes them, also what it takes
  behind a ``?``, such as ``ssl_ca_certs``;
- ``redis+sentinel://HOST:PORT,HOST:PORT/NAME`` asks these Sentinels who the primary NAME is
  (``rediss+sentinel://``: with TLS);
- ``redis+cluster://HOST:PORT,HOST:PORT`` asks these who of a Redis Cluster has what
  (``rediss+cluster://``: with TLS).
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

import redis
from redis.backoff import NoBackoff
from redis.cluster import ClusterNode, RedisCluster
from redis.connection import URL_QUERY_ARGUMENT_PARSERS
from redis.exceptions import RedisClusterException
from redis.retry import Retry
from redis.sentinel import Sentinel

from chatroom import private
from chatroom.errors import SettingError, StoreAway

PASSWORD_VARIABLE = "CHATROOM_ENGINE_PASSWORD"
ANSWER_SECONDS = 5.0
"""A store that does not answer for so long counts as away."""
CONNECT_SECONDS = 2.0
_SENTINEL_PORT = 26379
_REDIS_PORT = 6379


def shown(url: str) -> str:
    """Return an address without user, password and options, for sentences and the log."""
    scheme, _, rest = url.partition("://")
    try:
        parts = urlsplit(url)
    except ValueError:
        return f"{scheme}://{rest.rpartition('@')[2]}"
    return f"{scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def connect(
    url: str, user: str, password_file: Path | None, environ: Mapping[str, str] = os.environ
) -> Any:
    """Return a client, which connects when it is first used; any thread may use it.

    :param url: as ``--engine`` has it; user and password in it win.
    :param user: name of the store's own user; empty: the default one.
    :param password_file: holds its password; without it ``CHATROOM_ENGINE_PASSWORD`` does.
    :raises SettingError: the address, or the file of the password, cannot be used.
    :raises StoreAway: nobody of a Cluster can be reached.
    """
    options: dict[str, Any] = {
        "socket_timeout": ANSWER_SECONDS,
        "socket_connect_timeout": CONNECT_SECONDS,
        "socket_keepalive": True,
        # What was sent may have been done: nobody but the caller can tell whether to send it again.
        "retry": Retry(NoBackoff(), 0),
        "max_connections": 10_000,
    }
    if user:
        options["username"] = user
    if password := _password(password_file, environ):
        options["password"] = password
    try:
        client = _client(urlsplit(url), url, options)
        if not isinstance(client, RedisCluster):
            client.connection_pool.make_connection()  # refuses options that there are not
        return client
    except (ValueError, TypeError, redis.RedisError) as error:
        raise SettingError(f"--engine is '{shown(url)}'; it cannot be used: {error}.") from None


def _client(parts: SplitResult, url: str, options: dict[str, Any]) -> Any:
    if parts.fragment:
        raise ValueError("there is a # in it")
    if parts.scheme.endswith("+sentinel"):
        return _by_sentinels(parts, options)
    if parts.scheme.endswith("+cluster"):
        return _of_cluster(parts, url, options)
    if parts.scheme == "unix":
        del options["socket_keepalive"], options["socket_connect_timeout"]
    elif not parts.hostname or parts.port == 0:
        raise ValueError("it must be redis://HOST:PORT/NUMBER")
    else:
        _number(parts.path)
    return redis.Redis.from_url(url, **options)


def _number(path: str) -> int:
    """Return the number of a database; redis-py would take another one for what is none."""
    number = path.strip("/")
    if number and not (number.isascii() and number.isdecimal()):
        raise ValueError(f"'{number}' is no number of a database")
    return int(number or 0)


def _by_sentinels(parts: SplitResult, options: dict[str, Any]) -> Any:
    name, _, number = parts.path.strip("/").partition("/")
    sentinels = _hosts(parts.netloc, _SENTINEL_PORT)
    if not sentinels or not name:
        raise ValueError("it must be redis+sentinel://HOST:PORT,HOST:PORT/NAME")
    options |= {"db": _number(number)} | _further(parts)
    to_sentinels = {
        "socket_timeout": CONNECT_SECONDS,
        "retry": Retry(NoBackoff(), 0),
        **{k: v for k, v in options.items() if k.startswith("ssl")},
    }
    asked: Any = Sentinel
    return asked(sentinels, sentinel_kwargs=to_sentinels).master_for(name, **options)


def _of_cluster(parts: SplitResult, url: str, options: dict[str, Any]) -> Any:
    hosts = _hosts(parts.netloc, _REDIS_PORT)
    if not hosts or parts.path.strip("/"):
        raise ValueError("it must be redis+cluster://HOST:PORT,HOST:PORT; a Cluster has no numbers")
    node: Any = ClusterNode
    known = [node(name, port) for name, port in hosts]
    try:
        return RedisCluster(startup_nodes=known, **options | _further(parts))
    except (RedisClusterException, redis.RedisError) as error:
        raise StoreAway(f"The store {shown(url)} cannot be used: {error}") from None


def _hosts(netloc: str, port: int) -> list[tuple[str, int]]:
    """Return the hosts that an address names, with their ports."""
    found = []
    for host in filter(None, netloc.rpartition("@")[2].split(",")):
        name, colon, own = host.rpartition(":")
        if not colon or host.endswith("]"):
            name, own = host, ""
        found.append((name.strip("[]"), int(own) if own else port))
    return found


def _further(parts: SplitResult) -> dict[str, Any]:
    """Return what an address says beside the hosts."""
    readers: Mapping[str, Any] = URL_QUERY_ARGUMENT_PARSERS
    options: dict[str, Any] = {
        name: readers.get(name, str)(value) for name, value in parse_qsl(parts.query)
    }
    if credentials := parts.netloc.rpartition("@")[0]:
        user, _, password = credentials.partition(":")
        options |= {"username": unquote(user) or None, "password": unquote(password)}
    if parts.scheme.startswith("rediss"):
        options["ssl"] = True
    return options


def _password(file: Path | None, environ: Mapping[str, str]) -> str:
    if file is None:
        return environ.get(PASSWORD_VARIABLE, "")
    try:
        if private.is_open(file, file.stat().st_mode):
            raise SettingError(
                f"{file} can be read by others: run 'chmod 600 {file}' and start again."
            )
        return file.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise SettingError(
            f"--engine-password-file is '{file}'; it cannot be read: {error.strerror}."
        ) from None
    except UnicodeDecodeError:
        raise SettingError(
            f"--engine-password-file is '{file}'; it is not text in UTF-8."
        ) from None
