"""The nick ``server``: slash commands by IRC, and what other networks' services get to hear."""

import itertools
import re
import sys
from pathlib import Path

import pytest

from chatroom.commands.table import build
from chatroom.irc.wording import as_typed
from chatroom.names import SERVICES
from tests.conftest import StartServer
from tests.harness import PASSWORD, ROOT, Peer, ServerProcess
from tests.irc.peer import IrcPeer, irc, irc_peer
from tests.system.test_restart import restart

_numbers = itertools.count(1)
SERVICE = "server!~u@chat"
BEFORE = """
import sys
sys.path.insert(0, {root!r})
from chatroom import names
names.check_name.__defaults__ = (names.RESERVED_FOR_ROOMS,)
from chatroom.server import main
sys.exit(main())
"""
"""A server that reserves the names of no services."""


@pytest.fixture
def me() -> str:
    """A name that nobody has had before."""
    return f"ann{next(_numbers)}"


@pytest.fixture
def ann(room: ServerProcess, me: str) -> IrcPeer:
    """Who asks."""
    return irc(room, me)


def told(peer: IrcPeer, *lines: str) -> list[str]:
    """Send lines; return what the nick has answered."""
    answers = [line for line in peer.asks(*lines) if line.source == SERVICE]
    assert all(line.command == "NOTICE" for line in answers)
    return [line.params[-1] for line in answers]


def asked(peer: IrcPeer, text: str) -> list[str]:
    """The same for a message to the nick."""
    return told(peer, f"PRIVMSG server :{text}")


def test_help_shows_commands_as_they_are_typed_here(ann: IrcPeer) -> None:
    lines = asked(ann, "help all")
    assert any(line.startswith("search WORDS") for line in lines)
    assert not [line for line in lines if line.startswith("/")]
    assert "/msg server #ROOM" in lines[-1]
    assert asked(ann, "help search")[0].startswith("search WORDS")
    assert asked(ann, "/help")[:1] == told(ann, "SERVER")[:1] == ["To begin with:"]


@pytest.mark.parametrize("page", ["help", "help all", "help rooms"])
def test_the_columns_of_help_stand_below_each_other(ann: IrcPeer, page: str) -> None:
    lines = [line for line in asked(ann, page) if re.search(r"\S  +\S", line)]
    assert len(lines) > 5
    assert {len(re.sub(r"(?<=  )\b.*", "", line)) for line in lines} == {29}


def test_a_room_to_join_is_named_as_irc_names_rooms() -> None:
    assert as_typed(build(), "You are not in #yard. Type /join yard") == (
        "You are not in #yard. Type /join #yard"
    )


def test_what_was_said_is_found(ann: IrcPeer) -> None:
    ann.send("PRIVMSG #lobby :we need milk and /join is a word")
    (found,) = [line for line in asked(ann, "search milk word") if "milk" in line]
    assert "and /join is a word" in found  # what people have said stays as it is
    assert told(ann, "SERVER search milk word") == asked(ann, "SEARCH milk word")


def test_a_word_that_is_no_command_is_answered_by_what_may_be_meant(ann: IrcPeer) -> None:
    (line,) = asked(ann, "serch milk")
    assert "/msg server search" in line
    assert "/msg server help all" in line
    (line,) = asked(ann, "search")
    assert line.endswith("Type /msg server search WORDS [in ROOM] [from USER] [since DATE]")


def test_a_command_about_a_room_takes_the_room_first(ann: IrcPeer, me: str) -> None:
    name = f"dev{next(_numbers)}"
    shown = ann.asks(f"PRIVMSG server :create {name}")
    assert [line.params[-1] for line in shown if line.source == SERVICE] == ["Done."]
    assert [line.params[0] for line in shown if line.command == "JOIN"] == [f"#{name}"]
    (line,) = asked(ann, "slow 10s")
    assert line == "Say first which room: /msg server #ROOM slow 10s|off"
    asked(ann, f"#{name} topic fresh bread")
    assert asked(ann, f"#{name} topic") == [f"#{name}: fresh bread"]
    asked(ann, f"#{name} me waves")
    ann.send("PRIVMSG server :#nowhere topic")
    assert "nowhere" in ann.until_line("NOTICE").params[-1]
    assert asked(ann, "#lobby slow 10s") == [
        "In #lobby /msg server slow is for its owner and its moderators only."
    ]


