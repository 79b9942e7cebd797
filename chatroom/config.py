"""The settings: one frozen object, read from flags > environment > TOML file > defaults.

The dataclass below is the one list of settings. ``login_seconds`` is the flag ``--login-seconds``,
the environment's ``CHATROOM_LOGIN_SECONDS`` and the TOML key ``login_seconds``.
"""

import argparse
import dataclasses
import os
from collections.abc import Container, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chatroom import log_forms, places
from chatroom import setting_kinds as kinds
from chatroom.addresses import Range
from chatroom.errors import SettingError
from chatroom.log_files import STANDARD_ERROR
from chatroom.settings_file import nearest, read_file

ENVIRONMENT_PREFIX = "CHATROOM_"
# Names with our prefix that are not settings: the client's password, the master secret, the one
# for `rewrap`, the passphrase of an exported keyring, the listening socket, the lock and the state
# that a restart hands to its successor, the engine's password.
OTHER_NAMES = frozenset(
    {
        *("CHATROOM_PASSWORD", "CHATROOM_MASTER_SECRET", "CHATROOM_NEW_MASTER_SECRET"),
        *("CHATROOM_KEYRING_PASSPHRASE", "CHATROOM_ENGINE_PASSWORD"),
        *("CHATROOM_LISTEN_FD", "CHATROOM_WEB_FD", "CHATROOM_LOCK_FD", "CHATROOM_STATE_FD"),
    }
)


def _setting(default: Any, kind: kinds.Kind, text: str, reloadable: bool = False) -> Any:
    columns = {"allowed": kind[0], "parse": kind[1], "help": text, "reloadable": reloadable}
    return dataclasses.field(default=default, metadata=columns)


