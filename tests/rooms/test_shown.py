"""What counts as shown, and as missed: what the peer has taken, and what others have said."""

import re
import socket

import pytest

from tests.conftest import StartServer
from tests.harness import PASSWORD, Peer, ServerProcess
from tests.session.test_resume import events, hello, register, resume, say


def log_in(server: ServerProcess, name: str) -> tuple[Peer, str]:
    """Log in on the plain face; return all that is shown up to a line of one's own."""
    peer = server.peer()
    peer.send("n", name, PASSWORD, "/help qqqq")
    return peer, peer.until("There is no command /qqqq")


def told(peer: Peer, line: str) -> str:
    """Send a line and return its echo and what came before."""
    peer.send(line)
    return peer.until(f": {line}")


@pytest.mark.parametrize("face", ["plain", "events"])
def test_what_went_to_a_dead_session_is_told_to_who_comes_in_elsewhere(
    room: ServerProcess, face: str
) -> None:
    bob, name = room.join("bob"), f"ghost{face}"
    dead = room.join(name) if face == "plain" else room.program_peer(name)
    bob.send(*(f"{face} {i}" for i in range(30)))
    bob.until(f": {face} 29")
    bob.send(f"/messageto {name} urgent, call me")
    bob.until(f"private to {name}")
    # It was given to the system, which even has acknowledged it. Nobody has read it.
    new, shown = log_in(room, name)
    assert re.search(
        r"^30 new since .* in #lobby; the last 20 \(the rest with /history\):$", shown, re.M
    )
    assert re.search(r"^1 private message since .*:$", shown, re.M)
    assert "private from bob: urgent, call me" in shown
    # Now that it was shown it is not told again.
    assert ": thanks" in told(new, "thanks")
    new.send("/disconnect")
    new.until_end()
    dead.close()
    _, again = log_in(room, name)
    assert "urgent" not in again
    assert "new since" not in again


def test_what_a_lost_connection_has_not_taken_is_told_at_the_next_login(
    start_server: StartServer,
) -> None:
    server = start_server(message_rate=0)
    bob = server.join("bob")
    ann = server.program_peer("ann")
    ann.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    say(ann, "the last line that was read")
    for i in range(40):
        told(bob, f"{i} " + "x" * 4000)
    bob.send("/messageto ann psst")
    bob.until("private to ann: psst")
    ann.vanish()
    bob.until("ann has left")
    _, shown = log_in(server, "ann")
    assert re.search(r"^40 new since .* in #lobby; the last 20", shown, re.M)
    assert "private from bob: psst" in shown


def test_who_closes_the_writing_side_gets_its_lines_back_and_they_are_not_new(
    room: ServerProcess,
) -> None:
    room.join("piper").close()
    pipe = room.peer()
    lines = "".join(f"piped {i}\n" for i in range(50))
    pipe.send_bytes(f"n\npiper\n{PASSWORD}\n{lines}".encode())
    pipe.socket.shutdown(socket.SHUT_WR)
    said = re.findall(r"piper: (piped \d+)$", pipe.until_end(), re.M)
    assert said == [f"piped {i}" for i in range(50)]
    _, shown = log_in(room, "piper")
    assert "new since" not in shown


def test_ones_own_lines_and_removed_ones_are_never_new(start_server: StartServer) -> None:
    server = start_server(message_rate=0)
    bob, _ = register(server, "bob")
    ann, ticket = register(server, "ann")
    start = say(ann, "hello")["id"]
    other = hello(server)
    other.send_event("login", name="ann", password=PASSWORD)
    other.until_event("message", text="hello")
    ann.vanish()
    other.send_event("command", line="/disconnect")
    other.until_end()

    def say_and_remove() -> None:
        place = say(bob, "wrong window")["seq"]
        bob.send_event("command", line=f"/delete {place}", cid="d")
        come = ""  # in whichever order: the answer, and the removal as everybody is told
        while ">result" not in come or '"kind":"removed"' not in come:
            come += bob.until(">")
        assert '"ok":true' in come

    say_and_remove()
    back, shown = resume(server, ticket, {"lobby": start})
    assert events(shown, "notice")[-1]["number"] == 0
    assert [m["kind"] for m in events(shown, "message") if m["seq"]] == ["removed", "removed"]
    back.send_event("command", line="/busy", cid="b")
    back.until_event("result", cid="b")
    say_and_remove()
    back.send_event("command", line="/free", cid="f")
    assert back.until_event("control", do="free")["text"] == "You are free. You missed nothing."
    back.send_event("command", line="/disconnect")
    back.until_end()
    say_and_remove()
    _, shown = log_in(server, "ann")
    assert "new since" not in shown
    assert "removed" not in shown
    new = server.join("newcomer")
    shown = new.answer_to("/help qqqq")
    assert "removed" not in new.seen
    assert "ann: hello" in new.seen


def test_people_who_are_ignored_hide_nobody(start_server: StartServer) -> None:
    server = start_server(message_rate=0)
    bob, pest, ann = (server.join(name) for name in ("bob", "pest", "ann"))
    ann.answer_to("/ignore pest")
    bob.answer_to("/create den")
    pest.answer_to("/join den")
    bob.answer_to("/room lobby")
    pest.answer_to("/room lobby")

    def noise(what: str) -> None:
        told(bob, f"a word of bob {what}")
        bob.send(f"/messageto ann mail of bob {what}")
        bob.until("private to ann")
        pest.send(*(f"noise {i}" for i in range(70)))
        pest.send(*(f"/messageto ann noise {i}" for i in range(70)))
        pest.until("private to ann: noise 69")

    ann.send("/disconnect")
    ann.until_end()
    noise("one")
    bob.answer_to("/room den")
    told(bob, "a word in the den")
    bob.answer_to("/room lobby")
    pest.answer_to("/room den")
    pest.send(*(f"noise {i}" for i in range(70)))
    pest.until(": noise 69")
    pest.answer_to("/room lobby")
    ann, shown = log_in(server, "ann")
    assert "a word of bob one" in shown
    assert "mail of bob one" in shown
    assert "noise" not in shown
    assert re.search(r"^1 private message since", shown, re.M)
    assert "mail of bob one" in ann.answer_to("/mail 1")
    ann.send("/join den")
    ann.until("a word in the den")
    ann.answer_to("/room lobby")
    ann.send("/busy")
    ann.until("You are busy")
    noise("two")
    ann.send("/free")
    ann.until("You are free. 2 missed:")
    assert "a word of bob two" in ann.until("mail of bob two")
    assert "noise" not in ann.seen
