"""Several nodes of one room: who is here, and what superusers do, holds on all of them."""

import re
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cluster import Cluster
from tests.harness import PASSWORD, PATIENCE, SOCKETS, STRETCH, Peer, ServerProcess
from tests.redis_server import RedisServer
from tests.session.test_resume import events

pytestmark = pytest.mark.sqlite  # these name their engines themselves

DEAD_WITHIN = 15.0 * STRETCH
"""Seconds after which a node that died has no people any more."""


@pytest.fixture
def cluster(tmp_path: Path, redis_server: RedisServer) -> Iterator[Cluster]:
    """Two nodes."""
    nodes = Cluster(tmp_path, [redis_server.fresh()] * 2)
    yield nodes
    nodes.close()


def here(peer: Peer) -> dict[str, str]:
    """Return who is here, with the number of sessions."""
    rows = re.findall(r"(?m)^\d+ +(\S+) +[01] +(\d+) ", peer.answer_to("/viewusers"))
    return dict(rows)


def inside(peer: Peer) -> list[str]:
    """Return who is in the room where somebody talks."""
    return re.findall(r"(?m)^(\S+) +\d{4}-\d\d-\d\d ", peer.answer_to("/who"))


def until(is_so: Callable[[], bool]) -> None:
    """Ask until it is so."""
    deadline = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < deadline


# -- who is here ------------------------------------------------------------------------------


def test_people_of_all_nodes_see_each_other(cluster: Cluster) -> None:
    one, two = cluster.nodes
    ann = one.join_superuser("ann")
    bob = two.join("bob")
    ann.until("bob has joined")
    until(lambda: here(ann) == {"ann": "1", "bob": "1"})
    until(lambda: here(bob) == {"ann": "1", "bob": "1"})
    until(lambda: {"ann", "bob"} == set(inside(ann)) == set(inside(bob)))
    carl = two.join("carl")
    assert "ann" in re.search(r"Here now \(3\): (.*)", carl.seen)[1]  # type: ignore[index]
    assert "bob is a normal user, here since" in ann.answer_to("/whois bob")
    assert re.search(r"127\.0\.0\.1 +plain", ann.answer_to("/whois bob"))
    assert "127.0.0.1" not in bob.answer_to("/whois ann")
    ann.send("hello, bob")
    bob.until("ann: hello, bob")
    bob.send("/messageto ann psst")
    ann.until("private from bob: psst")
    bob.send("/busy lunch")
    bob.until("You are busy")
    until(lambda: "bob is busy (lunch)" in ann.answer_to("/messageto bob are you there"))
    bob.send("/disconnect")
    ann.until("bob has left")
    until(lambda: set(here(ann)) == {"ann", "carl"})


def test_somebody_at_two_nodes_comes_and_goes_once(cluster: Cluster) -> None:
    one, two = cluster.nodes
    ann = one.join("ann")
    bob = one.join("bob")
    wes = two.join("wes")
    until(lambda: "bob" in here(wes))
    also = two.join("bob")
    until(lambda: here(ann)["bob"] == "2")
    bob.send("/disconnect")
    bob.until_end()
    until(lambda: here(ann)["bob"] == "1")
    also.send("/disconnect")
    ann.until("bob has left")
    assert (ann.seen.count("bob has joined"), ann.seen.count("bob has left")) == (1, 1)


def test_a_node_that_dies_takes_its_people_along_once(cluster: Cluster) -> None:
    one, two = cluster.nodes
    ann = one.join_superuser("ann")
    carl = one.join("carl")
    peers = [two.join(name) for name in ("bob", "dan")]
    until(lambda: len(here(ann)) == 4)
    died = time.monotonic()
    two.kill()
    ann.until("has left")
    ann.until("has left")
    assert time.monotonic() - died < DEAD_WITHIN
    until(lambda: set(here(ann)) == {"ann", "carl"})
    assert re.search(r"\(here\).*well", ann.answer_to("/nodes"))
    assert [ann.seen.count(f"{name} has left") for name in ("bob", "dan")] == [1, 1]
    carl.until("dan has left", "bob has left")
    assert len(peers) == 2


