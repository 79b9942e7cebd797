"""Rooms as those who run them see it: names, roles, who may read and write there, their end."""

from typing import Any

import pytest

from tests.harness import PASSWORD, Peer, ServerProcess


def gave(peer: Peer, line: str) -> dict[str, Any]:
    """Give a command as a program does; return what it was answered."""
    peer.send_event("command", line=line, cid="g")
    return peer.until_event("result", cid="g")


def done(peer: Peer, line: str) -> dict[str, Any]:
    answer = gave(peer, line)
    assert answer["ok"], answer
    return answer


def refused(peer: Peer, line: str) -> str:
    answer = gave(peer, line)
    assert not answer["ok"], answer
    return str(answer["code"])


def posted(peer: Peer, text: str, room: str = "") -> dict[str, Any]:
    """Say something; return the message that came back."""
    peer.send_event("post", text=text, room=room, cid=text)
    return peer.until_event("message", cid=text)


def not_posted(peer: Peer, text: str, room: str = "") -> dict[str, Any]:
    """Say what is refused; return why."""
    peer.send_event("post", text=text, room=room, cid=text)
    return peer.until_event("result", cid=text, ok=False)


@pytest.fixture
def owner(room: ServerProcess) -> Peer:
    return room.device("olivia")


@pytest.fixture
def other(room: ServerProcess) -> Peer:
    return room.device("otto")


def both_in(owner: Peer, other: Peer, name: str, kind: str = "") -> str:
    """Let one make a room and the other join it; return its id."""
    done(owner, f"/create {name} {kind}")
    if kind:
        done(owner, "/invite otto")
    done(other, f"/join {name}")
    (row,) = done(owner, f"/roominfo {name}")["rows"]
    return str(row["room_id"])


def test_a_room_that_is_renamed_stays_the_same_for_everybody(owner: Peer, other: Peer) -> None:
    room_id = both_in(owner, other, "atelier")
    first = posted(other, "under the old name", "atelier")
    done(owner, "/renameroom studio")
    told = other.until_event("control", do="renameroom")
    assert (told["was"], told["room"], told["room_id"]) == ("atelier", "studio", room_id)
    assert told["by"] == "olivia"
    for name in ("atelier", "studio", room_id, "#Atelier"):  # what was queued arrives, too
        message = posted(other, f"as {name}", name)
        assert (message["room"], message["room_id"]) == ("studio", room_id)
    assert message["seq"] == first["seq"] + 4
    other.send_event("read", room="atelier", id=message["id"])
    done(other, "/leave atelier")
    assert done(other, "/join atelier")["ok"]
    done(owner, "/create atelier")  # the old name is free for another one, and means that then
    assert posted(owner, "new", "atelier")["room"] == "atelier"
    assert not_posted(other, "old", "atelier")["code"] == "not-inside"
    assert refused(owner, "/renameroom studio") == "name-taken"
    assert refused(owner, "/renameroom server") == "bad-name"
    done(owner, "/room studio")
    done(owner, "/renameroom Studio")
    done(owner, "/renameroom atelier2")
    done(owner, "/renameroom studio")


def test_what_only_owners_may_is_refused_to_others(owner: Peer, other: Peer) -> None:
    both_in(owner, other, "owned")
    for line in (
        *("/renameroom mine", "/private", "/public", "/archive", "/unarchive", "/transfer otto"),
        *("/moderator otto", "/unmoderator otto", "/slow 10s", "/deleteroom", "/topic mine"),
    ):
        assert refused(other, line) == "not-allowed"
    done(owner, "/moderator otto")
    assert other.until_event("notice", kind="moderator")["user"] == "otto"
    for line in ("/renameroom mine", "/archive", "/transfer otto", "/moderator otto"):
        assert refused(other, line) == "not-allowed"
    done(other, "/topic ours")
    done(other, "/slow 10s")
    done(other, "/slow off")
    done(owner, "/unmoderator otto")
    assert refused(other, "/topic mine") == "not-allowed"
    assert gave(owner, "/unmoderator otto")["text"] == "otto is not a moderator of #owned."


