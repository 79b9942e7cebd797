"""/audit: what was done, by its number, person and room."""

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
