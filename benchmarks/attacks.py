"""``python -m benchmarks.attacks``: what people notice while somebody hammers at the doors.

The server runs with its usual limits but the one of the talkers' address. Attackers come from many
addresses of 127.0.0.0/8 (Linux), so this machine must listen to all of it.
"""

import argparse
import contextlib
import itertools
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.login import fill
from benchmarks.servers import PROGRAM, clean_environment, free_port, stop

_PASSWORD = "correct horse"
ACCOUNTS = 128


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print; the status is 0."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.attacks", description=__doc__)
    add = parser.add_argument
    add("--seconds", type=float, default=30.0, help="length of the flood of logins (default 30)")
    add("--rate", type=float, default=200.0, help="logins a second (default 200)")
    add("--guessers", type=int, default=24, help="clients that go on guessing (default 24)")
    add("--slow", type=int, default=1000, help="clients that log in a byte a second (default 1000)")
    arguments = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as place, running(Path(place)) as port:
        talkers = [Talker(port, f"usual{number}") for number in range(100)]
        logins = flood(port, arguments.rate, arguments.seconds, talkers)
        print(f"{logins} logins in {arguments.seconds:g} s, wrong and unknown, while 100 talk")
        guess(port, arguments.guessers, arguments.seconds)
        slow(port, arguments.slow)
    return 0


