"""/whois: who somebody is, and what superusers see besides."""

import re

from tests.harness import PASSWORD, Peer, ServerProcess


def test_superusers_see_addresses_sessions_and_what_holds(room: ServerProcess, boss: Peer) -> None:
    first = room.join("walter")
    program = room.program_start()
    program.send_event("login", name="walter", password=PASSWORD)
    program.until_event("notice", kind="welcome")
    boss.answer_to("/mute walter 1h too loud")
    told = boss.answer_to("/whois walter")
    assert "walter is a normal user, here since " in told
    assert re.search(r"127.0.0.1 +plain ", told)
    assert re.search(r"127.0.0.1 +events ", told)
    assert "Muted by boss " in told
    assert "too loud" in told
    first.close()
    boss.answer_to("/unmute walter")
    assert "Muted" not in boss.answer_to("/whois walter")


def test_others_see_that_somebody_is_here_and_no_address(room: ServerProcess) -> None:
    watcher, other = room.join("watcher"), room.join("other")
    other.answer_to("/busy tea")
    told = watcher.answer_to("/whois other")
    assert "busy (tea), idle" in told
    assert "127.0.0.1" not in told
    assert "127.0.0.1" in watcher.answer_to("/whois watcher")
    watcher.send("/whois nobody-at-all")
    watcher.until("There is nobody called 'nobody-at-all'.")


def test_who_is_not_here_is_said_to_be_away(room: ServerProcess, boss: Peer) -> None:
    gone = room.join("gone")
    gone.send("/disconnect")
    gone.until_end()
    boss.answer_to("/ban gone 2h spam")
    told = boss.answer_to("/whois gone")
    assert "gone is a normal user, not here." in told
    assert "Banned by boss " in told
    assert "spam" in told


def test_a_private_room_has_no_name_for_a_superuser_who_is_not_in_it(
    room: ServerProcess, boss: Peer
) -> None:
    rosa = room.join("rosa")
    rosa.answer_to("/create hideaway private")
    told = boss.answer_to("/whois rosa")
    assert "127.0.0.1" in told
    assert "hideaway" not in told
    assert "#hideaway" in rosa.answer_to("/whois rosa")
    rosa.answer_to("/invite boss")
    assert "#hideaway" in boss.answer_to("/whois rosa")
