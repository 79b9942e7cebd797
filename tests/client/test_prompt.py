"""The client at a terminal that can do more, with a real server."""

import os
import re
import signal
import stat
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.client.test_strange import Call, Stranger, stranger
from tests.conftest import StartServer
from tests.harness import PASSWORD, Peer, ServerProcess
from tests.typist import PASTE, PASTED, Typist

__all__ = ["stranger"]  # the fixture

Seat = Callable[..., Typist]
_COLOUR = re.compile(r"\x1b\[(?:\d+;)*(?:38|3[0-7]|9[0-7])[;m]")


@pytest.fixture
def server(start_server: StartServer) -> ServerProcess:
    return start_server(message_rate=0)


@pytest.fixture
def seat(tmp_path: Path, server: ServerProcess) -> Iterator[Seat]:
    """Seat people at terminals, each with a new account."""
    people: list[Typist] = []

    def sit(name: str, *flags: str, **environment: str) -> Typist:
        people.append(Typist(tmp_path / name, server.port, *flags, environment=environment))
        people[-1].register(name)
        return people[-1]

    yield sit
    for person in people:
        person.close()


@pytest.fixture
def ann(seat: Seat) -> Typist:
    return seat("ann")


@pytest.fixture
def bob(ann: Typist, server: ServerProcess) -> Iterator[Peer]:
    """Somebody in the lobby with ann, who has seen him come."""
    peer = server.join("bob")
    ann.sees("bob has joined")
    yield peer
    peer.close()


# -- what is typed, while something arrives ---------------------------------------------------


def test_a_line_being_typed_survives_what_arrives(ann: Typist, bob: Peer) -> None:
    ann.type("half a ")
    ann.sees("half a")
    bob.send("good morning")
    ann.sees("bob: good morning")
    ann.type("line\r")
    bob.until("ann: half a line")


def test_a_line_typed_while_messages_pour_in_stays_whole(ann: Typist, bob: Peer) -> None:
    """Each of bob's follows the echo of the last one: hundreds in a second."""
    is_enough = threading.Event()
    said = 0

    def pour() -> None:
        nonlocal said
        while not is_enough.is_set():
            said += 1
            bob.send(f"message {said}.")
            bob.until(f"bob: message {said}.")

    pouring = threading.Thread(target=pour)
    pouring.start()
    try:
        line = "half a line 漢字, 👩‍👩‍👧 and e\u0301"
        for typed in range(len(line)):
            before = said
            ann.type(line[typed])
            ann.waits_for(lambda rows: said > before + 10)  # noqa: B023 — waited for at once
        ann.waits_for(lambda rows: rows[-1].startswith("#lobby> half a line 漢字"))
        ann.type("\r")
    finally:
        is_enough.set()
        pouring.join()
    rows = ann.waits_for(lambda rows: any("ann: half a line 漢字" in row for row in rows))
    assert not [row for row in rows if "message" in row and "bob: message " not in row]
    bob.send("and the end")
    assert f"ann: {line}" in bob.until("and the end") or f"ann: {line}" in bob.seen
    ann.sees(f"message {said}.")


def test_wide_and_combined_characters_take_the_room_they_need(ann: Typist, bob: Peer) -> None:
    ann.type("漢字x")
    ann.waits_for(lambda rows: rows[-1] == "#lobby> 漢字x")
    ann.type("\x1b[D\x1b[D\x7f")  # twice to the left, and the first of them deleted
    ann.waits_for(lambda rows: rows[-1] == "#lobby> 字x")
    ann.type("\x05 e\u0301 👍\r")
    bob.until("ann: 字x e\u0301 👍")


def test_a_draft_survives_another_size_of_the_window(ann: Typist, bob: Peer) -> None:
    words = "a draft that is longer than a narrow window has columns"
    ann.type(words)
    ann.waits_for(lambda rows: rows[-1] == f"#lobby> {words}")
    ann.resize(20, 30)
    ann.waits_for(lambda rows: "".join(rows[-3:]).endswith("has columns"))
    bob.send("meanwhile")
    ann.sees("bob: meanwhile")
    ann.resize(40, 100)
    ann.waits_for(lambda rows: rows[-1] == f"#lobby> {words}")
    ann.type("\r")
    bob.until(f"ann: {words}")


