"""What was said before: CHATHISTORY for rooms and for private messages."""

import random
import threading
from pathlib import Path

import pytest

from chatroom.irc.grammar import Line, parse
from tests.conftest import StartServer
from tests.harness import PASSWORD, PATIENCE, ServerProcess
from tests.irc.peer import ALL_CAPS, IrcPeer, irc
from tests.rooms.test_read_back import memory, narrow_peer

CAPS = (*ALL_CAPS, "draft/chathistory")


def texts(lines: list[Line]) -> list[str]:
    return [line.params[-1] for line in lines if line.command in ("PRIVMSG", "NOTICE")]


def ids(lines: list[Line]) -> list[str]:
    return [line.tags["msgid"] for line in lines if line.command == "PRIVMSG"]


def say(peer: IrcPeer, target: str, *said: str) -> list[Line]:
    """Say something and wait until it has come back; return these lines."""
    for text in said:
        peer.send(f"PRIVMSG {target} :{text}")
    return [peer.until_line("PRIVMSG", text) for text in said]


def make_room(server: ServerProcess, owner: str, name: str) -> None:
    """Make a room; its owner has an account."""
    peer = server.join(owner)
    peer.send(f"/create {name}")
    peer.until("is yours")
    peer.close()


def number(first: int, last: int) -> list[str]:
    return [f"m{i}" for i in range(first, last + 1)]


def test_a_page_is_a_batch_whose_lines_are_the_same_as_they_were_live(room: ServerProcess) -> None:
    ann = irc(room, "ann", *CAPS)
    said = say(ann, "#lobby", "one", "two", "\x01ACTION waves\x01")
    begin, *lines, end = ann.answers("@label=5 CHATHISTORY LATEST #lobby * 3")
    assert begin.command == end.command == "BATCH"
    assert begin.params[1:] == ("chathistory", "#lobby")
    assert begin.tags == {"label": "5"}
    batch = begin.params[0].removeprefix("+")
    assert end.params == (f"-{batch}",)
    assert [{**line.tags} for line in lines] == [{**one.tags, "batch": batch} for one in said]
    assert [line[1:] for line in lines] == [line[1:] for line in said]


SHAPES = [
    ("LATEST {room} * 4", number(6, 9)),
    ("LATEST {room} msgid={m4} 500", number(5, 9)),
    ("LATEST {room} timestamp={t4} 2", number(8, 9)),
    ("BEFORE {room} msgid={m6} 2", number(4, 5)),
    ("BEFORE {room} timestamp={t6} 500", number(0, 5)),
    ("AFTER {room} msgid={m3} 3", number(4, 6)),
    ("AFTER {room} timestamp={t3} 500", number(4, 9)),
    ("AFTER {room} timestamp={t9} 500", []),
    ("AROUND {room} msgid={m7} 1", number(7, 7)),
    ("AROUND {room} msgid={m7} 3", number(6, 8)),
    ("AROUND {room} timestamp={t7} 3", number(6, 8)),
    ("AROUND {room} msgid={m9} 6", number(4, 9)),
    ("AROUND {room} msgid={m0} 6", number(0, 5)),
    ("BETWEEN {room} msgid={m0} msgid={m9} 500", number(1, 8)),
    ("BETWEEN {room} msgid={m9} msgid={m0} 500", number(1, 8)),
    ("BETWEEN {room} timestamp={t0} timestamp={t9} 3", number(1, 3)),
    ("BETWEEN {room} timestamp={t9} msgid={m0} 3", number(6, 8)),
    ("BETWEEN {room} msgid={m4} msgid={m4} 3", []),
]


@pytest.mark.parametrize("where", ["room", "mail"])
def test_each_subcommand_gives_what_the_specification_says(room: ServerProcess, where: str) -> None:
    make_room(room, f"cat{where}", f"yard{where}")
    cat = irc(room, f"cat{where}", *CAPS, is_new=False)
    dog = irc(room, f"dog{where}", *CAPS)
    target, elsewhere = f"dog{where}", f"cat{where}"  # one's own notes are in the mailbox, too
    if where == "room":
        target, elsewhere = f"#yard{where}", "#lobby"
    said: list[Line] = []
    for i in range(10):
        said += say(cat, target, f"m{i}")
        other = said[-1]
        while other.tags["time"] <= said[-1].tags["time"]:  # each has a millisecond of its own
            other = say(cat, elsewhere, "between")[0]
            cat.sync()
    named = {f"m{i}": line.tags["msgid"] for i, line in enumerate(said)}
    named |= {f"t{i}": line.tags["time"] for i, line in enumerate(said)}
    for asked, wanted in SHAPES:
        lines = cat.answers("CHATHISTORY " + asked.format(room=target, **named))
        assert texts(lines) == wanted, asked
    if where == "mail":  # the other one knows the same messages by the same ids
        lines = dog.answers(f"CHATHISTORY LATEST cat{where} * 500")
        assert ids(lines) == [named[f"m{i}"] for i in range(10)]
        assert {line.params[0] for line in lines if line.command == "PRIVMSG"} == {f"dog{where}"}


