"""The server against a small model of what must hold, in random sequences of what people do.

They talk, go busy, make rooms and run them (``room_model``). Each sequence has people and rooms of
its own; the server is the same for all, and is killed and restarted in between. What a session has
seen must be exactly what the model says, at any time.
"""

import itertools
import os
import re
import tempfile
from collections.abc import Callable
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

from tests.harness import PASSWORD, ServerProcess
from tests.system.room_model import WORDS, Person, Place, Session, next_text

_sequences = itertools.count(int(os.getpid()) * 100_000)

PEOPLE = ("a", "b", "c")
ROOMS = ("lobby", "x", "y")
people = strategies.sampled_from(PEOPLE)
rooms = strategies.sampled_from(ROOMS)
others = strategies.sampled_from(("x", "y"))
runners = strategies.sampled_from((*PEOPLE, "owner", "owner"))  # else most may not
kinds = strategies.sampled_from(("ban", "mute"))


class Rooms(RuleBasedStateMachine):
    """People who register, come, talk, go busy, are kicked and leave; a server that crashes."""

    server: ServerProcess

    @initialize()
    def begin(self) -> None:
        number = next(_sequences)
        self.people = {key: Person(f"p{number}{key}") for key in PEOPLE}
        self.number = number
        self.places = {"lobby": Place("lobby", "lobby", "")}
        self.gone: list[Place] = []
        """Rooms that were deleted."""
        # Not from nothing: most steps would have nobody to act on.
        for who in PEOPLE:
            self.come(who)
        for who in PEOPLE:
            self.join(who, "x")
        self.moderator("a", "x", "b", True)
        self.join("c", "y", private=True)
        self.invite("c", "y", "a", False)
        self.join("a", "y")

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
        cid = f"c{next_text()}"
        session.peer.send_event("command", line=line, cid=cid)
        return session.peer.until_event("result", cid=cid)

    def talks(self, who: str, room: str) -> Session | None:
        """Let somebody talk in a room; ``None``: is not here, or not in it."""
        session = self.people[who].session
        if session is None or room not in self.people[who].rooms:
            return None
        assert self.command(session, f"/room {self.places[room].name}")["ok"]
        return session

    @rule(who=people, room=rooms, private=strategies.booleans())
    def join(self, who: str, room: str, private: bool = False) -> None:
        """Join a room, or make it where there is none."""
        person, place = self.people[who], self.places.get(room)
        if person.session is None:
            return
        if place is None:
            name = f"r{self.number}{room}0"
            line = f"/create {name}{' private' if private else ''}"
            assert self.command(person.session, line)["ok"]
            (row,) = self.command(person.session, f"/roominfo {name}")["rows"]
            assert row["room_id"] not in {one.id for one in self.gone}
            place = Place(row["room_id"], name, who, private=private)
            self.places[room] = place
        else:
            answer = self.command(person.session, f"/join {place.name}")
            assert answer["ok"] == place.lets_in(who), answer
            if not place.lets_in(who):
                assert answer["code"] == ("banned" if place.is_known_to(who) else "no-such-room")
                return
        person.rooms.add(room)

    @rule(who=people, room=rooms)
    def leave(self, who: str, room: str) -> None:
        person, place = self.people[who], self.places.get(room)
        if person.session is None or place is None:
            return
        answer = self.command(person.session, f"/leave {place.name}")
        assert answer["ok"] == (room in person.rooms and room != "lobby"), answer
        if room != "lobby":
            person.leave(room, place)

    @rule(who=people, room=rooms, name=strategies.sampled_from(("name", "id", "former")))
    def post(self, who: str, room: str, name: str) -> None:
        person, place = self.people[who], self.places.get(room)
        if person.session is None or place is None:
            return
        names = {"name": place.name, "id": place.id, "former": [place.name, *place.former][-1]}
        text = f"t{next_text()}"
        peer = person.session.peer
        peer.send_event("post", room=names[name], text=text, cid=text)
        if room not in person.rooms:
            assert not peer.until_event("result", cid=text)["ok"]
            return
        if code := place.hears(who):
            assert peer.until_event("result", cid=text)["code"] == code
            return
        assert peer.until_event("message", cid=text)["room_id"] == place.id
        place.log.append(text)
        for other in self.people.values():
            if room not in other.rooms:
                continue
            if other.session and (not other.is_busy or other is person):
                other.session.expected.append(text)
            else:
                other.missed.append(text)

    # -- running rooms -----------------------------------------------------------------------------

    def act(self, by: str, room: str, line: str, is_right: Callable[[Place, str], bool]) -> None:
        """Do something in a room: it is done when the model says so, and only then."""
        place = self.places.get(room)
        who = place.owner if place and by == "owner" else by
        if place is None or (session := self.talks(who, room)) is None:
            return
        expected = is_right(place, who)
        answer = self.command(session, line)
        assert answer["ok"] == expected, (line, answer, place)
        for key, person in self.people.items():
            if room in person.rooms and not place.lets_in(key):
                person.leave(room, place)

    @rule(by=runners, room=others, number=strategies.integers(0, 3))
    def rename(self, by: str, room: str, number: int) -> None:
        name = f"r{self.number}{room}{number}"
        self.act(by, room, f"/renameroom {name}", lambda place, who: place.rename(who, name))

    @rule(by=runners, room=others, is_private=strategies.booleans())
    def set_private(self, by: str, room: str, is_private: bool) -> None:
        members = {key for key, person in self.people.items() if room in person.rooms}
        line = "/private" if is_private else "/public"
        self.act(by, room, line, lambda place, who: place.set_private(who, is_private, members))

    @rule(by=runners, room=others, is_archived=strategies.booleans())
    def set_archived(self, by: str, room: str, is_archived: bool) -> None:
        line = "/archive" if is_archived else "/unarchive"
        self.act(by, room, line, lambda place, who: place.set_archived(who, is_archived))

    @rule(by=runners, room=others, whom=people, is_one=strategies.booleans())
    def moderator(self, by: str, room: str, whom: str, is_one: bool) -> None:
        line = f"/{'' if is_one else 'un'}moderator {self.people[whom].name}"
        self.act(by, room, line, lambda place, who: place.set_moderator(who, whom, is_one))

    @rule(by=runners, room=others, whom=people)
    def transfer(self, by: str, room: str, whom: str) -> None:
        line, is_inside = f"/transfer {self.people[whom].name}", room in self.people[whom].rooms
        self.act(by, room, line, lambda place, who: place.transfer(who, whom, is_inside))

    @rule(by=runners, room=others, whom=people, is_back=strategies.booleans())
    def invite(self, by: str, room: str, whom: str, is_back: bool) -> None:
        line = f"/{'un' if is_back else ''}invite {self.people[whom].name}"

        def is_right(place: Place, who: str) -> bool:
            return place.uninvite(who, whom) if is_back else place.invite(who, whom)

        self.act(by, room, line, is_right)

    @rule(by=runners, room=others, whom=people)
    def remove(self, by: str, room: str, whom: str) -> None:
        person, is_out = self.people[whom], False

        def is_right(place: Place, who: str) -> bool:
            nonlocal is_out
            is_out = place.remove(who, whom, room in person.rooms)
            return is_out

        self.act(by, room, f"/remove {person.name}", is_right)
        if is_out:
            person.leave(room, self.places[room])

    @rule(by=runners, room=others, whom=people, kind=kinds)
    def sanction(self, by: str, room: str, whom: str, kind: str) -> None:
        line = f"/room{kind} {self.people[whom].name}"
        self.act(by, room, line, lambda place, who: place.impose(who, whom, kind))

    @rule(by=runners, room=others, whom=people, kind=kinds)
    def lift(self, by: str, room: str, whom: str, kind: str) -> None:
        held = self.places[room].held(kind) if room in self.places else {}
        one = min(held, default=whom)
        line = f"/unroom{kind} {self.people[one].name}"
        self.act(by, room, line, lambda place, who: place.lift(who, one, kind))

    @precondition(lambda self: any(place.last for place in self.places.values()))
    @rule(data=strategies.data())
    def undo(self, data: strategies.DataObject) -> None:
        """Let who did the last act in a room take it back."""
        known = sorted(room for room, place in self.places.items() if place.last)
        room = data.draw(strategies.sampled_from(known))
        last = self.places[room].last
        assert last is not None

        def is_right(place: Place, who: str) -> bool:
            place.undo(who)
            return True

        self.act(last[0], room, "/undo", is_right)

    @rule(by=runners, room=others, dice=strategies.integers(0, 2))
    def delete(self, by: str, room: str, dice: int) -> None:
        place = self.places.get(room)
        who = place.owner if place and by == "owner" else by
        if dice or place is None or (session := self.talks(who, room)) is None:
            return
        session.peer.send_event("command", line="/deleteroom", cid="d")
        if place.owner == who:
            session.peer.until_event("prompt", ask="confirm-room")
            session.peer.send_event("answer", text=place.name)
        answer = session.peer.until_event("result", cid="d")
        assert answer["ok"] == (place.owner == who), answer
        if answer["ok"]:
            self.gone.append(self.places.pop(room))
            for person in self.people.values():
                person.leave(room, place)

    @rule(who=people)
    def look(self, who: str) -> None:
        """See that somebody is shown the rooms that exist for that person, as they are."""
        person = self.people[who]
        if person.session is None:
            return
        rows = self.command(person.session, "/rooms")["rows"]
        shown = {
            row["room_id"]: (
                row["room"],
                row["private"],
                row["archived"],
                row["role"],
                row["joined"],
            )
            for row in rows
            if row["room_id"] == "lobby" or row["room"].startswith(f"r{self.number}")
        }
        assert shown == {
            p.id: (p.name, p.private, p.archived, WORDS[p.role(who)], room in person.rooms)
            for room, p in self.places.items()
            if p.is_known_to(who)
        }

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
        return any(text in self.places[room].log for room in self.people[who].rooms)

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
            there = [*self.places.values(), *self.gone]
            mine = set(itertools.chain.from_iterable(place.log for place in there))
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
            place = self.places[room]
            assert self.command(person.session, f"/room {place.name}")["ok"]
            text = self.command(person.session, "/history 500")["text"]
            every = {t for one in (*self.places.values(), *self.gone) for t in one.log}
            assert [t for t in re.findall(r"\bt\d+\b", text) if t in every] == place.log


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
