"""Logging in with one line, tickets, and coming back with a ticket."""

import json
import re
import shutil
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.conftest import StartServer
from tests.harness import PASSWORD, Peer, ServerProcess


def hello(server: ServerProcess) -> Peer:
    return server.program_start()


def register(server: ServerProcess, name: str) -> tuple[Peer, str]:
    """Return a program that has registered with one line, and its ticket."""
    peer = hello(server)
    peer.send_event("register", name=name, password=PASSWORD, ticket=True)
    peer.until_event("notice", kind="welcome")
    return peer, peer.until_event("ticket")["ticket"]


def say(peer: Peer, text: str, **more: str) -> dict[str, Any]:
    """Post, and return the message as it came back."""
    peer.send_event("post", text=text, cid=text, **more)
    return peer.until_event("message", cid=text)


def resume(server: ServerProcess, ticket: str, cursors: dict[str, str]) -> tuple[Peer, str]:
    """Come back; return the peer and all that it was shown up to the end of what was missed."""
    peer = hello(server)
    peer.send_event("resume", ticket=ticket, cursors=cursors)
    peer.until_event("notice", kind="welcome")
    peer.until_event("notice", kind="here")
    text = ""
    while '"kind":"resumed"' not in text:
        text += peer.until(">")
    return peer, text


def events(text: str, word: str) -> list[dict[str, Any]]:
    lines = (line.partition(" ") for line in text.splitlines())
    return [json.loads(body) for head, _, body in lines if head == f">{word}"]


def texts(shown: str) -> list[str]:
    return [m["text"] for m in events(shown, "message") if m["kind"] not in ("join", "leave")]


def test_a_program_registers_and_logs_in_with_one_line(room: ServerProcess) -> None:
    peer, ticket = register(room, "oneline")
    assert len(ticket) == 43
    peer.close()
    again = hello(room)
    again.send_event("login", name="OneLine", password=PASSWORD)
    welcome = again.until_event("notice", kind="welcome")
    assert (welcome["user"], welcome["grant"], welcome["room"]) == ("oneline", 1, "lobby")
    say(again, "here")
    assert ">ticket" not in again.seen
    again.send_event("login", name="oneline", password=PASSWORD)
    refused = again.until_event("result", command="login", ok=False)
    assert "logged in already" in refused["text"]


def test_who_is_sent_away_amid_what_was_missed_has_no_gap_in_it(
    start_server: StartServer,
) -> None:
    server = start_server(message_rate=0, outbox_bytes=99_999_999)
    boss = server.join_superuser("boss")
    mover, ticket = register(server, "mover")
    last = say(mover, "my last one")
    mover.close()
    boss.until("mover has left", "my last one")
    line = "x" * 7_000
    boss.send(*[line] * 1_500)
    boss.answer_to("/who")
    back = hello(server)
    back.send_event("resume", ticket=ticket, cursors={"lobby": last["id"]})
    back.until('"kind":"text"')  # more of it than the system holds is still to come
    boss.send(*[line] * 10)
    boss.answer_to("/kickuser mover")
    back.until_end()
    shown = [one["seq"] for one in back.events("message") if one["seq"]]
    assert 0 < len(shown) < 1_500
    assert shown == list(range(last["seq"] + 1, last["seq"] + 1 + len(shown)))


def test_a_ticket_holds_for_a_day_and_is_not_kept_as_it_is(start_server: StartServer) -> None:
    server = start_server()
    peer = hello(server)
    peer.send_event("register", name="ann", password=PASSWORD, ticket=True)
    given = peer.until_event("ticket")
    until = datetime.fromisoformat(given["until"])
    assert 86300 < (until - datetime.now(UTC)).total_seconds() <= 86400
    peer.close()
    server.stop()
    for file in server.data_dir.iterdir():
        if file.is_file():
            assert given["ticket"].encode() not in file.read_bytes()


