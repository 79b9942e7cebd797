"""Private messages to people who are not here, and answering them."""

import re

from tests.conftest import StartServer
from tests.harness import PASSWORD, Peer, ServerProcess


def leave(peer: Peer, watcher: Peer, name: str) -> None:
    peer.send("/disconnect")
    peer.until_end()
    watcher.until(f"{name} has left")


def come_back(server: ServerProcess, name: str) -> tuple[Peer, str]:
    """Log in again; return the session and what it is shown up to a line of its own."""
    peer = server.peer()
    peer.send("n", name, PASSWORD, "/help qqqq")
    return peer, peer.until("There is no command /qqqq")


def test_a_private_message_to_who_is_not_here_is_kept_and_shown_at_the_next_login(
    room: ServerProcess,
) -> None:
    ann, bob = room.join("ann"), room.join("bob")
    leave(bob, ann, "bob")
    ann.send("/messageto bob first", "/messageto bob second")
    for text in ("first", "second"):
        ann.until(f"private to bob: {text}")
        ann.until("bob is offline; your message will be delivered.")
    bob, text = come_back(room, "bob")
    found = re.search(
        r"^2 private messages since \d\d:\d\d [AP]M:\n"
        r"\d\d:\d\d [AP]M \| private from ann: first\n"
        r"\d\d:\d\d [AP]M \| private from ann: second\n",
        text,
        re.MULTILINE,
    )
    assert found, text
    ann.send("/messageto bob third")
    bob.until("private from ann: third")
    leave(bob, ann, "bob")
    _, again = come_back(room, "bob")
    assert "private from" not in again


def test_mail_shows_old_private_messages_with_day_and_time(room: ServerProcess) -> None:
    carl, dora = room.join("carl"), room.join("dora")
    assert carl.answer_to("/mail").startswith("There are no private messages.\n")
    carl.send(*(f"/messageto dora note {i}" for i in range(25)))
    carl.until("private to dora: note 24")
    dora.until("private from carl: note 24")
    lines = dora.answer_to("/mail 3").splitlines()[:3]
    day = r"\d{4}-\d\d-\d\d \d\d:\d\d [AP]M \| private "
    for i, line in enumerate(lines, 22):
        assert re.fullmatch(day + f"from carl: note {i}", line)
    assert dora.answer_to("/mail").count("private from") == 20
    assert re.match(day + "to dora: note 24\n", carl.answer_to("/mail 1"))


def test_reply_goes_to_who_wrote_last(room: ServerProcess) -> None:
    emil, fred, gina = room.join("emil"), room.join("fred"), room.join("gina")
    fred.send("/messageto emil from fred")
    emil.until("private from fred")
    gina.send("/messageto emil from gina")
    emil.until("private from gina")
    emil.send("/reply to you  only")
    gina.until("private from emil: to you  only")
    emil.until("private to gina: to you  only")
    leave(gina, emil, "gina")
    emil.send("/reply are you gone")
    emil.until("gina is offline; your message will be delivered.")
    assert "only" not in fred.seen


def test_reply_answers_mail_that_was_kept(room: ServerProcess) -> None:
    hans, ida = room.join("hans"), room.join("ida")
    leave(ida, hans, "ida")
    hans.send("/messageto ida call me")
    hans.until("your message will be delivered")
    ida, _ = come_back(room, "ida")
    ida.send("/reply yes")
    hans.until("private from ida: yes")


def test_reply_looks_past_any_number_of_ignored_messages_and_at_nothing_that_is_held_back(
    room: ServerProcess,
) -> None:
    uma, vic, wes = room.join("uma"), room.join("vic"), room.join("wes")
    vic.send("/messageto uma from vic")
    uma.until("private from vic")
    uma.send("/ignore wes")
    uma.until("wes")
    wes.send(*(f"/messageto uma unwanted {n}" for n in range(300)))
    wes.until("private to uma: unwanted 299")
    uma.send("/reply to vic")
    vic.until("private from uma: to vic")
    uma.send("/unignore wes", "/busy")
    uma.until("You are busy")
    yan = room.join("yan")
    yan.send("/messageto uma held back")
    yan.until("private to uma: held back")
    uma.send("/reply to whom I have seen")
    wes.until("private from uma: to whom I have seen")
    uma.send("/free")
    uma.until("private from yan: held back")
    uma.send("/reply now to yan")
    yan.until("private from uma: now to yan")


def test_mail_survives_a_crash(start_server: StartServer) -> None:
    server = start_server()
    ann, bob = server.join("ann"), server.join("bob")
    leave(bob, ann, "bob")
    ann.send("/messageto bob do not lose this")
    ann.until("private to bob: do not lose this")
    server.kill()
    server.start()
    _, text = come_back(server, "bob")
    assert "1 private message since" in text
    assert "private from ann: do not lose this" in text


def test_mail_to_somebody_who_never_came_back_is_not_shown_to_others(room: ServerProcess) -> None:
    kai, lea, mia = room.join("kai"), room.join("lea"), room.join("mia")
    leave(lea, kai, "lea")
    kai.send("/messageto lea for you alone")
    kai.until("your message will be delivered")
    assert "for you alone" not in mia.answer_to("/mail")
    assert "for you alone" not in mia.seen