def test_a_question_is_asked_and_other_lines_go_on_meanwhile(ann: IrcPeer) -> None:
    name = f"den{next(_numbers)}"
    asked(ann, f"create {name}")
    (question,) = asked(ann, f"#{name} deleteroom")
    assert "/msg server ANSWER" in question
    assert [line.command for line in ann.asks("PING :still here")] == ["PONG"]
    ann.send("PRIVMSG #lobby :in between")
    assert asked(ann, "something else") == [
        "That is not the name of this room. (The word cancel ends it.)"
    ]
    assert asked(ann, "cancel") == ["Nothing was deleted."]
    assert asked(ann, f"#{name} deleteroom") == [question]
    cancelled = [line for line in ann.asks("SERVER") if line.command == "NOTICE"]
    assert [line.params[-1] for line in cancelled] == ["Nothing was deleted."]
    asked(ann, f"#{name} deleteroom")
    asked(ann, name)
    (line,) = asked(ann, f"#{name} topic")
    assert "topic" not in line  # there is no such room any more


def test_no_password_is_ever_asked_for(ann: IrcPeer) -> None:
    for command in ("changepassword", "deleteaccount"):
        (line,) = asked(ann, command)
        assert "Chatroom's own client" in line


def test_what_irc_has_itself_is_said(ann: IrcPeer) -> None:
    assert "/query NAME" in asked(ann, "query boss")[0]
    assert "each line names its room" in asked(ann, "room lobby")[0]
    assert "own client" in asked(ann, "export")[0]


def test_messages_and_ignoring_work_by_the_nick(ann: IrcPeer, room: ServerProcess, me: str) -> None:
    bob_name = f"bob{next(_numbers)}"
    bob = irc(room, bob_name)
    asked(ann, f"messageto {bob_name} good morning")
    bob.until_line("PRIVMSG", "good morning")
    asked(ann, f"ignore {bob_name}")
    bob.asks(f"PRIVMSG {me} :unheard")
    assert asked(ann, "ignore") != ["Done."]
    assert "unheard" not in ann.seen


def test_announcements_stand_in_the_lobby(ann: IrcPeer, boss: Peer, room: ServerProcess) -> None:
    boss.send("/announce there is cake")
    line = ann.until_line("PRIVMSG", "[announcement] there is cake")
    assert line.params[0] == "#lobby"
    chief = irc(room, "boss", is_new=False)
    asked(chief, "announce more cake")
    ann.until_line("PRIVMSG", "[announcement] more cake")


def test_an_answer_carries_the_label_and_what_was_asked_comes_back(
    room: ServerProcess, me: str
) -> None:
    ann = irc(room, me, "batch", "labeled-response", "echo-message")
    ann.send("@label=x PRIVMSG server :topic")
    opened = ann.until_line("BATCH", "labeled-response")
    assert opened.tags["label"] == "x"
    assert ann.until_line("PRIVMSG", "server").params[-1] == "topic"
    assert ann.until_line("NOTICE").tags["batch"]


def test_a_long_answer_is_wrapped_into_lines_that_clients_take(
    ann: IrcPeer, me: str, room: ServerProcess
) -> None:
    ann.send(*(f"PRIVMSG #lobby :{me} {'wörd ' * 79}{n}" for n in range(100)))
    room.join(f"bob{next(_numbers)}").send(f"that was all, {me}")
    ann.until_line("PRIVMSG", f"that was all, {me}")
    lines = asked(ann, "history 101")
    assert len(lines) >= 200
    assert "".join(lines).count(f"{me}: {me}") == 100
    assert max(len(line.encode()) for line in ann.seen.split("\r\n")) <= 510


