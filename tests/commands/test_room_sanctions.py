"""Bans and mutes of one room: by whom, against whom, what is told, and how they end."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster import Cluster
from tests.conftest import StartServer
from tests.harness import PASSWORD, Peer, ServerProcess
from tests.redis_server import RedisServer

_numbers = iter(range(1000))


@pytest.fixture
def club(room: ServerProcess) -> Iterator[tuple[str, Peer, Peer, Peer]]:
    """A room of its own for each test: its name, the owner, a moderator and a member in it."""
    number = next(_numbers)
    name = f"club{number}"
    owner, helper, vic = (room.join(f"{who}{number}") for who in ("owner", "helper", "vic"))
    owner.answer_to(f"/create {name}")
    owner.answer_to(f"/moderator helper{number}")
    for peer in (helper, vic):
        peer.answer_to(f"/join {name}")
    yield name, owner, helper, vic
    for peer in (owner, helper, vic):
        peer.close()


def program_of(room: ServerProcess, name: str) -> Peer:
    peer = room.program_start()
    peer.send_event("login", name=name, password=PASSWORD)
    peer.until_event("notice", kind="here")
    return peer


def test_who_is_muted_in_a_room_reads_there_and_writes_elsewhere(
    room: ServerProcess, club: tuple[str, Peer, Peer, Peer]
) -> None:
    name, owner, helper, vic = club
    who = name.replace("club", "vic")
    told = helper.answer_to(f"/roommute {who} 30m too loud")
    assert f"{who} may read but not write in #{name} for 30m. /lift " in told
    assert f"You were muted in #{name} by " in vic.until(
        "You may read, but not write there, until "
    )
    for line in ("hello", "/me waves"):
        vic.send(line)
        assert f"You were muted in #{name} by " in vic.until("until 20")
    assert re.search(rf"(?m)^{who} .*muted", owner.answer_to("/who"))
    owner.send("can you read this")
    vic.until("can you read this")
    vic.send("/room lobby")
    vic.answer_to("/unread")
    program = program_of(room, who)
    program.send_event("post", room=name, text="hi", cid="1")
    refused = program.until_event("result", cid="1", ok=False)
    assert (refused["code"], refused["sanction"]) == ("muted", "roommute")
    assert (refused["room"], refused["reason"]) == (name, "too loud")
    assert f"{who} may write in #{name} again." in helper.answer_to(f"/unroommute {who}")
    vic.until(f"You may write in #{name} again.")
    program.send_event("post", room=name, text="thank you", cid="2")
    owner.until("thank you")


def test_a_room_mute_is_over_when_its_time_is_up(club: tuple[str, Peer, Peer, Peer]) -> None:
    name, owner, _, vic = club
    owner.answer_to(f"/roommute {name.replace('club', 'vic')} 1s")
    number = 0
    while True:
        number += 1
        vic.send(f"try {number}")
        if f": try {number}" in vic.until("You were muted in", f": try {number}"):
            break
    owner.until(f": try {number}")


def test_a_room_ban_is_told_with_fields_and_lifted_by_its_number(
    room: ServerProcess, club: tuple[str, Peer, Peer, Peer]
) -> None:
    name, owner, helper, vic = club
    who, by = name.replace("club", "vic"), name.replace("club", "owner")
    watching, banned = program_of(room, name.replace("club", "helper")), program_of(room, who)
    told = owner.answer_to(f"/roomban {who} 2h spam")
    number = re.findall(rf"{who} is banned from #{name} for 2h. /lift (\d+) lifts it.", told)[0]
    assert "not be in" not in vic.until(f"You were banned from #{name} by {by}: spam.")
    left = banned.until_event("notice", kind="left")
    assert (left["sanction"], left["room"], left["by"]) == ("roomban", name, by)
    news = watching.until_event("notice", kind="roomban")
    assert (news["user"], news["room"], news["by"], news["reason"]) == (who, name, by, "spam")
    assert str(news["number"]) == number
    assert news["room_id"].startswith("!")
    helper.until(f"{who} has left")
    banned.send_event("command", name="join", args={"room": name}, cid="j")
    refused = banned.until_event("result", cid="j")
    assert (refused["code"], refused["room"], refused["sanction"]) == ("banned", name, "roomban")
    assert refused["until"].startswith("20")
    listed = owner.answer_to("/sanctions")
    assert re.search(rf"(?m)^{number} +roomban +{who} +#{name} .* /lift {number} +spam", listed)
    told = owner.answer_to(f"/lift {number}")
    assert f"Number {number} is lifted: the ban of {who} from #{name}." in told
    vic.until(f"You may come back to #{name}")
    assert watching.until_event("notice", kind="unroomban")["user"] == who
    assert f"You talk in #{name} now" in vic.answer_to(f"/join {name}")
    trail = owner.answer_to(f"/audit in {name}")
    assert f"banned {who} from #{name} for 2h: spam" in trail
    assert f"took back the ban of {who} from #{name}" in trail


def test_who_may_ban_whom(
    room: ServerProcess, boss: Peer, club: tuple[str, Peer, Peer, Peer]
) -> None:
    name, owner, helper, vic = club
    number = name.removeprefix("club")
    assert "its owner and its moderators only" in vic.answer_to(f"/roomban helper{number}")
    assert "its owner and its moderators only" in vic.answer_to("/sanctions")
    assert "its owner and its moderators only" in vic.answer_to(f"/sanctions #{name}")
    assert f"owner{number} owns #{name}" in helper.answer_to(f"/roommute owner{number}")
    assert "a superuser: you cannot do that" in helper.answer_to("/roomban boss")
    other = room.join(f"other{number}")
    other.answer_to(f"/join {name}")
    owner.answer_to(f"/moderator other{number}")
    assert "who runs this room, too" in helper.answer_to(f"/roomban other{number}")
    assert "You cannot ban yourself." in helper.answer_to(f"/roomban helper{number}")
    assert "is banned from" in owner.answer_to(f"/roomban other{number} 1h")
    assert f"may join #{name} again" in owner.answer_to(f"/unroomban other{number}")
    other.answer_to(f"/join {name}")
    assert "moderators only" in other.answer_to(f"/roomban vic{number}")
    # A superuser may all of it where that one sees the room, but not in the lobby.
    assert "Nobody can be banned from the lobby." in boss.answer_to(f"/roomban vic{number}")
    boss.answer_to(f"/join {name}")
    assert "is banned from" in boss.answer_to(f"/roomban vic{number} 1h")
    boss.answer_to(f"/leave {name}")
    listed = boss.answer_to(f"/sanctions vic{number}")
    lift = re.findall(r"/lift \d+", listed)[0]
    assert "is lifted" in boss.answer_to(lift)


def test_moderators_lift_what_moderators_imposed_on_others_alone(
    room: ServerProcess, boss: Peer, club: tuple[str, Peer, Peer, Peer]
) -> None:
    name, owner, helper, _ = club
    number = name.removeprefix("club")
    other = room.join(f"other{number}")
    other.answer_to(f"/join {name}")
    owner.answer_to(f"/moderator other{number}")
    above = "here only the owner and superusers lift it."

    # What the owner has imposed, on others and on a moderator.
    owner.answer_to(f"/roommute vic{number} forever")
    assert above in helper.answer_to(f"/unroommute vic{number}")
    listed = helper.answer_to("/sanctions")
    assert "/lift" not in listed
    lifted = re.findall(r"(?m)^(\d+) +roommute ", listed)[0]
    assert above in helper.answer_to(f"/lift {lifted}")
    entry = re.findall(r"(?m)^(\d+) .* muted vic", helper.answer_to("/audit 1"))[0]
    assert above in helper.answer_to(f"/undo {entry}")
    # Nor is it replaced by a shorter one.
    assert above in helper.answer_to(f"/roommute vic{number} 1s")
    assert "again" in owner.answer_to(f"/unroommute vic{number}")

    # A superuser counts as one who is above; another moderator does not.
    boss.answer_to(f"/join {name}")
    boss.answer_to(f"/roommute vic{number} 1h")
    assert above in helper.answer_to(f"/unroommute vic{number}")
    assert "again" in boss.answer_to(f"/unroommute vic{number}")
    boss.answer_to(f"/leave {name}")
    other.answer_to(f"/roommute vic{number} 1h")
    assert "/lift" in helper.answer_to("/sanctions")
    assert "may read but not write" in helper.answer_to(f"/roommute vic{number} 2h")
    assert f"may write in #{name} again." in helper.answer_to(f"/unroommute vic{number}")
    owner.answer_to(f"/roommute helper{number} 1h")
    helper.send(f"/unroommute helper{number}")
    helper.until(above)
    owner.answer_to(f"/unroommute helper{number}")


def test_a_ban_from_a_private_room_says_that_a_new_invitation_is_needed(
    club: tuple[str, Peer, Peer, Peer],
) -> None:
    name, owner, _, vic = club
    number = name.removeprefix("club")
    owner.answer_to(f"/create attic{number} private")
    owner.answer_to(f"/invite vic{number}")
    vic.answer_to(f"/join attic{number}")
    owner.answer_to(f"/roomban vic{number} 2h")
    assert "You may be invited again from 20" in vic.until("You were banned from #attic")


def test_near_misses_lead_to_the_words_that_there_are(
    boss: Peer, club: tuple[str, Peer, Peer, Peer]
) -> None:
    name, owner, _, _ = club
    who = name.replace("club", "vic")
    assert "Did you mean /sanctions?" in owner.answer_to("/roombans")
    owner.answer_to(f"/roommute {who} 1h")
    assert f"{who} is not muted. What holds in one room alone stands in /sanctions" in (
        boss.answer_to(f"/unmute {who}")
    )
    assert "again" in owner.answer_to(f"/roomunmute {who}")
    owner.answer_to(f"/roomban {who} 1h")
    assert "again" in owner.answer_to(f"/roomunban {who}")


def test_who_runs_a_room_sees_and_lifts_what_is_of_that_room_alone(
    boss: Peer, club: tuple[str, Peer, Peer, Peer]
) -> None:
    name, owner, helper, _ = club
    number = name.removeprefix("club")
    boss.answer_to(f"/mute vic{number} 1h")
    everywhere = re.findall(r"(?m)^(\d+) +mute", boss.answer_to(f"/sanctions vic{number}"))[0]
    assert "There are none." in helper.answer_to("/sanctions")
    assert f"There is no number {everywhere}." in helper.answer_to(f"/lift {everywhere}")
    owner.answer_to(f"/create den{number} private")
    assert "is banned from" in owner.answer_to(f"/roomban vic{number}")
    assert f"#den{number}" in owner.answer_to("/sanctions")
    assert "There are none." in helper.answer_to(f"/sanctions #{name}")
    assert "There is nobody and no room" in helper.answer_to(f"/sanctions #den{number}")
    # A superuser who is not in the private room sees that there is one, and no name of it.
    listed = boss.answer_to(f"/sanctions vic{number}")
    assert "a private room" in listed
    assert f"den{number}" not in listed
    hidden = re.findall(r"(?m)^(\d+) +roomban", listed)[0]
    assert "it is lifted from there" in boss.answer_to(f"/lift {hidden}")
    assert "can be invited to" in owner.answer_to(f"/unroomban {hidden}")
    boss.answer_to(f"/unmute vic{number}")


def test_who_is_banned_from_a_private_room_that_is_not_known_to_that_one_hears_nothing(
    club: tuple[str, Peer, Peer, Peer],
) -> None:
    name, owner, _, vic = club
    number = name.removeprefix("club")
    owner.answer_to(f"/create cellar{number} private")
    assert "is banned from" in owner.answer_to(f"/roomban vic{number} 1h")
    assert f"vic{number} is banned from" in owner.answer_to(f"/invite vic{number}")
    owner.answer_to(f"/unroomban vic{number}")
    vic.answer_to("/unread")
    assert "cellar" not in vic.seen


def test_room_sanctions_that_were_confirmed_survive_kill_9(start_server: StartServer) -> None:
    server = start_server()
    owner, vic, wim = server.join("owner"), server.join("vic"), server.join("wim")
    owner.answer_to("/create club")
    for peer in (vic, wim):
        peer.answer_to("/join club")
    owner.answer_to("/roomban vic 7d spam")
    owner.answer_to("/roommute wim 7d")
    server.kill()
    server.start()
    owner, vic, wim = server.join("owner"), server.join("vic"), server.join("wim")
    assert "You were banned from #club by owner: spam." in vic.answer_to("/join club")
    wim.send("/room club", "hello")
    wim.until("You were muted in #club by owner.")
    assert "roomban" in owner.answer_to("/sanctions #club")


@pytest.fixture
def cluster(tmp_path: Path, redis_server: RedisServer) -> Iterator[Cluster]:
    """Two servers on one store."""
    nodes = Cluster(tmp_path, [redis_server.fresh()] * 2)
    yield nodes
    nodes.close()


@pytest.mark.sqlite  # it names its engine itself
@pytest.mark.parametrize("act", ["/roommute vic", "/roomban vic"])
def test_what_is_imposed_at_one_server_holds_at_the_other_from_its_confirmation_on(
    cluster: Cluster, act: str
) -> None:
    near, far = cluster.nodes
    owner, vic = near.join("owner"), far.join("vic")
    owner.answer_to("/create club")
    while "You talk in #club now" not in vic.answer_to("/join club"):
        pass  # the other server may not have heard of the room yet
    with vic.flooding(b"spam\n" * 20):
        owner.until("vic: spam")
        owner.send(act)
        owner.until("/lift ")
        owner.send("from here on")
        owner.until("owner: from here on")
        owner.send("up to here")
        told = owner.until("owner: up to here").splitlines()
        assert not [line for line in told if "vic: spam" in line and "#lobby" not in line]
