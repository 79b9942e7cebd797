"""The store's tables, their version, and the steps from one version to the next."""

import sqlite3
from pathlib import Path

from chatroom.errors import StoreError

# Step i takes a store from version i to i + 1. A step that was released never changes.
# What is sealed says everything; the columns beside it only find it again. `superuser` is such a
# column: it finds the candidates, the sealed record decides.
_STEPS = (
    """
    CREATE TABLE meta (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
    CREATE TABLE accounts (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        name_key BLOB NOT NULL UNIQUE,
        version INTEGER NOT NULL,
        superuser INTEGER NOT NULL,
        sealed BLOB NOT NULL
    );
    CREATE INDEX accounts_superuser ON accounts (id) WHERE superuser;
    CREATE TABLE kicks (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        account TEXT NOT NULL UNIQUE,
        until REAL NOT NULL,
        sealed BLOB NOT NULL
    );
    CREATE TABLE controls (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        kind TEXT NOT NULL,
        account TEXT NOT NULL
    );
    """,
    """
    CREATE TABLE logs (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        key BLOB NOT NULL UNIQUE,
        epoch TEXT NOT NULL,
        last INTEGER NOT NULL
    );
    CREATE TABLE segments (
        id INTEGER PRIMARY KEY,
        log INTEGER NOT NULL,
        first INTEGER NOT NULL,
        last INTEGER NOT NULL,
        until REAL NOT NULL,
        sealed BLOB NOT NULL
    );
    CREATE UNIQUE INDEX segments_place ON segments (log, last);
    CREATE TABLE numbers (
        log INTEGER NOT NULL,
        session BLOB NOT NULL,
        last INTEGER NOT NULL,
        used REAL NOT NULL,
        PRIMARY KEY (log, session)
    ) WITHOUT ROWID;
    CREATE TABLE rooms (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        key BLOB NOT NULL UNIQUE,
        version INTEGER NOT NULL,
        sealed BLOB NOT NULL
    );
    CREATE TABLE places (
        account TEXT PRIMARY KEY,
        sealed BLOB NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE tickets (
        digest BLOB PRIMARY KEY,
        account TEXT NOT NULL,
        until REAL NOT NULL,
        sealed BLOB NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX tickets_account ON tickets (account);
    CREATE TABLE audit (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        sealed BLOB NOT NULL
    );
    """,
    """
    CREATE TABLE invites (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        digest BLOB NOT NULL UNIQUE,
        uses INTEGER NOT NULL,
        until REAL NOT NULL,
        sealed BLOB NOT NULL
    );
    """,
    # Filled from the sealed names when the store is opened: see storage.opening.
    """
    CREATE TABLE skeletons (
        skeleton BLOB NOT NULL,
        rank INTEGER NOT NULL,
        owner TEXT NOT NULL,
        PRIMARY KEY (skeleton, rank)
    ) WITHOUT ROWID;
    CREATE INDEX skeletons_owner ON skeletons (owner);
    """,
    # What seals a kick binds "kick", account and end: as a row of the new table it still opens.
    """
    CREATE TABLE sanctions (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        kind TEXT NOT NULL,
        target TEXT NOT NULL,
        until REAL NOT NULL,
        sealed BLOB NOT NULL,
        UNIQUE (kind, target)
    );
    CREATE INDEX sanctions_target ON sanctions (target);
    INSERT INTO sanctions (kind, target, until, sealed)
        SELECT 'kick', account, until, sealed FROM kicks ORDER BY number;
    DROP TABLE kicks;
    """,
    # What an event carries: see storage.controls. The events of before carry nothing.
    """
    ALTER TABLE controls ADD COLUMN sealed BLOB;
    """,
    # Of an older row nobody knows what was kept below its last number: that is its floor.
    """
    ALTER TABLE numbers RENAME TO last_numbers;
    CREATE TABLE numbers (
        log INTEGER NOT NULL,
        session BLOB NOT NULL,
        account BLOB NOT NULL,
        kept TEXT NOT NULL,
        used REAL NOT NULL,
        PRIMARY KEY (log, session)
    ) WITHOUT ROWID;
    CREATE INDEX numbers_account ON numbers (account);
    INSERT INTO numbers (log, session, account, kept, used)
        SELECT log, session, x'', last || ' ', used FROM last_numbers;
    DROP TABLE last_numbers;
    """,
    """
    CREATE TABLE departed (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        name_key BLOB NOT NULL,
        network_key BLOB NOT NULL,
        account TEXT NOT NULL,
        until REAL NOT NULL,
        sealed BLOB NOT NULL
    );
    CREATE INDEX departed_name ON departed (name_key);
    CREATE INDEX departed_network ON departed (network_key);
    CREATE INDEX departed_until ON departed (until);
    """,
    # The first epoch of a log stands in its row.
    """
    CREATE TABLE epochs (
        log INTEGER NOT NULL,
        first INTEGER NOT NULL,
        name TEXT NOT NULL,
        PRIMARY KEY (log, first)
    ) WITHOUT ROWID;
    """,
    # Until now a room's key was that of its name, too, and a name never changed.
    """
    ALTER TABLE rooms ADD COLUMN name_key BLOB;
    UPDATE rooms SET name_key=key;
    CREATE UNIQUE INDEX rooms_name ON rooms (name_key);
    """,
)
VERSION = len(_STEPS)
_VERSION_AT = 60  # where a file has `user_version` (https://www.sqlite.org/fileformat.html)
_CHECKED_WHOLE = 64 * 1024 * 1024
"""Bytes up to which a store is looked at as a whole when it is opened."""
_CHECKED = (
    *("sqlite_sequence", "accounts", "sanctions", "controls", "logs"),
    *("rooms", "places", "tickets", "audit", "invites", "skeletons", "departed", "epochs"),
)


