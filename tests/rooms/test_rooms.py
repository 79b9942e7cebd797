"""Rooms: joining, switching, leaving, topics, owners, and private ones."""

import re

import pytest

from tests.conftest import StartServer
from tests.harness import PASSWORD, Peer, ServerProcess

CLOCK = r"^\d\d:\d\d [AP]M \| "


def enter(peer: Peer, name: str) -> None:
    """Join a room and wait until its messages come."""
    peer.send(f"/join {name}")
    peer.until(f"You talk in #{name} now")


def create(peer: Peer, name: str, kind: str = "") -> None:
    peer.send(f"/create {name} {kind}")
    peer.until(f"#{name} is yours")


def come_back(server: ServerProcess, name: str) -> tuple[Peer, str]:
    """Log in again; return the session and what it is shown up to a line of its own."""
    peer = server.peer()
    peer.send("n", name, PASSWORD, "/help qqqq")
    return peer, peer.until("There is no command /qqqq")


def people_of(peer: Peer, line: str) -> list[str]:
    """Return the names in the rows of a /who."""
    return re.findall(r"(?m)^(\S+) +\d{4}-\d\d-\d\d", peer.answer_to(line))


def row_of(peer: Peer, name: str) -> str:
    """Return the row of a room in /rooms; empty when it is not there."""
    rows = peer.answer_to("/rooms").splitlines()
    return next((" ".join(row.split()) for row in rows if row.startswith(f"#{name} ")), "")


def test_lines_of_other_rooms_name_their_room_and_typed_lines_go_to_the_current_one(
    room: ServerProcess,
) -> None:
    ann, bob = room.join("ann"), room.join("bob")
    create(ann, "dev")
    bob.send("/join #DEV")
    bob.until("You talk in #dev now; 2 people are here.")
    ann.until_match(CLOCK + r"bob has joined\.$")
    bob.send("in dev")
    ann.until_match(CLOCK + "bob: in dev$")
    ann.send("/room lobby")
    ann.until("You talk in #lobby now")
    bob.send("still in dev", "/me waves")
    ann.until_match(CLOCK + r"#dev \| bob: still in dev$")
    ann.until_match(CLOCK + r"#dev \| \* bob waves$")
    ann.send("in the lobby")
    bob.until_match(CLOCK + r"#lobby \| ann: in the lobby$")
    ann.until_match(CLOCK + "ann: in the lobby$")
    bob.send("/me yawns")
    bob.until_match(CLOCK + r"\* bob yawns$")


def test_who_has_not_joined_sees_nothing_of_a_room(room: ServerProcess) -> None:
    carl, dora = room.join("carl"), room.join("dora")
    create(carl, "quiet")
    carl.send("only here")
    carl.until("carl: only here")
    carl.send("/room lobby", "in the lobby")
    dora.until("carl: in the lobby")
    assert "only here" not in dora.seen
    assert "quiet" not in dora.seen
    assert dora.answer_to("/room quiet").startswith("You are not in #quiet. Type /join quiet\n")


def test_who_joins_sees_the_last_twenty_lines(start_server: StartServer) -> None:
    server = start_server(message_rate=0)
    ann, bob = server.join("ann"), server.join("bob")
    create(ann, "dev")
    ann.send(*(f"line {i}" for i in range(25)))
    ann.until("line 24")
    bob.send("/join dev")
    text = bob.until("You talk in #dev now; 2 people are here.")
    shown = text[text.index("The last messages:") :].splitlines()[1:21]
    assert [line.partition(": ")[2] for line in shown] == [f"line {i}" for i in range(5, 25)]