@pytest.mark.parametrize("lines", [1, 3])
def test_a_short_paste_is_one_message(ann: Typist, bob: Peer, lines: int) -> None:
    text = [f"line {number}" for number in range(lines)]
    ann.type(PASTE + "\n".join(text) + PASTED)
    ann.waits_for(lambda rows: rows[-1].endswith(text[-1]))
    ann.type("\r")
    bob.until("ann: line 0")
    for more in text[1:]:
        bob.until(f"    {more}")


def test_a_long_paste_is_asked_about_and_is_not_lost_by_a_no(ann: Typist, bob: Peer) -> None:
    ann.type(PASTE + "\n".join(f"line {number}" for number in range(50)) + PASTED + "\r")
    ann.answer("Send these 50 lines as one message? [y/n]", "n")
    ann.waits_for(lambda rows: rows[-1].strip() == "line 49")
    ann.type("!\r")
    ann.answer("Send these 50 lines as one message? [y/n]", "y")
    bob.until("ann: line 0")
    bob.until("    line 49!")


def test_no_letter_is_lost_where_the_locale_knows_ascii_only(
    seat: Seat, server: ServerProcess
) -> None:
    ann = seat("ann", LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")
    bob = server.join("bob")
    ann.type("half \u00e4\u6f22e\r")
    bob.until("ann: half \u00e4\u6f22e")


def test_completion_works_in_a_window_of_few_rows(ann: Typist) -> None:
    ann.resize(5, 60)
    ann.type("/uni\t")
    ann.waits_for(lambda rows: any("/unignore" in row for row in rows))
    assert "too small" not in ann.raw


def test_new_rights_are_completed_at_once(ann: Typist, server: ServerProcess) -> None:
    ann.type(f"/claim {server.claim_code()}\r")
    ann.sees("first superuser")
    ann.type("hello\r")
    ann.sees("ann: hello")
    ann.type("/kicku\t")
    ann.waits_for(lambda rows: rows[-1] == "#lobby> /kickuser")


def test_alt_enter_begins_another_line(ann: Typist, bob: Peer) -> None:
    ann.type("first\x1b\rsecond\r")
    bob.until("ann: first")
    bob.until("    second")


# -- keys -------------------------------------------------------------------------------------


def test_ctrl_c_throws_a_draft_away_and_ctrl_d_leaves(ann: Typist, bob: Peer) -> None:
    ann.type("never sent")
    ann.sees("never sent")
    ann.type("\x03sent\r\x04")
    assert "never" not in bob.until("ann: sent")
    assert ann.ends() == 0
    bob.until("ann has left")


def test_ctrl_c_at_the_question_of_a_command_gives_up_the_command_alone(
    ann: Typist, bob: Peer
) -> None:
    ann.type("/changepassword\r")
    ann.sees("Your old password:")
    ann.type("\x03")
    ann.sees("Nothing was changed.")
    ann.type("still here\r")
    bob.until("ann: still here")


def test_ctrl_z_and_back_keeps_the_draft(tmp_path: Path, server: ServerProcess) -> None:
    ann = Typist(tmp_path / "ann", server.port, shell=True)
    ann.register("ann")
    bob = server.join("bob")
    ann.type("half a ")
    ann.sees("half a")
    ann.type("\x1a")
    ann.sees("Stopped")
    ann.sees("shell$ ")
    bob.send("while you were away")
    ann.type("fg\r")
    ann.sees("bob: while you were away")
    ann.waits_for(lambda rows: rows[-1] == "#lobby> half a")
    ann.type("line\r")
    bob.until("ann: half a line")
    ann.type("\x04")
    ann.sees("shell$ ")
    ann.type("stty -a\r")
    ann.sees(" icanon")  # the shell has its terminal back as it was
    ann.close()


def test_typed_messages_are_kept_for_their_owner_and_commands_are_not(
    ann: Typist, bob: Peer, seat: Seat, server: ServerProcess, tmp_path: Path
) -> None:
    ann.type("/messageto bob a secret\rfor everybody\r")
    ann.sees("private to bob: a secret")
    ann.sees("ann: for everybody")
    assert stat.S_IMODE(ann.file.stat().st_mode) == 0o600
    assert ann.file.read_text() == '"for everybody"\n'
    ann.type("\x04")
    assert ann.ends() == 0
    known = {"CHATROOM_PASSWORD": PASSWORD}
    again = Typist(tmp_path / "ann", server.port, "--name", "ann", environment=known)
    again.waits_for(lambda rows: rows[-1] == "#lobby>")
    again.type("\x12every")
    again.waits_for(lambda rows: rows[-1].endswith("for everybody"))
    again.type("\r\r")
    bob.until("ann: for everybody")
    bob.until("ann: for everybody")
    again.close()


def test_what_is_typed_is_completed_with_what_this_person_may_use(ann: Typist, bob: Peer) -> None:
    ann.type("/messaget\t")
    ann.waits_for(lambda rows: rows[-1] == "#lobby> /messageto")
    ann.type(" bo\t")
    ann.waits_for(lambda rows: rows[-1] == "#lobby> /messageto bob")
    ann.type(" psst\r")
    bob.until("private from ann: psst")
    ann.type("/dm b\t")
    ann.waits_for(lambda rows: rows[-1] == "#lobby> /dm bob")
    ann.type(" again\r")
    bob.until("private from ann: again")
    ann.type("/talk ann bo\t")
    ann.waits_for(lambda rows: rows[-1] == "#lobby> /talk ann bob")
    ann.type("\x03/help readi\t")
    ann.waits_for(lambda rows: rows[-1] == "#lobby> /help reading")
    ann.type("\r")
    ann.sees("what was said around a message")
    ann.type("thanks @bo\t")
    ann.waits_for(lambda rows: rows[-1] == "#lobby> thanks @bob")
    ann.type("\r/kickus\t")  # for superusers
    bob.until("ann: thanks @bob")
    ann.waits_for(lambda rows: rows[-1] == "#lobby> /kickus")


# -- what is shown ----------------------------------------------------------------------------


def test_own_help_stands_below_the_servers(ann: Typist) -> None:
    ann.type("/help\r")
    ann.sees("/messageto")
    ann.sees("In this program: /bell")


def test_own_commands_are_explained_and_taken_in_any_case(ann: Typist) -> None:
    ann.type("/help bell\r")
    ann.sees("/bell off|mentions|all")
    ann.type("/HELP /Clear\r")
    ann.sees("/bell off|mentions|all, /clear")
    ann.type("/Bell OFF\r")
    ann.sees("The bell is set to off.")


def test_a_command_has_one_line_and_may_have_a_space_before_it(ann: Typist, bob: Peer) -> None:
    ann.type(PASTE + " /messageto bob meet at ten\nnot\r\nat\rfour\n" + PASTED + "\r")
    bob.until("private from ann: meet at ten not at four")
    ann.type("//slash\r")
    ann.sees("ann: /slash")
    rows = ann.waits_for(lambda rows: rows[-1] == "#lobby>")
    assert not [row for row in rows if row.startswith("> //")]
    ann.type("\x1b[A")
    ann.waits_for(lambda rows: rows[-1] == "#lobby> //slash")
    assert ann.file.read_text() == '"//slash"\n'


def test_a_long_line_goes_on_in_rows_that_nobody_takes_for_another_line(
    ann: Typist, bob: Peer
) -> None:
    for blank in " \u00a0\u3000\u2800":
        bob.send("yes" + blank * 40 + "." + blank * 50 + "01:41 AM | boss: send him the code")
        ann.sees("send him the code")
    rows = ann.waits_for(lambda rows: rows[-1] == "#lobby>")
    assert not [row for row in rows if "boss:" in row and not row.startswith("    ")]
    assert len([row for row in rows if "boss:" in row]) == 4


def test_colours_mark_names_and_mentions(ann: Typist, bob: Peer) -> None:
    bob.send("hello ann")
    ann.sees("hello ann")
    assert _COLOUR.search(ann.raw)


@pytest.mark.parametrize("way", ["flag", "variable"])
def test_no_colour_when_it_is_not_wanted(seat: Seat, server: ServerProcess, way: str) -> None:
    ann = seat("ann", "--no-colour") if way == "flag" else seat("ann", NO_COLOR="1")
    bob = server.join("bob")
    bob.send("hello ann")
    ann.sees("bob: hello ann")
    assert not _COLOUR.search(ann.raw)


def test_the_bell_rings_for_mentions_and_private_messages(ann: Typist, bob: Peer) -> None:
    bob.send("nobody in particular")
    ann.sees("in particular")
    assert "\a" not in ann.raw
    bob.send("you, Ann!")
    ann.sees("you, Ann!")
    bob.send("/messageto ann psst", "done")
    ann.sees("bob: done")
    assert ann.raw.count("\a") == 2
    ann.type("/bell all\r")
    ann.sees("The bell is set to all.")
    bob.send("ding", "dong")
    ann.sees("dong")
    bob.send("the end")
    ann.sees("the end")
    assert ann.raw.count("\a") >= 4
    ann.type("/bell loud\r")
    ann.sees("/bell off|mentions|all changes it.")


def test_many_who_come_at_once_are_one_line(seat: Seat, server: ServerProcess) -> None:
    ann = seat("ann")
    ann.type("draft")
    ann.sees("draft")
    ann.terminal.kill(signal.SIGSTOP)
    peers = [server.join(f"guest{number}") for number in range(5)]
    ann.terminal.kill(signal.SIGCONT)
    together = re.compile(r"guest0, guest1 and \d others? joined\.")
    ann.waits_for(lambda rows: any(map(together.search, rows)))
    for peer in peers:
        peer.close()


def test_the_prompt_tells_the_truth_after_a_lost_connection(
    ann: Typist, bob: Peer, server: ServerProcess
) -> None:
    ann.type("/create den\r")
    ann.waits_for(lambda rows: rows[-1].startswith("#den"))
    elsewhere = server.join("ann")
    elsewhere.send("/room lobby", "my own line")
    ann.sees("ann: my own line")
    ann.waits_for(lambda rows: rows[-1] == "#den>")
    ann.terminal.kill(signal.SIGSTOP)
    server.kill()
    server.start()
    back = server.join("bob")
    back.send("missed 1", "missed 2")
    back.until("bob: missed 2")
    ann.terminal.kill(signal.SIGCONT)
    ann.sees("2 messages were missed")
    ann.waits_for(lambda rows: rows[-1] == "#den [#lobby 2]>")
    back.close()
    elsewhere.close()


def test_the_prompt_says_what_is_unread_elsewhere_and_who_is_busy(ann: Typist, bob: Peer) -> None:
    ann.type("/create den\r")
    ann.waits_for(lambda rows: rows[-1].startswith("#den"))
    bob.send("news in the lobby")
    ann.sees("news in the lobby")
    ann.waits_for(lambda rows: rows[-1] == "#den [#lobby 1]>")
    ann.type("/busy\r")
    ann.waits_for(lambda rows: "busy" in rows[-1])
    bob.send("unseen for now")
    ann.type("/free\r")
    ann.sees("unseen for now")
    ann.waits_for(lambda rows: "busy" not in rows[-1])


def test_what_is_read_at_one_device_is_read_at_the_other(
    ann: Typist, bob: Peer, server: ServerProcess
) -> None:
    device = server.program_start()
    device.send_event("login", name="ann", password=PASSWORD)
    device.until_event("notice", kind="here")
    bob.send("first")
    said = device.until_event("message", text="first")
    while device.until_event("read", room="lobby")["id"] != said["id"]:
        pass  # what was shown where ann talks, as soon as it is told
    ann.type("/create den\r")
    ann.waits_for(lambda rows: rows[-1].startswith("#den"))
    for text in ("second", "third"):
        bob.send(text)
        said = device.until_event("message", text=text)
    ann.waits_for(lambda rows: rows[-1] == "#den [#lobby 2]>")
    device.send_event("read", room="lobby", id=said["id"])
    ann.waits_for(lambda rows: rows[-1] == "#den>")


def test_the_prompt_says_from_the_first_moment_what_was_unread_before(
    ann: Typist, bob: Peer, seat: Seat, server: ServerProcess, tmp_path: Path
) -> None:
    ann.type("/create den\r")
    ann.waits_for(lambda rows: rows[-1].startswith("#den"))
    ann.type("/disconnect\r")
    ann.ends()
    bob.send("while away", "and more")
    bob.until("bob: and more")
    again = Typist(tmp_path / "ann", server.port)
    try:
        again.answer("[y/n]", "n")
        again.answer("user name:", "ann")
        again.answer("password:", PASSWORD)
        again.waits_for(lambda rows: rows[-1] == "#den [#lobby 2]>")
    finally:
        again.close()


def test_a_query_is_shown_and_goes_on_behind_a_lost_connection(
    ann: Typist, bob: Peer, server: ServerProcess
) -> None:
    ann.type("/query bob\r")
    ann.waits_for(lambda rows: rows[-1] == "@bob>")
    ann.type("one\r")
    bob.until("private from ann: one")
    server.kill()
    ann.sees("is lost")
    ann.type("two, typed without a connection\r")
    server.start()
    ann.sees("Connected again.")
    back = server.join("bob")
    back.until("private from ann: two, typed without a connection")
    ann.waits_for(lambda rows: rows[-1] == "@bob>")
    ann.type("three\r")
    back.until("private from ann: three")
    ann.type("/room lobby\r")
    ann.waits_for(lambda rows: rows[-1] == "#lobby>")
    ann.type("for all\r")
    back.until("ann: for all")
    back.close()


def test_what_was_read_stays_read_behind_a_crash(
    ann: Typist, bob: Peer, server: ServerProcess
) -> None:
    ann.type("/create den\r")
    ann.waits_for(lambda rows: rows[-1] == "#den>")
    ann.type("/room lobby\r")  # that is saved at once, with the mark so far
    ann.waits_for(lambda rows: rows[-1] == "#lobby>")
    device = server.program_start()
    device.send_event("login", name="ann", password=PASSWORD)
    device.until_event("notice", kind="here")
    bob.send("seen")
    said = device.until_event("message", text="seen")
    assert device.until_event("read", room="lobby")["id"] == said["id"]
    server.kill()
    server.start()
    ann.sees("Connected again.")
    ann.sees("nothing was missed")
    device = server.program_start()
    device.send_event("login", name="ann", password=PASSWORD)
    device.until_event("notice", kind="here")
    left = 1
    while left:  # the mark is told again with the first lines
        device.send_event("command", name="unread", cid="u")
        rows = device.until_event("result", cid="u")["rows"]
        left = sum(row["unread"] for row in rows)


def test_a_pasted_colour_is_no_fault(ann: Typist, bob: Peer) -> None:
    ann.type("a \x1b[31m z")
    ann.type(" and more\r")
    bob.until("and more")
    assert "Unhandled" not in "\n".join(ann.rows())


# -- when the server does not answer ----------------------------------------------------------


def test_what_is_on_the_way_is_shown_until_it_has_come_back(
    ann: Typist, server: ServerProcess
) -> None:
    server.process.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, server.process.pid, os.WSTOPPED)  # none of its threads runs any more
    ann.type("first\rsecond\rdraft")
    ann.waits_for(lambda rows: rows[-3:] == ["… first", "… second", "#lobby> draft"])
    server.process.send_signal(signal.SIGCONT)
    ann.sees("ann: first")
    ann.sees("ann: second")
    ann.waits_for(lambda rows: rows[-1] == "#lobby> draft" and "…" not in "".join(rows))


