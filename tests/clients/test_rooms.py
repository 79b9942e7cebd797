"""What IRC clients do with rooms, and what is done to them there."""

import pytest

from chatroom.client import NotDelivered
from tests.clients.conftest import House, fresh
from tests.clients.program import Program

pytestmark = pytest.mark.clients


def test_a_topic_is_shown_and_set(house: House, program: Program) -> None:
    room = house.room()
    house.lib.command(f"/topic {(topic := fresh('about tea'))}")
    program.join(room)
    program.shows(topic)
    house.lib.command(f"/topic {(topic := fresh('about milk'))}")
    program.shows(topic)
    house.lib.command(f"/moderator {program.name}")
    program.topic(room, topic := fresh("about water"))
    house.nc.until(topic)
    program.shows(topic)


def test_who_may_not_is_told_why(house: House, program: Program) -> None:
    room = house.room(program)
    since = program.mark()
    program.topic(room, fresh("mine"))
    program.shows("for its owner and its moderators only", since)
    assert "mine" not in str(house.lib.command("/roominfo").rows)


def test_who_is_away_is_marked(house: House, program: Program) -> None:
    house.room(program)
    since = program.mark()
    program.away(why := fresh("at lunch"))
    program.shows("You have been marked as being away", since)
    house.nc.send(f"/whois {program.name}")
    house.nc.until(why)
    house.nc.send(said := fresh("still read"))
    program.hears("nc", said)  # nothing is held back
    program.away("")
    program.shows("You are no longer marked as being away", since)
    house.nc.send(f"/whois {program.name}")
    house.nc.until(f"{program.name} is a normal user")
    assert "free" in house.nc.seen.rpartition("is a normal user")[2]


def test_who_is_busy_is_told_of_in_a_private_talk(house: House, program: Program) -> None:
    house.lib.command(f"/busy {(why := fresh('writing'))}")
    try:
        program.say("lib", fresh("hello"))
        program.hears_alone("lib", why)
    finally:
        house.lib.command("/free")


def test_it_removes_somebody(house: House, program: Program) -> None:
    room = house.room(program, runs=program)
    program.kick(room, "nc", why := fresh("too loud"))
    program.shows(why)
    house.nc.until(why)
    assert program.names(room) == {"@lib", f"@{program.name}"}
    assert "nc" not in {person.name for person in house.lib.who(room)}


def test_it_is_removed_and_comes_back(house: House, program: Program) -> None:
    room = house.room(program)
    since = program.mark()
    house.lib.command(f"/remove {program.name}")
    program.shows(rf"(?i)kick.*{program.name}|{program.name}.*kick|KICK", since)
    assert program.name not in {person.name for person in house.lib.who(room)}
    since = program.mark()
    program.raw(f"JOIN {room}")
    program.wait_until_joined(room, since)
    program.say(room, said := fresh("again"))
    house.lib_hears(program.name, said, room)


def test_it_is_invited_into_a_private_room(house: House, program: Program) -> None:
    room = house.room()
    house.lib.command("/private")
    since = program.mark()
    program.raw(f"JOIN {room}")
    if program.can.all_shown:
        program.shows(rf"(?i){room}.*no such|no such.*{room}|403.*{room}", since)
    since = program.mark()
    house.lib.command(f"/invite {program.name}")
    if program.can.all_shown:
        program.shows(rf"(?i)invite.*{room}", since)
    program.join(room)
    program.say(room, said := fresh("thank you"))
    house.lib_hears(program.name, said, room)


def test_it_bans_somebody_from_a_room(house: House, program: Program) -> None:
    room = house.room(program, runs=program)
    program.ban(room, "nc")
    house.nc.until("banned")
    house.nc.send(f"/join {room}")
    house.nc.until("banned")
    program.raw(f"MODE {room} -b nc!*@*")
    program.raw(f"PRIVMSG {room} :{(said := fresh('lifted'))}")
    house.lib_hears(program.name, said, room)
    house.nc.send(f"/join {room}")
    house.nc.until(f"You talk in {room} now")


def test_it_is_banned_from_a_room(house: House, program: Program) -> None:
    room = house.room(program)
    house.lib.command(f"/roomban {program.name} forever {(why := fresh('spam'))}")
    program.shows(why)
    since = program.mark()
    program.raw(f"JOIN {room}")
    program.shows("banned", since)
    program.say(room, fresh("nobody hears this"))
    with pytest.raises(NotDelivered):
        house.lib.command(f"/whois {program.name}x")
    house.lib.command(f"/unroomban {program.name}")
    program.join(room)
