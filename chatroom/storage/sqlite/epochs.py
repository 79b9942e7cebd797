"""The epochs of logs as rows: SQL in, epochs out. No thread, no lock."""

import secrets
import sqlite3

from chatroom.storage.rules.epochs import EPOCHS, Epochs


def load(db: sqlite3.Connection, log_id: int, first_name: str) -> Epochs:
    """Return the epochs of a log.

    :param first_name: the one that stands in the log's own row.
    """
    query = "SELECT first, name FROM epochs WHERE log=? ORDER BY first"
    firsts, names = zip((0, first_name), *db.execute(query, (log_id,)).fetchall(), strict=True)
    return Epochs(firsts, names)


def begin(db: sqlite3.Connection, log_id: int, first: int) -> str:
    """Begin an epoch at a seq, inside the engine's transaction; return its name."""
    name = secrets.token_hex(4)
    begun = "INSERT OR REPLACE INTO epochs (log, first, name) VALUES (?,?,?)"
    db.execute(begun, (log_id, first, name))
    db.execute(
        "DELETE FROM epochs WHERE log=?1 AND first NOT IN "
        "(SELECT first FROM epochs WHERE log=?1 ORDER BY first DESC LIMIT ?2)",
        (log_id, EPOCHS - 1),
    )
    return name
