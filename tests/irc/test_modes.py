"""Modes by IRC: what a room allows and who runs it, changed with the checks of its commands."""

import re

import pytest

from tests.harness import ServerProcess
from tests.irc.peer import IrcPeer, irc


def in_room(server: ServerProcess, name: str, *people: str) -> list[IrcPeer]:
    """Return clients in a room that the first of them has made."""
    owner = server.join(people[0])
    owner.send(f"/create {name}")
    owner.until(f"#{name} is yours")
    owner.close()
    peers = [irc(server, people[0], is_new=False), *(irc(server, one) for one in people[1:])]
    for at, peer in enumerate(peers[1:], 1):
        peer.send(f"JOIN #{name}")
        for other in peers[: at + 1]:
            other.until_line("JOIN", f"#{name}")
            other.sync()
    return peers


def numerics(peer: IrcPeer, *lines: str) -> list[str]:
    """Return the numbers that lines are answered by: others come and go meanwhile."""
    return [line.command for line in peer.asks(*lines) if line.command.isdigit()]


def told(peer: IrcPeer, *lines: str) -> list[tuple[str, ...]]:
    """Return the same, each with its parameters but the nick and the text."""
    return [
        (line.command, *line.params[1:-1]) for line in peer.asks(*lines) if line.command.isdigit()
    ]


def first(peer: IrcPeer, line: str, numeric: str) -> tuple[str, ...]:
    """Return the parameters of the first answer with this number."""
    return next(one.params for one in peer.asks(line) if one.command == numeric)


def test_who_owns_a_room_makes_moderators_and_everybody_inside_sees_it(room: ServerProcess) -> None:
    ann, bob, eva = in_room(room, "crew", "ann-m", "bob-m", "eva-m")
    assert told(bob, "MODE #crew +o eva-m") == [("482", "#crew")]
    ann.send("MODE #crew +o bob-m")
    for peer in (ann, bob, eva):
        peer.until_line("MODE", "#crew", "+o", "bob-m")
    assert "@bob-m" in next(
        line.params[-1] for line in eva.asks("NAMES #crew") if line.command == "353"
    )
    ann.send("MODE #crew -o bob-m")
    eva.until_line("MODE", "#crew", "-o", "bob-m")


def test_a_change_of_a_mode_that_cannot_be_says_why_by_a_number(room: ServerProcess) -> None:
    (ann,) = in_room(room, "dry", "ann-d")
    irc(room, "out-d")
    for line, numeric in (
        ("MODE #nowhere +o ann-d", "403"),
        ("MODE #dry +o nobody-d", "401"),
        ("MODE #dry +o out-d", "441"),
        ("MODE #dry +o", "461"),
        ("MODE #dry +z", "472"),
        ("MODE #dry +k secret", "696"),
        ("MODE #dry +l 5", "696"),
        ("MODE #dry -n", "482"),
        ("MODE #dry +b *!*@192.0.2.1", "696"),
    ):
        assert numerics(ann, line) == [numeric], line
    assert not numerics(ann, "MODE #dry +n"), "it is so already"


CHANGES = (
    "+v mi",
    "-v is",
    "+vv mob b",
    "+h tim",
    "+q o",
    "+vh mi is",
    "+y mi",
    "-y is",
    "+yz m i",
)


def test_a_mode_that_does_not_exist_is_refused_and_its_name_is_no_list_of_modes(
    room: ServerProcess,
) -> None:
    ann, _ = in_room(room, "calm", "ann-v", "mob-v")
    before = first(ann, "MODE #calm", "324")
    for change in CHANGES:
        letters = {*change.split()[0][1:]}
        assert numerics(ann, f"MODE #calm {change}") == ["472"] * len(letters), change
        assert first(ann, "MODE #calm", "324") == before, change
    assert numerics(ann, "MODE #calm b") == ["368"], "nobody is banned"


def test_the_name_of_a_rank_that_is_unknown_is_not_taken_for_another_change(
    room: ServerProcess,
) -> None:
    ann, bob, eva = in_room(room, "ranks", "ann-rk", "bob-rk", "eva-rk")
    ann.send("MODE #ranks +vo bob-rk eva-rk")
    bob.until_line("MODE", "#ranks", "+o", "eva-rk")
    shown = next(one.params[-1] for one in eva.asks("NAMES #ranks") if one.command == "353")
    assert {"@ann-rk", "bob-rk", "@eva-rk"} == set(shown.split())


def test_a_ban_sends_somebody_out_and_keeps_out_until_it_is_lifted(room: ServerProcess) -> None:
    ann, bob, _ = in_room(room, "gate", "ann-b", "bob-b", "eva-b")
    ann.send("MODE #gate +b bob-b!*@*")
    ann.until_line("MODE", "#gate", "+b", "bob-b!*@*")
    bob.until_line("KICK", "#gate", "bob-b")
    assert numerics(bob, "JOIN #gate") == ["474"]
    ban = first(ann, "MODE #gate b", "367")
    assert ban[1:4] == ("#gate", "bob-b!*@*", "ann-b!~u@chat")
    ann.send("MODE #gate -b bob-b!*@*")
    ann.until_line("MODE", "#gate", "-b", "bob-b!*@*")
    ann.sync()  # the log is written behind it
    who = "by=ann-b name=bob-b"
    assert re.search(rf"banned from a room target=\S+ seconds=forever {who}", room.log())
    assert re.search(rf"roomban lifted target=\S+ {who}", room.log())
    assert "gate" not in room.log(), "the log names no rooms"
    bob.send("JOIN #gate")
    bob.until_line("366", "#gate")


