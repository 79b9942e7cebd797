"""Bans and the lockdown: who is kept out, by account, by address, or everybody who is new."""

import random
import re
import threading

import pytest

from tests.conftest import StartServer
from tests.harness import PASSWORD, Peer, ServerProcess


def number_of(boss: Peer, who: str) -> str:
    """Return the number of somebody's ban, from /bans."""
    rows = re.findall(rf"(?m)^(\d+) +{re.escape(who)} ", boss.answer_to("/bans"))
    assert len(rows) == 1
    return str(rows[0])


def knock(server: ServerProcess, name: str, password: str = PASSWORD) -> Peer:
    peer = server.peer()
    peer.send("n", name, password)
    return peer


# -- by account ------------------------------------------------------------------------------


@pytest.mark.parametrize("slip", ["-5h", "2w", "30", "1.5h", "7day"])
def test_a_slip_in_the_length_of_a_ban_is_no_reason(
    room: ServerProcess, boss: Peer, slip: str
) -> None:
    anna = room.join("anna")
    assert f"'{slip}' is not a length of time." in boss.answer_to(f"/ban anna {slip} spam")
    anna.answer_to("/viewusers")


def test_nobody_comes_in_and_says_anything_after_the_confirmation(
    start_server: StartServer,
) -> None:
    server = start_server(scrypt_n=1024, login_rate=0, message_rate=0)
    boss = server.join_superuser("boss")
    server.join("anna").close()
    pause = threading.Event()
    sanctions = [
        ("/ban anna 1h", "anna is banned", "/unban anna"),
        ("/ban 127.0.0.9/32 1h", "is banned", ""),
        ("/lockdown on", "lockdown is on", "/lockdown off"),
    ]
    for number in range(60):
        imposed, confirmed, lifted = sanctions[number % len(sanctions)]
        comer = Peer(server.port, local="127.0.0.9")
        comer.send("n", "anna", PASSWORD, f"line {number}")
        pause.wait(random.uniform(0.002, 0.014))  # somewhere within the login
        boss.send(imposed)
        before = boss.until(confirmed)
        comer.until("Welcome", "banned", "closed")
        after = boss.answer_to("/viewusers")
        # Who was inside before a lockdown stays, and may talk.
        if imposed != "/lockdown on" or "anna has joined" not in before:
            assert f"line {number}" not in after
        assert "anna has joined" not in after
        comer.close()
        boss.answer_to(lifted or f"/unban {number_of(boss, '127.0.0.9/32')}")


@pytest.mark.parametrize(
    ("imposed", "confirmed"),
    [("/lockdown on", "The lockdown is on."), ("/ban 127.0.0.9/32 1h", "is banned")],
)
def test_no_account_is_made_after_the_doors_were_closed(
    start_server: StartServer, imposed: str, confirmed: str
) -> None:
    server = start_server(scrypt_n=2**16)
    boss = server.join_superuser("boss")
    comer = Peer(server.port, local="127.0.0.9")
    comer.send("y", "newcomer", PASSWORD, PASSWORD)  # its hash takes a while from here on
    comer.until("The same password again:")
    boss.send(imposed)
    boss.until(confirmed)
    comer.until("closed", "banned")
    assert "There is nobody called" in boss.answer_to("/whois newcomer")


def test_a_ban_ends_all_sessions_and_keeps_the_person_out_until_it_is_lifted(
    room: ServerProcess, boss: Peer
) -> None:
    first, second = room.join("anna"), room.join("anna")
    boss.send("/ban ANNA spam and more")
    boss.until("anna is banned. /unban ")
    for peer in (first, second):
        assert peer.until_end().endswith(
            "You were banned by boss: spam and more. You may not come back.\n"
        )
    told = knock(room, "anna").until_end()
    assert "You were banned by boss: spam and more. You may not come back." in told
    assert "banned" not in knock(room, "anna", "wrong password").until("Unknown name")
    boss.send(f"/unban {number_of(boss, 'anna')}")
    boss.until("of anna is lifted.")
    knock(room, "anna").until("Welcome, anna")
    assert "anna" not in boss.answer_to("/bans")