def test_a_node_that_comes_back_in_time_loses_nobody(cluster: Cluster) -> None:
    one, two = cluster.nodes
    ann = one.join("ann")
    bob = two.join("bob")
    until(lambda: "bob" in here(ann))
    two.kill()
    assert bob.is_closed()
    two.start()
    again = two.join("bob")
    again.answer_to("/viewusers")
    until(lambda: here(ann) == {"ann": "1", "bob": "1"})
    ann.answer_to("/viewusers")
    assert ann.seen.count("bob has joined") == 1
    assert "bob has left" not in ann.seen


def test_nobody_is_left_behind_where_the_only_node_stopped(cluster: Cluster) -> None:
    one, two = cluster.nodes
    ann, bob = one.join("ann"), one.join("bob")
    watcher = two.join("watcher")
    until(lambda: {"ann", "bob"} <= here(watcher).keys())  # so the store knows them
    two.stop()
    until(lambda: here(ann) == {"ann": "1", "bob": "1"})
    one.stop()
    one.start()
    assert bob.is_closed()
    ann = one.join("ann")
    assert here(ann) == {"ann": "1"}
    one.join("bob")
    ann.until("bob has joined")


def test_a_node_that_stood_still_is_taken_for_dead_and_comes_back(cluster: Cluster) -> None:
    one, two = cluster.nodes
    ann = one.join("ann")
    bob = two.join("bob")
    until(lambda: "bob" in here(ann))
    two.process.send_signal(signal.SIGSTOP)
    ann.until("bob has left")
    ann.send("while you were away")
    two.process.send_signal(signal.SIGCONT)
    bob.until("ann: while you were away")
    ann.until("bob has joined")
    until(lambda: here(ann) == {"ann": "1", "bob": "1"})
    bob.answer_to("/viewusers")
    assert (bob.seen.count("bob has joined"), bob.seen.count("bob has left")) == (1, 0)


def test_a_node_that_waits_for_fewer_replicas_than_the_others_is_named(
    tmp_path: Path, redis_server: RedisServer
) -> None:
    url = redis_server.fresh()
    nodes = Cluster(tmp_path, [url])
    other = tmp_path / "other"
    shutil.copytree(nodes.nodes[0].data_dir, other / "data", ignore=SOCKETS)
    (other / "data" / "node-id").unlink()
    odd = ServerProcess(other, engine=url, engine_replicas=1)
    try:
        nodes.nodes[0].wait_for_line("engine-replicas is 0 here and 1 at the node")
    finally:
        odd.close()
        nodes.close()


def test_topics_and_invitations_are_told_at_all_nodes(cluster: Cluster) -> None:
    one, two = cluster.nodes
    ann, bob = one.join("ann"), two.join("bob")
    ann.until("bob has joined")
    assert "#den is yours" in ann.answer_to("/create den private")
    until(lambda: here(ann) == {"ann": "1", "bob": "1"})
    assert "bob can join #den now and was told so." in ann.answer_to("/invite bob")
    bob.until(" invites you: /join den")
    assert "You talk in #den now" in bob.answer_to("/join den")
    ann.send("/topic wood and wool")
    ann.until("ann has set the topic of #den: wood and wool")
    bob.until("the topic of #den: wood and wool")
    bob.send("noted")
    assert "another topic" not in ann.until("bob: noted")


def test_what_is_joined_and_left_at_one_node_is_at_all(cluster: Cluster) -> None:
    one, two = cluster.nodes
    ann = one.join("ann")
    bob, also = one.join("bob"), two.join("bob")
    for name in ("club", "den", "hut"):
        assert f"#{name} is yours" in ann.answer_to(f"/create {name}")
    until(lambda: here(ann)["bob"] == "2")
    until(lambda: "hut" in also.answer_to("/rooms"))
    bob.send("/join club")
    bob.until("You talk in #club now")
    also.answer_to("/join den")
    until(lambda: "You have left #club." in also.answer_to("/leave club"))
    bob.until("You are not in #club any more.")
    ann.send("/room den", "who is in the den?")
    bob.until("ann: who is in the den?")
    # What one session saves when it ends undoes nothing that the other has done since.
    also.send("/join hut", "/disconnect")
    also.until_end()
    bob.answer_to("/leave den")
    bob.send("/disconnect")
    bob.until_end()
    again = two.join("bob")
    assert "You talk in #hut now" in again.answer_to("/room hut")
    assert "You are not in #den" in again.answer_to("/room den")
    assert "You are not in #club" in again.answer_to("/room club")


