"""When a backup and a drill went well last: files in the data directory that these write.

Each is one line: seconds since the epoch, a blank, and the path of the backup; of a drill that did
not go well the reason. One that goes well takes that away.
"""

import os
import time
from pathlib import Path

LAST_BACKUP = "last-backup"
LAST_DRILL = "last-drill"
DRILL_FAILED = "last-drill-failed"


def last_run(data_dir: Path, name: str) -> float:
    """Return when it was, in seconds since the epoch; 0: never, or nobody can tell.

    The file's first word is that number.

    :param name: ``LAST_BACKUP``, ``LAST_DRILL`` or ``DRILL_FAILED``.
    """
    try:
        return float((data_dir / name).read_text(encoding="utf-8").split(maxsplit=1)[0])
    except (OSError, ValueError, IndexError):
        return 0.0


def write_run(data_dir: Path, name: str, text: str) -> None:
    """Write down that it was now.

    :param text: what stands behind the time.
    :raises OSError: it cannot be written.
    """
    part = data_dir / f".{name}.part"
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
    with os.fdopen(os.open(part, flags, 0o600), "w", -1, "utf-8", "surrogateescape") as file:
        file.write(f"{time.time():.3f} {' '.join(text.split())}\n")
    part.rename(data_dir / name)
