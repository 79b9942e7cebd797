"""Limits: connections, descriptors, threads, and how fast somebody may talk."""

import resource
import sys
import time
from pathlib import Path

import pytest

from chatroom.accounts.rates import BURST, Rates, cost_of
from chatroom.commands import history, own, own_data, rooms, talking, whois
from chatroom.commands.registry import Registry
from tests.conftest import StartServer
from tests.harness import PASSWORD, ROOT, STRETCH, Peer, ServerProcess, is_turned_away, let_in

FULL = "The room is full just now. Try again in a few minutes."
FROM_ADDRESS = "Too many connections from your address. Close one of them first."


def test_connections_above_the_total_are_told_and_closed(start_server: StartServer) -> None:
    server = start_server(connections=3)
    inside = [server.peer() for _ in range(3)]
    for i, peer in enumerate(inside):
        peer.send("y", f"user{i}", PASSWORD, PASSWORD)
        peer.until("Here now")
    assert is_turned_away(server.peer(), FULL)
    inside[0].send("/disconnect")
    assert inside[0].is_closed()
    let_in(server, FULL)  # its place is free as soon as its thread has ended
    inside[1].send("hello")
    inside[2].until("user1: hello")
    assert server.log().count(FULL) >= 1


def test_connections_above_those_of_one_address_are_told_and_closed(
    start_server: StartServer,
) -> None:
    server = start_server("--host", "0.0.0.0", connections_per_address=2)
    peers = [server.peer() for _ in range(2)]
    for peer in peers:
        peer.until("[y/n]")
    assert is_turned_away(server.peer(), FROM_ADDRESS)
    peers[0].close()
    let_in(server, FROM_ADDRESS)


def test_connections_of_one_address_count_together_in_both_families(
    start_server: StartServer,
) -> None:
    server = start_server("--host", "::", connections_per_address=1)
    first, other = Peer(server.port, "127.0.0.1"), Peer(server.port, "::1")
    first.until("[y/n]")
    other.until("[y/n]")
    assert is_turned_away(Peer(server.port, "127.0.0.1"), FROM_ADDRESS)


def test_without_descriptors_those_inside_go_on_and_who_knocks_waits(
    server: ServerProcess,
) -> None:
    ann, bob = server.join("ann"), server.join("bob")
    pid = server.process.pid
    used = len(list(Path(f"/proc/{pid}/fd").iterdir()))
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (used, before[1]))
    waiting = [server.peer() for _ in range(5)]
    server.wait_for_line("accept failed, trying again reason=Too many open files")
    ann.send("we go on")
    bob.until("ann: we go on")
    resource.prlimit(pid, resource.RLIMIT_NOFILE, before)
    for peer in waiting:
        peer.until("[y/n]")
    assert server.log().count("accept failed") == 1


SCARCE_THREADS = """
import sys, _thread, threading  # this one keeps the real one for its own
sys.path.insert(0, {root!r})
start, count = _thread.start_new_thread, 0
def scarce(function, args):
    global count
    count += 1
    if count in (2, 3):
        raise RuntimeError("can't start new thread")
    return start(function, args)
_thread.start_new_thread = scarce
from chatroom.server import main
sys.exit(main())
"""


def test_a_connection_without_a_thread_is_told_and_the_next_ones_are_served(
    start_server: StartServer, tmp_path: Path
) -> None:
    script = tmp_path / "scarce.py"
    script.write_text(SCARCE_THREADS.format(root=str(ROOT)))
    server = start_server(program=(sys.executable, str(script)), connections_per_address=2)
    first = server.peer()
    first.until("[y/n]")
    for _ in range(2):
        busy = "The server is too busy just now. Try again in a minute."
        assert is_turned_away(server.peer(), busy)
    server.peer().until("[y/n]")  # the two that got no thread do not count any more
    assert server.stop() == 0


def test_top_shows_which_threads_are_those_of_connections(start_server: StartServer) -> None:
    server = start_server()
    server.join("ann")
    server.join("bob")
    tasks = Path(f"/proc/{server.process.pid}/task").iterdir()
    names = [(task / "comm").read_text().strip() for task in tasks]
    assert names.count("connection") == 2
    assert "password" in names


# -- how fast somebody may talk --------------------------------------------------------------


def test_a_fast_talker_is_delayed_and_loses_nothing(start_server: StartServer) -> None:
    server = start_server(message_rate=50)
    ann, bob = server.join("ann"), server.join("bob")
    begun = time.monotonic()
    ann.send(*(f"line {i}" for i in range(100)))
    bob.until("line 99")
    took = time.monotonic() - begun
    assert 0.9 <= took < 5  # 50 at once, then 50 a second
    said = [x.partition("ann: line ")[2] for x in bob.seen.splitlines() if "ann: line " in x]
    assert said == [str(i) for i in range(100)]


def test_all_sessions_of_a_person_share_one_rate(start_server: StartServer) -> None:
    server = start_server(message_rate=50)
    sessions = [server.join("ann") for _ in range(3)]
    begun = time.monotonic()
    for peer in sessions:
        peer.send(*["line"] * 35, "end")
    for _ in sessions:
        sessions[0].until("ann: end")
    assert time.monotonic() - begun >= 1.0


def test_others_and_superusers_are_not_delayed(start_server: StartServer) -> None:
    server = start_server(message_rate=0.5)
    boss, ann, bob = server.join_superuser("boss"), server.join("ann"), server.join("bob")
    ann.send(*["line"] * 60)
    begun = time.monotonic()
    boss.send(*["line"] * 300, "end")
    boss.until("boss: end")
    bob.send("hello")
    bob.until("bob: hello")
    assert time.monotonic() - begun < 5 * STRETCH