def test_who_was_renamed_is_listed_by_the_name_that_lifts_it(
    room: ServerProcess, boss: Peer
) -> None:
    for name in ("eva-before", "ida-before"):
        room.join(name).close()
    boss.send("/ban eva-before", "/kickuser ida-before")
    boss.until("ida-before was kicked")
    for name in ("eva", "ida"):
        assert room.operate("rename-user", f"{name}-before", f"{name}-after").returncode == 0
    for listed, lifted, name in (
        ("/bans", "/unban", "eva"),
        ("/viewkickusers", "/unkickuser", "ida"),
    ):
        answer = boss.answer_to(listed)
        assert f"{name}-after" in answer
        assert f"{name}-before" not in answer
        boss.answer_to(f"{lifted} {name}-after")
        assert f"{name}-after" not in boss.answer_to(listed)


def test_a_ban_for_a_time_says_how_long_it_lasts_and_programs_get_its_end(
    room: ServerProcess, boss: Peer
) -> None:
    program, forever = room.program_peer("berta"), room.program_peer("bruno")
    boss.send("/ban berta 2h noise", "/ban bruno")
    boss.until("berta is banned for 2h.")
    told = program.until_event("control", do="kick")
    assert (told["by"], told["reason"]) == ("boss", "noise")
    assert told["until"] > 0
    assert forever.until_event("control", do="kick")["until"] is None
    assert "You may come back in 2h." in knock(room, "berta").until_end()


def test_a_ticket_does_not_open_the_door_to_who_is_banned(room: ServerProcess, boss: Peer) -> None:
    room.join("carla").close()
    program = room.program_start()
    program.send_event("login", name="carla", password=PASSWORD, ticket=True)
    ticket = program.until_event("ticket")["ticket"]
    boss.answer_to("/ban carla 1h")
    back = room.program_start()
    back.send_event("resume", ticket=ticket)
    assert "is invalid or has expired" in back.until_event("result", ok=False)["text"]


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("/ban boss", "You cannot ban yourself."),
        ("/ban 127.0.0.1", "You cannot ban 127.0.0.1/32: your own session comes from 127.0.0.1."),
        ("/ban 127.0.0.0/8", "You cannot ban 127.0.0.0/8: your own session comes from 127.0.0.1."),
        ("/ban ::ffff:127.0.0.0/104", "You cannot ban 127.0.0.0/8"),
        ("/ban 1.2.3.4/99", "'1.2.3.4/99' is not a range of addresses."),
        ("/ban 192.0.2.777", "There is nobody called '192.0.2.777'."),
        ("/ban", "USER|ADDRESS/PREFIX is missing."),
        ("/ban boss2 0m", "nobody called 'boss2'"),
        ("/unban 999", "There is no ban 999. See /bans."),
        ("/unban x", "There is nobody called 'x'."),
        ("/unban boss", "boss is not banned. See /bans."),
        ("/unban 192.0.2.7", "192.0.2.7/32 is not banned. See /bans."),
        ("/lockdown off", "The lockdown is off already."),
        ("/lockdown maybe", "'maybe' must be on or off."),
    ],
)
def test_what_cannot_be_done_is_told(
    room: ServerProcess, boss: Peer, line: str, answer: str
) -> None:
    assert answer in boss.answer_to(line)


def test_a_ban_is_lifted_by_its_number_or_by_who_is_banned(room: ServerProcess, boss: Peer) -> None:
    room.join("dieter").close()
    for typed, shown in (
        ("dieter", "dieter"),
        ("192.0.2.7", "192.0.2.7/32"),
        ("2001:db8::7", "2001:db8::7/128"),
        ("192.0.2.0/24", "192.0.2.0/24"),
        ("@dieter", "dieter"),
    ):
        assert f"{shown} is banned for 1h." in boss.answer_to(f"/ban {typed} 1h")
        assert f" of {shown} is lifted." in boss.answer_to(f"/unban {typed}")
    number = re.findall(r"/unban (\d+) lifts", boss.answer_to("/ban dieter 1h"))[0]
    assert f"Ban {number} of dieter is lifted." in boss.answer_to(f"/unban #{number}")
    assert "dieter" not in boss.answer_to("/bans")


