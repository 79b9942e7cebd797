"""/purge: what somebody said lately is removed everywhere."""

from tests.harness import Peer, ServerProcess


def test_a_purge_removes_what_somebody_said_in_all_rooms_and_mailboxes(
    room: ServerProcess, boss: Peer
) -> None:
    mallory, witness = room.join("mallory"), room.join("witness")
    mallory.send("buy cheap pills", "and more pills", "/messageto witness private pills")
    witness.until("private from mallory: private pills")
    mallory.send("/create pharmacy", "pills in here")
    mallory.until("pills in here")
    witness.send("no pills please")
    witness.until("no pills please")
    witness.send("/messageto boss help")
    boss.send("/purge mallory 10m")
    # The private message lies in both mailboxes.
    boss.until("5 messages are removed: what mallory said in the last 10m.")
    witness.until("A superuser has removed what mallory said recently.")
    found = witness.answer_to("/search pills")
    assert "no pills please" in found
    assert "mallory" not in found
    assert "pills" not in witness.answer_to("/mail").replace("no pills", "")
    assert "(removed)" in witness.answer_to("/history")
    mallory.send("/history")
    assert "pills in here" not in mallory.until("(removed)")
    newcomer = room.join("newcomer")
    assert "cheap pills" not in newcomer.seen
    assert "removed what mallory said in the last 10m" in boss.answer_to("/audit mallory")


def test_a_purge_without_a_length_removes_nothing(room: ServerProcess, boss: Peer) -> None:
    talker = room.join("talker")
    talker.send("just said")
    talker.until("just said")
    boss.send("/purge talker 0s")
    boss.until("That is no time at all.")
    assert "10m is missing. Type /purge USER 10m [--dry]" in boss.answer_to("/purge talker")
    assert "'soon' stands where 10m should. Type" in boss.answer_to("/purge talker soon")
    assert "just said" in boss.answer_to("/search just said")


def test_only_superusers_purge(room: ServerProcess) -> None:
    plain = room.join("plain")
    plain.send("/purge boss 10m")
    plain.until("/purge is for superusers only.")


def test_the_topics_that_somebody_has_set_go_with_what_was_said(
    room: ServerProcess, boss: Peer
) -> None:
    spam, ann = room.join("spammer"), room.join("topica")
    spam.send("/create deals", "/topic BUY NOW", "BUY")
    spam.until("spammer: BUY")
    ann.answer_to("/join deals")
    assert "BUY NOW" in boss.answer_to("/rooms")
    assert "1 topic went with it." in boss.answer_to("/purge spammer 10m")
    ann.until("#deals has no topic any more.")
    assert "BUY NOW" not in boss.answer_to("/rooms")
    spam.send("/topic BUY AGAIN", "and again")
    ann.until("spammer: and again")
    boss.answer_to("/join deals")
    boss.answer_to("/topic be nice")
    assert "topic" not in boss.answer_to("/purge spammer 10m")  # the last word is boss's
    assert "be nice" in boss.answer_to("/rooms")
    spam.send("/topic BUY AT LAST", "at last")
    ann.until("spammer: at last")
    assert room.operate("delete-user", "spammer", "--yes").returncode == 0
    ann.until("#deals has no topic any more.")
    boss.answer_to("/room lobby")


def test_a_dry_purge_tells_how_much_it_would_be_and_removes_nothing(
    room: ServerProcess, boss: Peer
) -> None:
    dora, ann = room.join("dora"), room.join("ann-of-dora")
    dora.send("one of five", "/create garden", "/topic roses", "two of five", "three of five")
    dora.until("three of five")
    dora.send("/create cave private", "four of five", "/messageto ann-of-dora five of five")
    ann.until("five of five")
    told = boss.answer_to("/purge dora 10m --dry")
    assert (
        "Nothing was removed. Without --dry it would be 6 messages (1 in #lobby, 2 in #garden, "
        "1 in private rooms, 2 in mailboxes) and 1 topic: what dora said in the last 10m." in told
    )
    assert "cave" not in told
    program = room.program_peer("dry-program")
    boss.answer_to("/changegrant dry-program 0")
    program.until_event("control", do="changegrant")
    args = {"user": "dora", "length": "10m", "dry": True}
    program.send_event("command", name="purge", args=args, cid="d1")
    result = program.until_event("result", cid="d1")
    assert result["ok"]
    assert result["rows"] == [
        {"room": "lobby", "room_id": "lobby", "messages": 1},
        {"room": "garden", "room_id": result["rows"][1]["room_id"], "messages": 2},
    ]
    assert [result[key] for key in ("messages", "private_rooms", "private_messages", "topics")] == [
        6,
        1,
        2,
        1,
    ]
    assert "of five" in boss.answer_to("/search one of five")
    assert "said in the last" not in boss.answer_to("/audit dora")
    assert "'--wet' must be --dry." in boss.answer_to("/purge dora 10m --wet")
    boss.send("/purge dora 10m")
    boss.until("6 messages are removed: what dora said in the last 10m. 1 topic went with it.")
    assert "it would be 0 messages: what dora" in boss.answer_to("/purge dora 10m --dry")
    boss.answer_to("/changegrant dry-program 1")
