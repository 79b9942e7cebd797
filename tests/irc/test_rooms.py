"""Rooms by IRC: what a client is shown of them by itself, whoever of the person has joined."""

import pytest

from tests.harness import PASSWORD, Peer, ServerProcess
from tests.irc.peer import irc


def plain(server: ServerProcess, name: str) -> Peer:
    """Return another session, of somebody who has an account."""
    peer = server.peer()
    peer.send("n", name, PASSWORD)
    peer.until("Here now")
    return peer


def create(peer: Peer, name: str) -> None:
    peer.send(f"/create {name}")
    peer.until(f"#{name} is yours")


def test_who_joins_is_shown_the_room_at_every_client_of_its_own(room: ServerProcess) -> None:
    ann, bob = irc(room, "ann"), room.join("bob")
    second = irc(room, "ann", is_new=False)
    create(bob, "den")
    bob.send("first words")
    bob.until("bob: first words")
    ann.send("JOIN #den")
    for client in (ann, second):
        join = client.until_line("JOIN", "#den")
        assert str(join.source).startswith("ann!")
        names = client.until_line("353", "#den").params[-1]
        assert sorted(names.split()) == ["@bob", "ann"]
    bob.until("ann has joined")
    bob.send("second words")
    for client in (ann, second):
        client.until_line("PRIVMSG", "#den", "second words")


def test_a_room_that_a_session_of_ours_joins_is_shown_to_the_client_of_the_same_person(
    room: ServerProcess,
) -> None:
    cat, dan = irc(room, "cat"), room.join("dan")
    create(dan, "barn")
    ours = plain(room, "cat")
    cat.sync()
    ours.send("/join barn")
    ours.until("You talk in #barn now")
    cat.until_line("JOIN", "#barn")
    cat.until_line("366", "#barn")
    dan.until("cat has joined")
    ours.send("/leave barn")
    cat.until_line("PART", "#barn")
    dan.until("cat has left.")
    assert not [line for line in cat.sync() if line.command in ("JOIN", "PART")]


def test_joining_by_irc_leads_no_typed_lines_elsewhere(room: ServerProcess) -> None:
    eve, fay = irc(room, "eve"), room.join("fay")
    create(fay, "field")
    ours = plain(room, "eve")
    eve.asks("JOIN #field")
    ours.send("here")
    eve.until_line("PRIVMSG", "#lobby", "here")


def test_who_is_removed_sees_who_did_it_and_so_do_the_others(room: ServerProcess) -> None:
    gus, hal, ida = room.join("gus"), irc(room, "hal"), irc(room, "ida")
    create(gus, "garden")
    for one in (hal, ida):
        one.asks("JOIN #garden")
    gus.send("/roomban hal 1h too loud")
    for one in (hal, ida):
        kick = one.until_line("KICK", "#garden", "hal")
        assert (str(kick.source).partition("!")[0], kick.params[-1]) == ("gus", "banned: too loud")


@pytest.mark.parametrize(
    ("command", "deed"), [("/kickuser uma", "kicked"), ("/ban vic 1h", "banned")]
)
def test_others_learn_that_somebody_was_sent_away_but_not_why(
    room: ServerProcess, boss: Peer, command: str, deed: str
) -> None:
    name = command.split()[1]
    sue, tim = irc(room, f"sue-{name}", "extended-join"), room.join(f"tim-{name}")
    gone = irc(room, name)
    sue.until_line("JOIN", "#lobby", name)
    boss.send(f"{command} she knows why")
    assert str(sue.until_line("QUIT", f"{deed} by boss").source).startswith(f"{name}!")
    assert "she knows why" in gone.until_end()
    tim.until(f"{name} has left: {deed} by boss")


def test_the_reason_of_a_part_is_told(room: ServerProcess) -> None:
    jon, kim, leo = irc(room, "jon"), room.join("kim"), irc(room, "leo")
    create(kim, "kitchen")
    for one in (jon, leo):
        one.asks("JOIN #kitchen")
    jon.send("PART #kitchen :dinner time")
    part = leo.until_line("PART", "#kitchen")
    assert (str(part.source).partition("!")[0], part.params[-1]) == ("jon", "dinner time")
    kim.until("jon has left: dinner time")


def test_what_somebody_says_by_leaving_is_told_once_and_so_is_the_real_name(
    room: ServerProcess,
) -> None:
    mia, ned = irc(room, "mia", "extended-join"), room.join("ned")
    create(ned, "north")
    mia.asks("JOIN #north")
    pia = irc(room, "pia")
    join = mia.until_line("JOIN", "#lobby", "pia")
    assert join.params == ("#lobby", "pia", "pia")
    pia.asks("JOIN #north")
    mia.until_line("JOIN", "#north")
    pia.send("QUIT :good night")
    ned.until("#lobby | pia has left: good night")
    ned.until("pia has left: good night")
    assert mia.until_line("QUIT").params == ("good night",)
    assert not [line for line in mia.sync() if str(line.source).startswith("pia!")]
