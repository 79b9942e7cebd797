"""People who came by IRC, by a program and by nc talk to each other in one room."""

from tests.harness import ServerProcess
from tests.irc.peer import ALL_CAPS, irc


def test_who_came_by_irc_and_who_came_by_nc_read_each_other(room: ServerProcess) -> None:
    ann, bob = irc(room, "ann"), room.join("bob")
    ann.until_line("JOIN", "#lobby")
    ann.send("PRIVMSG #lobby :good morning")
    bob.until("ann: good morning")
    bob.send("good evening")
    line = ann.until_line("PRIVMSG", "good evening")
    assert line.source == "bob!~u@chat"
    assert line.params == ("#lobby", "good evening")
    ann.send("PRIVMSG #lobby :\x01ACTION waves\x01")
    bob.until("ann waves")
    bob.send("/me nods")
    ann.until_line("PRIVMSG", "\x01ACTION nods\x01")


def test_ones_own_line_comes_back_only_to_who_asked_for_it_and_with_its_label(
    room: ServerProcess,
) -> None:
    old, new = irc(room, "old"), irc(room, "new", *ALL_CAPS)
    old.send("PRIVMSG #lobby :mine")
    assert new.until_line("PRIVMSG", "mine").tags["account"] == "old"
    new.send("@label=7 PRIVMSG #lobby :theirs")
    echo = new.until_line("PRIVMSG", "theirs")
    assert echo.tags["label"] == "7"
    assert echo.tags["msgid"]
    heard = old.until_line("PRIVMSG", "theirs")
    assert heard.tags == {}
    assert not [line for line in old.asks("PING x") if line.command == "PRIVMSG"]
