"""Grants and kicks: they count at once, and they are kept."""

import re
import time

from tests.conftest import StartServer
from tests.harness import PASSWORD, Peer, ServerProcess


def try_to_log_in(server: ServerProcess, name: str, password: str = PASSWORD) -> Peer:
    peer = server.peer()
    peer.send("n", name, password)
    return peer


# -- grants ----------------------------------------------------------------------------------


def test_a_new_grant_counts_at_once_and_is_told_to_the_person(
    room: ServerProcess, boss: Peer
) -> None:
    ann, second = room.join("ann"), room.join("ann")
    program = room.program_peer("anns-program")
    assert "superusers only" in ann.answer_to("/viewkickusers")
    boss.send("/changegrant ann 0", "/changegrant anns-program 0")
    boss.until("ann is a superuser now.")
    for peer in (ann, second):
        peer.until("You are a superuser now. See /help for what you may do.")
    assert "superusers only" not in ann.answer_to("/viewkickusers")
    assert program.until_event("control", do="changegrant")["grant"] == 0
    boss.send("/changegrant ANN 1")
    boss.until("ann is a normal user now.")
    second.until("You are a normal user now")
    assert "superusers only" in second.answer_to("/viewkickusers")
    boss.answer_to("/changegrant anns-program 1")


def test_somebody_who_is_not_here_can_be_given_a_grant(room: ServerProcess, boss: Peer) -> None:
    room.join("bert").send("/disconnect")
    boss.send("/changegrant bert 0")
    boss.until("bert is a superuser now")
    assert "superusers only" not in room.join("bert").answer_to("/viewkickusers")
    boss.answer_to("/changegrant bert 1")


def test_the_last_superuser_stays_one_but_not_the_last_but_one(
    start_server: StartServer,
) -> None:
    server = start_server()  # nobody else may be a superuser there
    boss, carl = server.join_superuser("boss"), server.join("carl")
    assert "last superuser" in boss.answer_to("/changegrant boss 1")
    boss.answer_to("/changegrant carl 0")
    assert "normal user now" in boss.answer_to("/changegrant boss 1")
    assert "last superuser" in carl.answer_to("/changegrant carl 1")
    assert "superuser now" in carl.answer_to("/changegrant boss 0")
    assert "normal user now" in carl.answer_to("/changegrant carl 1")


def test_grants_and_kicks_that_were_told_survive_kill_9(start_server: StartServer) -> None:
    server = start_server()
    boss = server.join_superuser("boss")
    server.join("ann"), server.join("bob"), server.join("carl")
    boss.send("/changegrant ann 0", "/kickuser bob noise", "/kickuser carl", "/unkickuser carl")
    boss.until("carl may log in again")
    server.kill()
    server.start()
    boss, ann = server.join("boss"), server.join("ann")
    assert re.search(r"(?m)^bob +boss .* noise$", ann.answer_to("/viewkickusers"))
    assert "carl" not in boss.answer_to("/viewkickusers")
    try_to_log_in(server, "bob").until("You were kicked by boss: noise.")
    try_to_log_in(server, "carl").until("Welcome")


# -- kicks -----------------------------------------------------------------------------------


def test_a_kick_ends_all_sessions_and_says_why(room: ServerProcess, boss: Peer) -> None:
    dora, second = room.join("dora"), room.join("dora")
    watcher = room.join("watcher")
    boss.send("/kickuser dora too loud")
    boss.until("dora was kicked and stays out for 5m.")
    for peer in (dora, second):
        assert peer.until_end().endswith(
            "You were kicked by boss: too loud. You may come back in 5m.\n"
        )
    watcher.until("dora has left")


def test_a_program_is_told_of_its_kick_with_all_details(room: ServerProcess, boss: Peer) -> None:
    program = room.program_peer("emil")
    boss.send("/kickuser emil be quiet")
    told = program.until_event("control", do="kick")
    assert (told["by"], told["reason"]) == ("boss", "be quiet")
    assert 200 < told["until"] - time.time() <= 300
    assert program.is_closed()


