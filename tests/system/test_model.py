"""The room against a small model of what must hold, in random sequences of what people do.

Each sequence has people and rooms of its own; the server is the same for all, and is killed and
restarted in between. What a session has seen must be exactly what the model says, at any time.
"""

import itertools
import os
import re
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings, strategies
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.harness import PASSWORD, Peer, ServerProcess

_sequences = itertools.count(int(os.getpid()) * 100_000)
_texts = itertools.count(1)

PEOPLE = ("a", "b", "c")
ROOMS = ("lobby", "x", "y")
people = strategies.sampled_from(PEOPLE)
rooms = strategies.sampled_from(ROOMS)


class Session:
    """What somebody who is here has been shown, and what that should be."""

    def __init__(self, peer: Peer) -> None:
        self.peer = peer
        self.expected: list[str] = []

    def shown(self) -> list[str]:
        """Return the texts that came live, after everything that was sent so far has come."""
        self.peer.send_event("command", line="/help help", cid=f"b{next(_texts)}")
        self.peer.until_event("result", command="help")
        return [
            match[1]
            for line in self.peer.seen.splitlines()
            if line.startswith(">message ") and '"old":true' not in line
            if (match := re.search(r'"text":"(t\d+)"', line))
        ]


class Person:
    """What the model knows of somebody."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.is_registered = False
        self.is_kicked = False
        self.rooms: set[str] = {"lobby"}
        self.session: Session | None = None
        self.is_busy = False
        self.missed: list[str] = []
        self.is_sure = True  # of busy: a crash may take back what was not saved yet


class Rooms(RuleBasedStateMachine):
    """People who register, come, talk, go busy, are kicked and leave; a server that crashes."""

    server: ServerProcess

    @initialize()
    def begin(self) -> None:
        number = next(_sequences)
        self.people = {key: Person(f"p{number}{key}") for key in PEOPLE}
        self.names = {key: key if key == "lobby" else f"r{number}{key}" for key in ROOMS}
        self.created: set[str] = {"lobby"}
        self.logs: dict[str, list[str]] = {key: [] for key in ROOMS}
        # Not from nothing: most steps would have nobody to act on.
        for who in PEOPLE:
            self.come(who)
        for who in "ab":
            self.join(who, "x")

    def teardown(self) -> None:
        for person in getattr(self, "people", {}).values():
            if person.session:
                person.session.peer.close()

    # -- coming and leaving ------------------------------------------------------------------

    @rule(who=people)
    def come(self, who: str) -> None:
        """Log in, or register the first time."""
        person = self.people[who]
        if person.session:
            return
        peer = self.server.program_start()
        words = ["n", person.name, PASSWORD]
        if not person.is_registered:
            words = ["y", person.name, PASSWORD, PASSWORD]
        for text in words:
            peer.send_event("answer", text=text)
        if person.is_kicked:
            peer.until_event("control", do="kick")
            peer.close()
            return
        peer.until_event("notice", kind="here")
        person.is_registered = True
        person.session = Session(peer)
        person.session.shown()
        is_busy = '"do":"busy"' in peer.seen
        assert is_busy == person.is_busy or not person.is_sure
        person.is_busy, person.is_sure = is_busy, True
        if not is_busy:
            person.missed = []

    @precondition(lambda self: any(p.session for p in self.people.values()))
    @rule(who=people, politely=strategies.booleans())
    def go(self, who: str, politely: bool) -> None:
        session = self.people[who].session
        if session is None:
            return
        self.check(self.people[who])
        if politely:
            session.peer.send_event("command", line="/disconnect")
            session.peer.until_end()
            self.people[who].is_busy = False
        session.peer.close()
        self.people[who].session = None

    # -- rooms -------------------------------------------------------------------------------

    def command(self, session: Session, line: str) -> dict[str, Any]:
        cid = f"c{next(_texts)}"
        session.peer.send_event("command", line=line, cid=cid)
        return session.peer.until_event("result", cid=cid)

    @rule(who=people, room=rooms)
    def join(self, who: str, room: str) -> None:
        person = self.people[who]
        if person.session is None:
            return
        word = "join" if room in self.created else "create"
        answer = self.command(person.session, f"/{word} {self.names[room]}")
        assert answer["ok"], answer
        self.created.add(room)
        person.rooms.add(room)

    @rule(who=people, room=rooms)
    def leave(self, who: str, room: str) -> None:
        person = self.people[who]
        if person.session is None:
            return
        answer = self.command(person.session, f"/leave {self.names[room]}")
        assert answer["ok"] == (room in person.rooms and room != "lobby"), answer
        if room != "lobby":
            person.rooms.discard(room)

    @rule(who=people, room=rooms)
    def post(self, who: str, room: str) -> None:
        person = self.people[who]
        if person.session is None:
            return
        text = f"t{next(_texts)}"
        peer = person.session.peer
        peer.send_event("post", room=self.names[room], text=text, cid=text)
        if room not in person.rooms:
            assert not peer.until_event("result", cid=text)["ok"]
            return
        peer.until_event("message", cid=text)
        self.logs[room].append(text)
        for other in self.people.values():
            if room not in other.rooms:
                continue
            if other.session and (not other.is_busy or other is person):
                other.session.expected.append(text)
            else:
                other.missed.append(text)

    # -- busy and kicked -------------------------------------------------------------------------

    @rule(who=people)
    def busy(self, who: str) -> None:
        person = self.people[who]
        if person.session:
            assert self.command(person.session, "/busy thinking")["ok"]
            person.is_busy = True

    @rule(who=people)
    def free(self, who: str) -> None:
        person = self.people[who]
        session = person.session
        if session is None:
            return
        before = len(session.peer.seen)
        assert self.command(session, "/free")["ok"] == person.is_busy
        came = session.peer.seen[before:]
        if person.is_busy and "/history" not in came:  # else there are many: a digest
            kept = [t for t in person.missed if self.is_visible(who, t)]
            found = [t for t in re.findall(r'"text":"(t\d+)"', came) if t in kept]
            assert sorted(found) == sorted(kept)
        person.is_busy = False
        person.missed = []

    def is_visible(self, who: str, text: str) -> bool:
        """Tell whether a text stands in a room where the person still is."""
        return any(text in self.logs[room] for room in self.people[who].rooms)

    @rule(who=people)
    def kick(self, who: str) -> None:
        person = self.people[who]
        if not person.is_registered:
            return
        boss = self.server.join("boss")
        boss.send(f"/{'unkickuser' if person.is_kicked else 'kickuser'} {person.name}")
        boss.until("was kicked and stays out", "may log in again")
        boss.close()
        if not person.is_kicked and person.session:
            person.session.peer.until_event("control", do="kick")
            person.session.peer.until_end()
            person.session.peer.close()
            person.session = None
        person.is_kicked = not person.is_kicked

    # -- the server --------------------------------------------------------------------------------

    @rule(is_crash=strategies.booleans(), dice=strategies.integers(0, 5))
    def restart(self, is_crash: bool, dice: int) -> None:
        if dice:  # rarer than what people do
            return
        if is_crash:
            self.server.kill()
        else:
            assert self.server.stop() == 0
        for person in self.people.values():
            if person.session:
                person.session.peer.close()
                person.session = None
            person.is_sure = person.is_sure and not is_crash
        self.server.start()

    # -- what must hold ----------------------------------------------------------------------------

    def check(self, person: Person) -> None:
        """Hold what a session was shown against the model."""
        if person.session:
            mine = set(itertools.chain.from_iterable(self.logs.values()))
            shown = [text for text in person.session.shown() if text in mine]
            assert shown == person.session.expected

    @invariant()
    def everybody_has_seen_what_they_should(self) -> None:
        for person in getattr(self, "people", {}).values():
            self.check(person)

    @rule(who=people)
    def history(self, who: str) -> None:
        person = self.people[who]
        if person.session is None:
            return
        for room in sorted(person.rooms):
            assert self.command(person.session, f"/room {self.names[room]}")["ok"]
            text = self.command(person.session, "/history 500")["text"]
            mine = set(self.logs[room])
            assert [t for t in re.findall(r"\bt\d+\b", text) if t in mine] == self.logs[room]


def run(sequences: int) -> None:
    """Run the machine against a server of its own."""
    with tempfile.TemporaryDirectory() as folder:
        server = ServerProcess(Path(folder), message_rate=0, kick_minutes=60, rooms=0)
        try:
            server.join_superuser("boss").close()
            machine = type("RoomsOfThisRun", (Rooms,), {"server": server})
            run_state_machine_as_test(
                machine,
                settings=settings(
                    max_examples=sequences,
                    stateful_step_count=30,
                    deadline=None,
                    suppress_health_check=list(HealthCheck),
                ),
            )
        finally:
            server.close()


def test_whatever_people_do_everybody_sees_what_they_should() -> None:
    run(25)


@pytest.mark.soak
def test_a_thousand_sequences_of_what_people_do() -> None:
    run(1000)
