"""What is confirmed is kept, and shown once to everybody, whatever goes wrong meanwhile.

People talk in two rooms and in private, and send some messages twice, while they are muted, sent
out of a room, cut off or left half dead, while the disk is full, the clock jumps and the server is
killed, stopped or restarted. What was refused they send again until it is kept.
"""

import contextlib
import random
import re
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.faults.disk import ENOSPC, SYNC, WRITE, ServerOnDisk
from tests.harness import PASSWORD, PATIENCE, Peer
from tests.redis_server import RedisServer
from tests.tools.checker import check
from tests.tools.recorder import History, Talker

PEOPLE = 6
PACE = 0.03
CALM = 40
"""Messages that are confirmed between two faults."""
ROOMS = ("lobby", "side")
_CLOCK = Path(__file__).with_name("wrong_clock")
_DAY = 86400.0


class ServerInTrouble(ServerOnDisk):
    """A server whose disk, store and clock a test can spoil."""

    def __init__(self, folder: Path, shim: Path, store: RedisServer | None) -> None:
        self.shift = folder / "shift"
        self.store = store
        folder.mkdir(parents=True)
        self.shift.write_text("0")
        engine = store.fresh() if store else ""
        super().__init__(folder, shim, message_rate=0, connections_per_address=0, engine=engine)

    def environment(self) -> dict[str, str]:
        clock = {"PYTHONPATH": str(_CLOCK), "CHATROOM_TEST_SHIFT": str(self.shift)}
        return {**super().environment(), **clock}

    @contextlib.contextmanager
    def full(self) -> Iterator[None]:
        """The store takes no writes meanwhile."""
        if self.store is None:
            self.disk.fail(ENOSPC, WRITE | SYNC)
            try:
                yield
            finally:
                self.disk.heal()
            return
        self.store.client.config_set("maxmemory", "1")
        try:
            yield
        finally:
            self.store.client.config_set("maxmemory", "0")


class Watcher(threading.Thread):
    """A person with a bare ``nc``, who comes and goes and notes what was shown and told."""

    def __init__(self, server: ServerInTrouble, seed: int) -> None:
        super().__init__(name="watcher")
        self._server = server
        self._dice = random.Random(seed)
        self.visits: list[str] = []
        """All that was shown, visit by visit."""
        self.must_stop = threading.Event()

    def run(self) -> None:
        while not self.must_stop.is_set():
            try:
                peer = Peer(self._server.port)
            except OSError:
                self.must_stop.wait(0.1)
                continue
            with contextlib.closing(peer), contextlib.suppress(OSError, AssertionError):
                peer.send("n", self.name, PASSWORD)
                with peer.reading():
                    self.must_stop.wait(self._dice.uniform(0.3, 1.0))
                if self._dice.random() < 0.5:
                    peer.send("/disconnect")
                else:
                    peer.socket.shutdown(socket.SHUT_WR)
                peer.until_end()
            if "Here now" in peer.seen:
                self.visits.append(peer.seen)

    def wrong(self, order: list[str]) -> list[str]:
        """Return what was shown out of order or twice, or neither shown nor told.

        :param order: the client ids of the lobby's messages, as they are kept.
        """
        place = {cid: number for number, cid in enumerate(order)}
        found = []
        last = -1
        for number, seen in enumerate(self.visits):
            shown = [place[cid] for cid in re.findall(r"(?m)^[^|#]*M \| \w+: (\S+) says ", seen)]
            if shown != sorted(set(shown)):
                found.append(f"visit {number} shows {shown}, out of order or twice.")
            told = re.search(r"(\d+) new since .* in #lobby", seen)
            new = [one for one in shown if one > last]
            missing = len(range(last + 1, max(shown, default=last) + 1)) - len(new)
            if number and missing > (int(told[1]) if told else 0):
                found.append(f"visit {number} hides {missing} messages, and tells {told}.")
            last = max(last, *shown, -1)
        return found


