"""Private messages: one id for both, removed at both ends, and never led to somebody else."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from chatroom.storage.sqlite.opening import STORE_FILE
from tests.cluster import Cluster
from tests.conftest import StartServer
from tests.harness import PASSWORD, Peer, ServerProcess
from tests.redis_server import RedisServer
from tests.session.test_answers import ask, said
from tests.session.test_resume import events, resume


def write(sender: Peer, to: str, text: str) -> dict[str, Any]:
    """Write to somebody; return the message as it comes back."""
    sender.send_event("command", line=f"/messageto {to} {text}", cid=text[:20])
    return sender.until_event("message", kind="private", text=text)


def read_back(peer: Peer, command: str, args: dict[str, Any]) -> list[dict[str, Any]]:
    """Give a command that reads back; return its messages."""
    before = len(peer.seen)
    assert ask(peer, command, args)["ok"]
    found = events(peer.seen[before:], "message")
    return [one for one in found if one.get("re") == f"c-{command}"]


def log_in(server: ServerProcess, name: str) -> Peer:
    peer = server.program_start()
    peer.send_event("login", name=name, password=PASSWORD)
    peer.until_event("notice", kind="here")
    return peer


@pytest.fixture
def name(room: ServerProcess) -> str:
    """A name that nobody in the room has yet."""
    return f"n{len(room.log())}"


# -- one id ----------------------------------------------------------------------------------


@pytest.mark.parametrize("cid", ["abcdefgh-1", "7f-1", ""])
def test_both_see_one_id_now_and_whenever_they_read_it_back(
    room: ServerProcess, name: str, cid: str
) -> None:
    ann, bob = room.program_peer(f"{name}a"), room.program_peer(f"{name}b")
    write(bob, f"{name}a", "so that the two mailboxes count apart")
    ann.send_event("command", line=f"/messageto {name}b psst", cid=cid)
    own = ann.until_event("message", kind="private", text="psst")
    theirs = bob.until_event("message", kind="private", text="psst")
    assert own["private_id"] == theirs["private_id"]
    assert own["id"] != theirs["id"]  # these are cursors, each of its mailbox
    for peer, other in ((ann, "b"), (bob, "a")):
        (one,) = (
            message
            for message in read_back(peer, "history", {"with": f"{name}{other}"})
            if message["text"] == "psst"
        )
        assert one["private_id"] == own["private_id"]
    lines = room.join(f"{name}a").answer_to(f"/history with {name}b")
    assert f"[{own['private_id']}] " in lines


def test_the_result_of_a_named_command_tells_the_id(room: ServerProcess, name: str) -> None:
    ann, bob = room.program_peer(f"{name}a"), room.program_peer(f"{name}b")
    result = ask(ann, "messageto", {"user": f"{name}b", "text": "psst"})
    (row,) = result["rows"]
    assert (result["ok"], result["code"], row["user"]) == (True, "ok", f"{name}b")
    assert bob.until_event("message", text="psst")["private_id"] == row["private_id"]
    bob.send_event("command", line="/disconnect")
    bob.until_end()
    ann.until_event("message", kind="leave")
    ann.send_event("command", line=f"/messageto {name}b later", cid="off")
    (late,) = ann.until_event("result", cid="off")["rows"]
    shown = log_in(room, f"{name}b").until_event("message", text="later")
    assert shown["private_id"] == late["private_id"]


# -- removed at both ends --------------------------------------------------------------------


def test_who_has_sent_a_private_message_removes_it_at_both_ends(
    room: ServerProcess, name: str
) -> None:
    ann, bob, eve = (room.program_peer(f"{name}{one}") for one in "abe")
    also_ann = log_in(room, f"{name}a")
    write(eve, f"{name}b", "so that the two mailboxes count apart")
    sent = write(ann, f"{name}b", "our secret")
    stays = write(ann, f"{name}b", "and this stays")
    theirs = bob.until_event("message", text="our secret")
    bob.until_event("message", text="and this stays")
    result = ask(ann, "delete", {"id": sent["private_id"]})
    assert (result["ok"], sent["private_id"] in result["text"]) == (True, True)
    assert "both mailboxes" in result["text"]
    for peer, ref in ((ann, sent["id"]), (also_ann, sent["id"]), (bob, theirs["id"])):
        event = peer.until_event("message", kind="removed", room="")
        assert (event["ref"], event["private_id"]) == (ref, sent["private_id"])
    for peer, other in ((ann, "b"), (bob, "a")):
        found = read_back(peer, "history", {"with": f"{name}{other}"})
        assert [(m["kind"], m["text"]) for m in found] == [
            ("removed", ""),
            ("private", "and this stays"),
        ]
        assert [m["private_id"] for m in found] == [sent["private_id"], stays["private_id"]]
        assert read_back(peer, "search", {"words": "secret"}) == []
    again = ask(ann, "delete", {"id": sent["private_id"]})
    assert (again["ok"], again["code"]) == (False, "no-such-message")
    mail = read_back(bob, "mail", {"number": 50})
    assert len(mail) == 3  # no line for the event


def test_also_by_the_id_of_ones_own_mailbox(room: ServerProcess, name: str) -> None:
    ann, bob = room.program_peer(f"{name}a"), room.program_peer(f"{name}b")
    sent = write(ann, f"{name}b", "our secret")
    assert ask(ann, "delete", {"id": sent["id"]})["ok"]
    assert bob.until_event("message", kind="removed")["private_id"] == sent["private_id"]
    note = write(ann, f"{name}a", "a note to myself")
    assert ask(ann, "delete", {"id": note["private_id"]})["ok"]
    assert ann.until_event("message", kind="removed", ref=note["id"])


def test_what_is_removed_before_it_was_read_is_never_shown(room: ServerProcess, name: str) -> None:
    ann, bob = room.program_peer(f"{name}a"), room.program_start()
    bob.send_event("register", name=f"{name}b", password=PASSWORD, ticket=True)
    ticket = bob.until_event("ticket")["ticket"]
    read = write(ann, f"{name}b", "read")
    cursor = bob.until_event("message", text="read")["id"]
    bob.send_event("command", line="/disconnect")
    bob.until_end()
    ann.until_event("message", kind="leave")
    for text in ("unread secret", "unread"):
        sent = write(ann, f"{name}b", text)
        if text == "unread secret":
            assert "both mailboxes" in ask(ann, "delete", {"id": sent["private_id"]})["text"]
    assert ask(ann, "delete", {"id": read["private_id"]})["ok"]
    back, shown = resume(room, ticket, {"": cursor})
    assert "unread secret" not in shown
    removed = [m["ref"] for m in events(shown, "message") if m["kind"] == "removed"]
    assert cursor in removed  # so a program takes away what it has shown
    back.send_event("command", line="/disconnect")
    back.until_end()
    for peer in (room.join(f"{name}b"), log_in(room, f"{name}b")):
        assert "unread secret" not in peer.seen


def test_who_is_busy_hears_of_what_was_seen_and_is_shown_nothing_of_the_rest(
    room: ServerProcess, name: str
) -> None:
    ann, bob = room.program_peer(f"{name}a"), room.program_peer(f"{name}b")
    seen = write(ann, f"{name}b", "seen")
    theirs = bob.until_event("message", text="seen")
    assert ask(bob, "busy", {"reason": "lunch"})["ok"]
    unseen = write(ann, f"{name}b", "unseen secret")
    for one in (seen, unseen):
        assert ask(ann, "delete", {"id": one["private_id"]})["ok"]
    bob.send_event("command", line="/free")
    bob.until_event("message", kind="removed", ref=theirs["id"])
    assert read_back(bob, "history", {"with": f"{name}a"})[1]["private_id"] == unseen["private_id"]
    assert "unseen secret" not in bob.seen


def test_people_see_it_as_a_sentence(room: ServerProcess, name: str) -> None:
    ann, bob = room.join(f"{name}a"), room.join(f"{name}b")
    ann.send(f"/messageto {name}b our secret")
    bob.until(f"private from {name}a: our secret")
    listed = ann.answer_to(f"/history with {name}b")
    both = listed.partition("[")[2].partition("]")[0]
    ann.send(f"/delete {both.upper()}")
    bob.until(f"{name}a removed message {both}.")
    ann.until(f"The private message {both} is removed for good, in both mailboxes.")
    assert f"[{both}] " in bob.answer_to(f"/history with {name}a")
    assert "(removed)" in bob.answer_to("/mail 1")


def test_nobody_else_removes_or_reads_it(room: ServerProcess, boss: Peer, name: str) -> None:
    ann, bob = room.program_peer(f"{name}a"), room.program_peer(f"{name}b")
    sent = write(ann, f"{name}b", "not yours")
    theirs = bob.until_event("message", text="not yours")
    for which in (sent["private_id"], theirs["id"]):
        refused = ask(bob, "delete", {"id": which})
        assert (refused["ok"], refused["code"]) == (False, "not-allowed")
    eve = room.program_peer(f"{name}e")
    for which in (sent["private_id"], sent["id"], theirs["id"]):
        for command, args in (
            ("delete", {"id": which}),
            ("context", {"id": which}),
            ("history", {"around": which}),
            ("history", {"around": which, "with": f"{name}b"}),
        ):
            refused = ask(eve, command, args)
            assert (refused["ok"], refused["code"]) == (False, "no-such-message")
        assert "no private message of yours" in boss.answer_to(f"/delete {sent['private_id']}")
    (left,) = read_back(bob, "history", {"with": f"{name}a"})
    assert left["text"] == "not yours"


def test_a_superuser_removes_no_private_message_of_somebody_else(
    room: ServerProcess, boss: Peer, name: str
) -> None:
    ann = room.program_peer(f"{name}a")
    sent = write(ann, "boss", "for the boss")
    assert "That is not yours" in boss.answer_to(f"/delete {sent['private_id']}")


@pytest.mark.sqlite  # it looks into the files of this engine
def test_the_text_is_in_no_file_any_more(start_server: StartServer) -> None:
    server = start_server()
    ann, bob = server.program_peer("ann"), server.program_peer("bob")
    sent = write(ann, "bob", "the secret of us two")
    bob.until_event("message", text="the secret of us two")

    def sealed() -> set[bytes]:
        with closing(sqlite3.connect(server.data_dir / STORE_FILE)) as db:
            return {row[0] for row in db.execute("SELECT sealed FROM segments")}

    before = sealed()
    assert ask(ann, "delete", {"id": sent["private_id"]})["ok"]
    gone = before - sealed()
    assert len(gone) == 2  # one of each mailbox; the events are new ones
    server.stop()
    for file in server.data_dir.iterdir():
        if file.is_file():
            assert not [one for one in gone if one in file.read_bytes()]


# -- to whom -----------------------------------------------------------------------------------


def test_a_rename_or_a_name_made_anew_leads_to_nobody_else(start_server: StartServer) -> None:
    server = start_server(reserve_days=0)
    boss = server.join_superuser("boss")
    ann, bob = server.program_peer("ann"), server.program_peer("bob")
    old = write(ann, "bob", "for the first bob")
    bob.until_event("message", text="for the first bob")
    boss.send("/disconnect")
    boss.until_end()
    bob.send_event("command", line="/disconnect")
    bob.until_end()
    ann.until_event("message", kind="leave")
    server.operate("rename-user", "bob", "robert")
    ann.close()
    ann = log_in(server, "ann")
    other = server.program_peer("bob")
    new = write(ann, "bob", "for the second bob")
    texts = [m["text"] for m in read_back(ann, "history", {"with": "bob"})]
    assert texts == ["for the second bob"]
    texts = [m["text"] for m in read_back(ann, "history", {"with": "robert"})]
    assert texts == ["for the first bob"]
    assert [m["text"] for m in read_back(ann, "context", {"id": old["private_id"]})] == texts
    assert "both mailboxes" in ask(ann, "delete", {"id": old["private_id"]})["text"]
    robert = log_in(server, "robert")
    (gone,) = read_back(robert, "history", {"with": "ann"})
    assert gone["kind"] == "removed"
    (left,) = read_back(other, "history", {"with": "ann"})
    assert left["private_id"] == new["private_id"]


def test_what_was_written_to_who_is_gone_is_still_ones_own(start_server: StartServer) -> None:
    server = start_server(reserve_days=0)
    ann, bob = server.program_peer("ann"), server.program_peer("bob")
    sent = write(ann, "bob", "dear bob")
    write(bob, "ann", "dear ann")
    got = ann.until_event("message", text="dear ann")
    bob.send_event("command", line="/deleteaccount")
    bob.send_event("answer", text=PASSWORD)
    bob.send_event("answer", text="bob")
    bob.until_end()
    server.program_peer("bob")
    for which in (sent["private_id"], got["private_id"]):
        found = read_back(ann, "context", {"id": which})
        assert [m["text"] for m in found] == ["dear bob", "dear ann"]
    assert read_back(ann, "history", {"with": "bob"}) == []
    assert "your mailbox" in ask(ann, "delete", {"id": sent["private_id"]})["text"]
    assert ask(ann, "delete", {"id": got["private_id"]})["code"] == "not-allowed"


# -- ids where they are asked for --------------------------------------------------------------


def test_commands_that_take_an_id_take_those_of_private_messages(
    room: ServerProcess, name: str
) -> None:
    ann, bob, eve = (room.program_peer(f"{name}{one}") for one in "abe")
    sent = []
    for n in range(7):
        sent.append(write(ann, f"{name}b", f"line {n}"))
        write(ann, f"{name}e", f"to another {n}")
    bob.until_event("message", text="line 6")
    for peer, other in ((ann, "b"), (bob, "a")):
        around = {"around": sent[3]["private_id"], "number": 3}
        for args in (around, {**around, "with": f"{name}{other}"}):
            texts = [m["text"] for m in read_back(peer, "history", args)]
            assert texts == ["line 2", "line 3", "line 4"]
        texts = [
            m["text"]
            for m in read_back(peer, "context", {"id": sent[1]["private_id"], "number": 3})
        ]
        assert texts == ["line 0", "line 1", "line 2"]
        before = {"before": sent[2]["private_id"], "with": f"{name}{other}"}
        assert [m["text"] for m in read_back(peer, "history", before)] == ["line 0", "line 1"]
        start = {"from": sent[5]["private_id"], "with": f"{name}{other}"}
        assert [m["text"] for m in read_back(peer, "history", start)] == ["line 5", "line 6"]
    refused = ask(ann, "history", {"around": sent[0]["private_id"], "with": f"{name}e"})
    assert refused["code"] == "no-such-message"
    refused = ask(ann, "history", {"around": sent[0]["private_id"], "room": "lobby"})
    assert refused["code"] == "no-such-message"
    assert "line 0" not in eve.seen


def test_an_id_of_nothing_is_no_message(start_server: StartServer) -> None:
    server = start_server()
    ann = server.program_peer("ann")
    said(ann, "one", "two", "three")
    server.program_peer("bob")
    write(ann, "bob", "psst")
    assert ask(ann, "delete", {"id": 2})["ok"]
    event = ann.until_event("message", kind="removed")
    for command, args in (
        ("context", {"id": 999}),
        ("context", {"id": "0"}),
        ("context", {"id": event["id"]}),
        ("context", {"id": "paaaaaaaaaa"}),
        ("context", {"id": "0000aaaa-1"}),
        ("history", {"around": 99}),
        ("history", {"around": 99, "with": "bob"}),
        ("delete", {"id": 99}),
        ("delete", {"id": 2}),
        ("delete", {"id": "paaaaaaaaaa"}),
    ):
        refused = ask(ann, command, args)
        assert (refused["ok"], refused["code"]) == (False, "no-such-message"), (command, args)
    assert [m["text"] for m in read_back(ann, "context", {"id": 1, "number": 1})] == ["one"]


# -- two nodes -----------------------------------------------------------------------------------


@pytest.fixture
def cluster(tmp_path: Path, redis_server: RedisServer) -> Iterator[Cluster]:
    """Two nodes."""
    nodes = Cluster(tmp_path, [redis_server.fresh()] * 2)
    yield nodes
    nodes.close()


@pytest.mark.sqlite  # it names its engine itself
def test_who_is_at_another_node_hears_it_and_the_text_is_gone_there(cluster: Cluster) -> None:
    one, two = cluster.nodes
    ann, bob = one.program_peer("ann"), two.program_peer("bob")
    ann.until_event("message", kind="join")
    sent = write(ann, "bob", "our secret")
    theirs = bob.until_event("message", text="our secret")
    assert theirs["private_id"] == sent["private_id"]
    assert [m["text"] for m in read_back(bob, "context", {"id": sent["private_id"]})] == [
        "our secret"
    ]
    assert ask(ann, "delete", {"id": sent["private_id"]})["ok"]
    event = bob.until_event("message", kind="removed", ref=theirs["id"])
    assert event["private_id"] == sent["private_id"]
    (gone,) = read_back(bob, "history", {"with": "ann"})
    assert (gone["kind"], gone["text"]) == ("removed", "")
    bob.send_event("command", line="/disconnect")
    bob.until_end()
    ann.until_event("message", kind="leave")
    sent = write(ann, "bob", "and once more")
    assert "both mailboxes" in ask(ann, "delete", {"id": sent["private_id"]})["text"]
    assert "once more" not in log_in(two, "bob").seen