@pytest.mark.parametrize(
    ("word", "fields", "sentence"),
    [
        ("login", {"name": "boss", "password": "wrong"}, "Unknown name or wrong password"),
        ("login", {"name": "boss"}, "Unknown name or wrong password"),
        ("login", {}, "Unknown name or wrong password"),
        ("register", {"name": "boss", "password": PASSWORD}, "That name is taken"),
        ("register", {"name": "new", "password": "short"}, "at least 8 bytes|8 bytes or more|8 "),
        ("resume", {"ticket": "x" * 43}, "Log in with your password"),
        ("resume", {"ticket": "\ud800"}, "Log in with your password"),
        ("resume", {}, "Log in with your password"),
    ],
)
def test_a_refused_line_is_answered_and_may_be_tried_again(
    room: ServerProcess, word: str, fields: dict[str, str], sentence: str
) -> None:
    peer = hello(room)
    peer.send_event(word, **fields)
    refused = peer.until_event("result", command="login", ok=False)
    assert re.search(sentence, refused["text"])
    peer.until_event("prompt", ask="account")
    peer.send_event("login", name="boss", password=PASSWORD)
    peer.until_event("notice", kind="welcome")


@pytest.mark.parametrize(
    ("word", "fields", "sentence"),
    [
        ("login", {"name": ["boss"]}, '"name" of >login must be a text'),
        ("login", {"ticket": "yes"}, "must be true or false"),
        ("resume", {"cursors": []}, "must be an object"),
        ("resume", {"cursors": {"lobby": 3}}, 'last "id" of each room'),
        ("resume", {"cursors": {"lobby": "here"}}, 'last "id" of each room'),
        ("resume", {"cursors": {"@id": "0a-3"}}, 'last "id" of each room'),
    ],
)
def test_a_line_that_cannot_be_understood_says_what_is_expected(
    room: ServerProcess, word: str, fields: dict[str, Any], sentence: str
) -> None:
    peer = hello(room)
    peer.send_event(word, **fields)
    assert sentence in peer.until_event("result", ok=False)["text"]
    peer.send_event("login", name="boss", password=PASSWORD)
    peer.until_event("notice", kind="welcome")


def test_six_wrong_lines_end_the_connection(room: ServerProcess) -> None:
    peer = hello(room)
    for _ in range(5):
        peer.send_event("resume", ticket="wrong")
        peer.until_event("result", command="login", ok=False)
    peer.send_event("login", name="boss", password="wrong")
    assert "last try" in peer.until_event("control", do="disconnect")["text"]
    assert peer.is_closed()


def test_who_comes_back_gets_exactly_what_was_missed_in_every_room(
    start_server: StartServer,
) -> None:
    server = start_server()
    bob, _ = register(server, "bob")
    ann, ticket = register(server, "ann")
    bob.send_event("command", line="/create dev", cid="c")
    assert bob.until_event("control", do="room")["room"] == "dev"
    bob.until_event("result", cid="c")
    for line in ("/join dev", "/room lobby"):
        ann.send_event("command", line=line, cid=line)
        ann.until_event("result", cid=line)
    cursors = {}
    for log in ("lobby", "dev"):
        message = say(bob, f"seen in {log}", room=log)
        cursors[log] = message["id"]
        assert re.fullmatch(r"[0-9a-f]+-1", message["id"])
        assert ann.until_event("message", text=f"seen in {log}")["id"] == message["id"]
    ann.vanish()
    for i in range(30):
        say(bob, f"dev {i}", room="dev")
        say(bob, f"lobby {i}", room="lobby")
    bob.send_event("command", line="/messageto ann psst", cid="pm")
    bob.until_event("message", cid="pm")
    back, shown = resume(server, ticket, cursors)
    missed = events(shown, "message")
    for log in ("lobby", "dev"):
        expected = [f"{log} {i}" for i in range(30)]
        assert [m["text"] for m in missed if m["room"] == log and m["seq"]] == expected
    assert [m["text"] for m in missed if m["room"] == ""] == ["psst"]
    assert len({m["id"] for m in missed}) == len(missed) == 61
    assert events(shown, "notice")[-1]["number"] == 61
    # A return within the time is not announced; what is said now comes once.
    say(bob, "now", room="lobby")
    assert back.until_event("message", room="lobby", kind="text")["text"] == "now"
    assert '"kind":"leave"' not in bob.seen


def test_a_ticket_survives_a_restart_of_the_server(start_server: StartServer) -> None:
    server = start_server()
    ann, ticket = register(server, "ann")
    bob, _ = register(server, "bob")
    last = say(bob, "seen")["id"]
    ann.until_event("message", text="seen")
    say(bob, "missed")
    server.kill()
    server.start()
    _, shown = resume(server, ticket, {"lobby": last})
    assert texts(shown) == ["missed"]