def test_a_moderator_has_no_power_over_who_runs_the_room(
    room: ServerProcess, owner: Peer, other: Peer
) -> None:
    both_in(owner, other, "ranks")
    third = room.device("thea")
    done(third, "/join ranks")
    for name in ("otto", "thea"):
        done(owner, f"/moderator {name}")
    assert refused(other, "/remove thea") == "not-allowed"
    assert not gave(other, "/remove olivia")["ok"]
    said = posted(third, "wrong", "ranks")
    done(other, f"/delete {said['id']}")
    assert third.until_event("message", kind="removed")["ref"] == said["id"]
    done(owner, "/remove thea")
    assert third.until_event("notice", kind="left")["by"] == "olivia"


def test_a_private_room_keeps_its_members_when_it_is_closed_and_lets_all_in_when_opened(
    room: ServerProcess, owner: Peer, other: Peer
) -> None:
    both_in(owner, other, "doors")
    gone = room.device("gina")
    done(gone, "/join doors")
    gone.close()
    done(owner, "/private")
    assert other.until_event("notice", kind="private")["by"] == "olivia"
    posted(other, "still inside", "doors")
    stranger = room.device("stranger")
    assert refused(stranger, "/join doors") == "no-such-room"
    again = room.device("gina")
    assert posted(again, "a member", "doors")["room"] == "doors"
    assert not gave(owner, "/private")["ok"]
    done(owner, "/public")
    done(stranger, "/join doors")


def test_nobody_writes_in_an_archived_room(owner: Peer, other: Peer) -> None:
    both_in(owner, other, "vault")
    posted(other, "before", "vault")
    done(owner, "/archive")
    other.until_event("notice", kind="archived")
    for peer in (owner, other):
        assert not_posted(peer, "after", "vault")["code"] == "archived"
        assert refused(peer, "/me waves") == "archived"
    assert [row["archived"] for row in done(other, "/rooms")["rows"] if row["room"] == "vault"]
    assert "before" in gave(other, "/history in vault")["text"]
    done(owner, "/unarchive")
    posted(other, "again", "vault")


def test_in_a_slowed_room_everybody_but_who_runs_it_has_to_wait(owner: Peer, other: Peer) -> None:
    both_in(owner, other, "slowly")
    done(owner, "/slow 1h")
    assert other.until_event("notice", kind="slow")["seconds"] == 3600
    posted(other, "one", "slowly")
    why = not_posted(other, "two", "slowly")
    assert (why["code"], why["room"]) == ("too-fast", "slowly")
    assert 3590 < why["wait"] <= 3600
    for text in ("three", "four"):
        posted(owner, text, "slowly")
    posted(other, "elsewhere", "lobby")
    assert refused(owner, "/slow 2h") == "usage"
    done(owner, "/slow off")
    posted(other, "five", "slowly")


def test_a_room_is_handed_over_and_the_old_owner_stays_in_it(owner: Peer, other: Peer) -> None:
    both_in(owner, other, "handed", "private")
    done(owner, "/transfer otto")
    told = other.until_event("notice", kind="owner")
    assert (told["user"], told["by"], told["room"]) == ("otto", "olivia", "handed")
    assert refused(owner, "/topic mine") == "not-allowed"
    posted(owner, "still here", "handed")
    done(other, "/uninvite olivia")
    assert owner.until_event("notice", kind="left")["room"] == "handed"


def test_a_deleted_room_is_gone_with_all_that_was_said(owner: Peer, other: Peer) -> None:
    room_id = both_in(owner, other, "doomed")
    said = posted(other, "last words", "doomed")
    owner.send_event("command", line="/deleteroom", cid="d")
    owner.until_event("prompt", ask="confirm-room")
    owner.send_event("answer", text="something else")
    owner.until_event("prompt", ask="confirm-room")
    owner.send_event("answer", text="doomed")
    assert owner.until_event("result", cid="d")["ok"]
    told = other.until_event("control", do="roomgone")
    assert (told["room"], told["room_id"], told["by"]) == ("doomed", room_id, "olivia")
    for where in ("doomed", room_id):
        assert not_posted(other, f"to {where}", where)["code"] == "no-such-room"
    assert refused(other, f"/context {said['id']}") == "no-such-message"
    done(owner, "/create doomed")
    done(other, "/join doomed")
    assert "last words" not in gave(other, "/history")["text"]


