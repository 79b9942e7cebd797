"""An IRC client at one node sees what becomes of others, and of its own person, at another."""

import itertools
import threading
import time
from collections.abc import Iterator

import pytest

from tests.cluster import Cluster
from tests.harness import PASSWORD, PATIENCE, Peer
from tests.irc.peer import ALL_CAPS, IrcPeer, irc
from tests.redis_server import RedisServer

pytestmark = pytest.mark.sqlite  # this names its engine itself

_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def cluster(
    tmp_path_factory: pytest.TempPathFactory, redis_server: RedisServer
) -> Iterator[Cluster]:
    """Two nodes."""
    url = redis_server.fresh()
    nodes = Cluster(tmp_path_factory.mktemp("nodes"), [url] * 2, "--connections-per-address", "0")
    yield nodes
    nodes.close()


class People:
    """Ann by IRC at the first node, and by nc at the other one, where bob owns a room."""

    def __init__(self, cluster: Cluster) -> None:
        self.nodes = here, there = cluster.nodes
        number = next(_numbers)
        self.guest_name = f"guest{number}"
        self.ann, self.bob, self.room = f"ann{number}", f"bob{number}", f"#den{number}"
        self.client: IrcPeer = irc(here, self.ann, *ALL_CAPS)
        self.owner = there.join(self.bob)
        self.client.until_line("JOIN", "#lobby", self.bob)
        self.owner.send(f"/create {self.room[1:]}")
        self.owner.until(f"{self.room} is yours")
        self.guest = irc(here, self.guest_name, "setname")
        self.guest.send(f"JOIN {self.room}")
        self.guest.until_line("366", self.room)
        self.owner.until(f"{self.guest_name} has joined")
        self.second: Peer = there.peer()
        self.second.send("n", self.ann, PASSWORD)
        self.second.until("Here now")
        wait_until_known(self.client, self.bob, self.bob)


def wait_until_known(peer: IrcPeer, name: str, real_name: str) -> None:
    """Wait until somebody at another node is known here, of which no event tells."""
    deadline, pause = time.monotonic() + PATIENCE, threading.Event()
    while ("311", real_name) not in [
        (line.command, line.params[-1]) for line in peer.asks(f"WHOIS {name}")
    ]:
        assert time.monotonic() < deadline, f"{name} is not known"
        pause.wait(0.05)


@pytest.fixture
def people(cluster: Cluster) -> People:
    return People(cluster)


def test_a_room_that_is_joined_and_left_elsewhere_is_shown(people: People) -> None:
    people.second.send(f"/join {people.room}")
    join = people.client.until_line("JOIN", people.room)
    assert str(join.source).startswith(f"{people.ann}!")
    names = people.client.until_line("353", people.room).params[-1]
    assert {people.ann, f"@{people.bob}"} <= set(names.split())
    people.guest.until_line("JOIN", people.room)
    people.owner.send("hello")
    people.client.until_line("PRIVMSG", people.room, "hello")
    people.second.send(f"/leave {people.room}")
    for client in (people.client, people.guest):
        part = client.until_line("PART", people.room)
        assert str(part.source).startswith(f"{people.ann}!")


def test_who_is_taken_out_elsewhere_sees_by_whom_and_why(people: People) -> None:
    people.client.asks(f"JOIN {people.room}")
    people.owner.until(f"{people.ann} has joined")
    people.owner.send(f"/roomban {people.ann} 1h too loud")
    for client in (people.client, people.guest):
        kick = client.until_line("KICK", people.room, people.ann)
        why = "banned: too loud"
        assert (str(kick.source).partition("!")[0], kick.params[-1]) == (people.bob, why)


def test_coming_and_going_elsewhere_is_told_with_its_reason(
    cluster: Cluster, people: People
) -> None:
    people.client.asks(f"JOIN {people.room}")
    carl = f"carl{next(_numbers)}"
    other = irc(cluster.nodes[1], carl)
    people.client.until_line("JOIN", "#lobby", carl)
    other.asks(f"JOIN {people.room}", f"PART {people.room} :dinner time")
    people.client.until_line("JOIN", people.room, carl)
    assert people.client.until_line("PART", people.room).params[-1] == "dinner time"
    people.client.asks(f"MONITOR + {carl}")
    other.send("QUIT :good night")
    assert people.client.until_line("QUIT").params[-1] == "good night"
    assert people.client.until_line("731").params[-1] == carl


def test_who_is_busy_elsewhere_is_away(people: People) -> None:
    people.owner.send("/busy lunch")
    away = people.client.until_line("AWAY")
    assert (str(away.source).partition("!")[0], away.params) == (people.bob, ("lunch",))
    people.owner.send("/free")
    assert people.client.until_line("AWAY").params == ()


def names_in(client: IrcPeer, room: str) -> list[str]:
    """Ask who is in a room."""
    answer = client.asks("NAMES " + room)
    return next(line.params[-1].split() for line in answer if line.command == "353")


def test_what_is_changed_of_a_room_elsewhere_is_told_here_as_it_is_there(
    cluster: Cluster, people: People
) -> None:
    client, room = people.client, people.room
    client.asks(f"JOIN {room}")
    people.owner.until(f"{people.ann} has joined")
    boss = irc(cluster.nodes[1], people.bob, is_new=False)
    for line, seen in (
        (f"TOPIC {room} :tea", ("TOPIC", room, "tea")),
        (f"MODE {room} +m", ("MODE", room, "+m")),
        (f"MODE {room} -m", ("MODE", room, "-m")),
        (f"MODE {room} +o {people.ann}", ("MODE", room, "+o", people.ann)),
        (f"MODE {room} +i", ("MODE", room, "+i")),
    ):
        boss.send(line)
        told = client.until_line(*seen)
        assert str(told.source).partition("!")[0] == people.bob
        boss.until_line(*seen)
    name = f"out{next(_numbers)}"
    out = irc(cluster.nodes[0], name)
    boss.send(f"INVITE {name} {room}")
    assert out.until_line("INVITE", room).params[0] == name
    # Who is at another node is known here with that node's next word about its people.
    while not {f"@{people.ann}", f"@{people.bob}"} <= set(names_in(client, room)):
        pass


def test_the_real_name_is_known_elsewhere(people: People) -> None:
    people.guest.asks("SETNAME :Guest at home")
    other = irc(people.nodes[1], f"dora{next(_numbers)}", "setname")
    wait_until_known(other, people.guest_name, "Guest at home")
    people.guest.send("SETNAME :Guest on the road")
    told = other.until_line("SETNAME", "Guest on the road")
    assert told.source == f"{people.guest_name}!~u@chat"
