"""A rehearsal of the worst day: a backup is restored aside, and somebody logs in there and reads.

The server of the drill is a process of its own, with a scratch data directory, on a free port of
the loopback; the real one notices nothing. The probe's account is made in the scratch copy alone.
"""

import contextlib
import os
import secrets
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from chatroom.client.api import Client, Ended, NotDelivered
from chatroom.client.trust import KnownHosts, TlsEndpoint
from chatroom.errors import StartError, StoreError
from chatroom.ops.backup import reading
from chatroom.ops.backup.manifest import SQLITE
from chatroom.ops.backup.restoring import restore
from chatroom.rooms.room import LOBBY
from chatroom.storage.keys.vault import MASTER_VARIABLE
from chatroom.text import escape

_SECONDS = 60.0
"""Time that each step with the server may take."""
_PREFIX = "CHATROOM_"
_OF_SERVICES = ("LISTEN_", "NOTIFY_", "WATCHDOG_")
_START = "import sys; from chatroom.server import main; sys.exit(main())"
_LISTENING, _FINGERPRINT = "Listening on ", "Fingerprint "


@dataclass(frozen=True)
class Drill:
    """A drill that went well."""

    restored: float
    """Seconds that each step took."""
    started: float
    logged_in: float
    read: int
    """Messages of the lobby that the probe was given."""


def drill(file: Path, data_dir: Path) -> Drill:
    """Carry out a drill; nothing is left of it.

    :param data_dir: of the real server; its master secret opens the backup.
    :raises StartError: a step failed; the sentence says which.
    """
    with reading.opened(file, data_dir) as backup:
        if backup.manifest.engine != SQLITE:
            raise StoreError(
                f"{file} has no store in it, since that is in Redis; a drill needs one. Rehearse "
                "the way back with Redis's own files."
            )
        secret = backup.secret
    with tempfile.TemporaryDirectory(prefix="chatroom-drill-") as scratch:
        return _drill(file, data_dir, Path(scratch), secret)


def _drill(file: Path, data_dir: Path, scratch: Path, secret: str) -> Drill:
    began = time.monotonic()
    data = scratch / "data"
    restore(file, data, data_dir)
    restored = time.monotonic()
    environ = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith((_PREFIX, *_OF_SERVICES))
    }
    environ[MASTER_VARIABLE] = secret
    environ["PYTHONPATH"] = str(Path(__file__).resolve().parents[3])
    name, password = f"drill-{secrets.token_hex(4)}", secrets.token_urlsafe(16)
    folders = ("--data-dir", str(data), "--log-dir", str(scratch / "logs"))
    words = ("add-user", name, "--superuser", "--password-stdin")  # whom no lockdown keeps out
    _operate(scratch, environ, *words, *folders, given=password)
    flags = ("--host", "127.0.0.1", "--port", "0", *folders)
    with _server(scratch, environ, flags) as (address, fingerprint):
        started = time.monotonic()
        host, _, port = address.rpartition(":")
        known = KnownHosts(scratch / "known")
        endpoint = TlsEndpoint(
            *(host, int(port), fingerprint, None, known), lambda _: True, lambda _: None
        )
        try:
            with Client(
                host,
                name=name,
                password=password,
                bot=True,
                receives=False,
                patience=_SECONDS,
                endpoint=endpoint,
            ) as probe:
                read = len(probe.history(room=LOBBY).messages)
        except (Ended, NotDelivered) as error:
            raise StartError(f"The probe of the drill failed: {error}") from None
        logged_in = time.monotonic()
    return Drill(restored - began, started - restored, logged_in - started, read)


def _operate(scratch: Path, environ: dict[str, str], *words: str, given: str = "") -> None:
    done = subprocess.run(
        _program(words),
        cwd=scratch,
        env=environ,
        input=given + "\n",
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )
    if done.returncode:
        raise StartError(f"{words[0]} failed in the restored copy: {_last_line(done.stderr)}")


def _program(words: tuple[str, ...]) -> list[str]:
    return [sys.executable, "-c", _START, *words]


@contextlib.contextmanager
def _server(
    scratch: Path, environ: dict[str, str], flags: tuple[str, ...]
) -> Iterator[tuple[str, str]]:
    """Run a server; give its address and its fingerprint. It has ended behind this."""
    with tempfile.TemporaryFile("w+") as told:
        process = subprocess.Popen(
            _program(flags),
            cwd=scratch,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=told,
        )
        assert process.stdout
        try:
            found = _read_start(process.stdout.fileno())
            if found is None:
                told.seek(0)
                raise StartError(
                    f"The server of the drill did not start: {_last_line(told.read())}"
                )
            yield found
            process.terminate()
            if process.wait(_SECONDS):
                raise StartError(f"The server of the drill ended with {process.returncode}.")
        except subprocess.TimeoutExpired:
            raise StartError("The server of the drill did not end.") from None
        finally:
            process.kill()
            process.wait()
            process.stdout.close()


def _read_start(fd: int) -> tuple[str, str] | None:
    """Return address and fingerprint, as a server prints them; None: it does not come up."""
    end, text = time.monotonic() + _SECONDS, ""
    while time.monotonic() < end and select.select([fd], [], [], end - time.monotonic())[0]:
        block = os.read(fd, 4096)
        if not block:
            break
        text += block.decode("utf-8", "replace")
        whole = text.splitlines()[: text.count("\n")]
        address = _behind(whole, _LISTENING)
        fingerprint = _behind(whole, _FINGERPRINT)
        if address and fingerprint:
            return address, fingerprint
    return None


def _behind(lines: list[str], start: str) -> str:
    return next((line[len(start) :] for line in lines if line.startswith(start)), "")


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return escape(lines[-1]) if lines else "it says nothing."
