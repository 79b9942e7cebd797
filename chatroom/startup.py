"""Loads a program, or says in one sentence why it cannot run here.

This file and the two programs must be readable for Pythons that are too old for all others.
"""

import gc
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

LEAST = (3, 11)
CANNOT_START = 1
"""Exit status."""
_YOUNG_OBJECTS = 5000
"""New objects after which Python looks for garbage in circles. Its own 700 come together again and
again in the start, and for each nine people who come into a room: none of that is garbage."""


def load(module: str) -> Any:
    """Return a module of this program.

    :raises SystemExit: it cannot be loaded; one sentence on standard error says why.
    """
    if sys.version_info < LEAST:
        found = ".".join(map(str, sys.version_info[:3]))
        sentence = f"This program needs Python 3.11 or newer; {sys.executable} is {found}."
    else:
        gc.set_threshold(_YOUNG_OBJECTS)
        try:
            return import_module(module)
        except Exception as error:
            sentence = reason(error)
    sys.stderr.write(sentence + "\n")
    raise SystemExit(CANNOT_START)


def serve() -> int:
    """Run the server: what ``chatroom-server`` starts where the project is installed."""
    code: int = load("chatroom.server").main()
    return code


def reason(error: Exception) -> str:
    """Return why something could not be imported, and what to do, in one line."""
    folder = Path(__file__).resolve().parent.parent
    what = " ".join(str(error).split()) or "no reason was given"
    if _is_ours(error, folder / "chatroom"):
        return (
            f"The program in {folder} is damaged, or only half of it is new "
            f"({type(error).__name__}: {what}). Put all of its files back."
        )
    return (
        f"A package is missing or cannot be loaded ({what}). In {folder} run: "
        f"{sys.executable} -m pip install -r requirements.txt"
    )


def _is_ours(error: Exception, folder: Path) -> bool:
    if isinstance(error, ImportError) and error.name:
        return error.name.partition(".")[0] == "chatroom"
    file = error.filename if isinstance(error, SyntaxError) else None
    if file is None:
        frame = error.__traceback__
        while frame is not None:
            file, frame = frame.tb_frame.f_code.co_filename, frame.tb_next
    return file is not None and Path(file).resolve().is_relative_to(folder)
