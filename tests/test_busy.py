"""Busy and free: what is said meanwhile is held, and nothing of it is lost."""

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
    bob.send(*(f"while {i}" for i in range(50)))
    bob.until("while 49")
    bob.send("/messageto ann while alone")
    bob.until("ann is busy and sees it when free again.")
    bob.until("private to ann: while alone")
    assert "while" not in ann.answer_to("/help busy")
    ann.send("/free")
    ann.until("You are free. 51 missed:")
    text = ann.until("private from bob: while alone")
    assert shown(text, "while") == [*(f"while {i}" for i in range(50)), "while alone"]
    bob.send("and live again")
    ann.until("bob: and live again")
    assert ann.seen.count("while 7\n") == 1


def test_the_reason_is_shown_to_those_who_write_privately(room: ServerProcess) -> None:
    carl, dora = room.join("carl"), room.join("dora")
    go_busy(carl, "in a meeting")
    dora.send("/messageto carl hello")
    dora.until("carl is busy (in a meeting) and sees it when free again.")
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


def test_more_missed_than_is_kept_says_how_many(start_server: StartServer) -> None:
    server = start_server(message_rate=0)
    ann, bob = server.join("ann"), server.join("bob")
    go_busy(ann)
    bob.send(*(f"while {i}" for i in range(1234)))
    bob.until("while 1233")
    ann.send("/free")
    ann.until("You are free. 234 more were missed than are kept; the last 1000:")
    assert shown(ann.until("while 1233"), "while") == [f"while {i}" for i in range(234, 1234)]


def test_nothing_is_lost_or_doubled_by_going_busy_and_free_while_others_talk(
    start_server: StartServer,
) -> None:
    server = start_server(message_rate=0)
    ann, bob = server.join("ann"), server.join("bob")
    for number in range(8):  # fewer messages than are kept, so that none may be missing
        said = [f"while {number} {i:03}" for i in range(900)]
        for i in range(0, 900, 30):
            bob.send(*said[i : i + 30])
            ann.send("/busy", "/free")
        text = ann.until(f"bob: while {number} 899")
        assert shown(text, "while") == said


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