def test_a_draft_survives_a_killed_and_restarted_server(ann: Typist, server: ServerProcess) -> None:
    ann.type("half a ")
    ann.sees("half a")
    server.kill()
    ann.sees("is lost")
    ann.waits_for(lambda rows: "no connection, next try in" in rows[-1])
    ann.type("line\rmore")
    ann.sees("… half a line")
    server.start()
    ann.sees("Connected again.")
    ann.sees("ann: half a line")
    ann.waits_for(lambda rows: rows[-1] == "#lobby> more")


def test_a_command_that_cannot_be_sent_comes_back_as_a_draft(
    ann: Typist, server: ServerProcess
) -> None:
    server.kill()
    ann.sees("is lost")
    ann.type("/topic cats\r")
    ann.sees("There is no connection right now; the command was not sent.")
    ann.waits_for(lambda rows: rows[-1].endswith("> /topic cats"))


def test_a_kick_ends_the_program_and_the_draft_is_shown(ann: Typist, server: ServerProcess) -> None:
    boss = server.join_superuser("boss")
    ann.sees("boss has joined")
    ann.type("a draft\x1b\rof two lines\x1b[A")  # the cursor stands in the first of them
    ann.waits_for(lambda rows: rows[-1].strip() == "of two lines")
    boss.send("/kickuser ann too loud")
    assert ann.ends() == 6
    rows = ann.rows()
    at = rows.index("#lobby> a draft")
    assert rows[at + 1].strip() == "of two lines"
    assert "kicked by boss: too loud" in "".join(rows)