def test_join_and_room_switch_this_session_only(room: ServerProcess) -> None:
    first, second, other = room.join("emil"), room.join("emil"), room.join("other1")
    create(first, "garden")
    enter(other, "garden")
    second.send("I am in the lobby")
    first.until_match(CLOCK + r"#lobby \| emil: I am in the lobby$")
    second.until_match(CLOCK + "emil: I am in the lobby$")
    other.send("flowers")
    first.until_match(CLOCK + "other1: flowers$")
    second.until_match(CLOCK + r"#garden \| other1: flowers$")
    second.send("/leave garden")
    second.until("You have left #garden. You talk in #lobby now.")
    first.until("You have left #garden.")
    first.send("back in the lobby")
    second.until_match(CLOCK + "emil: back in the lobby$")
    other.until_match(CLOCK + r"emil has left\.$")


def test_who_has_left_a_room_sees_no_more_of_it(room: ServerProcess) -> None:
    gina, hans = room.join("gina"), room.join("hans")
    create(gina, "cave")
    enter(hans, "cave")
    hans.send("/leave")
    hans.until("You have left #cave. You talk in #lobby now.")
    gina.until("hans has left")
    gina.send("an echo", "/room lobby", "no echo")
    hans.until("gina: no echo")
    assert "an echo" not in hans.seen


def test_rooms_shows_name_people_marks_and_topic(room: ServerProcess) -> None:
    ida, kai = room.join("ida"), room.join("kai")
    create(ida, "books")
    ida.send("/topic what  we read")
    ida.until("ida has set the topic of #books: what  we read")
    assert row_of(ida, "books") == "#books 1 talking, yours what we read"
    assert row_of(kai, "books") == "#books 1 what we read"
    enter(kai, "books")
    assert row_of(ida, "books") == "#books 2 talking, yours what we read"
    assert row_of(ida, "lobby").endswith(" joined -")
    assert kai.answer_to("/topic").startswith("#books: what  we read\n")
    kai.send("/disconnect")
    kai.until_end()
    ida.until("kai has left")
    assert row_of(ida, "books").startswith("#books 1 ")
    ida.send("/topic -")
    ida.until("ida has removed the topic of #books.")
    assert ida.answer_to("/topic").startswith("#books has no topic.\n")
    assert "has another topic now" not in ida.seen  # who is told who did it is told once


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("/join", "ROOM is missing. Type /join ROOM"),
        ("/join nowhere", "There is no room called 'nowhere'. See /rooms."),
        ("/room nowhere", "There is no room called 'nowhere'. See /rooms."),
        ("/leave nowhere", "There is no room called 'nowhere'. See /rooms."),
        ("/leave", "The lobby cannot be left. /disconnect leaves the server."),
        ("/leave #LOBBY", "The lobby cannot be left. /disconnect leaves the server."),
        ("/create", "ROOM is missing. Type /create ROOM [private]"),
        ("/create lobby", "The name lobby is taken. Choose another one."),
        ("/create Taken", "The name Taken is taken. Choose another one."),
        ("/create a/b", "A name has 1 to 32 letters, digits, '_', '-' or '.'."),
        ("/create admin", "That name is reserved. Choose another one."),
        ("/create x secret", "'secret' must be private. Type /create ROOM [private]"),
        ("/topic mine now", "In #lobby /topic is for its owner and its moderators only."),
        ("/invite boss", "In #lobby /invite is for its owner and its moderators only."),
        ("/uninvite boss", "In #lobby /uninvite is for its owner and its moderators only."),
        ("/remove boss", "In #lobby /remove is for its owner and its moderators only."),
        ("/reply hello", "Nobody has written to you yet. Type /messageto USER TEXT"),
        ("/mail 501", "'501' must be a number from 1 to 500. Type /mail [N]"),
    ],
)
def test_a_wrong_command_about_rooms_is_answered_with_one_sentence(
    room: ServerProcess, boss: Peer, typed: str, sentence: str
) -> None:
    boss.answer_to("/create taken")
    assert room.join("plain").answer_to(typed).splitlines()[0] == sentence


