"""What is shown unasked of what was missed, to clients that do not read back by themselves."""

import re

from chatroom.irc.grammar import Line, parse
from tests.harness import ServerProcess
from tests.irc.peer import ALL_CAPS, IrcPeer, irc


def shown_to(server: ServerProcess, name: str, *caps: str) -> list[Line]:
    """Return all that somebody is shown at a login."""
    peer = irc(server, name, *caps, is_new=False)
    lines = [parse(text) for text in peer.seen.split("\r\n") if text]
    peer.send("QUIT")
    peer.until_end()
    return lines


def said(lines: list[Line], target: str) -> list[str]:
    return [
        line.params[1] for line in lines if line.command == "PRIVMSG" and line.params[0] == target
    ]


def go(peer: IrcPeer) -> None:
    """Leave; what came so far has been taken."""
    peer.send("QUIT")
    peer.until_end()


def missing(server: ServerProcess, name: str, room: str, number: int) -> None:
    """Let somebody be in a room, leave, and miss messages there and private ones."""
    maker = server.join(f"{name}s-friend")
    maker.send(f"/create {room}")
    maker.until("is yours")
    peer = irc(server, name)
    peer.send(f"JOIN #{room}")
    peer.until_line("366", f"#{room}")
    maker.send("before")
    peer.until_line("PRIVMSG", "before")
    go(peer)
    maker.send(*(f"text {i}" for i in range(number)), "/me dances", f"/messageto {name} psst")
    maker.until("psst")
    maker.close()


def test_who_has_no_times_sees_them_in_front_of_the_text_and_no_heads(room: ServerProcess) -> None:
    missing(room, "ann", "den", 3)
    lines = shown_to(room, "ann")
    at = [line.command for line in lines]
    assert at.index("366") < at.index("PRIVMSG")
    clock = r"\[\d\d:\d\d [AP]M\] "
    texts = said(lines, "#den")
    assert [re.sub(clock, "", text) for text in texts] == [
        *("text 0", "text 1", "text 2", "\x01ACTION dances\x01"),
    ]
    assert all(re.match(clock, text) for text in texts[:3])
    assert re.fullmatch(f"\x01ACTION {clock}dances\x01", texts[3])
    assert re.fullmatch(f"{clock}psst", said(lines, "ann")[-1])
    assert "NOTICE" not in at
    assert not [line for line in lines if line.tags]
    assert said(shown_to(room, "ann"), "#den") == []  # all of it was taken


def test_who_has_times_sees_the_text_as_it_was(room: ServerProcess) -> None:
    missing(room, "bob", "yard", 2)
    lines = shown_to(room, "bob", "server-time")
    assert said(lines, "#yard") == ["text 0", "text 1", "\x01ACTION dances\x01"]
    assert said(lines, "bob") == ["psst"]
    assert {tuple(line.tags) for line in lines if line.command == "PRIVMSG"} == {("time",)}
    assert "NOTICE" not in [line.command for line in lines]


def test_who_has_batches_sees_it_as_history(room: ServerProcess) -> None:
    missing(room, "cid", "shed", 2)
    lines = shown_to(room, "cid", *ALL_CAPS)
    begin = next(line for line in lines if line.command == "BATCH" and "#shed" in line.params)
    assert begin.params[1] == "chathistory"
    batch = begin.params[0][1:]
    inside = [line for line in lines if line.tags.get("batch") == batch]
    assert said(inside, "#shed") == ["text 0", "text 1", "\x01ACTION dances\x01"]
    assert all({"time", "msgid"} <= line.tags.keys() for line in inside)
    assert [line.params for line in lines if line.command == "BATCH"].count((f"-{batch}",)) == 1


def test_where_much_was_missed_one_line_in_the_room_says_so(room: ServerProcess) -> None:
    missing(room, "dan", "hall", 30)
    lines = shown_to(room, "dan", "server-time")
    (notice,) = [line for line in lines if line.command == "NOTICE"]
    assert notice.params == (
        "#hall",
        "31 since you left; the newest 20 follow. More: /msg server #hall history 31",
    )
    assert said(lines, "#hall") == [*(f"text {i}" for i in range(11, 30)), "\x01ACTION dances\x01"]
    dan = irc(room, "dan", is_new=False)
    dan.send("PRIVMSG server :#hall history 31")
    dan.until("text 0")


def test_who_reads_back_alone_is_shown_nothing_unasked(room: ServerProcess) -> None:
    missing(room, "eve", "nest", 30)
    lines = shown_to(room, "eve", *ALL_CAPS, "draft/chathistory")
    assert not {"PRIVMSG", "BATCH", "NOTICE"} & {line.command for line in lines}
    fay = irc(room, "fay", *ALL_CAPS, "draft/chathistory")
    assert "PRIVMSG" not in [line.command for line in fay.answers("JOIN #nest")]
    gus = irc(room, "gus", *ALL_CAPS)
    assert len(said(gus.answers("JOIN #nest"), "#nest")) == 20
