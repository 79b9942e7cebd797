"""JOIN, PART, TOPIC and NAMES, as an IRC client sees them."""

import pytest

from tests.conftest import StartServer
from tests.harness import Peer, ServerProcess
from tests.irc.peer import IrcPeer, irc

LABELS = ("batch", "labeled-response")


def words(client: IrcPeer, *lines: str) -> list[str]:
    """Return the commands and numerics of what comes as the answer."""
    return [line.command for line in client.asks(*lines)]


@pytest.fixture
def chat(start_server: StartServer) -> ServerProcess:
    """A server of the test's own, so that names are free."""
    return start_server(message_rate=0)


def make_den(chat: ServerProcess, owner: str = "bob", how: str = "") -> Peer:
    """Let somebody make a room, by a session of ours, and say something there."""
    peer = chat.join(owner)
    peer.send(f"/create den {how}")
    peer.until("#den is yours")
    peer.send("first words")
    peer.until(f"{owner}: first words")
    return peer


def test_joining_answers_with_the_room_alone_in_one_batch_when_it_has_a_label(
    chat: ServerProcess,
) -> None:
    make_den(chat)
    ann = irc(chat, "ann", *LABELS, "draft/chathistory")
    answer = ann.asks("@label=7 JOIN #den,#nowhere,#in@valid")
    assert [line.command for line in answer] == [
        *("BATCH", "JOIN", "353", "366", "403", "476", "BATCH"),
    ]
    assert answer[0].tags["label"] == "7"
    ref = answer[0].params[0][1:]
    assert all(line.tags["batch"] == ref for line in answer[1:-1])
    assert "/msg server create nowhere" in answer[4].params[-1]
    assert words(ann, "JOIN #den") == []


def test_who_does_not_ask_for_history_is_shown_the_last_lines_with_their_time(
    chat: ServerProcess,
) -> None:
    make_den(chat)
    ann, carl = irc(chat, "ann"), irc(chat, "carl", "server-time")
    old = [line for line in ann.asks("JOIN #den") if line.command == "PRIVMSG"]
    assert [line.params[-1].partition("] ")[2] for line in old] == ["first words"]
    assert old[0].params[-1][0] == "["
    new = [line for line in carl.asks("JOIN #den") if line.command == "PRIVMSG"]
    assert [line.params[-1] for line in new] == ["first words"]
    assert new[0].tags["time"].endswith("Z")


def test_a_room_that_has_another_name_now_is_joined_by_the_old_one(chat: ServerProcess) -> None:
    bob = make_den(chat)
    bob.send("/renameroom cave")
    bob.until("is called #cave now")
    ann = irc(chat, "ann")
    answer = ann.asks("JOIN #den")
    assert [line.command for line in answer][:2] == ["470", "JOIN"]
    assert answer[0].params[1:3] == ("#den", "#cave")
    assert answer[1].params[0] == "#cave"


def test_the_lobby_is_left_by_one_client_alone(chat: ServerProcess) -> None:
    ann, bob = irc(chat, "ann"), chat.join("bob")
    second = irc(chat, "ann", is_new=False)
    assert words(ann, "PART #lobby :bye") == ["PART"]
    assert words(ann, "PART #lobby") == ["442"]
    bob.send("are you there?")
    second.until_line("PRIVMSG", "are you there?")
    assert ann.sync() == []
    bob.send("/disconnect")
    assert ann.until_line("QUIT").source == "bob!~u@chat"
    answer = ann.asks("JOIN #lobby")
    assert [line.command for line in answer][:2] == ["JOIN", "353"]
    assert [line.command for line in answer].count("JOIN") == 1
    second.send("PRIVMSG #lobby :welcome back")
    ann.until_line("PRIVMSG", "welcome back")


def test_what_was_said_in_the_lobby_stands_behind_the_join_that_brings_it_back(
    chat: ServerProcess,
) -> None:
    ann, bob = irc(chat, "ann"), chat.join("bob")
    ann.asks("PART #lobby")
    ann.send("JOIN #lobby")
    ann.until_line("366", "#lobby")
    bob.send("hello again")
    ann.until_line("PRIVMSG", "hello again")


def test_an_announcement_reaches_who_has_left_the_lobby(chat: ServerProcess) -> None:
    boss, ann = chat.join_superuser("boss"), irc(chat, "ann")
    ann.asks("PART #lobby")
    boss.send("/announce tea time")
    assert ann.until_line("PRIVMSG", "[announcement] tea time").params[0] == "$*"


def test_a_topic_is_told_to_everybody_once_and_by_who_has_set_it(chat: ServerProcess) -> None:
    ann, bob = irc(chat, "ann"), irc(chat, "bob")
    make_den(chat, "ann")
    bob.asks("JOIN #den")
    ann.until_line("JOIN", "#den")
    assert words(bob, "TOPIC #den :mine") == ["482"]
    assert words(bob, "TOPIC #den") == ["331"]
    told = [line for line in ann.asks("TOPIC #den :\x02tea\x02") if line.command == "TOPIC"]
    assert [(line.source, line.params) for line in told] == [("ann!~u@chat", ("#den", "tea"))]
    assert bob.until_line("TOPIC").params == ("#den", "tea")
    answer = bob.asks("TOPIC #den")
    assert [line.command for line in answer][:2] == ["332", "333"]
    assert answer[1].params[2] == "ann!~u@chat"
    assert words(ann, "TOPIC #den :" + "x" * 201) == ["417"]
    assert words(ann, "TOPIC #den :") == ["TOPIC"]
    assert bob.until_line("TOPIC").params == ("#den", "")
    assert words(bob, "TOPIC #den") == ["331"]
    assert words(irc(chat, "carl"), "TOPIC #den :x", "TOPIC #no") == ["442", "403"]


def test_names_tell_who_runs_the_room_and_nothing_of_rooms_that_do_not_exist_for_one(
    chat: ServerProcess,
) -> None:
    ann, bob = irc(chat, "ann"), irc(chat, "bob", "userhost-in-names")
    make_den(chat, "ann", "private")
    assert words(bob, "NAMES #den,#no,what") == ["366"] * 3
    names = ann.asks("NAMES #den")[0]
    assert names.params == ("ann", "@", "#den", "@ann")
    lobby = bob.asks("NAMES #lobby")[0]
    assert set(lobby.params[-1].split()) >= {"ann!~u@chat", "bob!~u@chat"}


def test_names_are_right_whoever_comes_goes_or_runs_the_room(chat: ServerProcess) -> None:
    bob = make_den(chat)
    ann, carl, dan = (irc(chat, name) for name in ("ann", "carl", "dan"))

    def names() -> list[str]:
        lines = [line for line in ann.asks("NAMES #den") if line.command == "353"]
        return [word for line in lines for word in line.params[-1].split()]

    ann.asks("JOIN #den")
    assert names() == ["@bob", "ann"]
    for one in (carl, dan):
        one.asks("JOIN #den")
    assert names() == ["@bob", "ann", "carl", "dan"]
    carl.asks("PART #den")
    assert names() == ["@bob", "ann", "dan"]
    bob.send("/moderator dan")
    ann.until_line("MODE", "#den", "+o", "dan")
    assert names() == ["@bob", "ann", "@dan"]


def test_many_rooms_of_one_line_are_bounded(chat: ServerProcess) -> None:
    ann = irc(chat, "ann")
    many = ",".join(f"#r{number}" for number in range(60))
    assert sorted(words(ann, f"JOIN {many}")) == ["403"] * 50 + ["407"] * 10
    assert words(ann, "JOIN 0") == ["NOTICE"]
