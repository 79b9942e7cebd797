"""``python -m benchmarks.timing``: whether the time of an answer tells that a name exists.

Wrong passwords of names that exist and of names that do not, in turns, over real connections to a
server with the usual cost of a password.
"""

import argparse
import random
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.attacks import ACCOUNTS, running


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print; the status is 0."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.timing", description=__doc__)
    parser.add_argument("--tries", type=int, default=200, help="of each kind (default 200)")
    tries = parser.parse_args(argv).tries
    took: dict[str, list[float]] = {"known": [], "unknown": []}
    with tempfile.TemporaryDirectory() as place, running(Path(place), "--login-rate", "0") as port:
        for _ in range(tries):
            names = [("known", f"usual{random.randrange(ACCOUNTS)}")]
            names.append(("unknown", f"nobody{random.randrange(10**6)}"))
            random.shuffle(names)
            for kind, name in names:
                took[kind].append(_refusal(port, name))
    middle = {kind: statistics.median(times) * 1000 for kind, times in took.items()}
    for kind, median in middle.items():
        print(f"{kind:>8} name, wrong password: median {median:.2f} ms of {tries}")
    print(f"unknown / known: {middle['unknown'] / middle['known']:.3f}")
    return 0


def _refusal(port: int, name: str) -> float:
    """Return the seconds from the password to the sentence."""
    with socket.create_connection(("127.0.0.1", port), 20) as sock:
        sock.sendall(f"n\n{name}\n".encode())
        _until(sock, b"password:")
        begun = time.perf_counter()
        sock.sendall(b"wrong password\n")
        _until(sock, b"Unknown name or wrong password")
        return time.perf_counter() - begun


def _until(sock: socket.socket, word: bytes) -> None:
    heard = b""
    while word not in heard:
        data = sock.recv(65536)
        if not data:
            raise RuntimeError(f"the server said {heard!r}")
        heard += data


if __name__ == "__main__":
    sys.exit(main())
