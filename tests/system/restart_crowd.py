"""A crowd that talks while the server restarts, and what each of it has seen.

python -m tests.system.restart_crowd --plain 100 --sealed 400 --restarts 20
"""

import argparse
import asyncio
import json
import secrets
import signal
import ssl
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.harness import PASSWORD, STRETCH, ServerProcess

_COME_SECONDS = 60.0 * STRETCH
_END_SECONDS = 60.0 * STRETCH


@dataclass
class Findings:
    """What a crowd has seen."""

    wrong: list[str] = field(default_factory=list)
    """What must not be; empty: all is well."""
    lines: int = 0
    """Messages that each has seen."""
    silences: dict[str, list[float]] = field(default_factory=dict)
    """The longest time without a message of each, in seconds, by ``plain`` and ``sealed``."""
    restarts: list[float] = field(default_factory=list)
    """Seconds from each signal to the new server's first word."""


class Somebody:
    """A program that talks, or only listens.

    :param pause: seconds between two lines of its own; 0: it says nothing.
    """

    def __init__(self, port: int, name: str, is_sealed: bool, pause: float) -> None:
        self.name = name
        self.is_sealed = is_sealed
        self.pause = pause
        self.heard: dict[str, int] = {}
        self.said = 0
        self.wrong: list[str] = []
        self.longest = 0.0
        self.newest = ""
        """Whose coming was told last."""
        self.came = asyncio.Event()
        self.is_over = False
        self._port = port
        self._session = secrets.token_hex(8)
        self._ticket = ""
        self._last = ""
        self._heard_at = 0.0
        self._pending: dict[int, None] = {}
        self._is_in = False
        self._reader: asyncio.StreamReader
        self._writer: asyncio.StreamWriter

    async def live(self) -> None:
        """Come in, listen until it is over, and come back whenever the connection ends."""
        await self._connect()
        self._send("register", name=self.name, password=PASSWORD, ticket=True)
        while not self.is_over:
            try:
                line = await self._reader.readuntil()
            except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
                self._is_in = False
                if self.is_over:
                    return
                if not self.is_sealed:
                    self.wrong.append(f"{self.name}: the plain connection was ended")
                    return
                await self._come_back()
                continue
            self._hear(line)

    async def talk(self) -> None:
        """Say a line now and then; what is not confirmed is said again after a return."""
        while not self.is_over:
            self.said += 1
            self._pending[self.said] = None
            if self._is_in:
                self._say(self.said)
            await asyncio.sleep(self.pause)

    def start_watching(self) -> None:
        """From now on comings and goings are wrong, and silences count."""
        self._heard_at = time.monotonic()

    async def _connect(self) -> None:
        context = None
        if self.is_sealed:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        self._reader, self._writer = await asyncio.open_connection(
            "127.0.0.1", self._port, ssl=context, limit=1 << 22
        )
        self._writer.write(b'>hello {"v":1}\n')

    def hang_up(self) -> None:
        """Close the connection."""
        self._writer.transport.abort()

    async def _come_back(self) -> None:
        self.hang_up()
        while not self.is_over:
            try:
                await self._connect()
            except OSError:
                await asyncio.sleep(0.05)
                continue
            self._send("resume", ticket=self._ticket, cursors={"lobby": self._last})
            return

    def _send(self, word: str, **fields: object) -> None:
        self._writer.write(f">{word} {json.dumps(fields)}\n".encode())

    def _say(self, number: int) -> None:
        self._send("post", text=f"{self.name} {number}", cid=f"{self._session}-{number}")

    def _hear(self, line: bytes) -> None:
        if line.startswith(b">message "):
            self._hear_message(json.loads(line[9:]))
        elif line.startswith(b">ticket "):
            self._ticket = json.loads(line[8:])["ticket"]
            if not self.came.is_set():
                self._come_in()
        elif b'"kind":"resumed"' in line:
            self._come_in()
        elif line.startswith(b">ping"):
            self._send("pong")
        elif b'"ok":false' in line or b'"kind":"gap"' in line:
            self.wrong.append(f"{self.name}: {line.decode()}")

    def _come_in(self) -> None:
        self._is_in = True
        self.came.set()
        for number in self._pending:
            self._say(number)

    def _hear_message(self, said: dict[str, Any]) -> None:
        if said["kind"] != "text":
            if self._heard_at:
                self.wrong.append(f"{self.name}: {said['kind']} of {said['from']}")
            self.newest = said["from"]
            return
        now = time.monotonic()
        if self._heard_at:
            self.longest = max(self.longest, now - self._heard_at)
            self._heard_at = now
        self._last = said["id"]
        name, _, number = said["text"].partition(" ")
        before = self.heard.get(name, 0)
        if int(number) != before + 1:
            self.wrong.append(f"{self.name}: {name} {number} behind {before}")
        self.heard[name] = int(number)
        if name == self.name:
            self._pending.pop(int(number), None)


