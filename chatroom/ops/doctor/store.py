"""The store of one machine: its files, its records, the people in it."""

import contextlib
import sqlite3
import time
from collections.abc import Iterator

from chatroom.errors import StoreError
from chatroom.ops.doctor.case import Case, Finding, error, fine, warning
from chatroom.ops.last_runs import DRILL_FAILED, LAST_BACKUP, LAST_DRILL, last_run
from chatroom.storage.keys.vault import Vault
from chatroom.storage.records import LOCKDOWN
from chatroom.storage.sqlite import accounts, record_check, sanctions, schema
from chatroom.storage.sqlite.opening import STORE_FILE, check_seal

_STORE = "store"
_PEOPLE = "people"
_CLOCK = "clock"
_BACKUP = "backup"
_DAY = 86400.0
_BACKUP_DAYS = 7
_DRILL_DAYS = 60
_STEP_SECONDS = 2.0
_NAMED = 5
_MUCH_WAL = 64 * 2**20
_PUT_BACK = "Put the data directory back from a backup; docs/operating.md tells what is lost."


def store(case: Case) -> Iterator[Finding]:
    """Open the store for reading, and look at everything in it."""
    file = case.data_dir / STORE_FILE
    if not file.exists():
        yield error(_STORE, f"There is no store {file.absolute()}.", "Start the server once.")
        return
    try:
        schema.check_version(file)
        with contextlib.closing(schema.connect_to_read(file)) as db:
            schema.check_pages(db, file, is_whole=case.is_deep)
            yield from _opened(case, db)
    except StoreError as problem:
        yield error(_STORE, str(problem))
    except sqlite3.Error as problem:
        yield error(_STORE, f"{file} is damaged: {problem}.", _PUT_BACK)


def _opened(case: Case, db: sqlite3.Connection) -> Iterator[Finding]:
    file = case.data_dir / STORE_FILE
    size = file.stat().st_size
    wal = file.with_name(file.name + "-wal")
    if wal.exists() and wal.stat().st_size > _MUCH_WAL:
        yield warning(
            _STORE,
            f"{wal.name} has {wal.stat().st_size / 2**20:,.0f} MB: it was not moved for long.",
            "Restart the server; look in its log for 'upkeep waits'.",
        )
    most = case.settings.keep_mb
    if most and size > 1.2 * most * 2**20:
        yield warning(
            _STORE,
            f"It has {size / 2**20:,.0f} MB, keep_mb is {most}.",
            "Leave the server running, which deletes the oldest; look in its log for 'upkeep'.",
        )
    (version,) = db.execute("PRAGMA user_version").fetchone()
    if version < schema.VERSION:
        text = f"It is of version {version}; the next start brings it to {schema.VERSION}."
        yield fine(_STORE, text)
        return
    yield from _clock(db)
    if case.vault is None:
        return
    try:
        check_seal(db, case.vault, file)
    except StoreError as problem:
        yield error(_STORE, str(problem))
        return
    yield from _records(case, db, case.vault)
    yield from _people(case, db, case.vault)


def _records(case: Case, db: sqlite3.Connection, vault: Vault) -> Iterator[Finding]:
    found = record_check.look(db, vault, opens_messages=case.is_deep)
    number = sum(found.counts.values())
    if found.damaged:
        more = "; …" if len(found.damaged) > _NAMED else ""
        named = "; ".join(found.damaged[:_NAMED]) + more
        text = f"{len(found.damaged)} of {number} records do not open: {named}."
        yield error(_STORE, text, _PUT_BACK)
    else:
        more = "" if case.is_deep else " (messages are opened with --deep)"
        yield fine(_STORE, f"It is whole; {number} records open{more}.")


def _clock(db: sqlite3.Connection) -> Iterator[Finding]:
    (newest,) = db.execute("SELECT max(until) FROM segments").fetchone()
    now = time.time()
    if newest is not None and newest > now + _STEP_SECONDS:
        yield error(
            _CLOCK,
            f"The newest message is of {_moment(newest)}; the clock says {_moment(now)}.",
            "Put the clock right, and let it be kept so (systemd-timesyncd, chrony).",
        )
    else:
        yield fine(_CLOCK, "It is not before the newest message.")


def _people(case: Case, db: sqlite3.Connection, vault: Vault) -> Iterator[Finding]:
    lockdown = [one for one in sanctions.load(db, vault) if one.kind == LOCKDOWN]
    yield from people(len(accounts.superusers(db, vault)), bool(lockdown), case)


def people(superusers: int, is_locked_down: bool, case: Case) -> Iterator[Finding]:
    """Who may administer, and who may come in."""
    if not superusers:
        yield warning(
            _PEOPLE,
            "There is no superuser.",
            "Run 'chatroom_server.py add-user NAME --superuser', or grant one.",
        )
    if is_locked_down:
        yield warning(
            _PEOPLE,
            "The lockdown is on: nobody can log in anew.",
            "Run 'chatroom_server.py lockdown off' when that is over.",
        )
    if superusers and not is_locked_down:
        yield fine(
            _PEOPLE, f"Superusers: {superusers}. New accounts are {case.settings.registration}."
        )


def backup(case: Case) -> Iterator[Finding]:
    """When a backup, and a trial of it, went well last."""
    if not case.data_dir.is_dir():
        return
    now = time.time()
    last = last_run(case.data_dir, LAST_BACKUP)
    drill = last_run(case.data_dir, LAST_DRILL)
    if not last:
        yield warning(
            _BACKUP, "There is no backup yet.", "Run 'chatroom_server.py backup FILE' each night."
        )
    elif now - last > _BACKUP_DAYS * _DAY:
        yield warning(
            _BACKUP,
            f"The last backup is of {_moment(last)}.",
            "Look why the timer does not run; 'chatroom_server.py backup FILE' makes one now.",
        )
    elif last_run(case.data_dir, DRILL_FAILED) > drill:
        yield error(
            _BACKUP,
            "The last trial of a restore failed.",
            f"The file {DRILL_FAILED} says why; make another backup, and run 'drill'.",
        )
    elif drill and now - drill > _DRILL_DAYS * _DAY:
        yield warning(
            _BACKUP,
            f"The last trial of a restore is of {_moment(drill)}.",
            "Run 'chatroom_server.py drill'.",
        )
    else:
        tried = f", tried out {_moment(drill)}" if drill else ", never tried out"
        yield fine(_BACKUP, f"The last one is of {_moment(last)}{tried}.")


def _moment(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(seconds))