def test_who_is_kicked_stays_out_and_is_told_only_after_the_right_password(
    room: ServerProcess, boss: Peer
) -> None:
    room.join("fred")
    boss.send("/kickuser fred spam")
    boss.until("fred was kicked")
    stranger = try_to_log_in(room, "fred", "wrong password")
    assert "kicked" not in stranger.until("Unknown name or wrong password")
    assert (
        "You were kicked by boss: spam. You may come back in 5m."
        in try_to_log_in(room, "fred").until_end()
    )
    boss.send("/unkickuser FRED")
    boss.until("fred may log in again.")
    try_to_log_in(room, "fred").until("Welcome, fred")


def test_what_a_kicked_person_sends_after_it_is_not_shown(room: ServerProcess, boss: Peer) -> None:
    gina, watcher = room.join("gina"), room.join("watcher")
    with gina.flooding(b"spam\n" * 100):
        watcher.until("gina: spam")
        boss.send("/kickuser gina")
        assert gina.is_closed()
    watcher.until("gina has left")
    assert "gina: spam" not in watcher.answer_to("/help busy")


def test_somebody_who_is_not_here_can_be_kicked(room: ServerProcess, boss: Peer) -> None:
    room.join("hans").send("/disconnect")
    boss.send("/kickuser hans")
    boss.until("hans was kicked")
    assert (
        "You were kicked by boss. You may come back in" in try_to_log_in(room, "hans").until_end()
    )


def test_a_kicked_name_does_not_make_room_for_another_account(
    room: ServerProcess, boss: Peer
) -> None:
    room.join("ida")
    boss.answer_to("/kickuser ida")
    peer = room.peer()
    peer.send("y", "Ida")
    peer.until("taken")


def test_the_list_of_kicks_tells_who_by_whom_when_why_until_when(
    room: ServerProcess, boss: Peer
) -> None:
    room.join("kai"), room.join("lea")
    boss.answer_to("/kickuser kai  a reason of  several words")
    boss.answer_to("/kickuser lea")
    text = boss.answer_to("/viewkickusers")
    assert re.split(r"  +", text.splitlines()[0]) == [
        "user",
        "kicked by",
        "when",
        "until",
        "reason",
    ]
    moment = r"\d{4}-\d\d-\d\d \d\d:\d\d"
    assert re.search(rf"(?m)^kai +boss +{moment}  {moment}  a reason of  several words$", text)
    assert re.search(rf"(?m)^lea +boss +{moment}  {moment}  -$", text)
    assert text.index("\nkai") < text.index("\nlea")


def test_a_second_kick_takes_the_place_of_the_first(room: ServerProcess, boss: Peer) -> None:
    room.join("mia")
    boss.answer_to("/kickuser mia first")
    boss.answer_to("/kickuser mia second")
    rows = [x for x in boss.answer_to("/viewkickusers").splitlines() if x.startswith("mia ")]
    assert len(rows) == 1
    assert rows[0].endswith("second")


def test_a_kick_is_over_when_its_time_is_up(start_server: StartServer) -> None:
    server = start_server(kick_minutes=0.005)
    boss, ann = server.join_superuser("boss"), server.join("ann")
    boss.send("/kickuser ann")
    assert "You were kicked" in ann.until_end()
    while True:  # asks again until the 0.3 seconds are over
        peer = try_to_log_in(server, "ann")
        if "Welcome" in peer.until("Welcome", "You were kicked"):
            break
        peer.close()
    assert "Nobody is kicked" in boss.answer_to("/viewkickusers")