class Trouble:
    """What goes wrong, one thing at a time; only the test's own thread calls it."""

    def __init__(
        self, server: ServerInTrouble, people: list[Talker], history: History, seed: int
    ) -> None:
        self._server = server
        self._people = people
        self._history = history
        self._dice = random.Random(seed)
        self._boss = self._come_in()
        self.done: Counter[str] = Counter()

    def _come_in(self) -> Peer:
        return self._server.join("boss")

    def _order(self, line: str) -> None:
        self._boss.send(line, "/room lobby")
        self._boss.until("lobby")

    def one(self, let_talk: Callable[[], None]) -> None:
        """Let one thing happen, and people talk through it."""
        what = self._dice.choice(
            [self.mute, self.fill_up, self.send_out, self.abandon, self.end, self.jump]
        )
        self.done[what.__name__] += 1
        what(let_talk)

    def mute(self, let_talk: Callable[[], None]) -> None:
        name = self._dice.choice(self._people).name
        self._order(f"/mute {name} 1h")
        let_talk()
        self._order(f"/unmute {name}")

    def send_out(self, let_talk: Callable[[], None]) -> None:
        name = self._dice.choice(self._people).name
        self._boss.send("/room side", f"/remove {name}")
        self._boss.until("was removed", "is not in")
        let_talk()
        self._boss.send("/room lobby")

    def fill_up(self, let_talk: Callable[[], None]) -> None:
        before, some = self._history.counts["refused"], self._dice.randint(1, 2 * PEOPLE)
        with self._server.full():
            assert self._history.wait_for(
                lambda: self._history.counts["refused"] >= before + some, 3 * PATIENCE
            )
        let_talk()

    def abandon(self, let_talk: Callable[[], None]) -> None:
        self._dice.choice(self._people).must_abandon.set()
        let_talk()

    def jump(self, let_talk: Callable[[], None]) -> None:
        far = self._dice.choice([-25 * 3600.0, 3600.0, 40 * _DAY])
        self._server.shift.write_text(str(far))
        let_talk()
        self._server.shift.write_text("0")

    def end(self, let_talk: Callable[[], None]) -> None:
        how = self._dice.choice(["kill", "stop", "restart"])
        if how == "restart":
            before = len(self._server.lines)
            self._boss.send("/restart")
            listening = sum("Listening on" in line for line in self._server.lines[:before])
            self._server.wait_for_line("Listening on", listening + 1)
        else:
            self._server.kill() if how == "kill" else self._server.stop()
            self._server.start()
        self._boss.close()
        self._boss = self._come_in()
        let_talk()


def keep_promises(server: ServerInTrouble, rounds: int, seed: int) -> Counter[str]:
    """Let people talk through so many faults; return how often each has happened."""
    server.add_user("boss", superuser=True)
    server.add_user("watcher")
    with contextlib.closing(server.join("boss")) as boss:
        boss.send("/create side")
        boss.until("side")
    history = History()
    address = [("127.0.0.1", server.port)]
    names = [f"user{n}" for n in range(PEOPLE)]
    people = [
        Talker(name, address, 0, history, PACE, ROOMS, friend=friend, repeats=7)
        for name, friend in zip(names, [*names[1:], names[0]], strict=True)
    ]
    watcher = Watcher(server, seed)

    def let_talk() -> None:
        enough = history.counts["confirmed"] + CALM
        assert history.wait_for(lambda: history.counts["confirmed"] >= enough, 3 * PATIENCE)

    try:
        for person in people:
            person.start()
        assert all(person.is_in.wait(PATIENCE) for person in people)
        watcher.start()
        for person in people:
            person.must_talk.set()
        trouble = Trouble(server, people, history, seed)
        for _ in range(rounds):
            let_talk()
            trouble.one(let_talk)
        for person in people:
            person.hush()

        def all_is_kept() -> bool:
            return all(person.is_settled for person in people)

        assert history.wait_for(all_is_kept, 3 * PATIENCE), [
            (person.name, person._open) for person in people if not person.is_settled
        ]
        lobby = [e["cid"] for e in history.events if e["do"] == "sent" and e["room"] == "lobby"]
        wanted = PEOPLE * len(lobby)

        def has_come() -> int:
            return sum(e["do"] == "received" and e["room"] == "lobby" for e in history.events)

        history.wait_for(lambda: has_come() >= wanted, PATIENCE)
        for person in people:
            history.note("stayed", person.name)
            history.note("stayed", person.name, room=f"mail of {person.name}")
    finally:
        watcher.must_stop.set()
        for person in people:
            person.must_stop.set()
        threads: list[threading.Thread] = [*people, watcher]
        for thread in threads:
            if thread.ident:
                thread.join(PATIENCE)
    events = history.events
    places = {e["seq"]: e["cid"] for e in events if e["do"] == "received" and e["room"] == "lobby"}
    assert check(events) == []
    assert {e["cid"] for e in events if e["do"] == "sent"} == {
        e["cid"] for e in events if e["do"] == "confirmed"
    }
    assert sorted(places.values()) == sorted(lobby)
    assert watcher.visits
    assert watcher.wrong([places[seq] for seq in sorted(places)]) == []
    return trouble.done


@pytest.fixture(params=["sqlite", "redis"])
def server(request: pytest.FixtureRequest, tmp_path: Path, shim: Path) -> Iterator[ServerInTrouble]:
    store = RedisServer(tmp_path / "redis") if request.param == "redis" else None
    server = ServerInTrouble(tmp_path / "server", shim, store)
    yield server
    server.disk.heal()
    server.close()
    if store:
        store.close()


@pytest.mark.timeout(300)
def test_what_is_confirmed_is_kept_and_shown_once(server: ServerInTrouble) -> None:
    keep_promises(server, rounds=3, seed=15)


@pytest.mark.soak
@pytest.mark.timeout(3000)
@pytest.mark.parametrize("seed", range(20))
def test_what_is_confirmed_is_kept_and_shown_once_in_all_troubles(
    server: ServerInTrouble, seed: int
) -> None:
    done = keep_promises(server, rounds=12, seed=seed)
    assert sum(done.values()) == 12