_MANY = 10**9
SUPERUSERS = "superusers"
"""A choice of ``room_creators``."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that an operator may choose. Any thread may read it."""

    host: str = _setting(
        "0.0.0.0",
        ("a host name or an IP address", kinds.host),
        "address to listen on; :: is IPv4 too",
    )
    proxy_from: tuple[Range, ...] = _setting(
        (),
        kinds.ranges(),
        "ranges of load balancers: connections from there must begin with a PROXY header, which "
        "tells the real address",
        reloadable=True,
    )
    public_host: str = _setting(
        "",
        ("a host name or an IP address", kinds.host),
        "address for people, told in invitations",
        reloadable=True,
    )
    port: int = _setting(9797, kinds.whole(0, 65535), "TCP port; 0 picks a free one")
    listen: tuple[kinds.Endpoint, ...] = _setting(
        (), kinds.endpoints(), "several addresses with ports, in place of host and port"
    )
    data_dir: Path = _setting(Path("data"), kinds.path(), "folder of the store and its keys")
    log_dir: Path = _setting(
        Path("logs"), kinds.path(), "folder of the log files; - is standard error only"
    )
    log_format: str = _setting(
        log_forms.TEXT, kinds.choice(log_forms.TEXT, log_forms.JSON), "form of the log's lines"
    )
    log_level: str = _setting(
        "info",
        kinds.choice("debug", "info", "warning", "error"),
        "what is logged at least",
        reloadable=True,
    )
    name: str = _setting(
        "Chatroom",
        ("1 to 60 printable characters without the word 'welcome'", kinds.room_name),
        "name of the room, for the greeting",
        reloadable=True,
    )
    motd_file: Path | None = _setting(
        None, kinds.path(), "text file that is shown after the login and by /motd", reloadable=True
    )
    scrypt_n: int = _setting(
        32768, kinds.power_of_two(2, 2**20), "cost of a password hash; below 16384 is warned about"
    )
    login_seconds: float = _setting(
        120.0, kinds.number(0.1, 86400), "seconds a connection has for its whole login"
    )
    login_queue: int = _setting(
        32, kinds.whole(0, _MANY), "logins that may wait for a password hash; 0 = no limit"
    )
    line_bytes: int = _setting(8192, kinds.whole(256, 1048576), "longest line in bytes")
    message_rate: float = _setting(
        10.0,
        kinds.number(0, 1e6),
        "lines a second and person, after a burst of 50; 0 = no limits for one person",
        reloadable=True,
    )
    message_lines: int = _setting(
        100,
        kinds.whole(0, _MANY),
        "lines of a message; 0 = no limit, as without message_rate",
        reloadable=True,
    )
    outbox_bytes: int = _setting(
        1048576, kinds.whole(65536, _MANY), "bytes that may wait for one slow reader"
    )
    connections: int = _setting(10000, kinds.whole(1, _MANY), "connections in all", reloadable=True)
    connections_per_address: int = _setting(
        100, kinds.whole(0, _MANY), "connections of one address; 0 = no limit", reloadable=True
    )
    kick_minutes: float = _setting(
        5.0,
        kinds.number(0.001, 525600),
        "minutes that somebody who was kicked stays out",
        reloadable=True,
    )
    rooms: int = _setting(
        1000, kinds.whole(0, _MANY), "rooms that people may create; 0 = no limit", reloadable=True
    )
    room_creators: str = _setting(
        "all", kinds.choice("all", SUPERUSERS), "who may create rooms", reloadable=True
    )
    durability: str = _setting(
        "power",
        kinds.choice("power", "crash", "none"),
        "what shown messages survive: a power cut, a crash of the program, or neither",
    )
    ring: bool = _setting(
        True, kinds.yes_or_no(), "send to many by one call of the system (io_uring), where it can"
    )
    engine: str = _setting(
        "",
        ("an address such as redis://HOST:PORT/0 or redis+sentinel://HOST,HOST/NAME", kinds.engine),
        "Redis or Valkey for several servers; without it, SQLite for this one",
    )
    engine_replicas: int = _setting(
        0, kinds.whole(0, 100), "replicas of the engine that must have what is confirmed"
    )
    engine_user: str = _setting("", ("a name", str), "user of the engine")
    engine_password_file: Path | None = _setting(
        None, kinds.path(), "file with its password, instead of CHATROOM_ENGINE_PASSWORD"
    )
    keep_days: int = _setting(
        365, kinds.whole(0, 36500), "days that messages are kept; 0 = for ever", reloadable=True
    )
    keep_mb: int = _setting(
        1024,
        kinds.whole(0, _MANY),
        "the oldest messages go while the store is larger; 0 = no limit",
        reloadable=True,
    )
    metrics: str = _setting(
        "",
        ("an address such as 127.0.0.1:9798 or unix:/run/chatroom/metrics", kinds.metrics_address),
        "where /metrics, /healthz and /readyz are told over HTTP",
    )
    metrics_public: bool = _setting(
        False, kinds.yes_or_no(), "let other machines ask there, or other users by a Unix socket"
    )
    allow_plain: bool = _setting(
        False,
        kinds.yes_or_no(),
        "let unencrypted connections in from other machines, too",
        reloadable=True,
    )
    irc: bool = _setting(True, kinds.yes_or_no(), "let IRC clients in", reloadable=True)
    irc_name: str = _setting(
        "",
        ("a host name", kinds.server_name),
        "name of the server for IRC clients; none: public_host, else chatroom.local",
        reloadable=True,
    )
    irc_sts_days: int = _setting(
        0, kinds.whole(0, 3650), "days that IRC clients come by TLS only; 0 = any", reloadable=True
    )
    irc_join_creates: bool = _setting(
        False,
        kinds.yes_or_no(),
        "let IRC clients make a room by joining one that does not exist",
        reloadable=True,
    )
    web: bool = _setting(True, kinds.yes_or_no(), "let browsers in", reloadable=True)
    web_origins: tuple[str, ...] = _setting(
        (),
        kinds.origins(),
        "further addresses of the page, such as https://chat.example.org behind a proxy",
        reloadable=True,
    )
    web_listen: tuple[kinds.Endpoint, ...] = _setting(
        (), kinds.endpoints(), "further addresses with ports, for browsers alone"
    )
    web_certificate: Path | None = _setting(
        None, kinds.path(), "PEM file of another certificate with its chain, for web_listen"
    )
    web_key: Path | None = _setting(None, kinds.path(), "PEM file of its key")
    web_proxy_from: tuple[Range, ...] = _setting(
        (),
        kinds.ranges(),
        "ranges of web proxies: the last X-Forwarded-For of a browser from there is its address",
        reloadable=True,
    )
    tls_certificate: Path | None = _setting(
        None,
        kinds.path(),
        "PEM file of an own certificate with its chain, instead of data/tls/cert.pem",
        reloadable=True,
    )
    tls_key: Path | None = _setting(None, kinds.path(), "PEM file of its key", reloadable=True)
    login_rate: float = _setting(
        3.0,
        kinds.number(0, _MANY),
        "failed logins a minute of an address and of a name, after some free ones; 0 = no limit",
        reloadable=True,
    )
    registrations_per_address: int = _setting(
        100,
        kinds.whole(0, _MANY),
        "new accounts an hour; ten times as many in all; 0 = no limit",
        reloadable=True,
    )
    reserve_days: int = _setting(
        30,
        kinds.whole(0, 3650),
        "days that nobody else gets a name that was given up; 0 = none",
        reloadable=True,
    )
    registration: str = _setting(
        "open",
        kinds.choice("open", "invite", "closed"),
        "who may make an account: everybody, who has an invitation, or nobody",
        reloadable=True,
    )
    here_mentions: str = _setting(
        "owners",
        kinds.choice("everybody", "owners", "nobody"),
        "who may mention all who are in a room by @here; owners: also superusers",
        reloadable=True,
    )
    unauthenticated: int = _setting(
        100,
        kinds.whole(0, _MANY),
        "connections that are not logged in; 0 = no limit",
        reloadable=True,
    )
    unauthenticated_per_address: int = _setting(
        64, kinds.whole(0, _MANY), "the same of one address; 0 = no limit", reloadable=True
    )

    @property
    def endpoints(self) -> tuple[kinds.Endpoint, ...]:
        """Where it listens; the first one is told to people."""
        return self.listen or (kinds.Endpoint(self.host, self.port),)


