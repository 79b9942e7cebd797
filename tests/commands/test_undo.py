"""/undo: what was done is taken back, by its number in /audit, if nothing has changed since."""

import re
import threading

import pytest

from tests.harness import PASSWORD, Peer, ServerProcess


def last_number(boss: Peer) -> int:
    """Return the number of the newest entry of the trail."""
    found = re.findall(r"(?m)^ *(\d+) +\d{4}-", boss.answer_to("/audit 1"))
    assert len(found) == 1
    return int(found[0])


def knock(room: ServerProcess, name: str) -> Peer:
    peer = room.peer()
    peer.send("n", name, PASSWORD)
    return peer


def test_a_ban_is_lifted_and_the_lifting_is_taken_back_for_the_rest_of_its_time(
    room: ServerProcess, boss: Peer
) -> None:
    room.join("una").close()
    boss.answer_to("/ban una 2h spam")
    banned = last_number(boss)
    since = re.findall(r"una +boss +(\S+ \S+) +(\S+ \S+) +spam", boss.answer_to("/bans"))
    assert f"Entry {banned} is taken back: the ban of una is lifted." in boss.answer_to("/undo")
    assert "una" not in boss.answer_to("/bans")
    trail = boss.answer_to("/audit una")
    assert f"took back the ban of una (undoing {banned})" in trail
    undone = last_number(boss)
    # Twice is once, and what took it back is taken back like any other act.
    told = boss.answer_to(f"/undo {banned}")
    assert f"Entry {banned} is taken back already, by entry {undone} of boss." in told
    told = boss.answer_to(f"/undo {undone}")
    assert f"Entry {undone} is taken back: the ban of una holds again, as number" in told
    assert since == re.findall(r"una +boss +(\S+ \S+) +(\S+ \S+) +spam", boss.answer_to("/bans"))
    assert "You were banned by boss: spam." in knock(room, "una").until_end()
    # The first one stands again, and may be taken back again.
    assert "the ban of una is lifted." in boss.answer_to(f"/undo {banned}")
    knock(room, "una").until("Welcome, una")


@pytest.mark.parametrize(
    ("line", "what", "undone"),
    [
        ("/kick ulf loud", "the kick of ulf is lifted.", "/viewkickusers"),
        ("/mute ulf 1h loud", "the mute of ulf is lifted.", "/whois ulf"),
        ("/ban 192.0.2.0/24 1h", "the ban of 192.0.2.0/24 is lifted.", "/bans"),
        ("/lockdown on", "the lockdown is off.", ""),
        ("/changegrant ulf 0", "ulf is a normal user now.", ""),
    ],
)
def test_what_was_done_last_is_taken_back_and_back_again(
    room: ServerProcess, boss: Peer, line: str, what: str, undone: str
) -> None:
    room.join("ulf").close()
    boss.answer_to(line)
    number = last_number(boss)
    assert f"Entry {number} is taken back: {what}" in boss.answer_to("/undo")
    again = boss.answer_to(f"/undo #{number + 1}")
    assert f"Entry {number + 1} is taken back: " in again
    if undone:
        assert "boss" in boss.answer_to(undone)
    assert what in boss.answer_to(f"/undo {number}")


def test_what_lifted_something_is_taken_back(room: ServerProcess, boss: Peer) -> None:
    uwe = room.join("uwe")
    boss.answer_to("/mute uwe 1h too loud")
    boss.answer_to("/unmute uwe")
    uwe.until("You may write again")
    assert "the mute of uwe holds again, as number" in boss.answer_to("/undo")
    uwe.send("hello")
    uwe.until("You were muted by boss: too loud.")
    boss.answer_to("/unmute uwe")


def test_nothing_is_undone_that_is_not_as_it_was_left(room: ServerProcess, boss: Peer) -> None:
    room.join("uta").close()
    boss.answer_to("/ban uta 1h")
    first = last_number(boss)
    boss.answer_to("/ban uta 2h")
    told = boss.answer_to(f"/undo {first}")
    assert f"Nothing was undone: that has changed since entry {first}" in told
    assert f", by entry {first + 1} of boss." in told
    boss.answer_to("/unban uta")
    lifted = last_number(boss)
    told = boss.answer_to(f"/undo {first + 1}")
    assert f"changed since entry {first + 1}, by entry {lifted} of boss." in told
    boss.answer_to("/ban uta forever")
    assert f"since entry {lifted}, by entry {lifted + 1} of boss" in boss.answer_to(
        f"/undo {lifted}"
    )
    boss.answer_to("/unban uta")
    boss.answer_to("/changegrant uta 0")
    granted = last_number(boss)
    boss.answer_to("/changegrant uta 1")
    told = boss.answer_to(f"/undo {granted}")
    assert f"since entry {granted}, by entry {granted + 1} of boss" in told
    program = room.program_peer("undoer")
    boss.answer_to("/changegrant undoer 0")
    program.until_event("control", do="changegrant")
    program.send_event("command", name="undo", args={"number": granted}, cid="u1")
    assert program.until_event("result", cid="u1")["code"] == "changed"
    program.send_event("command", name="undo", args={}, cid="u2")
    assert program.until_event("result", cid="u2")["code"] == "no-such-number"
    program.send_event("command", name="mute", args={"user": "uta"}, cid="u3")
    assert program.until_event("result", cid="u3")["ok"]
    program.send_event("command", name="undo", args={}, cid="u4")
    done = program.until_event("result", cid="u4")
    assert done["ok"]
    assert done["number"] == last_number(boss) - 1
    boss.answer_to("/changegrant undoer 1")


def test_purges_and_what_never_was_cannot_be_taken_back(room: ServerProcess, boss: Peer) -> None:
    room.join("ugo").close()
    boss.answer_to("/purge ugo 1m")
    number = last_number(boss)
    told = boss.answer_to(f"/undo {number}")
    assert f"Entry {number} cannot be taken back. /purge and deletions are final." in told
    assert "There is no entry 99999. See /audit." in boss.answer_to("/undo 99999")
    assert "There is no entry 0. See /audit." in boss.answer_to("/undo 0")
    plain = room.join("ugo")
    assert "/undo is for superusers only." in plain.answer_to("/undo 1")


def test_of_two_who_take_back_the_same_at_once_one_is_told(room: ServerProcess, boss: Peer) -> None:
    room.join("urs").close()
    programs = [room.program_peer(f"both{i}") for i in range(4)]
    for i in range(len(programs)):
        boss.answer_to(f"/changegrant both{i} 0")
    for lines in (["/ban urs 1h"], ["/ban urs 1h", "/unban urs"], ["/changegrant urs 0"]):
        for line in lines:
            boss.answer_to(line)
        number = last_number(boss)
        together = threading.Barrier(len(programs))

        def undo(program: Peer, number: int = number, meet: threading.Barrier = together) -> None:
            meet.wait()
            program.send_event("command", name="undo", args={"number": number}, cid=f"b{number}")

        threads = [threading.Thread(target=undo, args=(one,)) for one in programs]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        results = [one.until_event("result", cid=f"b{number}") for one in programs]
        assert [one["ok"] for one in results].count(True) == 1
        assert boss.answer_to("/audit urs").count(f"(undoing {number})") == 1
