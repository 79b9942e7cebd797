"""What superusers and owners do holds at a node that cannot read the store's records just now."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster import Cluster
from tests.harness import PASSWORD, PATIENCE, Peer, ServerProcess
from tests.redis_server import RedisServer

pytestmark = pytest.mark.sqlite  # these name their engines themselves

_RECORDS = ("hget", "hgetall")


class Half:
    """Two nodes of one room; the second one may be kept from reading records.

    It goes on to hear of changes and messages, which are in streams.
    """

    def __init__(self, folder: Path, server: RedisServer) -> None:
        self._server = server
        server.client.acl_setuser(
            "there",
            enabled=True,
            passwords="+secret",
            categories=["+@all"],
            keys=["*"],
            channels=["*"],
        )
        url = server.fresh()
        there = url.replace("redis://", "redis://there:secret@")
        self._nodes = Cluster(folder, [url, there])
        self.here, self.there = self._nodes.nodes

    def let(self, *commands: str) -> None:
        """Let it use commands of the store, or not: ``-get``."""
        self._server.client.acl_setuser("there", enabled=True, commands=commands)

    def blind(self) -> None:
        self.let(*(f"-{word}" for word in _RECORDS))

    def heal(self) -> None:
        """Let it read again, and wait until it takes messages."""
        self.let(*(f"+{word}" for word in _RECORDS))
        times = sum("store away" in line for line in self.there.lines)
        self.there.wait_for_line("store answers again", times)

    def close(self) -> None:
        self._nodes.close()


@pytest.fixture(scope="module")
def half(tmp_path_factory: pytest.TempPathFactory, redis_server: RedisServer) -> Iterator[Half]:
    found = Half(tmp_path_factory.mktemp("half"), redis_server)
    yield found
    found.heal()
    found.close()


@pytest.fixture(scope="module")
def boss(half: Half) -> Peer:
    return half.here.join_superuser("boss")


@pytest.fixture(autouse=True)
def healed(half: Half) -> Iterator[None]:
    yield
    half.heal()
    told = ""
    while "Choose a user name" not in told:  # it may not have heard yet that a lockdown is over
        comer = half.there.peer()
        comer.send("y")
        told = comer.until("Choose a user name", "The room is closed", "cannot check bans")


def test_who_is_sent_out_is_out(half: Half, boss: Peer) -> None:
    sent_out = {name: half.there.join(name) for name in ("kim", "ben", "dora")}
    goner = half.here.join("gone")
    sent_out["gone"] = half.there.join("gone")
    near = Peer(half.there.port, local="127.0.0.77")
    near.send("y", "ranged", PASSWORD, PASSWORD)
    near.until("Here now")
    half.blind()
    boss.answer_to("/kickuser kim")
    boss.answer_to("/ban ben 2h")
    boss.answer_to("/ban 127.0.0.77/32 2h")
    done = half.here.operate("delete-user", "dora", "--yes")
    assert done.returncode == 0, done.stderr
    goner.send("/deleteaccount", PASSWORD, "gone")
    goner.until_end()
    for peer in (*sent_out.values(), near):
        assert peer.is_closed()
    newcomer = Peer(half.there.port, local="127.0.0.77")
    assert "Your address was banned by boss." in newcomer.until_end()


def test_who_may_do_less_does_less(half: Half, boss: Peer) -> None:
    ann, fallen, bob = (half.there.join(name) for name in ("ann", "fallen", "bob"))
    boss.answer_to("/changegrant fallen 0")
    fallen.until("You are a superuser now.")
    boss.answer_to("/create den private")
    boss.answer_to("/invite bob")
    bob.until("boss invites you: /join den")
    bob.answer_to("/join den")
    half.blind()
    boss.answer_to("/mute ann 2h")
    ann.until("You were muted by boss.")
    boss.answer_to("/changegrant fallen 1")
    fallen.until("You are a normal user now.")
    fallen.send("/bans")
    fallen.until("/bans is for superusers only.")
    boss.answer_to("/uninvite bob")
    bob.until("boss has removed you from #den.")
    boss.answer_to("/lockdown on")
    ann.until("The room is closed now")
    comer = half.there.peer()
    comer.send("y")
    assert "closed" in comer.until_end()
    boss.answer_to("/lockdown off")
    half.heal()
    ann.send("/messageto bob psst")
    ann.until("You may read, but not write, until")


def test_who_is_renamed_speaks_under_the_new_name(half: Half, boss: Peer) -> None:
    olaf = half.there.join("olaf")
    half.blind()
    done = half.here.operate("rename-user", "olaf", "olga")
    assert done.returncode == 0, done.stderr
    olaf.until("You are called olga now.")
    half.heal()
    said = ""
    while "olga: who am I?" not in said:  # the node may not have seen yet that it may read again
        olaf.send("who am I?")
        said = olaf.until("olga: who am I?", "was not accepted", "not kept", "not sent")
    boss.until("olga: who am I?")


def test_what_has_to_be_looked_up_is_looked_up_until_the_store_answers(
    half: Half, boss: Peer
) -> None:
    eve, other = half.here.join("eve"), half.there.join("eve")
    half.blind()
    assert "You ignore boss now." in eve.answer_to("/ignore boss")
    boss.send("/create open_room")
    boss.until("#open_room is yours")
    half.heal()
    told = ""
    while "You ignore: boss" not in told:  # it looks again a little later
        told = other.answer_to("/ignore")
    while "You talk in #open_room" not in told:
        told = other.answer_to("/join open_room")
    boss.send("can eve see that?", "/room lobby", "still here")
    boss.until("still here")
    eve.send("the end")
    assert "can eve" not in other.until("eve: the end")


def test_a_node_that_has_missed_changes_hears_nobody_until_it_has_looked_at_all(
    half: Half, boss: Peer, redis_server: RedisServer
) -> None:
    mia, kai = half.there.join("mia"), half.there.join("kai")
    failed = sum("look-up failed" in line for line in half.there.lines)
    half.blind()
    half.let("-xrange")
    boss.answer_to("/mute mia 2h")
    boss.answer_to("/kickuser kai")
    boss.answer_to("/lockdown on")
    forget(redis_server, half.here)
    half.let("+xrange")
    half.there.wait_for_line("look-up failed, tried again", failed + 1)
    mia.send("/messageto boss psst")
    mia.until("nothing was changed. Try again later.")
    comer = half.there.peer()
    assert "cannot check bans and mutes right now" in comer.until_end()
    half.heal()
    assert kai.is_closed()
    boss.send("/lockdown off")
    told = ""
    while "You may read, but not write, until" not in told:
        mia.send("/messageto kai psst")
        told = mia.until("You may read, but not write, until", "Try again later.")


def forget(server: RedisServer, node: ServerProcess) -> None:
    """Forget all changes but the newest in the store of a node."""
    database = int(node.settings["CHATROOM_ENGINE"].rpartition("/")[2])
    client = type(server.client)(port=server.port, db=database, socket_timeout=PATIENCE)
    client.xtrim("{c}:controls", maxlen=1, approximate=False)
    client.close()
