"""The settings file: servers with a name, so that ``chatroom_client.py work`` is enough."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from chatroom.client import SCRIPT_COMMANDS
from chatroom.client.invitation import PORT, read_address, read_pin
from chatroom.client.kept_files import own_folder
from chatroom.client.ui.preferences import WAYS
from chatroom.client.ui.reader_clock import HOURS
from chatroom.errors import UserError

BELLS = ("off", "mentions", "all")
_TYPES: dict[str, type] = {
    "address": str,
    "port": int,
    "name": str,
    "fingerprint": str,
    "colour": bool,
    "bell": str,
    "linear": bool,
    "clock": int,
    "notify": list,
    "notify_text": bool,
    "open": list,
}
PERSONAL = ("colour", "bell", "linear", "clock", "notify", "notify_text", "open")
"""What may stand above all places, too, and holds for every server then."""
_KINDS = {
    str: "a text in quotes",
    int: "a number",
    bool: "true or false",
    list: 'a program and its first arguments, such as ["program", "flag"]',
}


@dataclass(frozen=True)
class Profile:
    """One table of the settings file; None where it says nothing."""

    address: str = ""
    port: int = PORT
    name: str | None = None
    fingerprint: str | None = None
    colour: bool | None = None
    bell: str | None = None
    linear: bool | None = None
    clock: int | None = None
    notify: str | list[str] | None = None
    notify_text: bool | None = None
    open: list[str] | None = None


class Settings(NamedTuple):
    """What the settings file says."""

    general: Profile
    """What stands above all places; only :data:`PERSONAL` ones."""
    places: dict[str, Profile]


def settings_file() -> Path:
    """Return the settings file of this person (XDG Base Directory Specification)."""
    return own_folder() / "client.toml"


def read_profiles(file: Path) -> dict[str, Profile]:
    """Return the places of a settings file by name; see :func:`read_settings`."""
    return read_settings(file).places


def read_settings(file: Path) -> Settings:
    """Return what a settings file says; nothing when there is no file.

    :raises UserError: it cannot be read, or says something that is no setting.
    """
    try:
        with file.open("rb") as source:
            settings = tomllib.load(source)
    except (FileNotFoundError, NotADirectoryError):
        return Settings(Profile(), {})
    except OSError as error:
        raise UserError(f"The settings file {file} cannot be read: {error.strerror}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"The settings file {file} is not TOML: {error}.") from None
    except RecursionError:
        raise UserError(f"The settings file {file} nests too deeply.") from None
    _refuse_passwords(settings, file)
    tables = settings.pop("places", {})
    unknown = [word for word in settings if word not in PERSONAL]
    if unknown or not isinstance(tables, dict):
        word = unknown[0] if unknown else "places"
        raise UserError(f"{file}: '{word}' is not known here. Places are tables: [places.work]")
    _check(settings, str(file))
    places = {name: _profile(name, table, file) for name, table in tables.items()}
    return Settings(Profile(**settings), places)


def _refuse_passwords(table: dict[str, Any], file: Path) -> None:
    for key, value in table.items():
        if isinstance(value, dict):
            _refuse_passwords(value, file)
        elif "password" in key.lower() or "ticket" in key.lower():
            raise UserError(
                f"{file} contains '{key}'. Passwords do not belong there: take the line out, and "
                "use --password-file or CHATROOM_PASSWORD."
            )


def _profile(name: str, table: Any, file: Path) -> Profile:
    where = f"{file}: [places.{name}]"
    if name in SCRIPT_COMMANDS:
        raise UserError(f"{where}: '{name}' is a command of the client. Choose another name.")
    if not isinstance(table, dict) or not table.get("address"):
        raise UserError(f'{where} needs an address: address = "chat.example"')
    _check(table, where)
    fields = dict(table)
    try:
        fields["address"], said = read_address(fields["address"])
    except UserError as error:
        raise UserError(f"{where}: {error}") from None
    fields.setdefault("port", said or PORT)
    if not 1 <= fields["port"] <= 65535:
        raise UserError(f"{where}: port is 1 to 65535.")
    if "fingerprint" in fields:
        fields["fingerprint"] = read_pin(fields["fingerprint"])
        if fields["fingerprint"] is None:
            raise UserError(f"{where}: fingerprint is sha256: and 64 hexadecimal digits.")
    return Profile(**fields)


def _check(table: dict[str, Any], where: str) -> None:
    """:raises UserError: a setting is not known, or its value is none of it."""
    for key, value in table.items():
        if key not in _TYPES:
            raise UserError(f"{where}: '{key}' is not known. It takes {', '.join(_TYPES)}.")
        if key == "notify" and isinstance(value, str):
            if value not in WAYS:
                raise UserError(f"{where}: notify is one of {', '.join(WAYS)}, or a program.")
            continue
        is_sound = not isinstance(value, list) or (
            bool(value) and all(isinstance(word, str) and "\0" not in word for word in value)
        )
        if type(value) is not _TYPES[key] or not is_sound:
            raise UserError(f"{where}: {key} is {_KINDS[_TYPES[key]]}.")
    if table.get("bell", "off") not in BELLS:
        raise UserError(f"{where}: bell is one of {', '.join(BELLS)}.")
    if table.get("clock", 24) not in HOURS:
        raise UserError(f"{where}: clock is 12 or 24.")
