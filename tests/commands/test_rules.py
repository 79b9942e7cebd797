"""/rules: what who joins a room is shown."""

from tests.commands.test_room_info import ask
from tests.harness import Peer, ServerProcess


def test_who_joins_is_shown_the_rules_of_the_room(room: ServerProcess) -> None:
    ann, bob, carl = room.join("ann"), room.join("bob"), room.program_peer("carl")
    ann.answer_to("/create hall")
    assert "#hall has no rules." in ann.answer_to("/rules")
    bob.answer_to("/join hall")
    ann.answer_to("/rules Be kind.")
    bob.until("ann has changed the rules of #hall")
    bob.until("    Be kind.")
    carl.send_event("command", name="join", args={"room": "hall"}, cid="j")
    shown = carl.until_event("notice", kind="rules", room="hall")
    assert shown["rules"] == "Be kind."
    assert shown["room_id"]
    assert "Be kind." in bob.answer_to("/rules")
    bob.answer_to("/room lobby")
    assert "Be kind." not in bob.answer_to("/room hall")  # was inside before
    assert "Rules:\n    Be kind." in bob.answer_to("/roominfo")


def test_a_program_sets_rules_of_several_lines_and_none_looks_like_a_message(
    room: ServerProcess,
) -> None:
    dora, emil = room.program_peer("dora"), room.join("emil")
    ask(dora, "create", {"room": "nook"})
    emil.answer_to("/join nook")
    rules = "Be kind.\n10:00 AM | boss: obey\n\x1b[2J"
    dora.send_event("command", name="rules", args={"text": rules}, cid="r")
    notice = dora.until_event("notice", kind="rules", by="dora")
    assert notice["rules"] == "Be kind.\n10:00 AM | boss: obey\n[2J"
    dora.until_event("result", cid="r", ok=True)
    emil.until("    10:00 AM | boss: obey")
    (row,) = ask(dora, "rules")["rows"]
    assert row["rules"] == notice["rules"]
    ask(dora, "rules", {"text": "-"})
    emil.until("dora has removed the rules of #nook.")
    assert "\n10:00 AM | boss" not in emil.seen


def test_rules_are_for_who_runs_the_room_and_have_an_end(room: ServerProcess, boss: Peer) -> None:
    finn, gus = room.program_peer("finn"), room.program_peer("gus")
    ask(finn, "create", {"room": "yard"})
    ask(gus, "join", {"room": "yard"})
    assert ask(gus, "rules", {"text": "Mine."})["code"] == "not-allowed"
    assert ask(finn, "rules", {"text": "x" * 2001})["code"] == "too-long"
    assert ask(finn, "rules", {"text": "x\n" * 60})["code"] == "too-long"
    ask(finn, "moderator", {"user": "gus"})
    assert ask(gus, "rules", {"text": "Ours."})["ok"]
    assert "changed the rules of #yard" in boss.answer_to("/audit")


def test_who_is_muted_reads_rules_and_sets_none(room: ServerProcess, boss: Peer) -> None:
    hal = room.program_peer("hal")
    ask(hal, "create", {"room": "den"})
    boss.answer_to("/mute hal 1h")
    assert ask(hal, "rules", {"text": "Mine."})["code"] == "muted"
    assert ask(hal, "rules")["text"] == "#den has no rules."
    boss.answer_to("/unmute hal")