def test_a_password_is_never_seen_nor_kept(ann: Typist) -> None:
    ann.type("/changepassword\r")
    ann.answer("old password:", PASSWORD)
    ann.answer("Choose a password", "another good password")
    ann.answer("again:", "another good password")
    ann.sees("changed")
    assert "another" not in ann.raw
    assert not ann.file.exists()


# -- the moments in between -------------------------------------------------------------------


@pytest.fixture
def played(tmp_path: Path, stranger: Stranger) -> Iterator[tuple[Typist, Call]]:
    """Ann inside of a server that the test plays."""
    given = {"CHATROOM_PASSWORD": PASSWORD}
    ann = Typist(tmp_path / "ann", stranger.port, "--plain", "--name", "ann", environment=given)
    call = stranger.accept()
    call.let_in()
    ann.waits_for(lambda rows: rows[-1].endswith(">"))
    yield ann, call
    ann.close()


def test_questions_and_messages_that_meet_the_end_of_a_prompt_do_no_harm(
    played: tuple[Typist, Call],
) -> None:
    ann, call = played
    line = '>message {"kind":"text","from":"bob","text":"meanwhile","room":"lobby"}'
    for number in range(20):
        call.say(*['>prompt {"ask":"x","text":"x?","secret":false}', line] * 50)
        ann.type(f"{number}\r" * 5)
    call.say_event("notice", kind="welcome", text="Welcome again.", user="ann")
    call.say_event("notice", kind="error", text="the end")
    ann.sees("the end")
    assert ann.terminal.isalive()


