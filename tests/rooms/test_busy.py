"""Busy and free: what is said meanwhile is held, and nothing of it is lost."""

import pytest

from tests.conftest import StartServer
from tests.harness import PASSWORD, Peer, ServerProcess


def shown(text: str, word: str) -> list[str]:
    """Return the messages in ``text`` that begin with ``word``."""
    said = [line.partition(": ")[2] for line in text.splitlines()]
    return [message for message in said if message.startswith(word)]


def go_busy(peer: Peer, reason: str = "") -> None:
    peer.send(f"/busy {reason}")
    peer.until("You are busy")


def test_who_is_busy_sees_nothing_and_when_free_all_of_it_in_order(room: ServerProcess) -> None:
    ann, bob = room.join("ann"), room.join("bob")
    go_busy(ann)
    bob.send(*(f"while {i}" for i in range(19)))
    bob.until("while 18")
    bob.send("/messageto ann while alone")
    bob.until("private to ann: while alone")
    bob.until("ann is busy and will see it when free again.")
    assert "while" not in ann.answer_to("/help busy")
    ann.send("/free")
    ann.until("You are free. 20 missed:")
    text = ann.until("private from bob: while alone")
    assert shown(text, "while") == [*(f"while {i}" for i in range(19)), "while alone"]
    bob.send("and live again")
    ann.until("bob: and live again")
    assert ann.seen.count("while 7\n") == 1


def test_the_reason_is_shown_to_those_who_write_privately(room: ServerProcess) -> None:
    carl, dora = room.join("carl"), room.join("dora")
    go_busy(carl, "in a meeting")
    dora.send("/messageto carl hello")
    dora.until("carl is busy (in a meeting) and will see it when free again.")
    assert "busy (in a meeting)" in dora.answer_to("/viewusers")
    go_busy(carl, "at lunch")
    assert "busy (at lunch)" in dora.answer_to("/viewusers")
    assert "private from" not in carl.answer_to("/help busy")
    carl.send("/free")
    carl.until("You are free")
    carl.until("private from dora: hello")


def test_who_is_busy_can_talk_and_sees_that_it_arrived(room: ServerProcess) -> None:
    emil, fred = room.join("emil"), room.join("fred")
    go_busy(emil)
    emil.send("I am still typing")
    emil.until("emil: I am still typing")
    fred.until("emil: I am still typing")
    emil.send("/messageto fred you, too")
    emil.until("private to fred: you, too")
    emil.send("/free")
    assert "still typing" not in emil.until("You missed nothing")


def test_all_sessions_of_a_person_are_busy_and_free_together(room: ServerProcess) -> None:
    gina, second, hans = room.join("gina"), room.join("gina"), room.join("hans")
    gina.send("/busy")
    second.until("You are busy")
    third = room.join("gina")
    third.until("You are busy. Messages are held until you type /free.")
    hans.send("for all three")
    hans.until("for all three")
    assert all("for all" not in peer.answer_to("/help busy") for peer in (gina, second, third))
    third.send("/free")
    for peer in (gina, second, third):
        peer.until("You are free. 1 missed:")
        peer.until("hans: for all three")


def test_what_the_last_messages_showed_is_not_shown_again_when_free(room: ServerProcess) -> None:
    ida, kai = room.join("ida"), room.join("kai")
    go_busy(ida)
    kai.send("said before")
    kai.until("said before")
    late = room.join("ida")
    late.until("kai: said before")
    late.until("You are busy")
    kai.send("said after")
    kai.until("said after")
    late.send("/free")
    late.until("You are free. 1 missed:")
    assert "said before" not in late.until("kai: said after")
    ida.until("You are free. 2 missed:")


def test_a_program_is_told_of_busy_and_free_and_gets_what_it_missed_as_old(
    room: ServerProcess,
) -> None:
    program, lea = room.program_peer("program"), room.join("lea")
    program.send_event("command", line="/busy cooking", cid="c1")
    assert program.until_event("control", do="busy")["reason"] == "cooking"
    lea.send("soup?")
    lea.until("soup?")
    program.send_event("command", line="/free")
    program.until_event("control", do="free")
    assert program.until_event("message", text="soup?")["old"] is True
    lea.send("salt?")
    assert "old" not in program.until_event("message", text="salt?")