def test_sentences_name_commands_as_they_are_typed_by_irc(ann: IrcPeer) -> None:
    (told,) = [line for line in ann.asks("PRIVMSG #no-such-room :x") if line.command == "403"]
    assert told.params[-1].endswith("See /msg server rooms.")
    ann.send("PRIVMSG server :query boss")
    assert "/msg server query" not in ann.until_line("NOTICE").params[-1]


def test_saying_goodbye_ends_the_visit(ann: IrcPeer) -> None:
    ann.send("PRIVMSG server :disconnect")
    assert "ERROR :Goodbye" in ann.until_end()


def test_nothing_answers_a_notice(ann: IrcPeer) -> None:
    assert told(ann, "NOTICE server :help", "PRIVMSG server :\x01VERSION\x01") == []


@pytest.mark.parametrize(
    "line",
    [
        f"PRIVMSG NickServ :IDENTIFY {PASSWORD}",
        f"PRIVMSG nickserv :register {PASSWORD} a@example.org",
        f"NICKSERV IDENTIFY {PASSWORD}",
        f"NS IDENTIFY {PASSWORD}",
        f"PRIVMSG SaslServ :IDENTIFY {PASSWORD}",
        f"PRIVMSG MemoServ :hello {PASSWORD}",
    ],
)
def test_a_password_for_nickserv_goes_to_nobody(room: ServerProcess, me: str, line: str) -> None:
    ann = irc(room, me, "echo-message")
    (said,) = told(ann, line)
    assert "log in with SASL" in said.lower().replace("Log", "log") or "SASL" in said
    assert PASSWORD not in ann.seen
    assert PASSWORD not in room.log()


def test_nobody_gets_the_name_of_a_service(room: ServerProcess) -> None:
    peer = room.peer()
    peer.send("y")
    for name in ("NickServ", "ChanServ", "server", "SaslServ"):
        peer.send(name)
        peer.until("That name is reserved")
    peer.send("Sas1Serv")
    peer.until("looks like another one")
    guest = irc_peer(room)
    for name in SERVICES:
        guest.send(f"NICK {name}")
        guest.until_line("432", name)


@pytest.mark.parametrize("nick", ["MemoServ", "memoserv"])
def test_who_has_the_name_of_a_service_from_before_keeps_it(
    start_server: StartServer, tmp_path: Path, nick: str
) -> None:
    script = tmp_path / "before.py"
    script.write_text(BEFORE.format(root=str(ROOT)))
    before = start_server(program=(sys.executable, str(script)))
    irc(before, "MemoServ")
    before.stop()
    server = start_server()
    ann = irc(server, "ann")
    owner = irc_peer(server)
    owner.send(f"PASS {PASSWORD}", f"NICK {nick}", "USER x 0 * :x")
    owner.until_line("001", "MemoServ")
    ann.asks("MONITOR + MemoServ", f"PRIVMSG MemoServ :IDENTIFY {PASSWORD}")
    ann.send("PRIVMSG MemoServ :how are you?")
    owner.until_line("PRIVMSG", "how are you?")
    assert "MemoServ!~u@chat" in ann.seen
    assert PASSWORD not in owner.seen


def test_a_restart_ends_who_is_asked_something_and_no_other(start_server: StartServer) -> None:
    """What a command waits for stands in the process that ends."""
    server = start_server()
    ann, bob = irc(server, "ann"), irc(server, "bob")
    asked(ann, "create den")
    (question,) = asked(ann, "#den deleteroom")
    assert "ANSWER" in question
    restart(server)
    assert "ERROR :The server restarts." in ann.until_end()
    bob.sync()
    back = irc(server, "ann", is_new=False)
    assert asked(back, "#den topic") == ["#den has no topic."]
