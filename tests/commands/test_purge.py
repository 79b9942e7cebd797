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
    assert "10m is missing. Type /purge USER 10m" in boss.answer_to("/purge talker")
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