@pytest.mark.parametrize("key", ["\x03", "\x04"])
def test_no_answer_to_the_question_about_a_paste_is_a_no(ann: Typist, bob: Peer, key: str) -> None:
    ann.type(PASTE + "\n".join(f"line {number}" for number in range(5)) + PASTED + "\r")
    ann.sees("Send these 5 lines as one message? [y/n]")
    bob.send("during the question")
    ann.sees("bob: during the question")
    ann.waits_for(lambda rows: rows[-1] == "Send these 5 lines as one message? [y/n]")
    ann.type(key)
    ann.waits_for(lambda rows: rows[-1].strip() == "line 4")
    ann.type("!\r")
    ann.answer("Send these 5 lines as one message? [y/n]", "y")
    bob.until("    line 4!")


def test_a_draft_that_is_too_long_is_not_asked_about_and_says_why_it_stays(ann: Typist) -> None:
    ann.type(PASTE + "\n".join(["some words of a long paste"] * 500) + PASTED + "\r")
    ann.waits_for(lambda rows: "longer than 8192 bytes" in rows[-1])
    assert "[y/n]" not in "".join(ann.rows())


@pytest.mark.parametrize("columns", [1, 3, 5])
def test_a_window_of_a_few_columns_is_lived_through(
    ann: Typist, server: ServerProcess, columns: int
) -> None:
    server.process.send_signal(signal.SIGSTOP)
    ann.type("on the way\rhalf a ")
    ann.waits_for(lambda rows: rows[-1] == "#lobby> half a")
    ann.resize(10, columns)
    ann.resize(40, 100)
    ann.waits_for(lambda rows: rows[-1] == "#lobby> half a")
    server.process.send_signal(signal.SIGCONT)
    ann.type("line\r")
    ann.sees("ann: half a line")


