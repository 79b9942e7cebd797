"""JOIN, PART, TOPIC and NAMES, as an IRC client sees them."""

import pytest

from chatroom.irc.grammar import Line
from tests.conftest import StartServer
from tests.harness import Peer, ServerProcess
from tests.irc.peer import IrcPeer, irc

LABELS = ("batch", "labeled-response")


def answers(client: IrcPeer, *lines: str) -> list[Line]:
    """Return what comes when lines are sent, but who else has come into the lobby meanwhile."""
    came = client.asks(*lines)
    return [one for one in came if (one.command, *one.params[:1]) != ("JOIN", "#lobby")]


def words(client: IrcPeer, *lines: str) -> list[str]:
    """Return the commands and numerics of it."""
    return [one.command for one in answers(client, *lines)]


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
    answer = answers(ann, "@label=7 JOIN #den,#nowhere,#in@valid")
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
    answer = answers(ann, "JOIN #den")
    assert [line.command for line in answer][:2] == ["470", "JOIN"]
    assert answer[0].params[1:3] == ("#den", "#cave")
    assert answer[1].params[0] == "#cave"


def test_two_signs_name_no_room(chat: ServerProcess) -> None:
    make_den(chat)
    ann = irc(chat, "ann")
    ann.asks("JOIN #den")
    assert words(ann, "JOIN ##den") == ["476"]
    for line in ("MODE ##den", "TOPIC ##den", "PART ##den", "KICK ##den ann"):
        assert words(ann, line) == ["403"], line


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
    answer = answers(bob, "TOPIC #den")
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
    (end,) = answers(bob, "NAMES #den,#no,what")
    assert (end.command, end.params[1]) == ("366", "#den,#no,what")
    names = answers(ann, "NAMES #den")[0]
    assert names.params == ("ann", "@", "#den", "@ann")
    lobby = answers(bob, "NAMES #lobby")[0]
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


def test_what_is_told_of_rooms_says_who_has_done_it_and_fits_into_a_line(
    chat: ServerProcess,
) -> None:
    make_den(chat, "ann")
    ann, bob = irc(chat, "ann", is_new=False), irc(chat, "bob", "account-tag", "server-time")
    bob.asks("JOIN #den")
    topic = "\N{GRINNING FACE}" * 200
    ann.send(f"TOPIC #den :{topic[:110]}")
    ann.until_line("TOPIC")
    ours = chat.join("ann")
    ours.send("/room den", f"/topic {topic}")
    bob.until_line("TOPIC", topic[:110])
    told = bob.until_line("TOPIC")
    assert told.tags["account"] == "ann"
    assert told.tags["time"].endswith("Z")
    assert len(f":ann!~u@chat TOPIC #den :{told.params[1]}".encode()) <= 510
    assert len(told.params[1]) > 110
    shown = next(line.params[-1] for line in ann.asks("TOPIC #den") if line.command == "332")
    assert topic.startswith(shown)
    assert len(shown) > 110


def test_who_runs_a_room_and_asks_for_it_is_told_who_is_invited(chat: ServerProcess) -> None:
    make_den(chat, "ann", "private")
    ann, bob = irc(chat, "ann", "invite-notify", is_new=False), irc(chat, "bob")
    carl = irc(chat, "carl", "account-tag")
    assert words(ann, "INVITE bob #den") == ["341"]
    bob.asks("JOIN #den")
    ours = chat.join("ann")
    ours.send("/room den", "/moderator bob")
    bob.until_line("MODE", "+o", "bob")
    assert [line.params[1] for line in answers(carl, "INVITE")] == [
        "End of the list of invitations"
    ]
    assert words(bob, "INVITE carl #den") == ["341"]
    note = ann.until_line("INVITE")
    assert (note.source, note.params) == ("bob!~u@chat", ("carl", "#den"))
    mine = carl.until_line("INVITE")
    assert (mine.source, mine.tags["account"]) == ("bob!~u@chat", "bob")
    assert words(carl, "INVITE") == ["336", "337"]


def test_an_invitation_to_a_public_room_is_told_to_who_is_here_and_may_come(
    chat: ServerProcess,
) -> None:
    make_den(chat, "ann")
    ann, bob = irc(chat, "ann", is_new=False), irc(chat, "bob")
    irc(chat, "gone").send("QUIT")
    ann.until_line("QUIT")
    assert words(ann, "INVITE gone #den", "INVITE nobody #den") == ["401", "401"]
    assert words(ann, "INVITE bob #den") == ["341"]
    assert bob.until_line("INVITE").params == ("bob", "#den")
    ann.asks("MODE #den +b bob")
    assert words(ann, "INVITE bob #den") == ["474"]


