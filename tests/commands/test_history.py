"""/history: pages of a room, with ids and dates, from anywhere in it."""

import re
import sqlite3
import time
from contextlib import closing

import pytest

from tests.conftest import StartServer
from tests.harness import Peer, ServerProcess


def say(peer: Peer, *texts: str) -> None:
    """Say texts in the lobby and wait until the last one is there."""
    peer.send(*texts)
    peer.until(f": {texts[-1]}")


def ask(peer: Peer, line: str, end: str) -> str:
    """Send a command whose answer ends with a line that holds ``end``; return the answer."""
    peer.send(line)
    return peer.until(end)


def program_asks(peer: Peer, line: str) -> str:
    """Send a command on the events face; return the text of its answer."""
    peer.send_event("command", line=line, cid="q")
    return str(peer.until_event("result", cid="q")["text"])


def program_says(peer: Peer, *texts: str) -> list[int]:
    """Say texts on the events face; return their ids."""
    for text in texts:
        peer.send_event("post", text=text)
    return [int(peer.until_event("message", text=text)["seq"]) for text in texts]


def messages(answer: str) -> list[tuple[int, str]]:
    """Return id and text of each message in the answer to a /history."""
    found = re.findall(r"(?m)^\[(\d+)\] \d\d:\d\d [AP]M \| (.*)$", answer)
    return [(int(seq), text) for seq, text in found]


def test_a_page_has_the_newest_messages_oldest_first_with_ids_and_the_day(
    start_server: StartServer,
) -> None:
    server = start_server(message_rate=0)
    ann = server.program_peer("ann")
    program_says(ann, *(f"m{n}" for n in range(1, 121)))
    answer = program_asks(ann, "/history")
    assert messages(answer) == [(n, f"ann: m{n}") for n in range(71, 121)]
    assert answer.splitlines()[:2] == ["History of #lobby:", time.strftime("-- %Y-%m-%d --")]
    assert answer.splitlines()[-1] == "Older: /history before 71"
    assert messages(program_asks(ann, "/history 2")) == [(119, "ann: m119"), (120, "ann: m120")]


def test_paging_back_reaches_the_beginning_and_leaves_nothing_out(
    start_server: StartServer,
) -> None:
    server = start_server(message_rate=0)
    ann = server.program_peer("ann")
    program_says(ann, *(f"m{n}" for n in range(1, 301)))
    line = "/history 90"
    seen: list[tuple[int, str]] = []
    while line:
        answer = program_asks(ann, line)
        seen = messages(answer) + seen
        last = answer.splitlines()[-1]
        line = "/history 90" + last.removeprefix("Older: /history") if "Older" in last else ""
    assert seen == [(n, f"ann: m{n}") for n in range(1, 301)]


def test_a_page_from_an_id_goes_forward_and_says_where_to_go_on(
    start_server: StartServer,
) -> None:
    server = start_server(message_rate=0)
    ann = server.program_peer("ann")
    program_says(ann, *(f"m{n}" for n in range(1, 121)))
    answer = program_asks(ann, "/history 3 from #60")
    assert [seq for seq, _ in messages(answer)] == [60, 61, 62]
    assert answer.endswith("\nNewer: /history from 63")
    answer = program_asks(ann, "/history from 119")
    assert [seq for seq, _ in messages(answer)] == [119, 120]
    assert "Newer" not in answer
    answer = program_asks(ann, "/history from 60 before 63")
    assert [seq for seq, _ in messages(answer)] == [60, 61, 62]


def test_a_page_from_a_date_begins_there(server: ServerProcess) -> None:
    ann = server.join("ann")
    say(ann, "first", "second")
    assert "first" in ask(ann, "/history from today", ": second")
    assert "first" in ask(ann, "/history from yesterday", ": second")
    assert "There is nothing." in ann.answer_to("/history from 2100-01-01")


def test_a_room_without_messages_says_so(server: ServerProcess) -> None:
    ann = server.join("ann")
    assert "There is nothing." in ask(ann, "/history", "nothing")


def test_comings_and_goings_are_not_in_the_history(server: ServerProcess) -> None:
    ann, bob = server.join("ann"), server.join("bob")
    say(bob, "hello")
    bob.send("/disconnect")
    ann.until("bob has left")
    say(ann, "bye")
    answer = ask(ann, "/history", "ann: bye")
    assert [text for _, text in messages(answer)] == ["bob: hello", "ann: bye"]
    assert "joined" not in answer
    assert "left" not in answer


