"""Messages that are taken back: REDACT, and what other faces remove."""

from collections.abc import Iterable

from chatroom.irc.grammar import Line
from tests.harness import ServerProcess
from tests.irc.peer import ALL_CAPS, IrcPeer, irc

CAPS = (*ALL_CAPS, "draft/chathistory", "draft/message-redaction")


def said(peer: IrcPeer, target: str, text: str) -> str:
    """Say something; return its id."""
    peer.send(f"PRIVMSG {target} :{text}")
    return peer.until_line("PRIVMSG", text).tags["msgid"]


def redacted(line: Line) -> tuple[str, ...]:
    """Return who has taken back what, and why."""
    assert line.command == "REDACT"
    return line.source, *line.params


def history(peer: IrcPeer, target: str) -> list[str]:
    lines = peer.answers(f"CHATHISTORY LATEST {target} * 100")
    return [line.params[-1] for line in lines if line.command == "PRIVMSG"]


def run_by(server: ServerProcess, owner: str, name: str, others: Iterable[str]) -> list[IrcPeer]:
    """Return the owner of a new room, and others in it."""
    maker = server.join(owner)
    maker.send(f"/create {name}")
    maker.until("is yours")
    maker.close()
    inside = [irc(server, owner, *CAPS, is_new=False)]
    for one in others:
        inside.append(irc(server, one, *CAPS))
        inside[-1].send(f"JOIN #{name}")
        inside[-1].until_line("366", f"#{name}")
    return inside


def test_ones_own_message_is_taken_back_for_everybody_with_the_reason(room: ServerProcess) -> None:
    ann, bob = run_by(room, "ann", "own", ["bob"])
    plain, device = room.join("cid"), room.program_peer("dan")
    for peer in (plain, device):
        peer.send('>command {"line":"/join own"}' if peer is device else "/join own")
    plain.until("has joined")
    device.until('"command":"join"')
    without = irc(room, "eve", *ALL_CAPS)
    without.send("JOIN #own")
    without.until_line("366", "#own")
    msgid = said(bob, "#own", "wrong room")
    bob.send(f"REDACT #own {msgid} :not for here")
    for peer in (ann, bob):
        line = peer.until_line("REDACT")
        assert redacted(line) == ("bob!~u@chat", "#own", msgid, "not for here")
    place = msgid.partition("-")[2]
    plain.until(f"bob removed message {place}: not for here")
    event = device.until_event("message", kind="removed")
    assert (event["ref"], event["text"]) == (msgid, "not for here")
    assert "REDACT" not in [line.command for line in without.sync()]
    assert history(ann, "#own") == []
    told = ann.answers(f"REDACT #own {msgid}")
    assert [line.params[:4] for line in told] == [("REDACT", "UNKNOWN_MSGID", "#own", msgid)]


def test_who_runs_a_room_takes_back_there_what_others_said_and_nobody_else_does(
    room: ServerProcess,
) -> None:
    fay, gus, hal = run_by(room, "fay", "run", ["gus", "hal"])
    msgid = said(gus, "#run", "spam")
    (fail,) = hal.answers(f"REDACT #run {msgid} :mine now")[-1:]
    assert fail.params[:4] == ("REDACT", "REDACT_FORBIDDEN", "#run", msgid)
    fay.send(f"REDACT #run {msgid} :spam")
    for peer in (gus, hal):
        line = peer.until_line("REDACT")
        assert redacted(line) == ("fay!~u@chat", "#run", msgid, "spam")
    msgid = said(gus, "#run", "again")
    fay.send("MODE #run +o hal")
    hal.until_line("MODE", "+o")
    hal.send(f"REDACT #run {msgid}")
    assert redacted(gus.until_line("REDACT")) == ("hal!~u@chat", "#run", msgid)


