"""The settings file: servers with a name, so that ``chatroom_client.py work`` is enough."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chatroom.client.invitation import PORT, read_address, read_pin
from chatroom.client.kept_files import own_folder
from chatroom.errors import UserError

BELLS = ("off", "mentions", "all")
RESERVED = ("send", "tail", "wait")
_TYPES: dict[str, type] = {
    "address": str,
    "port": int,
    "name": str,
    "fingerprint": str,
    "colour": bool,
    "bell": str,
    "linear": bool,
}


@dataclass(frozen=True)
class Profile:
    """One table of the settings file; None where it says nothing."""

    address: str
    port: int = PORT
    name: str | None = None
    fingerprint: str | None = None
    colour: bool | None = None
    bell: str | None = None
    linear: bool | None = None


def settings_file() -> Path:
    """Return the settings file of this person (XDG Base Directory Specification)."""
    return own_folder() / "client.toml"


def read_profiles(file: Path) -> dict[str, Profile]:
    """Return the profiles of a settings file by name; none when there is no file.

    :raises UserError: it cannot be read, or says something that is no setting.
    """
    try:
        with file.open("rb") as source:
            settings = tomllib.load(source)
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise UserError(f"The settings file {file} cannot be read: {error.strerror}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"The settings file {file} is not TOML: {error}.") from None
    except RecursionError:
        raise UserError(f"The settings file {file} nests too deeply.") from None
    _refuse_passwords(settings, file)
    tables = settings.pop("places", {})
    if settings or not isinstance(tables, dict):
        word = next(iter(settings), "places")
        raise UserError(f"{file}: '{word}' is not known here. Places are tables: [places.work]")
    return {name: _profile(name, table, file) for name, table in tables.items()}


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
    if name in RESERVED:
        raise UserError(f"{where}: '{name}' is a command of the client. Choose another name.")
    if not isinstance(table, dict) or not table.get("address"):
        raise UserError(f'{where} needs an address: address = "chat.example"')
    for key, value in table.items():
        if key not in _TYPES:
            raise UserError(f"{where}: '{key}' is not known. It takes {', '.join(_TYPES)}.")
        if type(value) is not _TYPES[key]:
            kind = {str: "a text in quotes", int: "a number", bool: "true or false"}[_TYPES[key]]
            raise UserError(f"{where}: {key} is {kind}.")
    fields = dict(table)
    try:
        fields["address"], said = read_address(fields["address"])
    except UserError as error:
        raise UserError(f"{where}: {error}") from None
    fields.setdefault("port", said or PORT)
    if not 1 <= fields["port"] <= 65535:
        raise UserError(f"{where}: port is 1 to 65535.")
    if fields.get("bell", "off") not in BELLS:
        raise UserError(f"{where}: bell is one of {', '.join(BELLS)}.")
    if "fingerprint" in fields:
        fields["fingerprint"] = read_pin(fields["fingerprint"])
        if fields["fingerprint"] is None:
            raise UserError(f"{where}: fingerprint is sha256: and 64 hexadecimal digits.")
    return Profile(**fields)
