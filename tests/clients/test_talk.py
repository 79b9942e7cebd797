"""What IRC clients, our client and nc say to each other."""

from pathlib import Path

import pytest

from tests import harness
from tests.clients.conftest import House, fresh
from tests.clients.program import Address, Program
from tests.typist import Typist

pytestmark = pytest.mark.clients


def test_who_joins_is_seen_and_sees_who_is_there(house: House, program: Program) -> None:
    room = house.room(program)
    house.nc.until(f"{program.name} has joined")
    assert program.name in {person.name for person in house.lib.who(room)}
    house.nc.send(said := fresh("here"))
    program.hears("nc", said)
    assert program.names(room) == {"@lib", "nc", program.name}


def test_it_breaks_at_nothing_that_the_server_says(house: House, program: Program) -> None:
    program.join(house.room())
    assert program.count("Traceback") == 0


def test_what_it_says_is_heard_by_our_client_and_by_nc(house: House, program: Program) -> None:
    room = house.room(program)
    program.say(room, said := fresh("grüße: 你好"))
    assert house.lib_hears(program.name, said, room) == said
    house.nc.until(f"{program.name}: {said}")


def test_it_hears_our_client_and_nc(house: House, program: Program) -> None:
    room = house.room(program)
    house.lib.send(said := fresh("привет"), room=room)
    program.hears("lib", said)
    house.nc.send(said := fresh("naïve :-) 10% #lobby"))
    program.hears("nc", said)


def test_what_is_done_is_told_both_ways(house: House, program: Program) -> None:
    room = house.room(program)
    program.me(room, said := fresh("waves"))
    assert house.lib_hears(program.name, said, room) == said
    house.nc.until(f"* {program.name} {said}")
    house.nc.send(f"/me {(said := fresh('nods'))}")
    program.hears("nc", said)


def test_nothing_of_long_and_several_lines_is_lost(house: House, program: Program) -> None:
    room = house.room(program)
    words = [fresh("word") for _ in range(150)]
    house.lib.send(" ".join(words) + "\n" + (last := fresh("last")), room=room)
    program.hears("lib", last)
    with program.news:
        shown = "\n".join(program.lines())
    assert [word for word in words if word not in shown] == []
    assert program.count(last) == 1


def test_private_messages_go_both_ways(house: House, program: Program) -> None:
    program.say("lib", said := fresh("between us"))
    house.lib_hears(program.name, said)
    house.lib.send(said := fresh("only you"), to=program.name)
    program.hears_alone("lib", said)
    program.say("nc", said := fresh("just we"))
    house.nc.until(said)
    house.nc.send(f"/messageto {program.name} {(said := fresh('quite alone'))}")
    program.hears_alone("nc", said)


def test_what_one_does_elsewhere_is_shown(house: House, program: Program) -> None:
    room = house.room()
    other = house.server.peer()
    other.send("n", program.name, program.password)
    other.until("Welcome")
    other.send(f"/join {room}")
    program.wait_until_joined(room)
    other.send(said := fresh("by another device"))
    program.hears(program.name, said)
    program.say(room, said := fresh("by this one"))
    other.until(f"{program.name}: {said}")
    since = program.mark()
    other.send(f"/leave {room}", "/disconnect")
    other.until_end()
    if program.can.all_shown:
        program.shows(rf"(?i)(part|left)\b.*{room}|{room}.*(part|left)", since)


def test_our_client_at_a_terminal_talks_with_all(
    house: House, everybody: list[Program], tmp_path: Path
) -> None:
    room = house.room(*everybody)
    pin = "sha256:" + Address.of(house.server).digest("sha256")
    person = Typist(tmp_path, house.server.port, "--fingerprint", pin)
    harness.at_end.append(person.close)
    person.register("typist")
    person.type(f"/join {room}\r")
    person.waits_for(lambda rows: rows[-1] == f"{room}>")
    person.type((said := fresh("typed by hand")) + "\r")
    for one in everybody:
        one.hears("typist", said)
        one.say(room, answer := fresh(f"answer of {one.name}"))
        person.sees(answer)


def test_all_of_them_hear_each_other(house: House, everybody: list[Program]) -> None:
    room = house.room(*everybody)
    for speaker in everybody:
        speaker.say(room, said := fresh(f"from {speaker.name}"))
        for listener in everybody:
            if listener is not speaker:
                listener.hears(speaker.name, said)
    people = {one.name for one in everybody}
    for one in everybody:
        assert one.names(room) == {"@lib", "nc", *people}


def test_all_of_them_write_to_each_other_alone(house: House, everybody: list[Program]) -> None:
    for speaker, listener in zip(everybody, everybody[1:] + everybody[:1], strict=True):
        speaker.say(listener.name, said := fresh("psst"))
        listener.hears_alone(speaker.name, said)