def test_a_room_whose_owner_has_gone_belongs_to_the_longest_serving_moderator(
    room: ServerProcess, other: Peer
) -> None:
    goes = room.join("goes")
    goes.answer_to("/create inherited")
    third = room.device("thea")
    for peer in (other, third):
        done(peer, "/join inherited")
    goes.answer_to("/moderator otto")
    goes.answer_to("/moderator thea")
    goes.send("/deleteaccount", PASSWORD, "goes")
    assert third.until_event("notice", kind="owner")["user"] == "otto"
    (row,) = done(third, "/roominfo inherited")["rows"]
    assert (row["owner"], row["moderators"]) == ("otto", ["thea"])
    done(other, "/topic mine now")
    acts = [row["act"] for row in done(other, "/audit")["rows"]]
    assert "left #inherited to otto, who has helped to run it" in acts


def test_the_lobby_stays_what_it_is(room: ServerProcess, boss: Peer) -> None:
    for line in ("/renameroom x", "/private", "/archive", "/transfer boss", "/deleteroom"):
        assert "lobby" in boss.answer_to(line).lower()


def test_who_is_removed_is_no_moderator_any_more_and_inherits_nothing(room: ServerProcess) -> None:
    goes, mia, bob = room.join("goer"), room.device("mia"), room.device("bobby")
    goes.answer_to("/create legacy private")
    for name, peer in (("mia", mia), ("bobby", bob)):
        goes.answer_to(f"/invite {name}")
        done(peer, "/join legacy")
        goes.answer_to(f"/moderator {name}")
    goes.answer_to("/remove mia")
    (row,) = done(bob, "/roominfo legacy")["rows"]
    assert row["moderators"] == ["bobby"]
    goes.send("/deleteaccount", PASSWORD, "goer")
    bob.until_event("notice", kind="owner")
    assert refused(mia, "/join legacy") == "no-such-room"
    (row,) = done(bob, "/roominfo legacy")["rows"]
    assert row["owner"] == "bobby"


def test_a_room_is_handed_over_to_its_members_only_and_to_nobody_who_is_banned(
    room: ServerProcess, owner: Peer, other: Peer
) -> None:
    both_in(owner, other, "gift")
    room.device("bystander")
    assert refused(owner, "/transfer bystander") == "not-inside"
    done(owner, "/roomban otto")
    for line in ("/transfer otto", "/moderator otto"):
        assert refused(owner, line) == "banned"
    done(owner, "/unroomban otto")
    done(other, "/join gift")
    done(owner, "/transfer otto")


def test_the_owner_gets_a_superuser_out_of_a_private_room(
    room: ServerProcess, boss: Peer, owner: Peer
) -> None:
    done(owner, "/create study private")
    done(owner, "/invite boss")
    boss.answer_to("/join study")
    done(owner, "/remove boss")
    assert "no room called 'study'" in boss.answer_to("/room study")


def test_the_pace_of_a_room_holds_also_for_who_logs_in_again(
    room: ServerProcess, owner: Peer
) -> None:
    done(owner, "/create paced")
    done(owner, "/slow 1h")
    first = room.device("hasty")
    done(first, "/join paced")
    posted(first, "one", "paced")
    first.close()
    again = room.device("hasty")
    assert not_posted(again, "two", "paced")["code"] == "too-fast"


def test_a_former_name_leads_to_the_room_that_one_may_enter(
    room: ServerProcess, owner: Peer, other: Peer
) -> None:
    done(owner, "/create team")
    done(owner, "/renameroom team2")
    done(other, "/create team private")
    done(other, "/renameroom hidden-x")
    third = room.device("thea")
    done(third, "/join team")
    assert posted(third, "found", "team")["room"] == "team2"


def test_a_room_cannot_be_called_private_by_a_slip(owner: Peer) -> None:
    assert refused(owner, "/create private") == "usage"
    done(owner, "/create private private")
    owner.send_event("command", line="/deleteroom", cid="d")
    owner.until_event("prompt", ask="confirm-room")
    owner.send_event("answer", text="#PRIVATE")  # case does not count, as everywhere
    assert owner.until_event("result", cid="d")["ok"]
