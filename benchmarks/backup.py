"""Measures backups: ``python -m benchmarks.backup``.

Fills a store, then starts the server, lets ten people say something ten times a second each, and
prints how long backup, verify and drill take, and how long a message takes meanwhile from its
sending until its sender has it back.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from benchmarks.history import fill
from benchmarks.login import started
from benchmarks.servers import clean_environment
from chatroom.client.api import Client
from chatroom.storage.sqlite import SqliteEngine

_PEOPLE = 10
_PAUSE = 0.1
_ALONE_SECONDS = 10.0
_PASSWORD = "correct horse"


class Talk:
    """People who talk, and how long their messages took."""

    def __init__(self, port: int) -> None:
        self._took: list[float] = []
        self._over = threading.Event()
        self._people = [
            Client("127.0.0.1", port, name=_name(i), password=_PASSWORD, plain=True, receives=False)
            for i in range(_PEOPLE)
        ]
        self._threads = [
            threading.Thread(target=self._talk, args=(person,)) for person in self._people
        ]
        for thread in self._threads:
            thread.start()

    def _talk(self, person: Client) -> None:
        while not self._over.wait(_PAUSE):
            began = time.perf_counter()
            person.send("something of the length that people write, more or less")
            self._took.append((time.perf_counter() - began) * 1000)

    def close(self) -> None:
        """End the talk."""
        self._over.set()
        for thread, person in zip(self._threads, self._people, strict=True):
            thread.join()
            person.close()

    def show(self, what: str, seconds: float, size: str = "") -> None:
        """Print one row, and begin anew."""
        took, self._took = sorted(self._took), []
        p99 = took[min(len(took) - 1, len(took) * 99 // 100)]
        print(
            f"| {what:<8} | {seconds:>6.1f} s | {statistics.median(took):>6.1f} ms "
            f"| {p99:>6.1f} ms | {took[-1]:>6.1f} ms | {size}",
            flush=True,
        )


def _name(number: int) -> str:
    return f"person{number}"


def _add(name: str, flags: list[str]) -> None:
    subprocess.run(
        [sys.executable, "chatroom_server.py", "add-user", name, "--password-stdin", *flags],
        input=_PASSWORD.encode(),
        stdout=subprocess.DEVNULL,
        env=clean_environment(),
        check=True,
    )


def main() -> None:
    """Print all figures as a table."""
    parser = argparse.ArgumentParser(description="Measures backups.")
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--burst", type=int, default=16, help="messages of one commit")
    parser.add_argument("--folder", help="where all is made (default: a temporary folder)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as made:
        folder = Path(made)
        data, logs, file = folder / "data", folder / "logs", folder / "a.backup"
        data.mkdir(mode=0o700)
        flags = ["--data-dir", str(data), "--log-dir", str(logs)]
        engine = SqliteEngine(data, "none")
        engine.start(lambda *_: None, lambda *_: None, lambda *_: None)
        fill(engine, arguments.messages, arguments.burst)
        engine.close()
        for number in range(_PEOPLE):
            _add(_name(number), flags)
        with started(folder) as (_, port, _):
            talk = Talk(port)
            try:
                time.sleep(_ALONE_SECONDS)
                talk.show("alone", _ALONE_SECONDS)
                words = {
                    "backup": ("backup", str(file)),
                    "verify": ("backup", "--verify", str(file)),
                    "drill": ("drill", str(file)),
                }
                for what, command in words.items():
                    began = time.monotonic()
                    subprocess.run(
                        [sys.executable, "chatroom_server.py", *command, *flags],
                        stdout=subprocess.DEVNULL,
                        env=clean_environment(),
                        check=True,
                    )
                    seconds = time.monotonic() - began
                    talk.show(what, seconds, f"{file.stat().st_size / 2**20:.0f} MB")
            finally:
                talk.close()


if __name__ == "__main__":
    main()
