"""``python -m benchmarks.hands``: what somebody at the client's terminal waits for.

The start to the first prompt with a ticket, ``send`` from start to exit with a ticket, and the time
from a key to its echo while messages pour in. Real programs at real terminals.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import pexpect

from tests.harness import PASSWORD, ROOT, Peer, ServerProcess

CLIENT = str(ROOT / "chatroom_client.py")
RATE = 5000


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print; the status is 0."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.hands", description=__doc__)
    parser.add_argument("--starts", type=int, default=20, help="of each kind (default 20)")
    parser.add_argument("--seconds", type=int, default=30, help="of the flood (default 30)")
    flags = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        server = ServerProcess(Path(folder), message_rate=0)
        try:
            server.join("ann").close()
            _measure(server, Path(folder), flags.starts, flags.seconds)
        finally:
            server.close()
    return 0


def _measure(server: ServerProcess, folder: Path, starts: int, seconds: int) -> None:
    home = {**os.environ, "XDG_CONFIG_HOME": str(folder), "CHATROOM_PASSWORD": PASSWORD}
    where = ["127.0.0.1", str(server.port), "--name", "ann", "--log-dir", str(folder / "c")]
    _send(where, home)  # leaves a ticket
    home = {**home, "TERM": "xterm-256color"}
    del home["CHATROOM_PASSWORD"]
    _tell("send, start to exit", [_send(where, home) for _ in range(starts)])
    _tell("start to the first prompt", [_prompt(where, home) for _ in range(starts)])
    _flood(server, where, home, seconds)


def _send(where: Sequence[str], home: dict[str, str]) -> float:
    begun = time.perf_counter()
    words = ["send", *where, "--at", f"{where[0]}:{where[1]}", "hello"]
    del words[1:3]
    subprocess.run([sys.executable, CLIENT, *words], env=home, check=True, stderr=subprocess.PIPE)
    return time.perf_counter() - begun


def _seat(where: Sequence[str], home: dict[str, str]) -> "pexpect.spawn[str]":
    person = pexpect.spawn(
        sys.executable, [CLIENT, *where], env=home, encoding="utf-8", dimensions=(40, 100)
    )
    person.delaybeforesend = None
    return person


def _prompt(where: Sequence[str], home: dict[str, str]) -> float:
    begun = time.perf_counter()
    person = _seat(where, home)
    person.expect_exact("#lobby>")
    took = time.perf_counter() - begun
    person.close(force=True)
    return took


def _flood(server: ServerProcess, where: Sequence[str], home: dict[str, str], seconds: int) -> None:
    person = _seat(where, home)
    person.expect_exact("#lobby>")
    quiet = [_echo(person, number) for number in range(50)]
    _tell("key to echo, a quiet room", quiet)
    before = _memory(person)
    program = server.program_peer("flooder")
    is_over = threading.Event()
    rates: list[float] = []

    def pour() -> None:
        rates.append(_pour(program, seconds))
        is_over.set()

    pouring = threading.Thread(target=pour)
    with program.reading():
        pouring.start()
        took: list[float] = []
        while not is_over.is_set():
            took.append(_echo(person, 50 + len(took)))
            is_over.wait(0.05)
        pouring.join()
        begun = time.perf_counter()
        person.expect_exact(f"message {RATE * seconds - 1}", timeout=60)
        late = time.perf_counter() - begun
    _tell(f"key to echo, {rates[0]:,.0f} messages a second", took)
    print(f"the last message is shown {late:.2f} s after it was sent")
    print(f"memory of the client: {before:.1f} MB before, {_memory(person):.1f} MB after (peak)")
    person.close(force=True)


def _pour(program: Peer, seconds: int) -> float:
    """Send at the rate; return the rate that was reached."""
    begun = time.monotonic()
    batch = RATE // 100
    for first in range(0, RATE * seconds, batch):
        lines = range(first, first + batch)
        program.send_bytes(b"".join(b'>post {"text":"message %d"}\n' % i for i in lines))
        time.sleep(max(0.0, begun + (first + batch) / RATE - time.monotonic()))
    return RATE * seconds / (time.monotonic() - begun)


def _echo(person: "pexpect.spawn[str]", number: int) -> float:
    """Type one character that nothing else shows; return the seconds until it is seen."""
    key = chr(0x4E00 + number)
    begun = time.perf_counter()
    person.send(key)
    while key not in person.read_nonblocking(65536, 20):
        pass
    took = time.perf_counter() - begun
    if number % 20 == 19:
        person.send("\x15")  # an empty line again
    return took


def _memory(person: "pexpect.spawn[str]") -> float:
    status = Path(f"/proc/{person.pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def _tell(what: str, took: Sequence[float]) -> None:
    ordered = sorted(took)
    late = ordered[int(len(ordered) * 0.99)]
    median = statistics.median(ordered)
    print(f"{what}: median {median:.3f} s, 99 % {late:.3f} s ({len(ordered)})", flush=True)


if __name__ == "__main__":
    sys.exit(main())
