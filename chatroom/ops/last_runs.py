"""When a backup and a drill went well last: files in the data directory that these write."""

from pathlib import Path

LAST_BACKUP = "last-backup"
LAST_DRILL = "last-drill"


def last_run(data_dir: Path, name: str) -> float:
    """Return when it was, in seconds since the epoch; 0: never, or nobody can tell.

    The file's first word is that number.

    :param name: ``LAST_BACKUP`` or ``LAST_DRILL``.
    """
    try:
        return float((data_dir / name).read_text(encoding="utf-8").split(maxsplit=1)[0])
    except (OSError, ValueError, IndexError):
        return 0.0
