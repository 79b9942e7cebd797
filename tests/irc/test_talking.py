"""PRIVMSG, NOTICE, BATCH and TAGMSG, as clients send them and as others see them."""

import pytest

from chatroom.irc.grammar import Line
from chatroom.irc.multiline import MOST_LINES
from chatroom.irc.talking import NOT_HERE
from tests.conftest import StartServer
from tests.harness import ServerProcess
from tests.irc.peer import ALL_CAPS, IrcPeer, irc

MULTI = (*ALL_CAPS, "draft/multiline")
BEGIN = "@label=b1 BATCH +1 draft/multiline #lobby"


@pytest.fixture
def room(start_server: StartServer) -> ServerProcess:
    """A server of one's own: who was here before would be told of."""
    return start_server(message_rate=0)


def said(lines: list[Line]) -> list[tuple[str, ...]]:
    """Return what was said among lines: command, target and text."""
    return [(one.command, *one.params) for one in lines if one.command in ("PRIVMSG", "NOTICE")]


def told(peer: IrcPeer, *lines: str) -> list[tuple[str, ...]]:
    """Send lines; return the numerics, FAILs and NOTICEs of the server that answer them."""
    return [(one.command, *one.params) for one in peer.asks(*lines) if "!" not in one.source]


def without_texts(answers: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
    return [one[:-1] for one in answers if one[0] != "PONG"]


def test_a_private_message_is_shown_by_every_face(room: ServerProcess) -> None:
    ann, bob, carl = irc(room, "ann"), irc(room, "bob", *ALL_CAPS), room.join("carl")
    ann.send("PRIVMSG BOB :psst")
    assert bob.until_line("PRIVMSG", "psst").params == ("bob", "psst")
    ann.send("PRIVMSG carl :hello you")
    carl.until("private from ann: hello you")
    carl.send("/msg bob from nc")
    line = bob.until_line("PRIVMSG", "from nc")
    assert (line.source, line.params[0]) == ("carl!~u@chat", "bob")
    bob.send("@label=9 PRIVMSG ann :by label")
    echo = bob.until_line("PRIVMSG", "by label")
    assert (echo.params[0], echo.tags["label"]) == ("ann", "9")
    heard = ann.until_line("PRIVMSG", "by label")
    assert (heard.params[0], heard.tags) == ("ann", {})


def test_both_sides_of_a_private_message_have_one_id(room: ServerProcess) -> None:
    ann, bob = irc(room, "ann", *ALL_CAPS), irc(room, "bob", *ALL_CAPS)
    ann.send("PRIVMSG bob :once")
    sent = ann.until_line("PRIVMSG", "once").tags
    assert sent["msgid"] == bob.until_line("PRIVMSG", "once").tags["msgid"]


def test_a_message_to_oneself_comes_twice_to_who_wants_echoes(room: ServerProcess) -> None:
    new, old = irc(room, "new", *ALL_CAPS), irc(room, "old")
    new.send("@label=me PRIVMSG new :note")
    first, second = (new.until_line("PRIVMSG", "note") for _ in range(2))
    assert (first.tags["label"], second.tags.get("label")) == ("me", None)
    assert first.tags["msgid"] == second.tags["msgid"]
    old.send("PRIVMSG old :note")
    old.until_line("PRIVMSG", "note")
    assert said(old.asks("PING x")) == []


def test_a_notice_stays_a_notice_and_is_never_refused(room: ServerProcess) -> None:
    ann, bob, carl = irc(room, "ann", *ALL_CAPS), irc(room, "bob"), room.join("carl")
    ann.send("NOTICE #lobby :beep")
    bob.until_line("NOTICE", "#lobby", "beep")
    carl.until("ann: beep")
    ann.send("NOTICE bob,carl :bop")
    bob.until_line("NOTICE", "bob", "bop")
    carl.until("private from ann: bop")
    assert {ann.until_line("NOTICE", "bop").params[0] for _ in range(2)} == {"bob", "carl"}
    lines = ["NOTICE", "NOTICE bob", "NOTICE bob :", "NOTICE nobody :x", "NOTICE #nowhere :x"]
    lines += ["NOTICE a,b,c,d,e :x", "NOTICE bob :\x01VERSION x\x01"]
    assert without_texts(told(ann, *lines)) == []
    assert said(bob.asks("PING x")) == []
    [answer] = [one for one in ann.asks("@label=n NOTICE nobody :x") if "label" in one.tags]
    assert answer.command == "ACK"


def test_what_cannot_be_said_is_told_by_its_number(room: ServerProcess) -> None:
    ann, bob = irc(room, "ann"), room.join("bob")
    bob.send("/create den")
    bob.until("#den is yours")
    answers = told(
        ann,
        *("PRIVMSG", "PRIVMSG #lobby", "PRIVMSG #lobby :", "PRIVMSG #lobby :\x02\x0304\x03"),
        *("PRIVMSG nobody :x", "PRIVMSG #nowhere :x", "PRIVMSG #den :x", "PRIVMSG @#lobby :x"),
        *("PRIVMSG a,b,c,d,e :x", "PRIVMSG #lobby :" + "x" * 500),
    )
    assert without_texts(answers) == [
        *[("411", "ann"), ("412", "ann"), ("412", "ann"), ("412", "ann")],
        *[("401", "ann", "nobody"), ("403", "ann", "#nowhere"), ("404", "ann", "#den")],
        *[("401", "ann", "@#lobby"), ("407", "ann", "a"), ("417", "ann")],
    ]


def test_who_is_muted_is_told_by_a_number_with_the_label(room: ServerProcess) -> None:
    boss = room.join_superuser("boss")
    ann = irc(room, "ann", *ALL_CAPS)
    boss.answer_to("/mute ann 1h")
    [answer] = [one for one in ann.asks("@label=m PRIVMSG #lobby :x") if one.command == "404"]
    assert (answer.params[1], answer.tags) == ("#lobby", {"label": "m"})


def test_several_targets_are_answered_together_under_one_label(room: ServerProcess) -> None:
    ann, bob, carl = irc(room, "ann", *ALL_CAPS), irc(room, "bob"), irc(room, "carl")
    ann.send("@label=s PRIVMSG bob,#lobby,nobody,CARL :all of you")
    begin = ann.until_line("BATCH", "labeled-response")
    assert begin.tags == {"label": "s"}
    ref = begin.params[0][1:]
    inside = [ann.until_line("401", "nobody"), *(ann.until_line("PRIVMSG") for _ in range(3))]
    assert all(one.tags["batch"] == ref and "label" not in one.tags for one in inside)
    assert {one.params[0] for one in inside[1:]} == {"bob", "#lobby", "carl"}
    ann.until_line("BATCH", f"-{ref}")
    for peer, name in ((bob, "bob"), (carl, "carl")):
        lines = said([peer.until_line("PRIVMSG", "all of you") for _ in range(2)])
        assert {line[1] for line in lines} == {name, "#lobby"}


def test_a_target_that_is_named_twice_hears_it_once(room: ServerProcess) -> None:
    ann, bob = irc(room, "ann"), irc(room, "bob")
    ann.send("PRIVMSG bob,bob :once")
    bob.until_line("PRIVMSG", "once")
    assert said(bob.asks("PING x")) == []


def test_who_is_not_here_or_busy_is_told_of_and_gets_it_all_the_same(room: ServerProcess) -> None:
    ann, bob, carl = irc(room, "ann", *ALL_CAPS), irc(room, "bob"), room.join("carl")
    bob.send("QUIT")
    bob.close()
    ann.until_line("QUIT")
    ann.send("@label=q PRIVMSG bob :see you")
    begin = ann.until_line("BATCH", "labeled-response")
    assert begin.tags == {"label": "q"}
    ann.until_line("PRIVMSG", "bob", "see you")
    assert ann.until_line("301").params == ("ann", "bob", NOT_HERE)
    assert "301" not in [line.command for line in ann.asks("NOTICE bob :and this")]
    again = irc(room, "bob", is_new=False)
    assert "see you" in again.seen
    carl.send("/busy lunch (soup)")
    carl.until("busy")
    ann.send("PRIVMSG carl :enjoy")
    assert ann.until_line("301").params == ("ann", "carl", "lunch (soup)")
    carl.send("/free", "/busy")
    carl.until("You are busy")
    ann.send("PRIVMSG carl :again")
    assert ann.until_line("301").params == ("ann", "carl", "away")


def test_without_echo_a_label_is_acknowledged_when_the_message_is_kept(room: ServerProcess) -> None:
    ann, bob = irc(room, "ann", "labeled-response", "batch"), irc(room, "bob")
    ann.send("@label=a PRIVMSG #lobby :quietly")
    assert ann.until_line("ACK").tags == {"label": "a"}
    bob.until_line("PRIVMSG", "quietly")


def test_an_action_is_one_for_every_face_also_to_one_person(room: ServerProcess) -> None:
    ann, bob, carl = irc(room, "ann"), irc(room, "bob"), room.join("carl")
    ann.send("PRIVMSG bob,carl :\x01ACTION waves\x01")
    bob.until_line("PRIVMSG", "bob", "\x01ACTION waves\x01")
    carl.until("private from ann: /me waves")
    ann.send("PRIVMSG #lobby :\x01ACTION nods\x01")
    bob.until_line("PRIVMSG", "#lobby", "\x01ACTION nods\x01")
    carl.until("* ann nods")


def test_no_other_ctcp_is_passed_on_and_its_sender_is_told_once(room: ServerProcess) -> None:
    ann, bob = irc(room, "ann"), irc(room, "bob")
    bob.sync()
    answers = told(ann, "PRIVMSG bob :\x01VERSION\x01", "PRIVMSG #lobby :\x01DCC SEND x 1 2\x01")
    assert without_texts(answers) == [("NOTICE", "ann")] * 2
    assert "ACTION" in answers[0][-1]
    assert said(bob.asks("PING x")) == []


def test_codes_of_formatting_reach_nobody_and_no_control_byte_does(room: ServerProcess) -> None:
    ann, bob = irc(room, "ann"), irc(room, "bob")
    ann.send("PRIVMSG #lobby :\x02bold\x02 \x0304,01red\x03 \x04ff0000x a\x07b\x1bc \u202ed")
    assert bob.until_line("PRIVMSG").params[1] == "bold red x abc d"


def test_a_long_line_is_split_for_the_reader_and_never_inside_a_character(
    room: ServerProcess,
) -> None:
    ann, carl = irc(room, "ann"), room.join("carl")
    text = "\u00e4" * 600 + " end"
    carl.send(text)
    pieces = [ann.until_line("PRIVMSG").params[1] for _ in range(3)]
    assert "".join(pieces) == text
    assert all(len(f":carl!~u@chat PRIVMSG #lobby :{one}\r\n".encode()) <= 512 for one in pieces)


def test_lines_of_a_batch_are_one_message_in_the_pieces_that_were_sent(
    room: ServerProcess,
) -> None:
    ann, bob = irc(room, "ann", *MULTI), irc(room, "bob", *MULTI)
    old, nc = irc(room, "old", "message-tags"), room.join("nc")
    ann.send(
        BEGIN,
        "@batch=1 PRIVMSG #lobby :",
        "@batch=1 PRIVMSG #lobby :hello",
        "@batch=1 PRIVMSG #lobby :",
        "@batch=1 PRIVMSG #lobby :how is ",
        "@batch=1;draft/multiline-concat PRIVMSG #lobby :everyone?",
        "BATCH -1",
    )
    begins = []
    for peer in (ann, bob):
        begin = peer.until_line("BATCH", "draft/multiline", "#lobby")
        ref = begin.params[0][1:]
        lines = [peer.until_line("PRIVMSG") for _ in range(5)]
        assert [one.params[1] for one in lines] == ["", "hello", "", "how is ", "everyone?"]
        assert all(one.tags["batch"] == ref and "msgid" not in one.tags for one in lines)
        assert ["draft/multiline-concat" in one.tags for one in lines] == [False] * 4 + [True]
        peer.until_line("BATCH", f"-{ref}")
        begins.append(begin)
    assert begins[0].tags["label"] == "b1"
    assert begins[0].tags == {**begins[1].tags, "label": "b1"}
    fallback = [old.until_line("PRIVMSG") for _ in range(3)]
    assert [one.params[1] for one in fallback] == ["hello", "how is ", "everyone?"]
    assert [one.tags.get("msgid") for one in fallback] == [begins[0].tags["msgid"], None, None]
    nc.until("ann: hello")
    nc.until("    how is everyone?")


def test_a_message_of_several_lines_of_another_face_is_a_batch(room: ServerProcess) -> None:
    ann, bob = irc(room, "ann", *MULTI), room.program_peer("bob")
    bob.send_event("post", text="one\ntwo")
    ref = ann.until_line("BATCH", "draft/multiline").params[0][1:]
    lines = [ann.until_line("PRIVMSG") for _ in range(2)]
    assert [(one.params[1], one.tags["batch"]) for one in lines] == [("one", ref), ("two", ref)]


@pytest.mark.parametrize("target", ["bob", "#lobby"])
def test_a_batch_of_notices_to_a_target(room: ServerProcess, target: str) -> None:
    ann, bob = irc(room, "ann", *MULTI), irc(room, "bob", *MULTI)
    line = f"@batch=1 NOTICE {target} :"
    ann.send(f"BATCH +1 draft/multiline {target}", line + "one", line + "two", "BATCH -1")
    bob.until_line("BATCH", "draft/multiline", target)
    assert said([bob.until_line("NOTICE") for _ in range(2)]) == [
        ("NOTICE", target, "one"),
        ("NOTICE", target, "two"),
    ]


def test_a_refused_batch_is_told_once_with_its_label_and_nothing_of_it_is_sent(
    room: ServerProcess,
) -> None:
    ann, bob = irc(room, "ann", *MULTI), irc(room, "bob", *MULTI)
    many = ["@batch=1 PRIVMSG #lobby :x"] * (MOST_LINES + 2)
    [fail] = [one for one in ann.asks(BEGIN, *many, "BATCH -1") if one.command != "JOIN"]
    assert fail.params[:3] == ("BATCH", "MULTILINE_MAX_LINES", str(MOST_LINES))
    assert fail.tags == {"label": "b1"}
    assert without_texts(told(ann, "BATCH +2 chathistory #lobby", "BATCH -2")) == [
        ("FAIL", "BATCH", "UNKNOWN_TYPE", "2", "chathistory")
    ]
    assert without_texts(told(ann, "@batch=3 PRIVMSG #lobby :x")) == [
        ("FAIL", "BATCH", "MULTILINE_INVALID")
    ]
    assert said(bob.asks("PING x")) == []


def test_who_is_typing_is_passed_on_to_who_knows_tags(room: ServerProcess) -> None:
    ann, bob = irc(room, "ann", *ALL_CAPS), irc(room, "bob", "message-tags")
    old, nc = irc(room, "old"), room.join("nc")
    ann.send("@+typing=active;other=x TAGMSG #lobby", "@+typing=done TAGMSG bob")
    line = bob.until_line("TAGMSG", "#lobby")
    echo = ann.until_line("TAGMSG", "#lobby")
    assert line.source == echo.source == "ann!~u@chat"
    assert line.tags == {"+typing": "active", "msgid": echo.tags["msgid"]}
    assert bob.until_line("TAGMSG", "bob").tags["+typing"] == "done"
    assert echo.tags["account"] == "ann"
    ann.sync()
    silent = ["TAGMSG #lobby", "@+typing=x TAGMSG #lobby", "@react=x TAGMSG bob"]
    silent += ["@+typing=done TAGMSG nobody", "@+typing=done TAGMSG #nowhere"]
    assert [one.command for one in ann.asks(*silent) if one.command != "JOIN"] == []
    old.send("@+typing=active TAGMSG #lobby", "PRIVMSG #lobby :I cannot")
    bob.until_line("PRIVMSG", "I cannot")
    assert "old!~u@chat TAGMSG" not in bob.seen
    assert "TAGMSG" not in old.seen
    assert "typing" not in nc.seen


def test_typing_is_told_once_a_second_and_five_times_at_once(room: ServerProcess) -> None:
    ann, bob = irc(room, "ann", *ALL_CAPS), irc(room, "bob", *ALL_CAPS)
    ann.send(*["@+typing=active TAGMSG #lobby"] * 50, "PRIVMSG #lobby :done")
    bob.until_line("PRIVMSG", "done")
    assert 5 <= bob.seen.count("TAGMSG") < 15


def test_who_ignores_somebody_hears_nothing_of_it(room: ServerProcess) -> None:
    ann, bob, carl = irc(room, "ann", *ALL_CAPS), irc(room, "bob", *ALL_CAPS), room.join("carl")
    bob_too = room.device("bob")
    bob_too.send_event("command", line="/ignore ann")
    bob_too.until_event("result", command="ignore", ok=True)
    ann.send("@+typing=active TAGMSG bob", "PRIVMSG bob :do you hear", "PRIVMSG #lobby :nobody")
    carl.until("ann: nobody")
    carl.send("after it")
    bob.until_line("PRIVMSG", "after it")
    assert "ann!~u@chat" not in bob.seen.partition("366")[2]


def test_another_session_of_the_same_person_sees_what_was_said(start_server: StartServer) -> None:
    server = start_server()
    ann = irc(server, "ann", *ALL_CAPS)
    other = irc(server, "ann", *ALL_CAPS, is_new=False)
    bob = irc(server, "bob")
    for text, target in (("here", "#lobby"), ("there", "bob")):
        ann.send(f"@label=x PRIVMSG {target} :{text}")
        line = other.until_line("PRIVMSG", text)
        assert (line.source, line.params[0]) == ("ann!~u@chat", target)
        assert "label" not in line.tags
        assert ann.until_line("PRIVMSG", text).tags["label"]
    bob.until_line("PRIVMSG", "there")


def test_a_labelled_answer_of_several_parts_holds_a_message_of_several_lines(
    room: ServerProcess,
) -> None:
    ann, bob = irc(room, "ann", *MULTI), irc(room, "bob")
    bob.send("QUIT")
    ann.until_line("QUIT")
    line = "@batch=1 PRIVMSG bob :"
    ann.send("@label=x BATCH +1 draft/multiline bob", line + "one", line + "two", "BATCH -1")
    outer = ann.until_line("BATCH", "labeled-response")
    inner = ann.until_line("BATCH", "draft/multiline", "bob")
    lines = [ann.until_line("PRIVMSG") for _ in range(2)]
    ann.until_line("BATCH", f"-{inner.params[0][1:]}")
    away = ann.until_line("301")
    ann.until_line("BATCH", f"-{outer.params[0][1:]}")
    assert outer.tags == {"label": "x"}
    assert inner.tags["batch"] == away.tags["batch"] == outer.params[0][1:]
    assert [one.tags["batch"] for one in lines] == [inner.params[0][1:]] * 2


def test_tags_of_clients_are_passed_on_live_to_who_knows_tags_and_kept_nowhere(
    room: ServerProcess,
) -> None:
    ann, bob, old = irc(room, "ann", *MULTI), irc(room, "bob", "message-tags"), irc(room, "old")
    ann.send("@+reply=x\\s1;+vendor/a=\x1bb;other=c PRIVMSG #lobby :with tags")
    line = bob.until_line("PRIVMSG", "with tags")
    assert {k: v for k, v in line.tags.items() if k != "msgid"} == {
        "+reply": "x 1",
        "+vendor/a": "b",
    }
    assert ann.until_line("PRIVMSG", "with tags").tags["+reply"] == "x 1"
    assert old.until_line("PRIVMSG", "with tags").tags == {}
    ann.send("@+react=y TAGMSG #lobby")
    assert bob.until_line("TAGMSG").tags["+react"] == "y"
    line_of = "@batch=1 PRIVMSG #lobby :"
    begin = "@+reply=z BATCH +1 draft/multiline #lobby"
    ann.send(begin, line_of + "one", line_of + "two", "BATCH -1")
    assert ann.until_line("BATCH", "draft/multiline").tags["+reply"] == "z"
    assert bob.until_line("PRIVMSG", "one").tags["+reply"] == "z"