# What is synced when, by what a commit survives (sqlite.org/pragma.html#pragma_synchronous): WAL
# with FULL syncs the log at each commit, NORMAL only before a checkpoint, OFF never.
_SYNCHRONOUS = {"power": "FULL", "crash": "NORMAL", "none": "OFF"}

PAGE_BYTES = 4096
CHECKPOINT_PAGES = 2048
"""Pages in the write-ahead log after which a commit moves them into the store by itself."""


def connect(file: Path, durability: str = "power") -> sqlite3.Connection:
    """Open the store for one owner at a time; transactions are begun and ended by hand.

    :param durability: ``power``, ``crash`` or ``none``.

    :raises StoreError: it cannot be opened or is no store.
    """
    try:
        connection = sqlite3.connect(
            file, timeout=10.0, isolation_level=None, check_same_thread=False
        )
        # Only for a new store: said of another one, it would write, also when the disk is full.
        if connection.execute("PRAGMA page_count").fetchone() == (0,):
            connection.execute("PRAGMA auto_vacuum=INCREMENTAL")
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute(f"PRAGMA synchronous={_SYNCHRONOUS[durability]}")
        # What is deleted is overwritten, not only forgotten.
        connection.execute("PRAGMA secure_delete=ON")
        # The upkeep moves the write-ahead log into the store; a commit does it only when that
        # cannot keep up. A log that has grown is cut back.
        connection.execute(f"PRAGMA wal_autocheckpoint={CHECKPOINT_PAGES}")
        connection.execute(f"PRAGMA journal_size_limit={CHECKPOINT_PAGES * PAGE_BYTES}")
        return connection
    except sqlite3.Error as error:
        raise to_store_error(file, error) from None


def prepare(connection: sqlite3.Connection, file: Path) -> None:
    """Bring the tables to today's version and look whether they are whole.

    :raises StoreError: the store is damaged, or of a newer version of this program.
    """
    try:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        _refuse_newer(version, file)
        for number in range(version, VERSION):
            connection.executescript(
                f"BEGIN IMMEDIATE; {_STEPS[number]} PRAGMA user_version={number + 1}; COMMIT;"
            )
        if 0 < version < 2:
            connection.execute("PRAGMA auto_vacuum=INCREMENTAL")
            connection.execute("VACUUM")  # makes the pages that auto_vacuum needs
        check_pages(connection, file)
    except sqlite3.Error as error:
        raise to_store_error(file, error) from None


def check_pages(connection: sqlite3.Connection, file: Path, is_whole: bool = False) -> None:
    """Look whether the tables are whole; nothing is written.

    :param is_whole: also the indexes and all of a long history, which may take minutes.
    :raises sqlite3.Error: they are not.
    """
    # Of a long history all but the segments: it would take seconds, and each of them is
    # checked by its seal when it is read.
    checks = ["integrity_check" if is_whole else "quick_check"]
    if not is_whole and file.stat().st_size > _CHECKED_WHOLE:
        checks = [f"quick_check('{table}')" for table in _CHECKED]
    for check in checks:
        for (verdict,) in connection.execute(f"PRAGMA {check}"):
            if verdict != "ok":
                raise sqlite3.DatabaseError(verdict.splitlines()[-1])


def _refuse_newer(version: int, file: Path) -> None:
    if version > VERSION:
        raise StoreError(
            f"{file} was made by a newer version of this program: start that one instead."
        )


def check_version(file: Path) -> None:
    """Look whether this program is new enough for a store; it is not opened, and may be in use.

    :raises StoreError: it is too old, or the file cannot be read.
    """
    try:
        with file.open("rb") as store:
            store.seek(_VERSION_AT)
            _refuse_newer(int.from_bytes(store.read(4), "big"), file)
    except OSError as error:
        raise StoreError(f"The store {file} cannot be read: {error.strerror}.") from None


def connect_to_read(file: Path) -> sqlite3.Connection:
    """Open a store so that nothing can be written, and nothing is made beside it.

    :raises StoreError: it cannot be opened.
    """
    # Without a write-ahead log nobody has it open: then nothing changes, and nothing is needed.
    is_alone = not file.with_name(file.name + "-wal").exists()
    where = f"{file.absolute().as_uri()}?mode=ro{'&immutable=1' if is_alone else ''}"
    try:
        return sqlite3.connect(where, uri=True, timeout=10.0, isolation_level=None)
    except sqlite3.Error as error:
        raise to_store_error(file, error) from None


def to_store_error(file: Path, error: sqlite3.Error) -> StoreError:
    """Return the sentence for a store that SQLite cannot work with."""
    return StoreError(
        f"The store {file} cannot be used ({error}): free the disk if it is full, else put the "
        "data directory back from a backup."
    )