def test_of_many_missed_lines_a_digest_shows_mentions_and_private_messages(
    start_server: StartServer,
) -> None:
    server = start_server(message_rate=0)
    ann, bob = server.join("ann"), server.join("bob")
    for peer in (bob, ann):
        peer.send("/create dev" if peer is bob else "/join dev")
        peer.until("You talk in #dev" if peer is ann else "#dev is yours")
    go_busy(ann)
    bob.send(*(f"noise {i}" for i in range(30)), "hannah is not ann", "@ANN: look", "Ann.")
    bob.send("anna ann-marie xann ann_1 are others", "/messageto ann psst", "/room lobby")
    bob.send(*(f"more {i}" for i in range(7)), "and ann?")
    bob.until("bob: and ann?")
    assert "noise" not in ann.answer_to("/help busy")
    ann.send("/free")
    text = ann.until("You are free.")
    assert text.endswith(
        "You are free. 43 missed: 8 in #lobby, 34 in #dev, 1 private. "
        "Those for you, the rest with /history:\n"
    )
    found = [ann.until_match(r" \| ").partition(" | ")[2].rstrip() for _ in range(5)]
    in_dev = ["bob: hannah is not ann", "bob: @ANN: look", "bob: Ann."]
    # What one commit carried has one time: its order between two rooms is open.
    assert sorted(found) == sorted([*in_dev, "private from bob: psst", "#lobby | bob: and ann?"])
    assert [line for line in found if line in in_dev] == in_dev
    assert "others" not in ann.answer_to("/help busy")


def test_nothing_is_lost_or_doubled_by_going_busy_and_free_while_others_talk(
    start_server: StartServer,
) -> None:
    server = start_server(message_rate=0)
    ann, bob = server.join("ann"), server.join("bob")
    for number in range(6):  # fewer messages at a time than a digest looks at
        # Each names ann, so that the digest shows it, too.
        said = [f"while ann {number} {i:03}" for i in range(900)]
        for i in range(0, 900, 30):
            bob.send(*said[i : i + 30])
            ann.send("/busy", "/free")
        text = ann.until(f"bob: while ann {number} 899")
        assert shown(text, "while") == said


def test_busy_for_a_time_ends_by_itself(room: ServerProcess) -> None:
    nina, olaf = room.join("nina"), room.join("olaf")
    nina.send("/busy 1s tea")
    nina.until_match(r"^You are busy \(tea\)\. .* until you type /free or it is \d\d:\d\d [AP]M\.$")
    olaf.send("/messageto nina is it ready")
    olaf.until("private to nina: is it ready")
    nina.until("You are free. 1 missed:")
    nina.until("private from olaf: is it ready")
    assert "You are free already" in nina.answer_to("/free")


def test_a_new_busy_replaces_the_time_of_the_old_one(room: ServerProcess) -> None:
    pia, quin = room.join("pia"), room.join("quin")
    pia.send("/busy 1s", "/busy for long", "/busy 1s", "/busy 2h deep work")
    pia.until("You are busy (deep work)")
    # Another one that ends after the times that were replaced.
    quin.send("/busy 2s")
    quin.until("You are free")
    assert "busy (deep work)" in quin.answer_to("/viewusers")


@pytest.mark.parametrize("length", ["8d", "169h", "999999h"])
def test_busy_lasts_seven_days_at_most(room: ServerProcess, length: str) -> None:
    answer = room.join("rosa").answer_to(f"/busy {length}")
    assert answer.startswith("Busy lasts from 1s to 7d, such as 45m or 2h.\n")


def test_an_announcement_gets_through_to_who_is_busy_and_is_not_missed(
    room: ServerProcess, boss: Peer
) -> None:
    sam = room.join("sam")
    go_busy(sam)
    boss.send("/announce fire drill at noon")
    sam.until_match(r"^\d\d:\d\d [AP]M \| Announcement from boss: fire drill at noon$")
    boss.until("Announcement from boss: fire drill")
    sam.send("/free")
    sam.until("You are free. You missed nothing.")


def test_busy_ends_when_the_person_leaves(room: ServerProcess) -> None:
    mia = room.join("mia")
    watcher = room.join("watcher")
    go_busy(mia)
    mia.send("/disconnect")
    watcher.until("mia has left")
    again = room.peer()
    again.send("n", "mia", PASSWORD)
    again.until("Welcome")
    watcher.send("can you hear me")
    again.until("watcher: can you hear me")


def test_somebody_who_comes_in_while_another_session_toggles_is_welcomed(
    server: ServerProcess,
) -> None:
    first = server.join("ann")
    for _ in range(15):
        first.send("/busy", "/free")
        second = server.peer()
        second.send("n", "ann", PASSWORD)
        first.send("/busy", "/free")
        second.until("Welcome")
        second.close()


def test_a_time_that_is_too_long_is_told_and_not_taken_as_a_reason(room: ServerProcess) -> None:
    kim = room.join("kim")
    assert "is too long a time" in kim.answer_to("/busy 99999999999999999999m")
    assert "kim" in kim.answer_to("/viewusers")
