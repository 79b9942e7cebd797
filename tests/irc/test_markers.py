"""Up to when somebody has read: MARKREAD, at all sessions of a person, beside the other faces."""

import time
from pathlib import Path

import pytest

from chatroom.irc.grammar import Line, parse
from chatroom.protocol import utc_of
from tests.cluster import Cluster
from tests.conftest import StartServer
from tests.harness import PATIENCE, Peer, ServerProcess
from tests.irc.peer import ALL_CAPS, IrcPeer, irc
from tests.redis_server import RedisServer

CAPS = (*ALL_CAPS, "draft/chathistory", "draft/read-marker")
OLD = "timestamp=2019-01-04T14:33:26.123Z"


def marker(peer: IrcPeer, asked: str) -> str:
    """Return what a MARKREAD is answered with."""
    (line,) = peer.answers(f"MARKREAD {asked}")
    assert line.command == "MARKREAD", line
    assert line.params[0] == asked.partition(" ")[0]
    return line.params[1]


def said(peer: IrcPeer, target: str, *texts: str) -> list[str]:
    """Say something, each in a millisecond of its own; return these, as a client names them."""
    times = []
    for text in texts:
        peer.send(f"PRIVMSG {target} :{text}")
        times.append(moment_of(peer, text))
        while times[-1] >= f"timestamp={utc_of(time.time() - 0.001)}":
            pass  # for a millisecond
    return times


def moment_of(peer: IrcPeer, text: str) -> str:
    return "timestamp=" + peer.until_line("PRIVMSG", text).tags["time"]


def unread(peer: Peer) -> dict[str, int]:
    """Return what is unread in rooms and of people, at an events connection."""
    peer.send_event("command", line="/unread", cid="unread")
    rows = peer.until_event("result", cid="unread")["rows"]
    return {row["room"] or f"@{row['user']}": row["unread"] for row in rows}


def new_room(server: ServerProcess, owner: str, name: str) -> Peer:
    """Make a room; return an events session of its owner."""
    peer = server.device(owner)
    peer.send_event("command", line=f"/create {name}", cid="c")
    peer.until_event("result", cid="c")
    return peer


def test_a_moment_comes_back_as_it_was_set_and_never_goes_back(room: ServerProcess) -> None:
    new_room(room, "ann", "empty").close()
    ann = irc(room, "ann", *CAPS, is_new=False)
    assert marker(ann, "#empty") == "*"
    assert marker(ann, f"#empty {OLD}") == OLD
    assert marker(ann, "#empty") == OLD
    assert marker(ann, "#empty timestamp=2018-01-01T00:00:00.000Z") == OLD
    assert marker(ann, "#nowhere") == "*"
    irc(room, "bob", *CAPS)
    assert marker(ann, "bob") == "*"
    assert marker(ann, f"bob {OLD}") == OLD
    assert marker(ann, "BOB") == OLD
    ann.send("PART #empty", "JOIN #empty")
    shown = ann.sync()
    at = [line.command for line in shown]
    assert at.index("JOIN") < at.index("MARKREAD") < at.index("366")
    assert next(line for line in shown if line.command == "MARKREAD").params == ("#empty", OLD)
    ann.close()
    again = IrcPeer(room.port)
    again.come_in("ann", CAPS, is_new=False)
    assert marker(again, "bob") == OLD
    told = [line for line in lines_of(again) if line.command == "MARKREAD"]
    assert ("#empty", OLD) in [line.params for line in told]


def lines_of(peer: IrcPeer) -> list[Line]:
    """Return all that has come so far."""
    return [parse(text) for text in peer.seen.split("\r\n") if text]


def test_what_is_no_moment_or_no_place_is_told_by_its_code(room: ServerProcess) -> None:
    cid = irc(room, "cid", *CAPS)
    for asked, told in [
        ("MARKREAD", ("MARKREAD", "NEED_MORE_PARAMS")),
        ("MARKREAD #lobby *", ("MARKREAD", "INVALID_PARAMS", "#lobby", "*")),
        ("MARKREAD #lobby timestamp=noon", ("MARKREAD", "INVALID_PARAMS", "#lobby")),
        (f"MARKREAD #nowhere {OLD}", ("MARKREAD", "INVALID_PARAMS", "#nowhere")),
        (f"MARKREAD nobody {OLD}", ("MARKREAD", "INVALID_PARAMS", "nobody")),
    ]:
        (fail,) = cid.answers(asked)
        assert fail.command == "FAIL"
        assert fail.params[: len(told)] == told


def test_nobody_reads_what_is_still_to_come(room: ServerProcess) -> None:
    dan = irc(room, "dan", *CAPS)
    told = marker(dan, "#lobby timestamp=2262-01-01T00:00:00.000Z")
    assert told.startswith("timestamp=20")
    assert told < "timestamp=2200"


def test_a_marker_moves_what_the_other_faces_count_as_unread(room: ServerProcess) -> None:
    device = new_room(room, "eli", "count")
    eli, fay = irc(room, "eli", *CAPS, is_new=False), irc(room, "fay", *CAPS)
    fay.send("JOIN #count")
    fay.until_line("366", "#count")
    times = said(fay, "#count", "one", "two", "three")
    device.until_event("message", text="three")
    assert unread(device)["count"] == 3
    assert marker(eli, f"#count {times[1]}") == times[1]
    device.until_event("read", room="count")
    assert unread(device)["count"] == 1
    assert marker(eli, f"#count {times[0]}") == times[1]
    assert marker(eli, f"#count {times[2]}") == times[2]
    assert "count" not in unread(device)


