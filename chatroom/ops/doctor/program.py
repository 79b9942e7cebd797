"""The program, its packages, and what the settings say."""

import platform
import sqlite3
import ssl
from collections.abc import Iterator
from importlib import import_module

import Crypto

from chatroom import __version__, config
from chatroom.errors import StartError
from chatroom.motd import Motd
from chatroom.net.sockets import check_host
from chatroom.ops.doctor.case import Case, Finding, error, fine, warning
from chatroom.ops.probes import check_metrics
from chatroom.ops.rehearsal import check_store, need_redis

_PROGRAM = "program"
_SETTINGS = "settings"
_LEAST_SQLITE = (3, 35)


def program(_: Case) -> Iterator[Finding]:
    """What runs here."""
    if Crypto.version_info < (3,):
        yield error(
            _PROGRAM,
            "The package Crypto is that of pycrypto, which has known holes.",
            "Run 'pip uninstall pycrypto', then 'pip install -r requirements.txt'.",
        )
    if sqlite3.sqlite_version_info < _LEAST_SQLITE:
        yield error(
            _PROGRAM,
            f"SQLite is {sqlite3.sqlite_version}.",
            "Install a Python with SQLite 3.35 or newer.",
        )
    yield fine(
        _PROGRAM,
        f"Version {__version__}, Python {platform.python_version()}, {ssl.OPENSSL_VERSION}, "
        f"SQLite {sqlite3.sqlite_version}.",
    )


def names(case: Case) -> Iterator[Finding]:
    """Names in the environment that look like settings."""
    for sentence in config.unknown_names(case.environ):
        yield warning(_SETTINGS, sentence, "Take it out, or write it right.")


def settings(case: Case) -> Iterator[Finding]:
    """What a start looks at, too."""
    chosen = case.settings
    is_well = True
    for look in (_host, _metrics, _engine):
        try:
            look(case)
        except StartError as problem:
            is_well = False
            yield error(_SETTINGS, str(problem))
    if unread := Motd(chosen.motd_file).problem():
        is_well = False
        yield warning(_SETTINGS, unread, "Until then people are shown nothing.")
    if any(str(one) in ("0.0.0.0/0", "::/0") for one in chosen.proxy_from):
        is_well = False
        yield warning(
            _SETTINGS,
            "proxy_from believes everybody about where they come from.",
            "Name the addresses of your load balancers only.",
        )
    if is_well:
        yield fine(_SETTINGS, "They can be used.")


def _host(case: Case) -> None:
    for host, _ in case.settings.endpoints:
        check_host(host)


def _metrics(case: Case) -> None:
    check_metrics(case.settings.metrics, case.settings.metrics_public)


def _engine(case: Case) -> None:
    if case.settings.engine:
        need_redis()
        import_module("chatroom.storage.redis.url")
        check_store(case.settings)
