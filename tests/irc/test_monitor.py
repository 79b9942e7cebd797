"""Being told when somebody comes, goes, is away or has another real name."""

import pytest

from tests.cluster import Cluster
from tests.harness import ServerProcess
from tests.irc.peer import IrcPeer, irc, irc_peer
from tests.redis_server import RedisServer


def away_of(watcher: IrcPeer, name: str) -> tuple[str, ...]:
    """Return what is told next of somebody's being away; empty: is back."""
    while (line := watcher.until_line("AWAY")).source != f"{name}!~u@chat":
        pass  # somebody of another test has gone
    return line.params


def test_who_watches_a_name_is_told_whenever_it_comes_and_goes(room: ServerProcess) -> None:
    eve = irc(room, "eve")
    (line,) = eve.answers("MONITOR + adam")
    assert (line.command, line.params) == ("731", ("eve", "adam"))
    adam = irc(room, "adam")
    assert eve.until_line("730").params[1] == "adam!~u@chat"
    adam.send("QUIT")
    assert eve.until_line("731").params[1] == "adam"
    plain = room.join("adam")
    assert eve.until_line("730").params[1] == "adam!~u@chat"
    eve.answers("MONITOR - ADAM")
    plain.send("/quit")
    eve.until_line("QUIT")
    assert "731" not in {line.command for line in eve.sync()}


def test_names_that_are_watched_are_listed_as_they_were_given(room: ServerProcess) -> None:
    one = irc(room, "one")
    online, offline = one.answers("MONITOR + ONE,Nobody,nobody")
    assert (online.command, online.params[1]) == ("730", "one!~u@chat")
    assert (offline.command, offline.params[1]) == ("731", "Nobody,nobody")
    listed, end = one.answers("MONITOR L")
    assert (listed.command, listed.params[1]) == ("732", "ONE,Nobody")
    assert end.command == "733"
    assert [line.command for line in one.answers("MONITOR S")] == ["730", "731"]
    assert one.answers("MONITOR C") == []
    assert [line.command for line in one.answers("MONITOR L")] == ["733"]


def test_no_more_than_a_hundred_names_are_watched_and_no_masks(room: ServerProcess) -> None:
    two = irc(room, "two")
    for ten in range(11):
        names = ",".join(f"n{number}" for number in range(10 * ten, 10 * ten + 10))
        lines = two.answers(f"MONITOR + {names}")
    assert [line.params[1:3] for line in lines if line.command == "734"] == [
        ("100", f"n{number}") for number in range(100, 110)
    ]
    two.answers("MONITOR C")
    (line,) = two.answers("MONITOR + *!*@*")
    assert line.command == "432"
    assert [line.command for line in two.answers("MONITOR L")] == ["733"]
    (line,) = two.answers("MONITOR +")
    assert line.command == "461"


def test_away_is_shown_to_others_and_holds_nothing_back(room: ServerProcess) -> None:
    watcher, plain = irc(room, "watcher", "away-notify"), room.join("tim")
    busy = irc(room, "lunch", "away-notify")
    (line,) = busy.answers("AWAY :gone to lunch")
    assert line.command == "306"
    assert away_of(watcher, "lunch") == ("gone to lunch",)
    plain.send("/viewusers")
    plain.until("away (gone to lunch)")
    plain.send("are you there")
    busy.until_line("PRIVMSG", "are you there")
    replies = [line for line in watcher.answers("WHO lunch") if line.command == "352"]
    assert "G" in replies[0].params[6]
    assert ("lunch", "gone to lunch") in {
        line.params[1:] for line in watcher.answers("WHOIS lunch")
    }
    watcher.send("PRIVMSG lunch :hello")
    assert watcher.until_line("301").params[1:] == ("lunch", "gone to lunch")
    busy.until_line("PRIVMSG", "hello")
    assert busy.answers("AWAY")[-1].command == "305"
    assert away_of(watcher, "lunch") == ()
    plain.send("/busy thinking")
    assert away_of(watcher, "tim") == ("thinking",)