REFUSED = [
    ("CHATHISTORY SIDEWAYS #lobby * 5", "INVALID_PARAMS SIDEWAYS"),
    ("CHATHISTORY LATEST #lobby *", "INVALID_PARAMS LATEST"),
    ("CHATHISTORY LATEST #lobby * 5 6", "INVALID_PARAMS LATEST"),
    ("CHATHISTORY LATEST #lobby * many", "INVALID_PARAMS LATEST"),
    ("CHATHISTORY LATEST #lobby * 0", "INVALID_PARAMS LATEST"),
    ("CHATHISTORY BEFORE #lobby * 5", "INVALID_PARAMS BEFORE *"),
    ("CHATHISTORY BEFORE #lobby timestamp=noon 5", "INVALID_PARAMS BEFORE timestamp=noon"),
    ("CHATHISTORY BEFORE #lobby place=3 5", "INVALID_MSGREFTYPE BEFORE place"),
    ("CHATHISTORY BEFORE #lobby msgid=3 5", "MESSAGE_ERROR BEFORE #lobby"),
    ("CHATHISTORY BEFORE #lobby msgid=ffffffff-1 5", "MESSAGE_ERROR BEFORE #lobby"),
    ("CHATHISTORY BEFORE #lobby msgid=pabcdefghij 5", "MESSAGE_ERROR BEFORE #lobby"),
    ("CHATHISTORY LATEST #nowhere * 5", "INVALID_TARGET LATEST #nowhere"),
    ("CHATHISTORY LATEST #hers * 5", "INVALID_TARGET LATEST #hers"),
    ("CHATHISTORY LATEST nobody * 5", "INVALID_TARGET LATEST nobody"),
    ("CHATHISTORY TARGETS timestamp=2020-01-01T00:00:00.000Z 5", "INVALID_PARAMS TARGETS"),
    ("CHATHISTORY TARGETS msgid=a msgid=b 5", "INVALID_PARAMS TARGETS msgid=a"),
]


def test_what_cannot_be_read_back_is_told_by_its_code(room: ServerProcess) -> None:
    make_room(room, "helen", "hers")
    eve = irc(room, "eve", *CAPS)
    say(eve, "#lobby", "hello")
    for asked, told in REFUSED:
        (fail,) = eve.answers(asked)
        assert (fail.command, fail.params[0]) == ("FAIL", "CHATHISTORY"), asked
        assert " ".join(fail.params[1:]).startswith(told + " "), asked
        assert len(" ".join(fail.params)) < 300
    assert eve.answers("CHATHISTORY")[0].command == "461"


def test_a_page_is_filled_up_after_what_is_removed_or_ignored(room: ServerProcess) -> None:
    make_room(room, "fay", "long")
    fay, gus = irc(room, "fay", *CAPS, is_new=False), room.join("gus")
    gus.send("/join long", "/history 1")
    gus.until("History of #long")
    for i in range(30):
        fay.send(f"PRIVMSG #long :m{i}")
        gus.send(f"noise {i}")
    for i in range(30):
        gus.until(f"noise {i}")
    fay.until_line("PRIVMSG", "m29")
    room.join("fay").send("/ignore gus", "/disconnect")
    asked = "CHATHISTORY LATEST #long * 20"
    while "noise 29" in texts(lines := fay.answers(asked)):
        pass  # another session of hers ignores him from now on
    assert texts(lines) == number(10, 29)
    other = room.join("fay")
    for at in (-1, 5):
        other.send("/room long", f"/delete {ids(lines)[at]}")
        other.until("is removed")
    kept = [text for text in number(8, 29) if text not in ("m29", "m15")]
    assert texts(fay.answers(asked)) == kept
    place = ids(lines)[-1]
    assert texts(fay.answers(f"CHATHISTORY BEFORE #long msgid={place} 2")) == ["m27", "m28"]


