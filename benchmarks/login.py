"""``python -m benchmarks.login``: how soon a server with many accounts is up, and lets one in.

Fills a store with accounts whose passwords are cheap, and a few with the usual cost; starts the
server as a user does, and logs in with those few, one after the other.
"""

import argparse
import contextlib
import json
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.machine import on_core
from benchmarks.servers import PROGRAM, clean_environment, free_port, stop
from chatroom.accounts.accounts import Accounts
from chatroom.accounts.passwords import Passwords
from chatroom.storage.sqlite import SqliteEngine

_CHEAP_N = 2
_USUAL_N = 32768
_PASSWORD = "correct horse"
_SECONDS = 120.0
_NO_SETTINGS: Mapping[str, str] = {}


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print; the status is 0."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.login", description=__doc__)
    add = parser.add_argument
    add("--accounts", type=int, default=10_000, help="accounts in the store (default 10000)")
    add("--logins", type=int, default=20, help="of them with a usual password hash (default 20)")
    add("--repeat", type=int, default=5, help="starts of the server (default 5)")
    add("--json", type=Path, help="file for the raw figures")
    arguments = parser.parse_args(argv)
    names = [f"usual{number}" for number in range(arguments.logins)]
    starts: list[float] = []
    logins: list[float] = []
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        began = time.monotonic()
        fill(folder / "data", arguments.accounts, names)
        print(f"{arguments.accounts:,} accounts made in {time.monotonic() - began:.1f} s")
        for repetition in range(arguments.repeat):
            with started(folder) as (seconds, port, _):
                starts.append(seconds)
                if not repetition:
                    logins += [log_in(port, name) for name in names]
    logins.sort()
    print(
        f"start until 'Listening on': median {statistics.median(starts):.3f} s "
        f"({min(starts):.3f}–{max(starts):.3f} s, {len(starts)} starts)"
    )
    print(
        f"name and password until 'Welcome': median {statistics.median(logins):.3f} s, "
        f"95 % {logins[min(len(logins) - 1, int(0.95 * len(logins)))]:.3f} s ({len(logins)} logins)"
    )
    if arguments.json:
        figures = {"accounts": arguments.accounts, "start_s": starts, "login_s": logins}
        arguments.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    return 0


def fill(data_dir: Path, accounts: int, usual: Sequence[str]) -> None:
    """Make ``accounts`` accounts, those of ``usual`` among them, with the project's own code."""
    with contextlib.ExitStack() as parts:
        engine = SqliteEngine(data_dir)
        parts.callback(engine.close)
        cheap, costly = Passwords(_CHEAP_N, 0), Passwords(_USUAL_N, 0)
        parts.callback(cheap.close)
        parts.callback(costly.close)
        engine.start(lambda *_: None, lambda *_: None, lambda *_: None)
        # Several at a time, so that they share the commits.
        pool = parts.enter_context(ThreadPoolExecutor(16))
        many = Accounts(engine.accounts, engine.sanctions, cheap)
        made = [
            pool.submit(many.register, f"cheap{number}", _PASSWORD)
            for number in range(accounts - len(usual))
        ]
        for job in made:
            job.result()
        few = Accounts(engine.accounts, engine.sanctions, costly)
        for name in usual:
            few.register(name, _PASSWORD)


@contextlib.contextmanager
def started(
    folder: Path, settings: Mapping[str, str] = _NO_SETTINGS, core: int | None = None
) -> Iterator[tuple[float, int, "subprocess.Popen[bytes]"]]:
    """Start the server; gives the seconds until it says that it listens, its port, and itself.

    :param settings: for its environment.
    :param core: where it runs; ``None``: anywhere.
    :raises RuntimeError: it ended without saying so.
    """
    port = free_port()
    flags = ["--host", "127.0.0.1", "--port", str(port)]
    flags += ["--data-dir", str(folder / "data"), "--log-dir", str(folder / "logs")]
    began = time.monotonic()
    with on_core(core):
        process = subprocess.Popen(
            [sys.executable, str(PROGRAM), *flags],
            env={**clean_environment(), **settings},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
    try:
        assert process.stdout
        for line in process.stdout:
            if line.startswith(b"Listening on"):
                break
        else:
            raise RuntimeError("the server did not start")
        yield time.monotonic() - began, port, process
    finally:
        stop(process)
        assert process.stdout
        process.stdout.close()


def log_in(port: int, name: str) -> float:
    """Return the seconds from sending name and password to ``Welcome``.

    :raises RuntimeError: the server did not let us in.
    """
    with socket.create_connection(("127.0.0.1", port), _SECONDS) as sock:
        _until(sock, b"[y/n]")
        sock.sendall(b"n\n")
        _until(sock, b"user name")
        began = time.monotonic()
        sock.sendall(f"{name}\n{_PASSWORD}\n".encode())
        _until(sock, b"Welcome")
        return time.monotonic() - began


def _until(sock: socket.socket, text: bytes) -> None:
    heard = b""
    while text not in heard:
        data = sock.recv(65536)
        if not data:
            raise RuntimeError(f"{text!r} did not come: {heard!r}")
        heard += data


if __name__ == "__main__":
    sys.exit(main())
