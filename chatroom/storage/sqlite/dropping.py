"""Logs that are deleted as a whole: out of reach in one transaction, their segments in several.

So a long log stops nobody's messages for long. What was not deleted when the program ended is
deleted by the upkeep of the next start. SQL in; no thread, no lock.
"""

import sqlite3

BATCH = 20
"""Segments that are deleted in one transaction: of a long history some 3 MB."""
_PENDING = "dropping"


def drop(db: sqlite3.Connection, log_id: int) -> None:
    """Delete a log inside the caller's transaction, but for what :func:`go_on` has to delete."""
    for table, column in (("numbers", "log"), ("epochs", "log"), ("logs", "id")):
        db.execute(f"DELETE FROM {table} WHERE {column}=?", (log_id,))
    db.execute("INSERT INTO meta (key, value) VALUES (?, '')", (f"{_PENDING} {log_id}",))
    go_on(db)


def is_pending(db: sqlite3.Connection) -> bool:
    """Tell whether :func:`go_on` has something to do."""
    return _next(db) is not None


def go_on(db: sqlite3.Connection) -> bool:
    """Delete some segments of a log that was dropped; False: there is nothing left to do."""
    row = _next(db)
    if row is None:
        return False
    log_id = int(row[0].partition(" ")[2])
    deleted = db.execute(
        "DELETE FROM segments WHERE log=?1 AND last IN "
        "(SELECT last FROM segments WHERE log=?1 ORDER BY last LIMIT ?2)",
        (log_id, BATCH),
    )
    if deleted.rowcount < BATCH:
        db.execute("DELETE FROM meta WHERE key=?", row)
    return True


def _next(db: sqlite3.Connection) -> tuple[str] | None:
    query = "SELECT key FROM meta WHERE key>? || ' ' AND key<? || '!' LIMIT 1"
    row: tuple[str] | None = db.execute(query, (_PENDING, _PENDING)).fetchone()
    return row
