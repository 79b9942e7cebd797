"""The TOML file of settings, read; what its values may be is not looked at here. Any thread."""

import difflib
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from chatroom.errors import SettingError


def nearest(name: str, known: set[str]) -> str:
    """Return what a wrong name may mean, as a part of a sentence; empty: nobody knows."""
    near = difflib.get_close_matches(name, known, 1)
    return f" (did you mean {near[0]}?)" if near else ""


def read_file(path: Path, known: Iterable[str]) -> dict[str, Any]:
    """Return what stands in a settings file, by setting.

    :param known: names of settings.
    :raises SettingError: it cannot be read, or holds something else.
    """
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingError(f"--config is '{path}'; it cannot be read: {error.strerror}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingError(f"--config is '{path}'; it is not valid TOML: {error}.") from None
    for name in values:
        if name not in known:
            near = nearest(name, set(known))
            raise SettingError(f"'{name}' in {path} is not a setting{near}; take it out.")
    return values