def test_who_has_no_tags_reads_when_it_was_said_in_front_of_the_text(room: ServerProcess) -> None:
    ida = irc(room, "ida", "draft/chathistory")
    joe = irc(room, "joe", *CAPS)
    say(joe, "#lobby", "morning all", "\x01ACTION yawns\x01")
    lines = ida.answers("CHATHISTORY LATEST #lobby * 2")
    assert all(not line.tags and line.command == "PRIVMSG" for line in lines)
    first, second = texts(lines)
    clock, _, text = first.partition("] ")
    assert clock.startswith("[")
    assert text == "morning all"
    assert second == f"\x01ACTION {clock}] yawns\x01"


def test_a_message_of_several_lines_is_a_batch_inside_or_lines_of_one_moment(
    room: ServerProcess,
) -> None:
    device = room.device("kim")
    text = "one\ntwo\n" + "three " * 200
    device.send_event("post", text=text, room="lobby")
    device.until_event("message", text=text.strip("\n"))
    leo = irc(room, "leo", *CAPS, "draft/multiline")
    outer, inner, *lines, inner_end, outer_end = leo.answers("CHATHISTORY LATEST #lobby * 1")
    assert outer.params[1] == "chathistory"
    assert inner.params[1:] == ("draft/multiline", "#lobby")
    assert inner.tags["batch"] == outer.params[0][1:]
    assert {line.tags["batch"] for line in lines} == {inner.params[0][1:]}
    whole = "".join(
        ("" if "draft/multiline-concat" in line.tags else "\n") + line.params[-1] for line in lines
    )
    assert whole.strip() == text.strip()
    assert (inner_end.params[0][1:], outer_end.params[0][1:]) == (
        *(inner.params[0][1:], outer.params[0][1:]),
    )
    mia = irc(room, "mia", *CAPS)
    _, *lines, _ = mia.answers("CHATHISTORY LATEST #lobby * 1")
    assert texts(lines)[:2] == ["one", "two"]
    assert len({line.tags["time"] for line in lines}) == 1
    assert [("msgid" in line.tags) for line in lines] == [True] + [False] * (len(lines) - 1)


def test_notices_are_read_back_as_notices(room: ServerProcess) -> None:
    bot, vip = irc(room, "bot", *CAPS), irc(room, "vip", *CAPS)
    bot.send("NOTICE #lobby :public", "NOTICE vip :private")
    vip.until_line("NOTICE", "private")
    for target, text in (("#lobby", "public"), ("bot", "private")):
        (line,) = vip.answers(f"CHATHISTORY LATEST {target} * 1")[1:-1]
        assert (line.command, line.params[-1]) == ("NOTICE", text)


def test_what_somebody_said_who_has_no_account_any_more_is_found_by_the_name(
    room: ServerProcess,
) -> None:
    cat, gone = irc(room, "cat", *CAPS), irc(room, "gone", *CAPS)
    say(cat, "gone", "how are you?")
    peer = room.join("gone")
    peer.send("/deleteaccount", PASSWORD, "gone")
    gone.until_end()
    assert texts(cat.answers("CHATHISTORY LATEST gone * 5")) == ["how are you?"]


def test_of_the_nick_that_takes_commands_nothing_is_kept(room: ServerProcess) -> None:
    eli = irc(room, "eli", *CAPS)
    eli.answers("PRIVMSG server :help")
    begin, end = eli.answers("CHATHISTORY LATEST server * 50")
    assert begin.params[1:] == ("chathistory", "server")
    assert end.command == "BATCH"
    (line,) = eli.answers("MARKREAD server timestamp=2026-01-01T00:00:00.000Z")
    assert line.params == ("server", "*")