# -- by address ------------------------------------------------------------------------------


def test_a_banned_range_ends_sessions_and_logins_and_refuses_who_connects(
    room: ServerProcess, boss: Peer
) -> None:
    inside, knocking = far_peer(room), far_peer(room)
    inside.send("y", "dario", PASSWORD, PASSWORD)
    inside.until("Here now")
    knocking.send("n", "dario")
    knocking.until("Your password:")
    watcher = room.join("watcher-of-dario")
    boss.send("/ban 127.9.0.0/16 1h a bad neighbourhood")
    boss.until("127.9.0.0/16 is banned for 1h.")
    sentence = "Your address was banned by boss: a bad neighbourhood. You may come back in"
    assert sentence in inside.until_end()
    assert sentence in knocking.until_end()
    watcher.until("dario has left")
    refused = far_peer(room).until_end()
    assert refused.startswith(sentence)
    _, for_programs = refused.splitlines()
    assert for_programs.startswith(">control ")
    boss.send(f"/unban {number_of(boss, '127.9.0.0/16')}")
    boss.until("is lifted")
    far_peer(room).until("This is")


def far_peer(server: ServerProcess) -> Peer:
    """Return a peer whose address is 127.9.8.7."""
    return Peer(server.port, local="127.9.8.7")


def test_bans_and_their_end_survive_kill_9(start_server: StartServer) -> None:
    server = start_server()
    boss = server.join_superuser("boss")
    server.join("ann"), server.join("bob")
    boss.send("/ban ann", "/ban 127.9.0.0/16", "/ban bob")
    boss.until("bob is banned")
    boss.send(f"/unban {number_of(boss, 'bob')}")
    boss.until("lifted")
    server.kill()
    server.start()
    assert "You were banned by boss. You may not come back." in knock(server, "ann").until_end()
    assert far_peer(server).until_end().startswith("Your address was banned by boss.")
    knock(server, "bob").until("Welcome")


# -- lockdown --------------------------------------------------------------------------------


def test_a_lockdown_lets_nobody_new_in_and_leaves_those_inside(
    room: ServerProcess, boss: Peer
) -> None:
    emma = room.join("emma")
    room.join("franz").close()
    program = room.program_start()
    program.send_event("login", name="franz", password=PASSWORD, ticket=True)
    ticket = program.until_event("ticket")["ticket"]
    boss.send("/lockdown on")
    emma.until(
        "The room is closed now: new logins are not allowed. People who are logged in can stay."
    )
    boss.until("The lockdown is on.")
    closed = "The room is closed: new logins are not allowed right now. Try again later."
    new = room.peer()
    new.send("y")
    assert closed in new.until_end()
    assert closed in knock(room, "franz").until_end()
    one_line = room.program_start()
    one_line.send_event("register", name="gerd", password=PASSWORD)
    assert one_line.until_event("control", do="disconnect")["text"] == closed
    knock(room, "boss").until("Welcome, boss")
    program.vanish()
    back = room.program_start()
    back.send_event("resume", ticket=ticket)
    back.until_event("notice", kind="resumed")
    assert "closed" not in emma.answer_to("/viewusers")
    done = room.operate("lockdown", "off")
    assert (done.returncode, done.stdout) == (0, "The lockdown is off.\n")
    emma.until("The room is open again.")
    knock(room, "emma").until("Welcome, emma")


def test_a_lockdown_survives_kill_9(start_server: StartServer) -> None:
    server = start_server()
    server.join("ann")
    assert server.operate("lockdown", "on").stdout == "The lockdown is on.\n"
    server.kill()
    server.start()
    assert "The room is closed" in knock(server, "ann").until_end()


def test_the_word_that_means_success_stands_in_no_refusal(room: ServerProcess, boss: Peer) -> None:
    boss.answer_to("/ban 127.0.0.77 1h Welcome to nobody")
    said = Peer(room.port, local="127.0.0.77").until_end()
    assert "welcome to nobody" in said
    assert "Welcome" not in said
    boss.answer_to("/unban 127.0.0.77")
