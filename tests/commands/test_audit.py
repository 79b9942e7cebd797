"""/audit: what was done, by its number, person and room."""

import re

from tests.harness import Peer, ServerProcess


def test_entries_have_numbers_and_are_found_by_room(room: ServerProcess, boss: Peer) -> None:
    owner = room.join("audited")
    owner.answer_to("/create court")
    boss.answer_to("/join court")
    boss.answer_to("/topic order")
    boss.answer_to("/room lobby")
    boss.answer_to("/mute audited 1m")
    boss.answer_to("/unmute audited")
    program = room.program_peer("audits")
    boss.answer_to("/changegrant audits 0")
    program.until_event("control", do="changegrant")
    program.send_event("command", name="audit", args={"number": 3}, cid="a1")
    rows = program.until_event("result", cid="a1")["rows"]
    assert [row["act"] for row in rows] == [
        "muted audited for 1m",
        "took back the mute of audited",
        "made audits a superuser",
    ]
    first = rows[0]["number"]
    assert [row["number"] for row in rows] == [first, first + 1, first + 2]
    assert f"{first + 1}" in boss.answer_to("/audit 2")
    assert "There is no room called 'nowhere'" in boss.answer_to("/audit in nowhere")
    boss.answer_to("/changegrant audits 1")


def test_who_runs_a_room_reads_what_was_done_there_and_nothing_else(
    room: ServerProcess, boss: Peer
) -> None:
    owner, helper, guest = (room.join(f"aud-{one}") for one in ("owner", "helper", "guest"))
    owner.answer_to("/create aud-room")
    for one in (helper, guest):
        one.answer_to("/join aud-room")
    owner.answer_to("/moderator aud-helper")
    boss.answer_to("/mute aud-guest 1m")
    boss.answer_to("/unmute aud-guest")
    for one in (owner, helper):
        trail = one.answer_to("/audit")
        assert "made aud-helper a moderator of #aud-room" in trail
        assert "mute" not in trail
        assert "127.0.0.1" not in trail
        assert "made aud-helper" in one.answer_to("/audit aud-helper 5")
    assert "127.0.0.1" in boss.answer_to("/audit in aud-room")
    refused = "In #aud-room /audit is for its owner and its moderators only."
    assert refused in guest.answer_to("/audit")
    for one in (owner, helper, guest):
        one.answer_to("/room lobby")
    assert refused in guest.answer_to("/audit in aud-room")
    assert "made aud-helper" in helper.answer_to("/audit in aud-room")
    assert "In #lobby /audit is for its owner" in helper.answer_to("/audit")
    program = room.program_peer("aud-program")
    program.send_event("command", name="audit", args={"room": "aud-room"}, cid="r1")
    assert program.until_event("result", cid="r1")["code"] == "not-allowed"
    program.send_event("command", name="audit", args={"room": "aud-nowhere"}, cid="r2")
    assert program.until_event("result", cid="r2")["code"] == "no-such-room"


def test_nobody_reads_who_has_reported_oneself(room: ServerProcess, boss: Peer) -> None:
    owner, helper = room.join("rep-owner"), room.join("rep-helper")
    witness = room.join("rep-witness")
    owner.answer_to("/create rep-room")
    helper.answer_to("/join rep-room")
    witness.answer_to("/join rep-room")
    owner.answer_to("/moderator rep-helper")
    helper.send("I rule here")
    witness.until("rep-helper: I rule here")
    number = re.findall(r"\[(\d+)\][^\n]*I rule here", witness.answer_to("/history"))[0]
    witness.answer_to(f"/report {number} bossy")
    entry = f"reported message {number} of rep-helper in #rep-room: bossy"
    for one in (owner, boss):
        assert entry in one.answer_to("/audit in rep-room")
    trail = helper.answer_to("/audit")
    assert "made rep-helper a moderator" in trail
    assert "reported" not in trail
    # Nor is its number told apart from one that never was.
    reported = int(re.findall(rf"(?m)^ *(\d+) .*{entry}", boss.answer_to("/audit in rep-room"))[0])
    assert f"Entry {reported} cannot be taken back." in owner.answer_to(f"/undo {reported}")
    for number in (reported, reported + 1):
        told = helper.answer_to(f"/undo {number}")
        assert f"There is no entry {number} of #rep-room. See /audit." in told


def test_it_is_told_from_what_to_what_a_room_was_changed(room: ServerProcess, boss: Peer) -> None:
    owner = room.join("ch-owner")
    owner.answer_to("/create ch-one")
    owner.answer_to("/topic first")
    owner.answer_to(f"/topic {'x' * 60}")
    owner.answer_to("/slow 10s")
    owner.answer_to("/renameroom ch-two")
    owner.answer_to("/undo")
    owner.answer_to("/private")
    acts = [
        'changed the topic of #ch-one (topic from none to "first")',
        f'changed the topic of #ch-one (topic from "first" to "{"x" * 40}…")',
        "slowed #ch-one to one message in 10s (slow from off to 10s)",
        "renamed #ch-one (name from #ch-one to #ch-two)",
        "made #ch-one private",
    ]
    trail = owner.answer_to("/audit")
    for act in acts:
        assert act in trail
    assert re.search(
        r"let #ch-one be as it was \(undoing \d+\): name from #ch-two to #ch-one", trail
    )
    outside = boss.answer_to("/audit 10")
    assert "made a private room private" in outside
    for word in ("first", "ch-two", "from off"):
        assert word not in outside
    assert acts[1] in room_trail(room)
    program = room.program_peer("ch-program")
    owner.answer_to("/invite ch-program")
    boss.answer_to("/changegrant ch-program 0")
    program.until_event("control", do="changegrant")
    program.send_event("command", name="audit", args={"number": 20}, cid="c")
    rows = program.until_event("result", cid="c")["rows"]
    changes = [row["changes"] for row in rows if row["room"] == "ch-one" and row["changes"]]
    assert changes == [
        {"topic": ["", "first"]},
        {"topic": ["first", "x" * 60]},
        {"slow": [0, 10]},
        {"name": ["ch-one", "ch-two"]},
        {"name": ["ch-two", "ch-one"]},
        {"private": [False, True]},
    ]
    boss.answer_to("/changegrant ch-program 1")


def room_trail(room: ServerProcess) -> str:
    """Return the trail as the operator reads it."""
    return room.operate("audit", "--last", "20").stdout