_FIELDS = {field.name: field for field in dataclasses.fields(Settings)}
_DEFAULTS = {field.name: field.default for field in _FIELDS.values()} | {
    "data_dir": places.data_dir(),
    "log_dir": places.log_dir(),
}


RELOADABLE = frozenset(name for name, field in _FIELDS.items() if field.metadata["reloadable"])
"""Settings that may change while the server runs."""
WHERE = ("data_dir", "engine", "config")
"""Settings that say where a room is."""


def add_flags(parser: "argparse._ActionsContainer", shown: Container[str] | None = None) -> None:
    """Give ``parser`` a flag for each setting, and ``--config``. Values stay text here.

    :param shown: the settings that its help tells; ``None``: all.
    """

    def told(name: str, text: str) -> str:
        return text if shown is None or name in shown else argparse.SUPPRESS

    for field in _FIELDS.values():
        is_switch = isinstance(field.default, bool)
        is_empty = field.default in ("", None, ())
        switched = "yes" if field.default else "no"
        default = switched if is_switch else "none" if is_empty else _DEFAULTS.get(field.name)
        parser.add_argument(
            "--" + field.name.replace("_", "-"),
            dest=field.name,
            default=argparse.SUPPRESS,
            nargs="?" if is_switch else None,
            const="yes" if is_switch else None,
            metavar="yes|no" if is_switch else _word_for(field),
            help=told(
                field.name, f"{field.metadata['help']} (default {default})".replace("%", "%%")
            ),
        )
    parser.add_argument(
        "--config",
        default=argparse.SUPPRESS,
        metavar="FILE",
        help=told("config", "TOML file with settings"),
    )


def _word_for(field: "dataclasses.Field[Any]") -> str:
    if isinstance(field.default, int | float) and field.name != "port":
        return "N"
    return field.name.upper().rsplit("_", maxsplit=1)[-1]


def load(flags: Mapping[str, Any], environ: Mapping[str, str] = os.environ) -> Settings:
    """Return the settings of this start.

    :param flags: what :func:`add_flags` parsed, as a mapping; other keys are ignored.
    :param environ: the environment.
    :raises SettingError: one sentence with the setting, its value and what is allowed.
    """
    values = {name: _parse(_FIELDS[name], *found) for name, found in _given(flags, environ).items()}
    if values.get("listen") and not {"host", "port"}.isdisjoint(values):
        raise SettingError("listen is in place of host and port: give it alone, or take it away.")
    values.setdefault("data_dir", places.data_dir(environ))
    values.setdefault(
        "log_dir", STANDARD_ERROR if log_forms.is_journal(environ) else places.log_dir(environ)
    )
    return Settings(**values)


def sources(flags: Mapping[str, Any], environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return where each setting that is given comes from; the others have their defaults.

    :raises SettingError: the file cannot be read.
    """
    return {name: where for name, (where, _) in _given(flags, environ).items()}


def problems(file: Path) -> list[str]:
    """Return what is wrong in a settings file, a sentence for each line; none: it can be used.

    :raises SettingError: it cannot be read.
    """
    found = []
    for name, value in read_file(file, _FIELDS).items():
        try:
            _parse(_FIELDS[name], f"{name} in {file}", value)
        except SettingError as error:
            found.append(str(error))
    return found


def _given(flags: Mapping[str, Any], environ: Mapping[str, str]) -> dict[str, tuple[str, Any]]:
    """Return what is given, by setting: where, as sentences name it, and the value as it stands."""
    file = flags.get("config") or environ.get(ENVIRONMENT_PREFIX + "CONFIG")
    in_file = read_file(Path(file), _FIELDS) if file else {}
    found: dict[str, tuple[str, Any]] = {}
    for name in _FIELDS:
        key = ENVIRONMENT_PREFIX + name.upper()
        if name in flags:
            found[name] = "--" + name.replace("_", "-"), flags[name]
        elif key in environ:
            found[name] = key, environ[key]
        elif name in in_file:
            found[name] = f"{name} in {file}", in_file[name]
    return found


def shown(settings: Settings) -> dict[str, str]:
    """Return the settings as people write them; a password in an address is hidden."""
    return {name: kinds.shown(getattr(settings, name)) for name in _FIELDS}


def unknown_names(environ: Mapping[str, str] = os.environ) -> list[str]:
    """Return a warning for each ``CHATROOM_…`` in the environment that is no setting."""
    known = {ENVIRONMENT_PREFIX + name.upper() for name in [*_FIELDS, "config"]} | OTHER_NAMES
    return [
        f"{name} is not a setting{nearest(name, known)}; it is ignored."
        for name in sorted(environ)
        if name.startswith(ENVIRONMENT_PREFIX) and name not in known
    ]


def _parse(field: "dataclasses.Field[Any]", where: str, value: object) -> Any:
    try:
        is_wrong_kind = isinstance(value, bool) and not isinstance(field.default, bool)
        if is_wrong_kind or not isinstance(value, str | int | float):
            raise ValueError
        return field.metadata["parse"](str(value))
    except ValueError:
        raise SettingError(
            f"{where} is '{value}'; it must be {field.metadata['allowed']}."
        ) from None