def test_what_is_read_at_one_node_is_read_at_all(cluster: Cluster) -> None:
    one, two = cluster.nodes
    bob, here_, there = one.join("bob"), one.program_peer("ann"), two.program_start()
    there.send_event("login", name="ann", password=PASSWORD)
    there.until_event("notice", kind="here")
    until(lambda: here(bob)["ann"] == "2")
    bob.send("news")
    said = here_.until_event("message", text="news")
    there.until_event("message", text="news")
    here_.send_event("read", room="lobby", id=said["id"])
    assert there.until_event("read", room="lobby")["id"] == said["id"]


def test_who_is_removed_at_one_node_is_out_at_all(cluster: Cluster) -> None:
    one, two = cluster.nodes
    ann, bob = one.join("ann"), two.join("bob")
    assert "#club is yours" in ann.answer_to("/create club")
    until(lambda: "You talk in #club now" in bob.answer_to("/join club"))
    also = one.join("bob")
    assert "bob was removed from #club" in ann.answer_to("/remove bob")
    for peer in (bob, also):
        peer.until("ann has removed you from #club.")
    ann.send("is bob still here?")
    ann.until("is bob still here?")
    assert "You are not in #club" in bob.answer_to("/room club")
    assert "is bob still here?" not in bob.seen
    bob.send("/disconnect")
    bob.until_end()
    assert "You are not in #club" in two.join("bob").answer_to("/room club")
    assert "bob is not in #club" in ann.answer_to("/remove bob")


def test_reply_goes_to_who_wrote_last_from_whatever_node(cluster: Cluster) -> None:
    one, two = cluster.nodes
    me, near, far = two.join("me"), two.join("near"), one.join("far")
    near.send("/messageto me hello from near")
    me.until("private from near: hello from near")
    far.send("/messageto me what is the door code?")
    me.until("private from far: what is the door code?")
    me.send("/reply it is 4711")
    far.until("private from me: it is 4711")
    assert "4711" not in near.answer_to("/mail") + near.seen


# -- what superusers do -----------------------------------------------------------------------


@pytest.mark.parametrize("act", ["/ban bob", "/kickuser bob"])
def test_who_is_turned_out_at_one_node_is_out_at_all(cluster: Cluster, act: str) -> None:
    one, two = cluster.nodes
    ann = one.join_superuser("ann")
    bob = two.join("bob")
    ann.send(act)
    ann.until("bob is banned", "bob was kicked")
    told = time.monotonic()
    for _ in range(50):  # on its way while the other node hears of it
        try:
            bob.send("still here?")
        except OSError:
            break
    bob.until_end()
    assert time.monotonic() - told < 1.0 * STRETCH
    ann.send("the end")
    ann.until("ann: the end")
    told_after = ann.seen.partition("bob is banned")[2] or ann.seen.partition("bob was kicked")[2]
    assert "still here?" not in told_after
    again = two.peer()
    again.send("n", "bob", PASSWORD)
    assert "You were" in again.until_end()


def test_a_mute_a_grant_and_a_lockdown_hold_at_all_nodes(cluster: Cluster) -> None:
    one, two = cluster.nodes
    ann = one.join_superuser("ann")
    bob = two.join("bob")
    ann.answer_to("/mute bob 10m")
    bob.send("muted?")
    bob.until("You were muted by ann")
    ann.answer_to("/unmute bob")
    bob.until("You may write again.")
    ann.answer_to("/changegrant bob 0")
    bob.until("You are a superuser now.")
    assert "is for superusers only" not in bob.answer_to("/nodes")
    bob.answer_to("/lockdown on")
    newcomer = one.peer()
    newcomer.send("y", "dan", PASSWORD, PASSWORD)
    assert "closed" in newcomer.until_end()