def test_targets_are_the_rooms_and_people_by_the_time_of_their_newest_message(
    room: ServerProcess,
) -> None:
    make_room(room, "ned", "nook")
    ned, ola = irc(room, "ned", *CAPS, is_new=False), irc(room, "ola", *CAPS)
    irc(room, "pam", *CAPS)
    last: Line | None = None
    times: dict[str, str] = {}
    for target in ("#nook", "ola", "ned", "#lobby", "pam", "ola"):
        peer = ned
        while last is None or last.tags["time"] in times.values():
            last = say(peer, target, "hello")[0]
            peer.sync()
        times[target] = last.tags["time"]
    say(ola, "ola", "a note")
    early, late = "timestamp=2020-01-01T00:00:00.000Z", "timestamp=2262-01-01T00:00:00.000Z"

    def targets(begin: str, end: str, most: int) -> list[tuple[str, ...]]:
        first, *lines, _ = ned.answers(f"CHATHISTORY TARGETS {begin} {end} {most}")
        assert first.params[1] == "draft/chathistory-targets"
        assert {line.params[0] for line in lines} <= {"TARGETS"}
        return [line.params[1:] for line in lines]

    order = sorted(times.items(), key=lambda one: one[1])
    assert [name for name, _ in order] == ["#nook", "ned", "#lobby", "pam", "ola"]
    assert targets(early, late, 100) == order
    assert targets(early, late, 2) == order[:2]
    assert targets(late, early, 2) == order[-2:]
    assert targets(f"timestamp={times['ned']}", late, 100) == order[2:]
    assert targets(f"timestamp={times['ned']}", f"timestamp={times['ola']}", 9) == order[2:4]
    assert targets(late, late, 5) == []


def test_both_devices_of_a_person_read_back_all_at_once(room: ServerProcess) -> None:
    quin = irc(room, "quin", *CAPS)
    for i in range(60):
        quin.send(f"PRIVMSG #lobby :{i} {'x' * 300}")
    quin.until("59 x")
    other = irc(room, "quin", *CAPS, is_new=False)
    both = (quin, other)
    for peer in both:
        peer.send(*["CHATHISTORY LATEST #lobby * 50", "CHATHISTORY LATEST quin * 50"] * 10)
    for peer in both:
        lines = peer.sync()
        assert not [line for line in lines if line.command == "FAIL"]
        assert len(texts(lines)) == 500


def test_a_long_page_comes_in_parts_in_one_batch_with_one_label(room: ServerProcess) -> None:
    device = room.device("rob")
    for i in range(50):
        device.send_event("post", text=f"{i} " + "word " * 800, room="lobby", cid=str(i))
    device.until_event("message", cid="49")
    sue = irc(room, "sue", *CAPS)
    lines = sue.answers("@label=long CHATHISTORY LATEST #lobby * 50")
    assert [line.tags.get("label") for line in lines if line.command == "BATCH"] == ["long", None]
    said = [line for line in lines if line.command == "PRIVMSG"]
    assert "".join(line.params[1] for line in said).count("word") == 50 * 800
    assert len({line.tags["msgid"] for line in said if "msgid" in line.tags}) == 50


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="asks Linux for the memory")
def test_who_reads_nothing_holds_up_no_other_device_and_costs_a_part_at_a_time(
    start_server: StartServer,
) -> None:
    server = start_server(message_rate=0)
    device = server.device("wes")
    for i in range(300):
        device.send_event("post", text=f"{i} " + "word " * 800, room="lobby", cid=str(i))
        device.until_event("message", cid=str(i))
    irc(server, "sid", *CAPS).close()
    before = memory(server)
    slow = []
    for _ in range(10):
        peer = IrcPeer.__new__(IrcPeer)
        peer.__dict__ |= narrow_peer(server).__dict__
        slow.append(peer)
        peer.send(f"PASS :sid:{PASSWORD}", "NICK sid", "USER sid 0 * :sid", "CAP REQ :batch")
        peer.send("CAP REQ :draft/chathistory", "CAP END", "CHATHISTORY LATEST #lobby * 300")
        peer.until_line("BATCH")
    sid = irc(server, "sid", *CAPS, is_new=False)
    lines = sid.answers("CHATHISTORY LATEST #lobby * 300")
    assert len([line for line in lines if "msgid" in line.tags]) == 300
    assert memory(server) - before < 10 * 300 * 4000 / 2  # all of it was asked for by each
    for peer in slow:
        peer.close()


def test_a_client_may_ask_for_all_it_has_at_once(start_server: StartServer) -> None:
    server = start_server(message_rate=1)
    tia = irc(server, "tia", *CAPS)
    say(tia, "#lobby", "hello")
    asked = ["CHATHISTORY LATEST #lobby * 100", "MARKREAD #lobby"] * 40
    lines = tia.answers(*asked)
    assert texts(lines) == ["hello"] * 40
    assert [line.command for line in lines].count("MARKREAD") == 40