@pytest.mark.parametrize("letter", ["i", "s"])
def test_a_private_room_lets_in_who_is_invited(room: ServerProcess, letter: str) -> None:
    name = f"den{letter}"
    ann, _ = in_room(room, name, f"ann-{letter}", f"old-{letter}")
    bob = irc(room, f"bob-{letter}")
    ann.send(f"MODE #{name} +{letter}")
    assert "i" in ann.until_line("MODE", f"#{name}").params[1]
    assert {"i", "s"} <= set(first(ann, f"MODE #{name}", "324")[2])
    assert numerics(bob, f"JOIN #{name}") in (["403"], ["473"])
    answer = first(ann, f"INVITE bob-{letter} #{name}", "341")
    assert answer == (f"ann-{letter}", f"bob-{letter}", f"#{name}")
    bob.until_line("INVITE", f"#{name}")
    bob.send(f"JOIN #{name}")
    bob.until_line("366", f"#{name}")
    ann.send(f"MODE #{name} -{letter}")
    bob.until_line("MODE", f"#{name}")


def test_an_archived_room_is_moderated_and_nobody_writes_there(room: ServerProcess) -> None:
    ann, bob = in_room(room, "attic", "ann-a", "bob-a")
    ann.send("MODE #attic +m")
    bob.until_line("MODE", "#attic", "+m")
    assert told(bob, "PRIVMSG #attic :hello") == [("404", "#attic")]
    ann.send("MODE #attic -m")
    bob.until_line("MODE", "#attic", "-m")
    bob.send("PRIVMSG #attic :hello")
    ann.until_line("PRIVMSG", "#attic", "hello")


def test_who_runs_a_room_kicks_with_a_reason_and_others_may_not(room: ServerProcess) -> None:
    ann, bob, eva = in_room(room, "ring", "ann-k", "bob-k", "eva-k")
    assert told(bob, "KICK #ring eva-k") == [("482", "#ring")]
    assert told(ann, "KICK #ring nobody-k") == [("401", "nobody-k")]
    ann.send("KICK #ring bob-k :too loud")
    for peer in (bob, eva):
        kick = peer.until_line("KICK", "#ring", "bob-k", "too loud")
        assert kick.source == "ann-k!~u@chat"
    assert told(ann, "KICK #ring bob-k") == [("441", "bob-k", "#ring")]


def test_invitations_to_a_public_room_are_told_by_who_is_inside(room: ServerProcess) -> None:
    ann, _ = in_room(room, "park", "ann-p", "bob-p")
    out = irc(room, "out-p")
    assert told(out, "INVITE bob-p #park") == [("442", "#park")]
    assert told(ann, "INVITE bob-p #park") == [("443", "bob-p", "#park")]
    ann.send("INVITE out-p #park")
    assert out.until_line("INVITE", "#park").source == "ann-p!~u@chat"


def test_a_bot_that_says_so_is_shown_as_one(room: ServerProcess) -> None:
    robot, ann = irc(room, "robot"), irc(room, "ann-r", "message-tags")
    assert told(robot, "MODE robot +x") == [("501",)]
    robot.send("MODE robot +B")
    robot.until_line("MODE", "robot", "+B")
    assert first(robot, "MODE robot", "221") == ("robot", "+B")
    assert "335" in numerics(ann, "WHOIS robot")
    assert "B" in first(ann, "WHO robot", "352")[6]
    robot.send("PRIVMSG #lobby :beep")
    assert "bot" in ann.until_line("PRIVMSG", "beep").tags
    robot.send("MODE robot -B")
    robot.until_line("MODE", "robot", "-B")
    robot.send("PRIVMSG #lobby :hello")
    assert "bot" not in ann.until_line("PRIVMSG", "hello").tags
    assert told(ann, "MODE robot") == [("502",)]


def test_rooms_are_listed_by_masks_and_by_how_many_are_inside(room: ServerProcess) -> None:
    ann, _ = in_room(room, "list-two", "ann-l", "bob-l")
    in_room(room, "list-one", "eva-l")

    def listed(what: str) -> list[str]:
        found = [line.params[1] for line in ann.asks(f"LIST {what}") if line.command == "322"]
        return sorted(one for one in found if one.startswith("#list"))

    assert listed("#list*") == ["#list-one", "#list-two"]
    assert listed("#list*,>1") == ["#list-two"]
    assert listed("!*two") == ["#list-one"]
    assert listed("#list*,C<5") == ["#list-one", "#list-two"]
    assert listed("#list*,C>5") == []


def test_who_has_gone_is_told_by_whowas(room: ServerProcess) -> None:
    ann, bob = irc(room, "ann-w"), irc(room, "bob-w")
    assert told(ann, "WHOWAS bob-w") == [("406", "bob-w"), ("369", "bob-w")]
    bob.send("QUIT")
    ann.until_line("QUIT")
    bob.until_end()
    assert numerics(ann, "WHOWAS bob-w") == ["314", "312", "369"]