def test_messages_that_say_nothing_of_who_and_where_are_shown(played: tuple[Typist, Call]) -> None:
    ann, call = played
    for odd in ("", None, 7, ["bob"]):
        call.say_event("message", kind="text", text=f"from {odd!r}", room="lobby", **{"from": odd})
        ann.sees(f"from {odd!r}")
    ann.type("still here\r")
    while call.hear().partition(" ")[0] != ">post":
        pass


def test_many_interrupts_at_once_leave_once(ann: Typist) -> None:
    for _ in range(5):
        ann.terminal.kill(signal.SIGINT)
    assert ann.ends() == 0
    assert "Traceback" not in ann.raw
    assert "xception" not in ann.raw


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
def test_a_signal_that_ends_the_client_leaves_the_terminal_as_it_was(
    tmp_path: Path, server: ServerProcess, number: signal.Signals
) -> None:
    ann = Typist(tmp_path / "ann", server.port, shell=True)
    ann.register("ann")
    bob = server.join("bob")
    ann.type("half a ")
    ann.waits_for(lambda rows: rows[-1] == "#lobby> half a")
    pid = int(Path(f"/proc/{ann.terminal.pid}/task/{ann.terminal.pid}/children").read_text())
    os.kill(pid, number)
    bob.until("ann has left")
    ann.sees("#lobby> half a")
    ann.sees("shell$ ")
    ann.type("echo $?; stty -a\r")
    ann.sees(f"{128 + number}\r\n")
    ann.sees(" icanon")
    assert ann.raw.rindex("\x1b[?2004l") > ann.raw.rindex("half a")
    assert ann.file.read_text() == '"half a "\n'  # the Up key finds it
    ann.close()


def test_a_client_that_was_stopped_from_outside_goes_on_with_its_prompt(
    tmp_path: Path, server: ServerProcess
) -> None:
    ann = Typist(tmp_path / "ann", server.port, shell=True)
    ann.register("ann")
    bob = server.join("bob")
    ann.type("half a ")
    ann.waits_for(lambda rows: rows[-1] == "#lobby> half a")
    pid = int(Path(f"/proc/{ann.terminal.pid}/task/{ann.terminal.pid}/children").read_text())
    os.kill(pid, signal.SIGSTOP)
    ann.sees("shell$ ")
    ann.type("fg\r")
    ann.waits_for(lambda rows: rows[-1] == "#lobby> half a")
    bob.send("meanwhile")
    ann.sees("bob: meanwhile")
    ann.type("line\r")
    bob.until("ann: half a line")
    ann.waits_for(lambda rows: rows[-1] == "#lobby>" and "half a line" not in rows[-2][:20])
    ann.close()
