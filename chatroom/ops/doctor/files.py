"""Folders and files: whose they are, who may read them, and how much room there is."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from chatroom import private
from chatroom.log_files import STANDARD_ERROR
from chatroom.ops.doctor.case import Case, Finding, error, fine, warning
from chatroom.storage.keys.vault import (
    CREDENTIAL_NAME,
    FRESH_MASTER_FILE,
    KEYRING_FILE,
    MASTER_FILE,
)
from chatroom.storage.sqlite.opening import STORE_FILE
from chatroom.storage.sqlite.wal import ROOM_BYTES

_FILES = "files"
_SPACE = "space"
_SCARCE = 32 * 2**20
_FEW_INODES = 1000
_FAR = ("nfs", "nfs4", "cifs", "smb3", "9p", "fuse.sshfs", "fuse.glusterfs", "ceph", "lustre")


def files(case: Case) -> Iterator[Finding]:
    """Owners and modes."""
    secrets, folders = _secrets(case), [case.data_dir]
    if case.settings.log_dir != STANDARD_ERROR:
        folders.append(case.settings.log_dir)
    if not case.data_dir.is_dir():
        yield error(
            _FILES,
            f"There is no data directory {case.data_dir.absolute()}.",
            "Start the server once, or name the right one with --data-dir.",
        )
        return
    found = [
        *(one for file in secrets for one in _look(file, is_secret=True)),
        *(one for file in (*folders, *_stores(case)) for one in _look(file, is_secret=False)),
    ]
    yield from found or [fine(_FILES, "They belong to their owner alone.")]


def _secrets(case: Case) -> list[Path]:
    data, chosen = case.data_dir, case.settings
    found = [data / KEYRING_FILE, data / MASTER_FILE, data / FRESH_MASTER_FILE]
    found.append(chosen.tls_key or data / "tls" / "key.pem")
    if folder := case.environ.get("CREDENTIALS_DIRECTORY"):
        found.append(Path(folder) / CREDENTIAL_NAME)
    if chosen.engine_password_file:
        found.append(chosen.engine_password_file)
    return found


def _stores(case: Case) -> list[Path]:
    return [case.data_dir / (STORE_FILE + end) for end in ("", "-wal", "-shm")]


def _look(file: Path, is_secret: bool) -> Iterator[Finding]:
    tell = error if is_secret else warning
    try:
        status = file.lstat()
    except FileNotFoundError:
        return
    except OSError as problem:
        yield error(_FILES, f"{file} cannot be looked at: {problem.strerror}.", "Mend its folder.")
        return
    is_inside = file.name in (KEYRING_FILE, MASTER_FILE, STORE_FILE)
    if stat.S_ISLNK(status.st_mode):
        if is_inside:
            yield error(_FILES, f"{file} is a link.", "Put the file itself there.")
            return
        try:
            status = file.stat()
        except OSError as problem:
            yield error(_FILES, f"{file} leads nowhere: {problem.strerror}.", "Mend the link.")
            return
    if status.st_uid not in (os.geteuid(), 0) and os.geteuid() != 0:
        do = "Give it to the user of the server with chown, and run doctor as that user."
        yield error(_FILES, f"{file} belongs to another user.", do)
    elif os.geteuid() == 0 and is_inside and status.st_uid != file.parent.stat().st_uid:
        do = f"Run 'chown --reference={file.parent} {file}'."
        yield error(_FILES, f"{file} belongs to another user than its folder.", do)
    if private.is_open(file, status.st_mode):
        mode = 700 if stat.S_ISDIR(status.st_mode) else 600
        yield tell(_FILES, f"Others can read or change {file}.", f"Run 'chmod {mode} {file}'.")


def space(case: Case) -> Iterator[Finding]:
    """Room on the disk, and what kind of disk it is."""
    if not case.data_dir.is_dir():
        return
    disk = os.statvfs(case.data_dir)
    free = disk.f_bavail * disk.f_frsize
    store = _size(case.data_dir / STORE_FILE)
    if short := list(room(free, store)):
        yield from short
    elif disk.f_files and disk.f_favail < _FEW_INODES:
        yield warning(
            _SPACE, "The disk can take few more files.", "Delete files that are not used."
        )
    elif (kind := _kind_of_disk(case.data_dir)) in _FAR:
        yield warning(
            _SPACE,
            f"The data is on a network file system ({kind}).",
            "Move it to a disk of this machine: locks and syncs may not hold there.",
        )
    else:
        yield fine(_SPACE, f"{_mb(free)} MB are free; the store has {_mb(store)} MB.")


def room(free: int, store: int) -> Iterator[Finding]:
    """Tell whether there is too little room.

    :param free: bytes that are free.
    :param store: bytes of the store.
    """
    needed = store + store // 10 + ROOM_BYTES
    if free < _SCARCE:
        do = "Free the disk: when it is full, messages are refused."
        yield error(_SPACE, f"Only {_mb(free)} MB are free.", do)
    elif free < needed:
        yield warning(
            _SPACE,
            f"{_mb(free)} MB are free; the store has {_mb(store)} MB.",
            f"Free some: a backup and the upkeep want up to {_mb(needed)} MB.",
        )


def _kind_of_disk(folder: Path) -> str:
    """Return the file system that a folder is on; empty where nobody can tell (proc_mounts(5))."""
    try:
        lines = Path("/proc/self/mounts").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    whole = folder.resolve()
    best = ("", "")
    for line in lines:
        _, point, kind, *_ = line.split(" ")
        if len(point) > len(best[0]) and whole.is_relative_to(point):
            best = point, kind
    return best[1]


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return 0


def _mb(size: int) -> str:
    return f"{size / 2**20:,.0f}"