def test_a_change_of_room_outlives_a_crash(start_server: StartServer) -> None:
    server = start_server()
    ann, ticket = register(server, "ann")
    ann.send_event("command", line="/create den private", cid="a")
    ann.until_event("result", cid="a")
    for place in ("lobby", "den"):
        ann.send_event("command", line=f"/room {place}", cid=place)
        ann.until_event("result", cid=place, ok=True)
        server.kill()
        server.start()
        ann = hello(server)
        ann.send_event("resume", ticket=ticket, cursors={})
        assert ann.until_event("notice", kind="welcome")["room"] == place
        assert say(ann, f"meant for {place}")["room"] == place


def test_a_session_comes_back_to_where_it_talked_itself(room: ServerProcess) -> None:
    one, ticket = register(room, "two-places")
    for name in ("two-dens", "two-huts"):
        one.send_event("command", line=f"/create {name}", cid=name)
        one.until_event("result", cid=name, ok=True)
    also = hello(room)
    also.send_event("resume", ticket=ticket, cursors={})
    also.until_event("notice", kind="resumed")
    also.send_event("command", line="/room two-dens", cid="b")
    also.until_event("result", cid="b", ok=True)
    one.close()
    for place, where in (
        ("two-huts", "two-huts"),
        ("#TWO-DENS", "two-dens"),
        ("", "two-dens"),
        ("nowhere", "two-dens"),
    ):
        back = hello(room)
        back.send_event("resume", ticket=ticket, cursors={}, room=place)
        assert back.until_event("notice", kind="welcome")["room"] == where
        back.until_event("notice", kind="resumed")
        assert say(back, f"from {place}")["room"] == where
        back.close()
    also.close()


@pytest.mark.parametrize("how", ["password", "kick", "deletion"])
def test_a_ticket_is_revoked(start_server: StartServer, how: str) -> None:
    server = start_server(kick_minutes=5)
    boss = server.join_superuser("boss")
    ann, ticket = register(server, "ann")
    if how == "kick":
        boss.send("/kickuser ann")
        ann.until_event("control", do="kick")
        boss.send("/unkickuser ann")
        boss.until("may log in again")
    elif how == "password":
        ann.send_event("command", line="/changepassword", cid="p")
        for ask, text in (
            ("old-password", PASSWORD),
            ("new-password", "another one"),
            ("again", "another one"),
        ):
            ann.until_event("prompt", ask=ask)
            ann.send_event("answer", text=text)
        ann.until_event("result", cid="p", ok=True)
    else:
        ann.send_event("command", line="/deleteaccount", cid="d")
        while ann.until_event("prompt")["ask"] != "confirm-name":
            ann.send_event("answer", text=PASSWORD)
        ann.send_event("answer", text="ann")
        ann.until_event("control", do="disconnect")
    peer = hello(server)
    peer.send_event("resume", ticket=ticket)
    refused = peer.until_event("result", command="login", ok=False)
    assert "Log in with your password" in refused["text"]


def test_a_cursor_of_another_counting_is_told_as_a_gap(start_server: StartServer) -> None:
    server = start_server()
    ann, ticket = register(server, "ann")
    last = say(ann, "one")["id"]
    epoch = last.partition("-")[0]
    ann.vanish()
    for cursors, sentence in (
        ({"lobby": "00ff-1"}, "is not known here"),
        ({"lobby": f"{epoch}-99"}, "message 99 is not known here"),
        ({"lobby": last, "cellar": "00ff-1"}, "You are not in #cellar any more"),
        ({"lobby": last, "cellar": "2026-01-01"}, "You are not in #cellar any more"),
        ({"lobby": last, "": "00ff-1"}, "private messages: the last message"),
    ):
        peer, shown = resume(server, ticket, cursors)
        gaps = [n for n in events(shown, "notice") if n["kind"] == "gap"]
        assert [sentence in gap["text"] for gap in gaps] == [True], shown
        peer.vanish()