async def run_crowd(
    server: ServerProcess, plain: int, sealed: int, restarts: int, pause: float, flood: float
) -> Findings:
    """Let a crowd talk, half of it, and restart the server.

    :param pause: seconds between two lines of one of them.
    :param flood: the same of one that floods.
    """
    kinds = [False] * plain + [True] * sealed
    people = [
        Somebody(server.port, f"p{i}", is_sealed, 0.0 if i % 2 else pause)
        for i, is_sealed in enumerate(kinds)
    ]
    people[0].pause = flood
    found = Findings()
    tasks = []
    for one in people:  # one after the other: a crowd at the door is not what this is about
        tasks.append(asyncio.create_task(one.live()))
        await asyncio.wait_for(one.came.wait(), _COME_SECONDS)
    talkers = [one for one in people if one.pause]
    await _until(lambda: all(one.newest == people[-1].name for one in people))
    for one in people:
        one.start_watching()
    talks = [asyncio.create_task(one.talk()) for one in talkers]
    for times in range(2, restarts + 2):
        await asyncio.sleep(1.0)
        begun = time.monotonic()
        server.process.send_signal(signal.SIGUSR2)
        await asyncio.to_thread(server.wait_for_line, r"^Listening on", times)
        found.restarts.append(time.monotonic() - begun)
    await asyncio.sleep(1.0)
    for task in talks:
        task.cancel()
    said = {one.name: one.said for one in talkers}
    await _until(lambda: all(one.heard == said or one.wrong for one in people))
    for one in people:
        one.is_over = True
        if one.heard != said and not one.wrong:
            one.wrong.append(f"{one.name}: not all was heard")
        found.wrong += one.wrong
        kind = "sealed" if one.is_sealed else "plain"
        found.silences.setdefault(kind, []).append(one.longest)
    found.lines = sum(said.values())
    for task in (*tasks, *talks):
        task.cancel()
    await asyncio.gather(*tasks, *talks, return_exceptions=True)
    for one in people:
        one.hang_up()
    await asyncio.sleep(0.1)  # the transports close in the loop
    return found


async def _until(come: Any) -> None:
    end = time.monotonic() + _END_SECONDS
    while not come() and time.monotonic() < end:
        await asyncio.sleep(0.1)


def main() -> int:
    """Run the long form, and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--plain", type=int, default=100)
    parser.add_argument("--sealed", type=int, default=400)
    parser.add_argument("--restarts", type=int, default=20)
    parser.add_argument("--pause", type=float, default=10.0, help="seconds between lines of one")
    parser.add_argument("--flood", type=float, default=0.05, help="the same of one who floods")
    words = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        server = ServerProcess(Path(folder), connections_per_address=0)
        try:
            crowd = (words.plain, words.sealed, words.restarts, words.pause, words.flood)
            found = asyncio.run(run_crowd(server, *crowd))
        finally:
            server.close()
    told = [f"{found.lines} lines, wrong: {found.wrong[:20] or 'nothing'}"]
    for kind, each in {**found.silences, "between signal and start": found.restarts}.items():
        each.sort()
        told.append(f"{kind}: {each[-1]:.2f} s at most, {each[len(each) // 2]:.2f} s in the middle")
    sys.stdout.write("\n".join(told) + "\n")
    return 1 if found.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