def test_somebody_who_has_another_name_now_is_one_conversation(room: ServerProcess) -> None:
    tom, una = irc(room, "tom", *CAPS), irc(room, "una", *CAPS)
    say(tom, "una", "before")
    una.until_line("PRIVMSG", "before")
    say(una, "tom", "answer")
    assert room.operate("rename-user", "tom", "thomas").returncode == 0
    tom.until_line("NICK", "thomas")
    lines = una.answers("CHATHISTORY LATEST thomas * 10")
    assert texts(lines) == ["before", "answer"]
    assert [line.source for line in lines if line.command == "PRIVMSG"] == [
        *("thomas!~u@chat", "una!~u@chat"),
    ]
    assert [line.params[0] for line in lines if line.command == "PRIVMSG"] == ["una", "thomas"]


@pytest.mark.parametrize("seed", range(3))
def test_paging_gives_every_message_once_while_others_talk(room: ServerProcess, seed: int) -> None:
    chance = random.Random(seed)
    name = f"flow{seed}"
    make_room(room, f"val{seed}", name)
    val = irc(room, f"val{seed}", *CAPS, is_new=False)
    vic = irc(room, f"vic{seed}", *CAPS)
    vic.send(f"JOIN #{name}")
    vic.until_line("JOIN")
    said = [f"{seed} {i}" for i in range(300)]
    half = threading.Event()

    def talk() -> None:
        for at in range(0, len(said), 10):
            say(val, f"#{name}", *said[at : at + 10])
            if at == 150:
                half.set()

    talker = threading.Thread(target=talk)
    talker.start()
    assert half.wait(PATIENCE)
    found: list[str] = []
    vic.sync()

    def page(asked: str) -> list[tuple[str, str]]:
        limit = chance.randint(1, 40)
        lines = vic.answers(f"CHATHISTORY {asked} {limit}")
        batch = [line for line in lines if line.command == "PRIVMSG" and "batch" in line.tags]
        assert len(batch) <= limit
        return [(line.tags["msgid"], line.params[-1]) for line in batch]

    try:
        middle = page(f"LATEST #{name} *")
        first = last = middle[-1][0]
        around = page(f"AROUND #{name} msgid={first}")
        assert first in [msgid for msgid, _ in around]
        pages = [around]
        first, last = around[0][0], around[-1][0]
        while pages[0]:
            pages.insert(0, page(f"BEFORE #{name} msgid={first}"))
            first = pages[0][0][0] if pages[0] else first
        talking = True
        while talking or pages[-1]:
            talking = (
                talker.is_alive()
            )  # looked at before: what is said last is asked for once more
            pages.append(page(f"AFTER #{name} msgid={last}"))
            last = pages[-1][-1][0] if pages[-1] else last
        found = [text for one in pages for _, text in one]
    finally:
        talker.join(PATIENCE)
    assert found == said
    again: list[str] = []
    rest = page(f"AFTER #{name} timestamp=2020-01-01T00:00:00.000Z")
    while rest:
        again += [text for _, text in rest]
        rest = page(f"AFTER #{name} msgid={rest[-1][0]}")
    assert again == said


def test_who_comes_in_while_others_talk_has_all_by_history_and_live(room: ServerProcess) -> None:
    make_room(room, "xia", "busy")
    xia, yan = irc(room, "xia", *CAPS, is_new=False), irc(room, "yan", *CAPS)
    yan.send("JOIN #busy")
    yan.until_line("366", "#busy")
    yan.send("QUIT")
    yan.until_end()
    said = [f"said {i}" for i in range(400)]
    half = threading.Event()

    def talk() -> None:
        for at in range(0, len(said), 10):
            say(xia, "#busy", *said[at : at + 10])
            if at >= len(said) / 2:
                half.set()

    talker = threading.Thread(target=talk)
    talker.start()
    try:
        assert half.wait(PATIENCE)
        yan = irc(room, "yan", *CAPS, is_new=False)
        yan.send("CHATHISTORY LATEST #busy * 500")
    finally:
        talker.join(PATIENCE)
    yan.until_line("PRIVMSG", said[-1])
    yan.sync()
    shown = [parse(line) for line in yan.seen.split("\r\n") if line]
    messages = [line for line in shown if line.command == "PRIVMSG"]
    old = [line.params[1] for line in messages if "batch" in line.tags]
    live = [line.params[1] for line in messages if "batch" not in line.tags]
    assert old == said[: len(old)]
    assert live == said[len(said) - len(live) :]
    assert len(old) + len(live) >= len(said)