def test_a_private_message_goes_out_of_both_mailboxes(room: ServerProcess) -> None:
    ida, joe = irc(room, "ida", *CAPS), irc(room, "joe", *CAPS)
    msgid = said(ida, "joe", "secret")
    kept = said(ida, "joe", "kept")
    assert joe.until_line("PRIVMSG", "secret").tags["msgid"] == msgid
    (fail,) = joe.answers(f"REDACT ida {msgid}")[-1:]
    assert fail.params[:4] == ("REDACT", "REDACT_FORBIDDEN", "ida", msgid)
    ida.send(f"REDACT joe {msgid} :oops")
    for peer in (ida, joe):
        line = peer.until_line("REDACT")
        assert redacted(line) == ("ida!~u@chat", "joe", msgid, "oops")
    assert history(ida, "joe") == history(joe, "ida") == ["kept"]
    ida.send(f"REDACT joe {kept}")
    assert redacted(joe.until_line("REDACT")) == ("ida!~u@chat", "joe", kept)


def test_what_another_face_removes_is_told_by_the_id_that_was_shown(room: ServerProcess) -> None:
    (kim,) = run_by(room, "kim", "faces", [])
    msgid = said(kim, "#faces", "by hand")
    hand = room.join("kim")
    hand.send("/room faces", f"/delete {msgid} a slip")
    hand.until("is removed for good")
    assert redacted(kim.until_line("REDACT")) == ("kim!~u@chat", "#faces", msgid, "a slip")
    private = said(kim, "kim", "a note")
    hand.send(f"/delete {private}")
    assert redacted(kim.until_line("REDACT")) == ("kim!~u@chat", "kim", private)


REFUSED = [
    ("REDACT #nowhere abc", ("INVALID_TARGET", "#nowhere")),
    ("REDACT #theirs abc", ("INVALID_TARGET", "#theirs")),
    ("REDACT nobody abc", ("INVALID_TARGET", "nobody")),
    ("REDACT #lobby nonsense", ("UNKNOWN_MSGID", "#lobby", "nonsense")),
    ("REDACT #lobby 1", ("UNKNOWN_MSGID", "#lobby", "1")),
    ("REDACT #lobby {elsewhere}", ("UNKNOWN_MSGID", "#lobby", "{elsewhere}")),
    ("REDACT #lobby {private}", ("UNKNOWN_MSGID", "#lobby", "{private}")),
    ("REDACT leo {elsewhere}", ("UNKNOWN_MSGID", "leo", "{elsewhere}")),
]


def test_what_cannot_be_taken_back_is_told_by_its_code(room: ServerProcess) -> None:
    run_by(room, "mia", "theirs", [])
    (leo,) = run_by(room, "leo", "lion", [])
    ids = {"elsewhere": said(leo, "#lion", "roar"), "private": said(leo, "leo", "a note")}
    for asked, told in REFUSED:
        (fail,) = leo.answers(asked.format(**ids))
        assert fail.command == "FAIL"
        assert fail.params[1 : 1 + len(told)] == tuple(one.format(**ids) for one in told)
    assert history(leo, "#lion") == ["roar"]
    assert leo.answers("REDACT #lobby")[0].command == "461"


def test_who_is_muted_takes_back_without_a_word(room: ServerProcess) -> None:
    ned, ola = run_by(room, "ned", "quiet", ["ola"])
    msgid = said(ola, "#quiet", "loud")
    boss = room.join("boss")
    boss.send("/mute ola 30m")
    boss.until("ola")
    (fail,) = ola.answers(f"REDACT #quiet {msgid} :so there")[-1:]
    assert fail.params[1] == "REDACT_FORBIDDEN"
    ola.send(f"REDACT #quiet {msgid}")
    assert redacted(ned.until_line("REDACT")) == ("ola!~u@chat", "#quiet", msgid)


def test_a_reason_fits_into_the_line(room: ServerProcess) -> None:
    (ray,) = run_by(room, "ray", "reasons", [])
    msgid = said(ray, "#reasons", "text")
    ray.send(f"REDACT #reasons {msgid} :{'long ' * 60}")
    assert ray.until_line("REDACT").params[2] == ("long " * 40).strip()
    msgid, snow = said(ray, "#reasons", "text"), "\N{SNOWMAN}" * 200
    device = room.device("ray")
    device.send_event("command", name="delete", args={"id": msgid, "reason": snow}, cid="d")
    line = ray.until_line("REDACT")
    assert snow.startswith(line.params[2])
    assert 480 < len(" ".join((line.source, line.command, *line.params)).encode()) <= 508