def test_one_client_shows_that_another_one_has_said_busy_or_free(room: ServerProcess) -> None:
    client, plain = irc(room, "uma"), room.join("uma")
    plain.send("/busy 10m thinking")
    assert client.until_line("306").params[1].endswith("thinking")
    late = irc(room, "uma", is_new=False)
    assert " 306 uma " in late.seen
    client.send("PRIVMSG #lobby :not held back")
    late.until_line("PRIVMSG", "not held back")
    plain.send("/free")
    client.until_line("305")
    late.until_line("305")
    client.answers("AWAY :for tea")
    plain.send("/free")
    plain.until("You are free.")
    client.until_line("305")


def test_away_ends_with_the_session_that_said_it(room: ServerProcess) -> None:
    watcher = irc(room, "watcher2", "away-notify")
    first = irc(room, "both")
    second = irc(room, "both", is_new=False)
    second.send("AWAY :on the phone")
    assert away_of(watcher, "both") == ("on the phone",)
    second.send("QUIT")
    while away_of(watcher, "both"):
        pass  # told once more, when the coming is shown
    first.close()


def test_a_phone_that_looks_in_by_itself_makes_nobody_away(room: ServerProcess) -> None:
    watcher = irc(room, "watcher3", "away-notify")
    irc(room, "desk")
    phone = irc_peer(room)
    phone.send("CAP REQ :draft/pre-away", "AWAY *", "CAP END")
    assert phone.until_line("306")
    phone.come_in("desk", is_new=False)
    assert "desk!~u@chat" not in {line.source for line in watcher.sync() if line.command == "AWAY"}
    lone = irc_peer(room)
    lone.send("CAP REQ :draft/pre-away", "AWAY :at night")
    lone.come_in("lone")
    assert away_of(watcher, "lone") == ("at night",)


def test_a_real_name_is_told_to_those_who_asked_for_that(room: ServerProcess) -> None:
    new, old = irc(room, "new", "setname"), irc(room, "old")
    (line,) = new.answers("SETNAME :Newton the Second")
    assert (line.command, line.params) == ("SETNAME", ("Newton the Second",))
    other = irc(room, "other", "setname")
    new.send("SETNAME :Newton the Third")
    told = other.until_line("SETNAME")
    assert (told.source, told.params) == ("new!~u@chat", ("Newton the Third",))
    assert "SETNAME" not in {line.command for line in old.sync()}
    assert next(line for line in old.answers("WHOIS new")).params[-1] == "Newton the Third"
    for wrong in (":", ":" + 101 * "x", ":\x02"):
        assert new.answers(f"SETNAME {wrong}")[0].params[:2] == ("SETNAME", "INVALID_REALNAME")


@pytest.mark.sqlite
def test_people_of_another_node_are_watched_and_found(
    redis_server: RedisServer, tmp_path_factory: pytest.TempPathFactory
) -> None:
    url = redis_server.fresh()
    cluster = Cluster(tmp_path_factory.mktemp("cluster"), [url, url], "--message-rate", "0")
    try:
        here, there = cluster.nodes
        eve = irc(here, "eve", "away-notify")
        eve.answers("MONITOR + adam")
        adam = irc(there, "adam")
        assert eve.until_line("730").params[1] == "adam!~u@chat"
        adam.send("AWAY :elsewhere")
        assert away_of(eve, "adam") == ("elsewhere",)
        assert {
            line.params[6]: line.params[5] for line in eve.answers("WHO *") if line.command == "352"
        } == {"H": "eve", "G": "adam"}
        assert ("adam", "elsewhere") in {line.params[1:] for line in eve.answers("WHOIS adam")}
        adam.send("QUIT")
        assert eve.until_line("731").params[1] == "adam"
    finally:
        cluster.close()