def test_each_change_of_a_mode_is_told_once_to_everybody_inside(chat: ServerProcess) -> None:
    make_den(chat, "ann")
    ann, bob = irc(chat, "ann", is_new=False), irc(chat, "bob")
    bob.asks("JOIN #den")
    ann.until_line("JOIN", "#den")
    changes = ("+m", "-m", "+i", "-s", "+o bob", "-o bob")
    for change in changes:
        modes = [line for line in ann.asks(f"MODE #den {change}") if line.command == "MODE"]
        told = [" ".join(line.params[1:]) for line in modes]
        assert told == [change.replace("s", "i")], "+s goes with +i"
        assert {line.source for line in modes} == {"ann!~u@chat"}
    theirs = [" ".join(line.params[1:]) for line in bob.sync() if line.command == "MODE"]
    assert theirs == ["+m", "-m", "+i", "-i", "+o bob", "-o bob"]


def test_more_changes_than_one_line_may_have_are_said_to_be_left_out(chat: ServerProcess) -> None:
    make_den(chat, "ann")
    ann = irc(chat, "ann", is_new=False)
    answer = answers(ann, "MODE #den +mooooo-m+m x y z u v")
    assert [one.command for one in answer] == ["MODE", *["401"] * 4, "NOTICE"]
    assert "+o was not" in answer[-1].params[-1]
    assert words(ann, "MODE #den e", "MODE #den I", "MODE #den b") == ["349", "347", "368"]


def test_a_room_that_is_renamed_or_deleted_is_so_at_every_client(chat: ServerProcess) -> None:
    ann, bob = make_den(chat, "ann"), irc(chat, "bob")
    bob.asks("JOIN #den")
    ann.send("/renameroom cave")
    assert bob.until_line("PART", "#den").source == "bob!~u@chat"
    bob.until_line("JOIN", "#cave")
    ann.send("first in the cave")
    bob.until_line("PRIVMSG", "#cave", "first in the cave")
    ann.send("/deleteroom")
    ann.until("to confirm")
    ann.send("cave")
    gone = bob.until_line("KICK", "#cave", "bob")
    assert gone.source == "ann!~u@chat"


def test_who_gets_a_room_runs_it_and_who_gave_it_does_no_more(chat: ServerProcess) -> None:
    ann, bob = make_den(chat, "ann"), irc(chat, "bob")
    bob.asks("JOIN #den")
    ann.send("/transfer bob")
    assert bob.until_line("MODE", "#den", "+o", "bob").source == "ann!~u@chat"
    bob.until_line("MODE", "#den", "-o", "ann")
    names = answers(bob, "NAMES #den")[0].params[-1]
    assert sorted(names.split()) == ["@bob", "ann"]


def test_nothing_is_said_in_the_lobby_by_a_client_that_has_left_it(chat: ServerProcess) -> None:
    ann, bob = irc(chat, "ann"), chat.join("bob")
    assert words(ann, "PART #lobby", "PRIVMSG #lobby :hello?") == ["PART", "404"]
    bob.send("/me waits")
    bob.until("bob waits")
    ann.asks("JOIN #lobby")
    assert words(ann, "PRIVMSG #lobby :hello!") == []
    bob.until("ann: hello!")


def test_a_room_that_does_not_exist_is_made_by_join_where_the_server_wants_that(
    start_server: StartServer,
) -> None:
    chat = start_server(message_rate=0, irc_join_creates=True, registration="open")
    ann, bob = irc(chat, "ann", *LABELS), irc(chat, "bob")
    made = answers(ann, "@label=1 JOIN #den,#attic")
    assert [one.command for one in made] == [
        *("BATCH", "JOIN", "353", "366", "JOIN", "353", "366", "BATCH")
    ]
    assert made[2].params[-1] == "@ann"
    assert words(bob, "JOIN #den") == ["JOIN", "353", "366"]
    ann.until_line("JOIN", "#den")
    assert words(ann, "MODE #attic +s") == ["MODE"]
    assert words(bob, "JOIN #attic", "JOIN #a@b") == ["473", "476"]


def test_names_go_into_as_many_lines_as_they_take(chat: ServerProcess) -> None:
    names = [f"{'ü' * 28}{number:03}" for number in range(30)]
    ann = irc(chat, "ann", "userhost-in-names")
    for name in names:
        chat.join(name)
    long = irc(chat, names[0], is_new=False)
    for client, tail in ((ann, "!~u@chat"), (long, "")):
        came = client.asks("NAMES #lobby")
        lines = [one for one in came if one.command == "353"]
        nick = lines[0].params[0]
        shown = [word for one in lines for word in one.params[-1].split(" ")]
        assert sorted(shown) == sorted(f"{name}{tail}" for name in (*names, "ann"))
        for one in lines:
            head = f":chatroom.local 353 {nick} = #lobby :"
            assert len(f"{head}{one.params[-1]}".encode()) <= 510