def test_superusers_acts_are_in_the_log_and_messages_are_not(
    room: ServerProcess, boss: Peer
) -> None:
    nina = room.join("nina")
    nina.answer_to("this is between us")
    boss.answer_to("/changegrant nina 0")
    boss.answer_to("/changegrant nina 1")
    boss.answer_to("/kickuser nina log=forged\x1b[31m by=nobody")
    log = room.log()
    account = re.findall(r"registered account=(\w+) name=nina", log)[0]
    for event in (
        f"grant changed account={account} name=nina grant=0 by=boss",
        f"grant changed account={account} name=nina grant=1 by=boss",
        f"kicked target={account} seconds=300 by=boss",
    ):
        assert event in log
    for secret in ("between us", PASSWORD, "answered 1", "forged"):
        assert secret not in log
    assert log.replace("\n", "").isprintable()


def test_the_word_of_success_is_not_in_what_a_kicked_person_reads(
    room: ServerProcess, boss: Peer
) -> None:
    room.join("zoe").close()
    boss.send("/kickuser zoe Welcome to the pub")
    boss.until("was kicked")
    peer = room.peer()
    peer.send("n", "zoe", PASSWORD)
    text = peer.until_end()
    assert "to the pub" in text
    assert "Welcome" not in text


def test_what_superusers_do_in_rooms_of_others_stands_in_the_trail(
    room: ServerProcess, boss: Peer
) -> None:
    olga, pia = room.join("olga"), room.join("pia")
    for name, kind in (("court", ""), ("cellar", "private")):
        olga.answer_to(f"/create {name} {kind}")
        for guest in ("boss", "pia") if kind else ():
            olga.answer_to(f"/invite {guest}")
        olga.answer_to("/topic ours")
        for guest_peer in (boss, pia):
            guest_peer.answer_to(f"/join {name}")
        boss.answer_to("/topic order")
        boss.answer_to("/remove pia")
        if kind:
            boss.answer_to("/invite pia")
            boss.answer_to("/uninvite pia")
    boss.answer_to("/announce to all")
    boss.answer_to("/remove nobody_here")
    boss.answer_to("/remove pia")
    trail = [re.split(r" {2,}", line) for line in boss.answer_to("/audit 100").splitlines()]
    acts = [row[-1] for row in trail if "127.0.0.1" in row and "boss" in row][-7:]
    assert acts == [
        'changed the topic of #court (topic from "ours" to "order")',
        "removed pia from #court",
        'changed the topic of #cellar (topic from "ours" to "order")',
        "removed pia from #cellar",
        "invited pia to #cellar",
        "took back the invitation of pia to #cellar",
        "made an announcement",
    ]
    boss.answer_to("/room lobby")


def test_the_trail_takes_back_what_was_not_done_after_all(room: ServerProcess, boss: Peer) -> None:
    chief, sam = room.program_peer("chief"), room.join("sam")
    boss.answer_to("/changegrant chief 0")
    for number in (1, 1, 2):  # one is sent again
        line = f"/announce attention {number}"
        chief.send_event("command", line=line, cid=f"aaaabbbb-{number}")
    chief.until_event("message", kind="announce", cid="aaaabbbb-2")
    chief.send_event("command", line="/help", cid="announced")
    chief.until_event("result", cid="announced")
    trail = boss.answer_to("/audit chief 100")
    assert trail.count("made an announcement") == 3
    assert trail.count("did not make that announcement: it could not be saved") == 1
    sam.send(*(f"spam {i}" for i in range(20)))
    boss.until("sam: spam 19")
    for _ in range(20):
        chief.until_event("message", **{"from": "sam"})
    places = re.findall(r"\[(\d+)\] [^\n]* sam: spam", boss.answer_to("/history 40"))
    assert len(places) == 20
    for place in places:
        boss.send(f"/delete {place}")
        chief.send_event("command", line=f"/delete {place}", cid=place)
        boss.until(f"Message {place} is removed")
        chief.until_event("result", cid=place)
    trail = boss.answer_to("/audit sam 100")
    for place in places:
        what = f"removed message {place} of sam"
        taken_back = trail.count(f"did not remove message {place} of sam")
        assert trail.count(what) - taken_back == 1