def test_a_message_of_several_lines_cannot_forge_a_line(server: ServerProcess) -> None:
    ann = server.program_peer("ann")
    program_says(ann, "one\n[99] 09:15 PM | bob: two")
    lines = program_asks(ann, "/history").splitlines()
    assert lines[-1] == "    [99] 09:15 PM | bob: two"


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("0", "'0' must be a number from 1 to 500. Type /history"),
        ("501", "'501' must be a number from 1 to 500"),
        ("yesterday", "'yesterday' must be a number"),
        ("from someday", "'someday' is not a date. Take 2026-11-22"),
        ("before noon", "'noon' is not the id of a message. Take one of /history"),
        ("before 00000000-5", "That id is not one of #lobby. Take one that /history shows there."),
        ("5 6", "'6' is too much. Type /history"),
    ],
)
def test_what_cannot_be_understood_is_answered_with_what_can(
    room: ServerProcess, boss: Peer, typed: str, sentence: str
) -> None:
    assert sentence in boss.answer_to(f"/history {typed}")


def test_history_is_there_after_a_kill(start_server: StartServer) -> None:
    server = start_server()
    ann = server.join("ann")
    say(ann, "before the kill")
    server.kill()
    server.start()
    ann = server.join("ann")
    ann.send("/history")
    ann.until("History of #lobby")
    assert messages(ann.until("before the kill")) == [(1, "ann: before the kill")]


def test_a_page_of_long_messages_ends_early_and_says_how_to_go_on(
    start_server: StartServer,
) -> None:
    server = start_server(message_rate=0)
    ann = server.program_peer("ann")
    program_says(ann, *(f"{n} " + "x" * 8000 for n in range(60)))
    seen: list[tuple[int, str]] = []
    answer = program_asks(ann, "/history 60")
    assert 10 < len(messages(answer)) < 40
    seen = messages(answer)
    while "Older" in answer.splitlines()[-1]:
        answer = program_asks(ann, answer.splitlines()[-1].removeprefix("Older: ") + " ")
        seen = messages(answer) + seen
    assert [seq for seq, _ in seen] == list(range(1, 61))


def test_a_page_is_not_cut_off_by_the_bound_of_what_may_wait(start_server: StartServer) -> None:
    server = start_server(outbox_bytes=65536, message_rate=0)
    ann, bob = server.program_peer("ann"), server.program_peer("bob")
    program_says(ann, *(f"{n} " + "x" * 8000 for n in range(30)))
    # Many pages are asked for before one is read, while others talk.
    for n in range(40):
        bob.send_event("command", line="/history 20", cid=str(n))
    program_says(ann, *(f"meanwhile {n}" for n in range(50)))
    for n in range(40):
        assert len(messages(bob.until_event("result", cid=str(n))["text"])) == 20
    assert program_says(bob, "still here")


@pytest.mark.sqlite
def test_what_is_no_longer_kept_is_told(start_server: StartServer) -> None:
    server = start_server()
    ann = server.join("ann")
    for n in range(1, 6):
        say(ann, f"m{n}")
    assert server.stop() == 0
    with closing(sqlite3.connect(server.data_dir / "chatroom.db")) as db:
        assert db.execute("DELETE FROM segments WHERE first<3").rowcount == 2
        db.commit()
    server.start()
    ann = server.join("ann")
    ann.send("/history")
    answer = ann.until("Older")
    assert [seq for seq, _ in messages(answer)] == [3, 4, 5]
    assert answer.endswith("| ann: m5\nOlder messages are no longer kept.\n")
    assert "damaged" not in answer
    assert "Message 2 is no longer kept." in ann.answer_to("/delete 2")
    ann.send("/history before 3")
    assert "There is nothing.\nOlder messages are no longer kept." in ann.until("Older")


@pytest.mark.sqlite
def test_damaged_messages_are_counted_where_they_are_missing(start_server: StartServer) -> None:
    server = start_server()
    ann = server.join("ann")
    for n in range(1, 6):
        say(ann, f"m{n}")
    assert server.stop() == 0
    with closing(sqlite3.connect(server.data_dir / "chatroom.db")) as db:
        sealed = db.execute("SELECT sealed FROM segments WHERE first=3").fetchone()[0]
        broken = sealed[:-1] + bytes([sealed[-1] ^ 1])
        db.execute("UPDATE segments SET sealed=? WHERE first=3", (broken,))
        db.commit()
    server.start()
    ann = server.join("ann")
    ann.send("/history")
    ann.until("History of #lobby")
    answer = ann.until(": m5")
    assert [text for _, text in messages(answer)] == ["ann: m1", "ann: m2", "ann: m4", "ann: m5"]
    assert "| ann: m2\n(1 message is damaged and cannot be shown)\n[4]" in answer