def test_a_ticket_of_one_node_opens_the_other_and_nothing_is_missed(cluster: Cluster) -> None:
    one, two = cluster.nodes
    ann = one.program_start()
    ann.send_event("register", name="ann", password=PASSWORD, ticket=True)
    ticket = ann.until_event("ticket")["ticket"]
    bob = two.join("bob")
    bob.send("first")
    first = ann.until_event("message", text="first")
    one.kill()
    bob.send("second", "third")
    bob.until("bob: third")
    ann = two.program_start()
    ann.send_event("resume", ticket=ticket, cursors={"lobby": first["id"]})
    ann.until_event("notice", kind="resumed")
    texts = [m["text"] for m in events(ann.seen, "message") if m["kind"] == "text"]
    assert texts == ["second", "third"]
    bob.answer_to("/viewusers")
    assert "ann has left" not in bob.seen


def test_nodes_are_for_superusers(cluster: Cluster) -> None:
    ann = cluster.nodes[0].join_superuser("ann")
    bob = cluster.nodes[1].join("bob")
    assert "is for superusers only" in bob.answer_to("/nodes")
    rows = re.findall(r"(?m)^[0-9a-f]{8}.* well$", ann.answer_to("/nodes"))
    assert len(rows) == 2


def test_a_report_reaches_who_is_at_another_node(cluster: Cluster) -> None:
    one, two = cluster.nodes
    boss = one.join_superuser("boss")
    rude, witness = two.join("rude"), two.join("witness")
    until(lambda: "boss" in here(witness))
    rude.send("pills for all")
    witness.until("rude: pills for all")
    number = re.findall(r"\[(\d+)\][^\n]*pills for all", witness.answer_to("/history"))[0]
    witness.send(f"/report {number} spam")
    boss.until(f"witness reports message {number} of rude in #lobby: pills for all (spam)")


# -- rooms ------------------------------------------------------------------------------------


def test_who_is_in_a_room_and_its_rules_are_the_same_at_all_nodes(cluster: Cluster) -> None:
    one, two = cluster.nodes
    ann, bob, carl = one.join("ann"), two.join("bob"), two.join("carl")
    ann.answer_to("/create den private")
    for name in ("bob", "carl"):
        ann.answer_to(f"/invite {name}")
    for peer in (bob, carl):
        peer.until("invites you: /join den")
        peer.answer_to("/join den")
    ann.answer_to("/rules Be kind.")
    bob.until("ann has changed the rules of #den:")
    bob.until("    Be kind.")
    carl.send("/disconnect")
    carl.until_end()

    def tells(peer: Peer) -> bool:
        lines = re.findall(r"(?m)^(\w+) +(\S+) +((?:not )?here)$", peer.answer_to("/members"))
        expected = {("ann", "owner", "here"), ("bob", "-", "here"), ("carl", "-", "not here")}
        return {*lines} == expected and "Here now: 2; members: 3" in peer.answer_to("/roominfo")

    until(lambda: tells(ann))
    until(lambda: tells(bob))


def test_what_was_done_at_one_node_is_taken_back_at_another(cluster: Cluster) -> None:
    one, two = cluster.nodes
    boss, guest = one.join_superuser("boss"), one.join("guest")
    there = two.join("boss")
    boss.answer_to("/create court")
    boss.answer_to("/slow 10s")
    guest.answer_to("/join court")
    until(lambda: "court" in there.answer_to("/rooms"))
    there.answer_to("/join court")
    boss.answer_to("/mute guest 1h")
    guest.until("You were muted by boss.")
    assert "the mute of guest is lifted." in there.answer_to("/undo")
    guest.until("You may write again.")
    slowed = re.findall(r"type (/undo \d+)", boss.answer_to("/undo"))
    assert "#court is as it was before." in there.answer_to(slowed[0])
    guest.until("boss has changed the pace of #court: as fast as you like.")
    assert "You have done nothing else lately that can be taken back." in boss.answer_to("/undo")
