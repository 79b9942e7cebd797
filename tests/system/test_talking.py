"""Two people talk."""

import re
import time

from tests.harness import ServerProcess


def test_a_message_comes_to_everybody_with_its_time_and_sender(server: ServerProcess) -> None:
    ann, bob = server.join("ann"), server.join("bob")
    ann.until("bob has joined")
    ann.send("hello bob")
    for peer in (ann, bob):
        peer.until_match(r"^\d\d:\d\d [AP]M \| ann: hello bob$")


def test_what_is_said_in_one_session_comes_to_the_other_sessions_of_the_person(
    server: ServerProcess,
) -> None:
    first, second = server.join("ann"), server.join("ann")
    first.send("from the first")
    second.until("ann: from the first")


def test_a_message_of_many_lines_cannot_forge_another_persons_line(server: ServerProcess) -> None:
    ann = server.join("ann")
    program = server.program_peer("bob")
    program.send('>post {"text":"one\\n09:15 PM | ann: I owe bob money","cid":"7"}')
    assert program.until_event("message", cid="7")["text"].startswith("one\n")
    ann.until("bob: one")
    ann.until_match(r"^    09:15 PM \| ann: I owe bob money$")


def test_times_are_the_servers_own(server: ServerProcess) -> None:
    ann = server.join("ann")
    ann.send("what time is it")
    shown = re.search(r"(\d\d:\d\d [AP]M) \| ann: what time", ann.until("what time"))
    assert shown
    now = time.time()
    assert shown[1] in {time.strftime("%I:%M %p", time.localtime(now - s)) for s in (0, 60)}


def test_a_line_of_which_nothing_can_be_seen_is_told(room: ServerProcess) -> None:
    hana = room.join("hana")
    hana.send("\u200b\u2060\u200b")
    hana.until("That line has no visible characters; it was not sent.")
    hana.send("", "   ", "said")
    assert "no visible characters" not in hana.until("hana: said")
    for blank in ("\u115f", "\u1160 \u3164", "\uffa0", "\u2800\u2800"):
        for line in (blank, f"/me {blank}", f"/messageto hana {blank}", f"/busy {blank}"):
            assert "no visible characters" in hana.answer_to(line)
    program = room.program_peer("hanas_robot")
    program.send_event("post", text="\u3164\n\u2800", cid="1")
    assert not program.until_event("result", cid="1")["ok"]


def test_a_room_of_a_post_is_named_as_everywhere(room: ServerProcess) -> None:
    program = room.program_peer("roomy")
    program.send_event("command", line="/create Garden")
    for typed in ("Garden", "#Garden", "garden", "#GARDEN"):
        program.send_event("post", text=f"to {typed}", room=typed)
        assert program.until_event("message", text=f"to {typed}")["room"] == "Garden"
    for typed in ("#", "##Garden", " "):
        program.send_event("post", text="nowhere", room=typed, cid="2")
        assert not program.until_event("result", cid="2")["ok"]