@pytest.mark.sqlite
@pytest.mark.parametrize("new", [1, 6])
def test_after_a_way_back_to_a_copy_a_gap_is_told_and_nothing_is_skipped(
    start_server: StartServer, new: int
) -> None:
    server = start_server()
    ann, ticket = register(server, "ann")
    bob = server.program_peer("bob")
    kept = say(bob, "kept")["id"]
    server.stop()
    copy = shutil.copytree(server.data_dir, server.folder / "copy")
    server.start()
    ann, shown = resume(server, ticket, {"lobby": kept})
    assert '"kind":"gap"' not in shown  # a restart alone takes nothing away
    ticket = events(ann.seen, "ticket")[-1]["ticket"]
    bob = server.join("bob")
    bob.send("lost 1", "lost 2", "/messageto ann lost 3")
    cursors = {"lobby": ann.until_event("message", text="lost 2")["id"]}
    cursors[""] = ann.until_event("message", text="lost 3")["id"]
    server.stop()
    shutil.rmtree(server.data_dir)
    shutil.move(copy, server.data_dir)
    server.start()
    bob = server.join("bob")
    for n in range(new):
        bob.answer_to(f"/messageto ann mail {n}")
    peer = hello(server)
    peer.send_event("login", name="ann", password=PASSWORD, ticket=True)
    ticket = peer.until_event("ticket")["ticket"]
    peer.vanish()
    _, shown = resume(server, ticket, cursors)
    gaps = [n["room"] for n in events(shown, "notice") if n["kind"] == "gap"]
    assert sorted(gaps) == ["", "lobby"], shown
    _, shown = resume(server, ticket, {"lobby": kept})
    assert '"kind":"gap"' not in shown
    assert len(texts(shown)) >= 2 * new


def test_a_cursor_may_be_a_time(start_server: StartServer) -> None:
    server = start_server()
    ann, ticket = register(server, "ann")
    first = say(ann, "one")
    while (second := say(ann, "two"))["time"] == first["time"]:
        pass  # the time that is shown counts thousandths of a second
    say(ann, "three")
    ann.vanish()
    peer, shown = resume(server, ticket, {"lobby": second["time"]})
    assert [m["text"] for m in events(shown, "message") if m["kind"] == "text"] == ["two", "three"]
    peer.vanish()
    peer, shown = resume(server, ticket, {"lobby": first["time"][:10], "cellar": "2026-11-22"})
    assert [m["text"] for m in events(shown, "message") if m["kind"] == "text"][:1] == ["one"]
    assert "You are not in #cellar" in shown
    peer.vanish()


def test_a_message_sent_again_after_a_crash_is_kept_once(start_server: StartServer) -> None:
    server = start_server()
    ann, ticket = register(server, "ann")
    last = say(ann, "start")["id"]
    cids = [f"abcdefgh-{i}" for i in range(1, 41)]
    for cid in cids:
        ann.send_event("post", text=f"text {cid}", cid=cid)
    ann.until_event("message", cid=cids[5])  # some are kept and shown, of others nobody knows
    server.kill()
    server.start()
    back, shown = resume(server, ticket, {"lobby": last})
    for cid in cids:  # in the same order, with the same ids
        back.send_event("post", text=f"text {cid}", cid=cid)
    say(back, "the end")
    answered = {r["cid"] for r in events(back.seen, "result") if r["ok"] and "cid" in r}
    assert {m["cid"] for m in events(shown, "message") if "cid" in m} <= answered
    assert cids[5] in answered
    watch = hello(server)
    watch.send_event("resume", ticket=ticket, cursors={"lobby": last})
    watch.until_event("notice", kind="resumed")
    assert texts(watch.seen) == [f"text {cid}" for cid in cids] + ["the end"]


def test_who_did_not_come_back_for_long_starts_where_the_visit_ended(
    start_server: StartServer,
) -> None:
    server = start_server()
    bob, _ = register(server, "bob")
    ann, ticket = register(server, "ann")
    ann.send_event("command", line="/disconnect")
    assert ann.is_closed()
    bob.until_event("message", kind="leave")
    say(bob, "meanwhile")
    _, shown = resume(server, ticket, {})
    assert texts(shown) == ["meanwhile"]


def test_a_cursor_names_its_room_as_people_do(room: ServerProcess) -> None:
    peer, ticket = register(room, "spelling")
    peer.send_event("command", line="/create Attic")
    first = say(peer, "seen", room="Attic")
    say(peer, "missed", room="Attic")
    peer.send_event("command", line="/disconnect")
    assert peer.is_closed()
    for spelling in ("#Attic", "ATTIC", "#attic"):
        peer, shown = resume(room, ticket, {spelling: first["id"], "#": first["id"]})
        assert "missed" in texts(shown)
        assert "seen" not in texts(shown)
        assert [g["room"] for g in events(shown, "notice") if g["kind"] == "gap"] == ["#"]
        ticket = events(peer.seen, "ticket")[0]["ticket"]
        peer.close()