def test_what_owners_may_do_is_refused_to_everybody_else_and_allowed_to_superusers(
    room: ServerProcess, boss: Peer
) -> None:
    lea, mia = room.join("lea"), room.join("mia")
    create(lea, "court")
    enter(mia, "court")
    for line in ("/topic x", "/invite boss", "/uninvite lea", "/remove lea"):
        word = line.split()[0]
        answer = mia.answer_to(line)
        assert answer.startswith(f"In #court {word} is for its owner and its moderators only.\n")
    enter(boss, "court")
    boss.send("/topic order")
    mia.until("boss has set the topic of #court: order")
    assert "lea owns #court and stays." in boss.answer_to("/remove lea")
    boss.send("/remove mia")
    mia.until("boss has removed you from #court.")


def test_who_is_removed_from_a_public_room_may_come_back(room: ServerProcess) -> None:
    nina, otto = room.join("nina"), room.join("otto")
    create(nina, "pub")
    enter(otto, "pub")
    nina.send("/remove otto too loud")
    nina.until("otto was removed from #pub and may come back.")
    otto.until("nina has removed you from #pub: too loud")
    otto.send("where am I")
    nina.until_match(CLOCK + r"#lobby \| otto: where am I$")
    assert "otto is not in #pub." in nina.answer_to("/remove otto")
    enter(otto, "pub")
    nina.until("otto has joined")


def test_a_private_room_does_not_exist_for_others_until_they_are_invited(
    room: ServerProcess, boss: Peer
) -> None:
    pia, quin = room.join("pia"), room.join("quin")
    create(pia, "secret", "private")
    for other in (quin, boss):
        assert row_of(other, "secret") == ""
        for line in ("/join secret", "/room secret", "/leave secret", "/who secret"):
            sentence = "There is no room called 'secret'. See /rooms.\n"
            assert other.answer_to(line).startswith(sentence)
    pia.send("/invite quin")
    pia.until("quin can join #secret now and was told so.")
    quin.until("pia invites you: /join secret")
    assert "quin can already join #secret." in pia.answer_to("/invite quin")
    assert row_of(quin, "secret") == "#secret 1 private -"
    enter(quin, "secret")
    pia.until("quin has joined")
    quin.send("psst")
    pia.until("quin: psst")
    assert row_of(boss, "secret") == ""
    assert "psst" not in boss.seen
    assert people_of(pia, "/who") == people_of(quin, "/who #Secret") == ["pia", "quin"]


def test_who_is_in_a_room_is_told_to_whom_it_exists_for(room: ServerProcess) -> None:
    wim, xia, yan = room.join("wim"), room.join("xia"), room.join("yan")
    create(wim, "study")
    enter(xia, "study")
    xia.answer_to("/busy reading")
    assert people_of(wim, "/who") == people_of(yan, "/names study") == ["wim", "xia"]
    answer = yan.answer_to("/who study")
    assert answer.startswith("In #study: 2\nuser  here since")
    assert re.search(r"(?m)^xia +\d{4}-\d\d-\d\d \d\d:\d\d +\d+s +busy \(reading\)$", answer)
    xia.vanish()  # and comes back at another place, where nothing has changed
    wim.until("xia has left")
    assert people_of(wim, "/who") == ["wim"]
    wim.answer_to("/leave")
    assert yan.answer_to("/who study").startswith("Nobody is in #study.\n")
    assert {"wim", "yan"} <= set(people_of(yan, "/who"))


@pytest.mark.parametrize("command", ["uninvite", "remove"])
def test_who_loses_the_invitation_is_out_and_finds_no_room(
    room: ServerProcess, command: str
) -> None:
    owner, guest = room.join(f"owner-{command}"), room.join(f"guest-{command}")
    name = f"den-{command}"
    create(owner, name, "private")
    owner.send(f"/invite guest-{command}")
    guest.until("invites you")
    enter(guest, name)
    owner.send(f"/{command} guest-{command}", "for the owner only", "/room lobby", "for all")
    guest.until_match(f"(may not be in|removed you from) #{name}")
    guest.until("for all")
    assert "for the owner only" not in guest.seen
    assert guest.answer_to(f"/join {name}").startswith(f"There is no room called '{name}'.")


