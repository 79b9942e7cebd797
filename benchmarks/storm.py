"""``python -m benchmarks.storm``: everybody comes back at once after a restart of the server.

Makes a store with an account and a ticket for each; lets them come once, so that they are known;
then kills the server, starts it again, and lets all of them connect at the same moment, as a client
does that has lost its connection. It counts from the first connect until the last one is back.
"""

import argparse
import json
import secrets
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks import machine
from benchmarks.login import fill, started
from benchmarks.rush import Rush
from benchmarks.servers import LIMITS_OFF, PASSWORD, stop
from chatroom.accounts.tickets import TICKET_SECONDS, digest_of
from chatroom.storage.records import Ticket
from chatroom.storage.sqlite import SqliteEngine

_MOST_TRIES = 4
"""Runs for each one that is wanted, when something else has disturbed them."""
_SAID, _MISSED = 10, 5
"""Messages in the room, and how many of them everybody has missed."""
_BACK, _IN = b'"kind":"resumed"', b'"kind":"here"'
_CHEAP = ("CHATROOM_SCRYPT_N", "CHATROOM_LOGIN_QUEUE")


@dataclass(frozen=True, slots=True)
class Run:
    """One storm; all but the last two in seconds."""

    people: int
    start: float
    """Of the server, until it listens."""
    half: float
    """From the first connect until half of them are in."""
    all: float
    """The same of all."""
    server_cpu: float
    turned_away: int
    memory: int
    """Resident bytes of the server then."""


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print; the status is 0."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.storm", description=__doc__)
    add = parser.add_argument
    add("--people", default="1000,5000", help="how many, one or more numbers (default 1000,5000)")
    add("--repeat", type=int, default=3, help="undisturbed runs of each (default 3)")
    add("--passwords", action="store_true", help="they log in by name and password, cheaply hashed")
    add("--sessions", action="store_true", help="all of them are sessions of one account")
    add("--limits", action="store_true", help="limits at their defaults, an address for each")
    add("--json", type=Path, help="file for the raw figures")
    arguments = parser.parse_args(argv)
    machine.raise_file_limit()
    runs: list[Run] = []
    for people in map(int, arguments.people.split(",")):
        with tempfile.TemporaryDirectory() as place:
            house = House(Path(place), people, arguments.sessions, arguments.limits)
            found = list(house.measure(arguments.passwords, arguments.repeat))
        runs += found
        whole = [run.all for run in found]
        print(
            f"{people:,} people: all in after {statistics.median(whole):.2f} s "
            f"({min(whole):.2f}–{max(whole):.2f} s, {len(found)} runs), half of them after "
            f"{statistics.median(run.half for run in found):.2f} s; before that the start, "
            f"{statistics.median(run.start for run in found):.2f} s; the server's CPU "
            f"{statistics.median(run.server_cpu for run in found):.2f} s; its memory "
            f"{statistics.median(run.memory for run in found) / 1e6:.0f} MB; turned away "
            f"{statistics.median(run.turned_away for run in found):.0f} times",
            flush=True,
        )
    if arguments.json:
        text = json.dumps([asdict(run) for run in runs], indent=1)
        arguments.json.write_text(text + "\n", encoding="utf-8")
    return 0


class House:
    """A store with people who were there before.

    :param people: how many connections come.
    :param is_one: all of them are sessions of one account.
    :param has_limits: the server's limits are at their defaults.
    """

    def __init__(self, folder: Path, people: int, is_one: bool, has_limits: bool) -> None:
        self._folder, self._people, self._has_limits = folder, people, has_limits
        self._settings = {key: LIMITS_OFF[key] for key in _CHEAP} if has_limits else LIMITS_OFF
        self._core: int | None = None
        self._own_core: int | None = None
        if cores := machine.choose_cores():
            self._core, self._own_core = cores
        number = 1 if is_one else people
        fill(folder / "data", number, ())
        self._tickets = _tickets(folder / "data", number)
        with (
            started(folder, LIMITS_OFF, self._core) as (_, port, process),
            machine.on_core(self._own_core),
        ):
            lines = [_resume(ticket, {}) for ticket in self._tickets]
            with Rush(port, lines, _BACK) as rush:
                rush.run()
                self._cursor = rush.talk(_SAID)[-1 - _MISSED]
                stop(process)  # saves where everybody was

    def measure(self, by_password: bool, wanted: int) -> Iterator[Run]:
        """Give so many storms that nothing has disturbed; in the end others, too."""
        for left in range(_MOST_TRIES * wanted, 0, -1):
            run, used = self.storm(by_password)
            if used.is_disturbed and left > wanted:
                print(
                    f"  taken again, {run.all:.2f} s: {used.other_percent:.0f} % of a core used "
                    f"by others, {used.stolen_percent:.0f} % stolen",
                    flush=True,
                )
                continue
            yield run
            wanted -= 1
            if not wanted:
                return

    def storm(self, by_password: bool) -> tuple[Run, machine.Usage]:
        """Let everybody come once, by tickets or by passwords."""
        ready = _IN if by_password else _BACK
        lines = [_resume(ticket, {"lobby": self._cursor}) for ticket in self._tickets]
        if by_password:
            lines = [_login(f"cheap{at}") for at in range(len(self._tickets))]
        lines *= self._people // len(lines)
        with (
            started(self._folder, self._settings, self._core) as (start, port, process),
            machine.on_core(self._own_core),
            Rush(port, lines, ready, self._has_limits) as rush,
        ):
            before = machine.sample(process.pid)
            half, whole = rush.run()
            used = machine.usage(before, machine.sample(process.pid))
            memory = machine.memory_bytes(process.pid)
            process.kill()
            process.wait()
        figures = (start, half, whole, used.server_s, rush.turned_away, memory)
        return Run(self._people, *figures), used


def _resume(ticket: str, cursors: dict[str, str]) -> bytes:
    fields = json.dumps({"ticket": ticket, "cursors": cursors, "room": "lobby"})
    return b'>hello {"v":1}\n>resume %s\n' % fields.encode()


def _login(name: str) -> bytes:
    fields = json.dumps({"name": name, "password": PASSWORD, "ticket": True})
    return b'>hello {"v":1}\n>login %s\n' % fields.encode()


def _tickets(data_dir: Path, accounts: int) -> list[str]:
    """Make a ticket for each of the accounts that ``fill`` has made."""
    made = [secrets.token_urlsafe(32) for _ in range(accounts)]
    until = time.time() + TICKET_SECONDS
    with ExitStack() as parts:
        engine = SqliteEngine(data_dir)
        parts.callback(engine.close)
        engine.start(lambda *_: None, lambda *_: None, lambda *_: None)
        kept = []
        for at, ticket in enumerate(made):
            account = engine.accounts.load(f"cheap{at}")
            assert account is not None
            kept.append(Ticket(digest_of(ticket), account.id, until))
        engine.tickets.save(kept)
    return made


if __name__ == "__main__":
    sys.exit(main())
