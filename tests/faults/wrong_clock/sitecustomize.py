"""Shifts the wall clock of a program by the seconds in the file $CHATROOM_TEST_SHIFT.

Python imports this by itself when its folder is in PYTHONPATH.
"""

import os
import time
from pathlib import Path

_FILE = os.environ.get("CHATROOM_TEST_SHIFT")


def _shifted(file: Path) -> None:
    now, local, universal, form = time.time, time.localtime, time.gmtime, time.strftime

    def moment() -> float:
        try:
            return now() + float(file.read_text() or 0)
        except OSError:
            return now()

    def shifted_local(seconds: float | None = None) -> time.struct_time:
        return local(moment() if seconds is None else seconds)

    def shifted_universal(seconds: float | None = None) -> time.struct_time:
        return universal(moment() if seconds is None else seconds)

    def shifted_form(how: str, when: time.struct_time | None = None) -> str:
        return form(how, shifted_local() if when is None else when)

    time.time, time.localtime = moment, shifted_local  # type: ignore[assignment]
    time.gmtime, time.strftime = shifted_universal, shifted_form  # type: ignore[assignment]


if _FILE:
    _shifted(Path(_FILE))