def test_an_invitation_to_a_public_room_is_not_needed(room: ServerProcess) -> None:
    rosa = room.join("rosa")
    create(rosa, "park")
    answer = rosa.answer_to("/invite boss")
    assert answer.startswith("#park is open to everybody: /join park is enough.\n")


def test_rooms_memberships_and_the_current_room_survive_a_restart(
    start_server: StartServer,
) -> None:
    server = start_server()
    ann, bob = server.join("ann"), server.join("bob")
    create(ann, "dev")
    ann.send("/topic tea", "/create den private", "/room dev")
    ann.until("You talk in #dev now")
    enter(bob, "dev")
    server.stop()
    server.start()
    ann, _ = come_back(server, "ann")
    ann.send("after the restart")
    ann.until_match(CLOCK + "ann: after the restart$")
    assert row_of(ann, "dev") == "#dev 1 talking, yours tea"
    assert row_of(ann, "den") == "#den 1 joined, yours, private -"
    bob, text = come_back(server, "bob")
    assert re.search(r"(?m)^\d new since \d\d:\d\d [AP]M in #dev:$", text)
    assert "ann: after the restart" in text
    ann.until("bob has joined")
    ann.until("bob has joined")  # in the lobby and in #dev
    assert row_of(bob, "den") == ""


def test_a_membership_survives_a_crash(start_server: StartServer) -> None:
    server = start_server()
    ann = server.join("ann")
    create(ann, "dev")
    server.kill()
    server.start()
    ann, _ = come_back(server, "ann")
    assert row_of(ann, "dev") == "#dev 1 talking, yours -"


def test_what_was_missed_is_told_for_each_room(start_server: StartServer) -> None:
    server = start_server(message_rate=0)
    ann, bob = server.join("ann"), server.join("bob")
    create(ann, "dev")
    enter(bob, "dev")
    bob.send("/room lobby", "/disconnect")
    bob.until_end()
    ann.until("bob has left")
    ann.until("bob has left")
    ann.send(*(f"missed {i}" for i in range(25)), "/room lobby", "one in the lobby")
    ann.until("ann: one in the lobby")
    _, text = come_back(server, "bob")
    lines = text[text.index("Here now") :].splitlines()[1:]
    assert lines[0].startswith("1 new since ")
    assert lines[0].endswith(" in #lobby:")
    assert lines[1].endswith(" | ann: one in the lobby")
    assert lines[2].startswith("25 new since ")
    assert lines[2].endswith(" in #dev; the last 20 (the rest with /history):")
    shown = [line.partition(" | ")[2] for line in lines[3:23]]
    assert shown == [f"#dev | ann: missed {i}" for i in range(5, 25)]
    assert len(lines) == 24
    _, again = come_back(server, "bob")
    assert "new since" not in again


def test_the_number_of_rooms_is_bounded(start_server: StartServer) -> None:
    server = start_server(rooms=2)
    ann = server.join("ann")
    create(ann, "one")
    create(ann, "two")
    assert "There are 2 rooms already" in ann.answer_to("/create three")


def test_one_person_does_not_take_all_rooms(start_server: StartServer) -> None:
    server = start_server(message_rate=0)
    ann = server.join("ann")
    ann.send(*(f"/create r{i}" for i in range(50)))
    ann.until("#r49 is yours")
    assert "You have 50 rooms already" in ann.answer_to("/create one-more")
    create(server.join("bob"), "one-more")


