"""Who is in a room, who its members are, and what there is to know of it."""

import re
from typing import Any

from tests.harness import PASSWORD, Peer, ServerProcess


def ask(peer: Peer, name: str, args: dict[str, object] | None = None) -> dict[str, Any]:
    peer.send_event("command", name=name, args=args or {}, cid=f"c-{name}")
    return dict(peer.until_event("result", command=name))


def rows_of(answer: dict[str, Any], key: str = "user") -> dict[str, dict[str, Any]]:
    return {row[key]: row for row in answer["rows"]}


def test_who_tells_who_runs_the_room_who_is_busy_and_who_is_muted(
    room: ServerProcess, boss: Peer
) -> None:
    ann, bob = room.join("ann"), room.join("bob")
    ann.answer_to("/create hall")
    bob.answer_to("/join hall")
    bob.answer_to("/busy tea")
    boss.answer_to("/mute bob 1h loud")
    shown = ann.answer_to("/who")
    assert re.search(r"(?m)^ann +\d{4}-\d\d-\d\d \d\d:\d\d +\S+ +free +owner$", shown)
    assert re.search(r"(?m)^bob +\d{4}-\d\d-\d\d \d\d:\d\d +\S+ +busy \(tea\) +muted$", shown)
    program = room.program_peer("looker")
    people = rows_of(ask(program, "who", {"room": "hall"}))
    assert (people["ann"]["role"], people["ann"]["muted"]) == ("owner", False)
    assert (people["bob"]["role"], people["bob"]["muted"], people["bob"]["busy"]) == (
        "",
        True,
        True,
    )
    boss.answer_to("/unmute bob")


def test_who_is_muted_in_a_room_is_so_there_alone(room: ServerProcess) -> None:
    pia, quin = room.join("pia"), room.join("quin")
    pia.answer_to("/create stage")
    quin.answer_to("/join stage")
    pia.answer_to("/roommute quin 1h")
    program = room.program_peer("rita")
    assert rows_of(ask(program, "who", {"room": "stage"}))["quin"]["muted"] is True
    assert rows_of(ask(program, "who", {"room": "lobby"}))["quin"]["muted"] is False


def test_who_has_lost_the_connection_is_away(room: ServerProcess) -> None:
    carl = room.join("carl")
    room.add_user("dora")
    dora = room.program_start()
    dora.send_event("login", name="dora", password=PASSWORD, ticket=True)
    dora.until_event("ticket")
    dora.close()
    while not re.search(r"(?m)^dora +- +- +away$", shown := carl.answer_to("/who")):
        assert "dora" in shown


def test_members_are_told_also_when_they_are_not_here(room: ServerProcess) -> None:
    emma, finn = room.join("emma"), room.join("finn")
    emma.answer_to("/create club private")
    for name in ("finn", "boss"):
        emma.answer_to(f"/invite {name}")
    finn.answer_to("/join club")
    finn.send("/disconnect")
    finn.until_end()
    owners = emma.answer_to("/members")
    assert owners.startswith("Members of #club: 2\n")
    assert re.search(r"(?m)^emma +owner +here$", owners)
    assert re.search(r"(?m)^finn +- +not here$", owners)
    assert "\nInvited: boss\n" in owners
    program = room.program_peer("gus")
    emma.answer_to("/invite gus")
    told = ask(program, "members", {"room": "club"})
    assert told["members"] == 2
    assert rows_of(told)["finn"] == {"user": "finn", "member": True, "here": False, "role": ""}
    assert "boss" not in rows_of(told)  # who is invited is for those who run the room
    emma.answer_to("/remove finn")
    assert "finn" not in emma.answer_to("/members")


def test_members_of_a_room_that_is_not_there_for_somebody(room: ServerProcess) -> None:
    hugo, iris = room.join("hugo"), room.join("iris")
    hugo.answer_to("/create nook private")
    for name in ("members", "roominfo", "who"):
        sentence = "There is no room called 'nook'. See /rooms."
        assert sentence in iris.answer_to(f"/{name} nook")


def test_what_there_is_to_know_of_a_room(room: ServerProcess) -> None:
    jane, karl = room.join("jane"), room.join("karl")
    jane.answer_to("/create shed private")
    jane.answer_to("/topic tools and wood")
    jane.answer_to("/invite karl")
    shown = karl.answer_to("/roominfo shed")
    first, *lines = shown.splitlines()
    assert re.fullmatch(r"#shed \(!\w{10}\): private", first)
    assert re.match(r"Topic: tools and wood \(by jane, \d{4}-\d\d-\d\d \d\d:\d\d\)", lines[0])
    assert lines[1:3] == ["Owner: jane", "Moderators: -"]
    assert lines[4] == "Here now: 1; members: 1"
    assert re.fullmatch(r"Messages kept: \d+", lines[5])
    program = room.program_peer("leo")
    jane.answer_to("/invite leo")
    (row,) = ask(program, "roominfo", {"room": "shed"})["rows"]
    assert (row["owner"], row["topic_by"], row["private"]) == ("jane", "jane", True)
    assert (row["archived"], row["slow"], row["moderators"]) == (False, 0.0, [])
    assert (row["people"], row["members"], row["room"]) == (1, 1, "shed")
    assert row["messages"] == row["last"] - row["first"] + 1
    assert "Owner: without owner" in karl.answer_to("/roominfo lobby")


def test_rooms_tell_what_is_unread_and_what_one_is_there(room: ServerProcess) -> None:
    mona, nils = room.join("mona"), room.program_peer("nils")
    mona.answer_to("/create yard")
    ask(nils, "join", {"room": "yard"})
    mona.send("one", "two")
    nils.until_event("message", text="two", room="yard")
    told = rows_of(ask(nils, "rooms"), "room")
    assert (told["yard"]["unread"], told["yard"]["role"], told["yard"]["owner"]) == (2, "", False)
    assert told["yard"]["archived"] is False
    assert told["yard"]["room_id"]
    assert re.search(r"(?m)^#yard +2 +talking, yours +-$", mona.answer_to("/rooms"))


def test_a_superuser_sees_that_somebody_is_in_a_private_room_and_not_in_which(
    room: ServerProcess, boss: Peer
) -> None:
    room.join("olga").answer_to("/create secret private")
    assert re.search(r"(?m) in a private room$", told := boss.answer_to("/whois olga"))
    assert "secret" not in told