@contextlib.contextmanager
def running(folder: Path, *more: str) -> Iterator[int]:
    """Start a server with accounts of the usual cost, and more flags; gives its port."""
    fill(folder / "data", ACCOUNTS, [f"usual{number}" for number in range(ACCOUNTS)])
    port = free_port()
    flags = ["--host", "0.0.0.0", "--port", str(port), "--connections-per-address", "0"]
    flags += [*more, "--data-dir", str(folder / "data"), "--log-dir", str(folder / "logs")]
    process = subprocess.Popen(
        [sys.executable, str(PROGRAM), *flags],
        env=clean_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        assert process.stdout
        if not any(line.startswith(b"Listening on") for line in iter(process.stdout.readline, b"")):
            raise RuntimeError("the server did not start")
        yield port
    finally:
        stop(process)


def log_in(port: int, name: str, host: str = "") -> tuple[socket.socket, float, int]:
    """Log in, trying again when told to; return the socket, the seconds and the tries."""
    begun = time.monotonic()
    for tries in itertools.count(1):
        try:
            sock = socket.create_connection(("127.0.0.1", port), 20, (host, 0) if host else None)
            sock.sendall(f"n\n{name}\n{_PASSWORD}\n".encode())
            heard = b""
            while data := sock.recv(65536):
                heard += data
                if b"Welcome" in heard:
                    return sock, time.monotonic() - begun, tries
                if b"Too many people" in heard:
                    break
        except OSError:
            pass
        sock.close()
        time.sleep(0.1)
    raise AssertionError


class Talker:
    """One of the room: says a line now and then, and measures how soon it sees it."""

    def __init__(self, port: int, name: str) -> None:
        self.sock, _, _ = log_in(port, name)
        self.delays: list[float] = []

    def listen(self, until: float) -> None:
        """Read until a moment; lines hold when they were sent."""
        rest = b""
        self.sock.settimeout(1)
        while time.monotonic() < until:
            with contextlib.suppress(TimeoutError):
                rest += self.sock.recv(65536)
                *lines, rest = rest.split(b"\n")
                now = time.monotonic()
                self.delays += [now - float(x.rpartition(b"@")[2]) for x in lines if b"sent @" in x]


def flood(port: int, rate: float, seconds: float, talkers: list[Talker]) -> int:
    """Log in wrongly from many addresses while people talk; print the figures."""
    until = time.monotonic() + seconds
    threads = [threading.Thread(target=one.listen, args=(until,)) for one in talkers[:10]]
    done, honest = itertools.count(), list[tuple[float, int]]()
    for number in range(int(rate)):
        threads.append(threading.Thread(target=_attack, args=(port, number, until, done)))
    threads.append(threading.Thread(target=_drain, args=(talkers[10:], until)))
    threads.append(threading.Thread(target=_come_in, args=(port, until, honest)))
    for thread in threads:
        thread.start()
    while time.monotonic() < until:
        talkers[random.randrange(len(talkers))].sock.sendall(
            f"sent @{time.monotonic():.4f}\n".encode()
        )
        time.sleep(0.02)
    for thread in threads:
        thread.join()
    delays = sorted(delay for one in talkers[:10] for delay in one.delays)
    at = delays[min(len(delays) - 1, int(0.99 * len(delays)))] if delays else float("nan")
    print(f"delivery: 99th percentile {at * 1000:.0f} ms of {len(delays)}")
    _print(honest)
    return next(done)


def _print(honest: list[tuple[float, int]]) -> None:
    took = [seconds for seconds, _ in honest]
    middle, most = statistics.median(took), max(took)
    print(f"{len(took)} honest logins (tries): median {middle:.2f} s, at most {most:.2f} s")
    print("    " + ", ".join(f"{took:.2f} s ({tries})" for took, tries in honest))


def _come_in(port: int, until: float, honest: list[tuple[float, int]]) -> None:
    """Log in every two seconds, each time from a fresh address, also under names under attack."""
    number = 0
    while time.monotonic() < until - 6:
        time.sleep(2)
        name, host = f"usual{100 + number % 28}", f"127.77.0.{number + 1}"
        sock, took, tries = log_in(port, name, host)
        sock.close()
        honest.append((took, tries))
        number += 1


def _attack(port: int, number: int, until: float, done: "itertools.count[int]") -> None:
    """Log in wrongly once a second, each time from another address."""
    time.sleep(number % 100 / 100)
    while time.monotonic() < until:
        begun = time.monotonic()
        host = f"127.{random.randrange(1, 70)}.{random.randrange(256)}.{number % 250 + 1}"
        name = f"usual{number % ACCOUNTS}" if number % 2 else f"nobody{random.randrange(10**6)}"
        with (
            contextlib.suppress(OSError),
            socket.create_connection(("127.0.0.1", port), 5, (host, 0)) as sock,
        ):
            next(done)
            sock.sendall(f"n\n{name}\nwrong password\n".encode())
            sock.settimeout(1)
            while data := sock.recv(65536):
                if b"wrong password. Try" in data or b"Too many" in data:
                    break
        time.sleep(max(0.0, 1 - (time.monotonic() - begun)))


def _drain(talkers: list[Talker], until: float) -> None:
    while time.monotonic() < until:
        for one in talkers:
            with contextlib.suppress(OSError):
                one.sock.recv(65536, socket.MSG_DONTWAIT)
        time.sleep(0.1)


def guess(port: int, number: int, seconds: float) -> None:
    """Let clients guess again and again, each from one address, and log in honestly; print."""
    until = time.monotonic() + seconds
    honest = list[tuple[float, int]]()
    threads = [threading.Thread(target=_go_on, args=(port, one, until)) for one in range(number)]
    threads.append(threading.Thread(target=_come_in, args=(port, until, honest)))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(f"{number} clients that go on guessing, each from one address")
    _print(honest)


def _go_on(port: int, number: int, until: float) -> None:
    """Log in wrongly as often as it goes, from one address, five times a connection."""
    names = itertools.cycle(f"usual{(number + more) % 16}" for more in range(16))
    while time.monotonic() < until:
        with (
            contextlib.suppress(OSError),
            socket.create_connection(("127.0.0.1", port), 5, (f"127.81.0.{number + 1}", 0)) as sock,
        ):
            sock.settimeout(20)
            sock.sendall(b"n\n")
            for _ in range(5):
                sock.sendall(f"{next(names)}\nwrong password\n".encode())
                heard = b""
                while b"wrong password. Try" not in heard and b"Too many" not in heard:
                    if not (data := sock.recv(65536)):
                        break
                    heard += data
        time.sleep(0.05)


def slow(port: int, number: int) -> None:
    """Let clients send a byte a second before the login, and log in honestly; print figures."""
    for spread in (False, True):
        ended = threading.Event()
        sender = threading.Thread(target=_dribble, args=(port, number, spread, ended))
        sender.start()
        time.sleep(4)
        took = []
        for at in range(10):
            sock, seconds, tries = log_in(port, f"usual{100 + at}", f"127.78.0.{at + 1}")
            sock.close()
            took.append((seconds, tries))
        ended.set()
        sender.join()
        where = "many addresses" if spread else "one address"
        times = ", ".join(f"{seconds:.2f} s ({tries})" for seconds, tries in took)
        print(f"{number} clients that send a byte a second from {where}: honest logins in {times}")


def _dribble(port: int, number: int, spread: bool, ended: threading.Event) -> None:
    """Keep ``number`` connections that send a byte a second; who is cut off comes again."""
    held: dict[int, socket.socket] = {}
    while not ended.is_set():
        begun = time.monotonic()
        for at in range(number):
            try:
                if at not in held:
                    host = f"127.80.{at // 250}.{at % 250 + 1}" if spread else "127.79.0.1"
                    held[at] = socket.create_connection(("127.0.0.1", port), 5, (host, 0))
                    held[at].setblocking(False)
                held[at].send(b"n")
                if not held[at].recv(4096):
                    held.pop(at).close()
            except BlockingIOError:
                pass
            except OSError:
                if at in held:
                    held.pop(at).close()
        ended.wait(max(0.0, 1 - (time.monotonic() - begun)))
    for one in held.values():
        one.close()


if __name__ == "__main__":
    sys.exit(main())