def test_a_person_who_is_being_delayed_does_not_hold_up_the_stop(
    start_server: StartServer,
) -> None:
    server = start_server(message_rate=0.01)
    ann = server.join("ann")
    ann.send(*["line"] * 60)
    ann.until("ann: line")
    begun = time.monotonic()
    assert server.stop() == 0
    assert time.monotonic() - begun < 5 * STRETCH


def test_a_rate_outlasts_a_visit(start_server: StartServer) -> None:
    server = start_server(message_rate=40)
    watcher, ann = server.join("watcher"), server.program_start()
    ann.send_event("register", name="ann", password=PASSWORD, ticket=True)
    begun = time.monotonic()
    for visit in range(3):
        ticket = ann.until_event("ticket")["ticket"]
        for i in range(BURST):
            ann.send_event("post", text=f"{visit}.{i}.")
        ann.send_event("command", line="/disconnect")
        watcher.until(f"ann: {visit}.{BURST - 1}.")
        assert ann.is_closed()
        ann = server.program_start()
        ann.send_event("resume", ticket=ticket)
    assert time.monotonic() - begun > 2 * BURST / 40 * 0.9


def test_rates_are_of_the_account_and_of_the_address_whatever_visits_there_are() -> None:
    rates = Rates(0.01, 2)
    assert [rates.of("a", "here").take() > 0 for _ in range(BURST + 1)] == [*[False] * BURST, True]
    assert rates.of("a", "there").take() > 0
    other = rates.of("b", "here")
    assert not any(other.take() > 0 for _ in range(BURST - 1))
    assert rates.of("new", "here").take() > 0  # two accounts' worth is used up here
    assert rates.of("new", "elsewhere").take() < 0


def test_memory_of_rates_is_bounded() -> None:
    rates = Rates(0.01, 0)
    for i in range(50_000):
        rates.of(str(i), "here")
    assert len(rates._debts) <= 20_000


def test_what_is_dear_is_done_at_once_and_paid_for() -> None:
    rate = Rates(10, 0).of("a", "here")
    assert rate.take(100) < 0
    assert 4.5 < rate.take() < 5.5  # of ten seconds five are the burst
    assert cost_of("hello") == 1
    assert cost_of("\n" * 79) == cost_of("x" * 80 * 79) == 8.9


def test_every_command_that_costs_work_or_is_told_to_others_says_what_it_takes() -> None:
    registry = Registry()
    for family in (talking, rooms, history, own, own_data, whois):
        family.add_to(registry)
    cheap = {"messageto", "reply", "me", "disconnect", "claim"}
    assert {c.name for c in registry._commands.values() if c.cost <= 1} == cheap
    assert registry.cost("/SEARCH x") == 20
    assert registry.cost("/nonsense") == registry.cost("/") == 1


def test_a_message_has_so_many_lines_at_most(start_server: StartServer) -> None:
    server = start_server(message_rate=1000, message_lines=100)
    ann = server.program_peer("ann")
    ann.send_event("post", text="\n".join("x" * 101), cid="1")
    refused = ann.until_event("result", cid="1")
    assert (refused["ok"], refused["code"]) == (False, "too-long")
    assert refused["text"].startswith("A message has at most 100 lines; it was not sent.")
    ann.send_event("post", text="\n".join("x" * 100), cid="2")
    ann.until_event("message", cid="2")


CALM = """
import sys
sys.path.insert(0, {root!r})
from chatroom.rooms import comings
comings.CALM_SECONDS = 0.5
from chatroom.server import main
sys.exit(main())
"""


@pytest.fixture
def calm(start_server: StartServer, tmp_path: Path) -> ServerProcess:
    """A server with rates, where of a person a line each half second tells of comings."""
    script = tmp_path / "calm.py"
    script.write_text(CALM.format(root=str(ROOT)))
    return start_server(program=(sys.executable, str(script)), message_rate=1000)


def test_who_comes_and_goes_all_the_time_is_told_of_now_and_then_and_rightly_in_the_end(
    calm: ServerProcess,
) -> None:
    ann = calm.join("ann")
    ann.send("/create dev")
    ann.until("you talk there now")
    bob = calm.program_peer("bob")
    begun = time.monotonic()
    for i in range(101):
        bob.send_event("command", line="/join dev" if i % 2 == 0 else "/leave dev", cid=str(i))
        bob.until_event("result", cid=str(i))
    took = time.monotonic() - begun
    cat = calm.join("cat")  # sees the last line only if it comes after her
    cat.send("/join dev")
    ann.until("cat has joined")
    bob.send_event("command", line="/leave dev")
    ann.until("bob has left")
    lines = [line for line in ann.seen.splitlines() if "bob has" in line and "lobby" not in line]
    assert len(lines) <= 3 + 2 * took
    bob.send_event("command", line="/disconnect")
    for peer in (ann, cat):
        peer.until_match(r"#lobby \| bob has left|^[^#]*bob has left")


def test_who_came_meanwhile_is_told_that_somebody_is_back(calm: ServerProcess) -> None:
    ann, bob = calm.join("ann"), calm.join("bob")
    ann.send("/create dev")
    bob.send("/join dev")
    ann.until("bob has joined")
    bob.send("/leave", "x")
    ann.until("bob: x")
    cat = calm.join("cat")
    cat.send("/join dev")
    cat.until("You talk in #dev now; 2 people are here.")
    bob.send("/join dev")
    cat.until("bob has joined")