def test_a_program_posts_to_any_of_its_rooms_and_sees_the_room_of_each_message(
    room: ServerProcess,
) -> None:
    program, tess = room.program_peer("program"), room.join("tess")
    create(tess, "bots")
    program.send_event("post", text="not in yet", room="bots", cid="b1")
    refused = program.until_event("result", cid="b1", ok=False)
    assert refused["text"] == "You are not in #bots. Type /join bots"
    program.send_event("command", line="/join bots", cid="b2")
    assert program.until_event("result", cid="b2")["ok"] is True
    program.send_event("post", text="to the lobby", room="lobby", cid="b3")
    assert program.until_event("message", cid="b3")["room"] == "lobby"
    program.send_event("post", text="to the bots", cid="b4")
    assert program.until_event("message", cid="b4")["room"] == "bots"
    tess.until_match(CLOCK + r"#lobby \| program: to the lobby$")
    tess.until_match(CLOCK + "program: to the bots$")


def test_a_post_is_answered_also_when_its_sender_leaves_the_room_meanwhile(
    start_server: StartServer,
) -> None:
    server = start_server(message_rate=0)
    pia = server.program_peer("pia")
    other = server.join("pia")
    create(other, "hall")
    for number in range(30):
        pia.send_event("command", line="/join hall", cid=f"j{number}")
        pia.until_event("result", cid=f"j{number}", ok=True)
        pia.send_event("post", text="still here?", room="hall", cid=f"p{number}")
        other.send("/leave hall")
        # The message itself, or a refusal: never silence.
        assert f'"cid":"p{number}"' in pia.until(f'"cid":"p{number}"')


def test_who_was_removed_from_a_private_room_does_not_slip_back_in(
    start_server: StartServer,
) -> None:
    server = start_server(message_rate=0)
    owner, guest = server.join("olga"), server.program_peer("gus")
    owner.send("/create vault private")
    owner.until("#vault is yours")
    for number in range(20):
        owner.send("/invite gus")
        owner.until("gus")
        guest.send(*(f'>command {{"line":"/join vault","cid":"{number}"}}' for _ in range(20)))
        guest.until_event("result", cid=str(number), ok=True)
        owner.answer_to("/remove gus")
        owner.send(f"classified {number}")
        owner.until(f"classified {number}")
        guest.send_event("command", line="/rooms", cid=f"r{number}")
        guest.until_event("result", cid=f"r{number}")
        assert f"classified {number}" not in guest.seen


def test_a_room_name_of_control_characters_is_no_room(room: ServerProcess) -> None:
    program = room.program_peer("odd")
    program.send_event("post", text="astray", room="\0", cid="o1")
    assert "name of a room" in program.until_event("result", cid="o1", ok=False)["text"]


def test_rooms_that_nobody_owns_or_uses_do_not_count_for_ever(start_server: StartServer) -> None:
    server = start_server(rooms=6)
    boss, squat, used = server.join_superuser("boss"), server.join("squat"), server.join("used")
    squat.send("/create r1", "/create r2", "/create r3 private", "mine", "/create r4", "/create r5")
    squat.until("#r5 is yours")
    used.send("/join r1", "something that stays", "/leave", "/join r2")
    used.until("You talk in #r2")
    squat.send("/deleteaccount", PASSWORD, "squat")
    assert squat.is_closed()
    boss.send("/create b1")
    boss.until("#b1 is yours")  # the others have made room
    assert "#r1" in (shown := boss.answer_to("/rooms"))
    assert "#r2" in shown  # somebody is inside
    while "#r4" in boss.answer_to("/rooms"):  # closed when squat's session has ended
        pass
    boss.send("/create r3")  # its name is free, and nothing of it is left
    boss.until("#r3 is yours")
    assert "mine" not in boss.answer_to("/history")
    used.send("/leave", "/deleteaccount", PASSWORD, "used")
    assert used.is_closed()
    for name in ("b2", "b3", "b4", "b5"):
        boss.send(f"/create {name}")
        boss.until(f"#{name} is yours")
    assert "no more can be made here" in boss.answer_to("/create b6")
    assert server.stop() == 0
    server.start()
    shown = server.join("boss").answer_to("/rooms")
    assert "#r" not in shown.replace("#r3", "")