def test_what_another_face_has_read_is_told_as_a_marker(room: ServerProcess) -> None:
    device = new_room(room, "gus", "told")
    gus, hal = irc(room, "gus", *CAPS, is_new=False), irc(room, "hal", *CAPS)
    hal.send("JOIN #told")
    hal.until_line("366", "#told")
    (moment,) = said(hal, "#told", "read me")
    message = device.until_event("message", text="read me")
    device.send_event("read", room="told", id=message["id"])
    assert gus.until_line("MARKREAD", "#told").params[1] == moment
    hal.send("PRIVMSG gus :in private")
    moment = moment_of(gus, "in private")
    message = device.until_event("message", text="in private")
    device.send_event("read", id=message["id"])
    assert gus.until_line("MARKREAD", "hal").params[1] == moment
    assert marker(gus, "hal") == moment


def test_what_was_read_of_one_person_says_nothing_of_the_others(room: ServerProcess) -> None:
    ida = irc(room, "ida", *CAPS)
    device = room.device("ida")
    joe, kim = irc(room, "joe", *CAPS), irc(room, "kim", *CAPS)
    for peer, text in ((joe, "from joe"), (kim, "from kim"), (joe, "again from joe")):
        said(peer, "ida", text)
        last = moment_of(ida, text)
    device.until_event("message", text="again from joe")
    assert unread(device) == {**unread(device), "@joe": 2, "@kim": 1}
    assert marker(ida, f"joe {last}") == last
    assert unread(device)["@kim"] == 1
    assert marker(ida, "kim") < last
    assert marker(ida, f"kim {last}") == last
    assert not {"@joe", "@kim"} & unread(device).keys()


def test_all_sessions_with_the_capability_hear_of_it(room: ServerProcess) -> None:
    leo = irc(room, "leo", *CAPS)
    phone = irc(room, "leo", *CAPS, is_new=False)
    without = irc(room, "leo", *ALL_CAPS, is_new=False)
    irc(room, "mia")
    (moment,) = said(leo, "#lobby", "hello")
    assert marker(leo, f"#lobby {moment}") == moment
    assert phone.until_line("MARKREAD", "#lobby").params[1] == moment
    assert marker(leo, f"mia {OLD}") == OLD
    assert phone.until_line("MARKREAD", "mia").params[1] == OLD
    assert not [line for line in without.sync() if line.command == "MARKREAD"]


def knows_of_the_other_node(peer: IrcPeer, name: str) -> None:
    """Wait until a node has heard who is at the other one."""
    deadline = time.monotonic() + PATIENCE
    while name not in peer.answers(f"ISON {name}")[-1].params[-1]:
        assert time.monotonic() < deadline


def test_who_knows_no_markers_has_read_what_came(room: ServerProcess) -> None:
    device = new_room(room, "quy", "plain")
    quy, ray = irc(room, "quy", *ALL_CAPS, is_new=False), irc(room, "ray", *CAPS)
    ray.send("JOIN #plain")
    ray.until_line("366", "#plain")
    said(ray, "#plain", "hello")
    quy.until_line("PRIVMSG", "hello")
    deadline = time.monotonic() + PATIENCE
    while "plain" in unread(device):  # it is looked at now and then what has arrived
        quy.sync()
        assert time.monotonic() < deadline


@pytest.mark.sqlite  # it names its engine itself
def test_a_session_at_another_node_hears_of_it(redis_server: RedisServer, tmp_path: Path) -> None:
    cluster = Cluster(tmp_path, [redis_server.fresh()] * 2)
    try:
        one, other = cluster.nodes
        ned = irc(one, "ned", *CAPS)
        (moment,) = said(ned, "#lobby", "hello")
        there = irc(other, "ned", *CAPS, is_new=False)
        device = other.device("ned")
        ola = irc(one, "ola", *CAPS)
        irc(other, "pia")
        knows_of_the_other_node(ola, "pia")
        (later,) = said(ola, "#lobby", "hello, ned")
        device.until_event("message", text="hello, ned")
        assert marker(ned, f"#lobby {later}") == later > moment
        assert there.until_line("MARKREAD", "#lobby", later)
        device.until_event("read", room="lobby")
        assert marker(ned, f"ola {OLD}") == OLD
        assert there.until_line("MARKREAD", "ola").params[1] == OLD
        assert marker(there, "ola") == OLD
    finally:
        cluster.close()


def test_it_outlasts_a_crash_of_the_client_and_a_restart(
    start_server: StartServer,
) -> None:
    server = start_server()
    pam = irc(server, "pam", *CAPS)
    assert marker(pam, f"#lobby {OLD}") == OLD
    assert marker(pam, f"pam {OLD}") == OLD
    server.stop()
    server.start()
    again = irc(server, "pam", *CAPS, is_new=False)
    assert marker(again, "#lobby") == marker(again, "pam") == OLD


def test_a_moment_in_the_future_counts_as_now(room: ServerProcess) -> None:
    """What is said later stays unread; clocks of several servers may differ by a second."""
    new_room(room, "fay", "later").close()
    fay = irc(room, "fay", *CAPS, is_new=False)
    told = marker(fay, "#later timestamp=2099-01-01T00:00:00.000Z")
    assert told <= f"timestamp={utc_of(time.time() + 1)}"
