"""People who talk while their server is killed: what they recorded is sound, and worth checking."""

from tests.conftest import StartServer
from tests.harness import PATIENCE
from tests.tools.checker import check
from tests.tools.recorder import History, Talker

PEOPLE = 6
PACE = 0.05
ENOUGH = 60


def test_a_record_over_kill_9_is_sound_and_a_loss_planted_into_it_is_found(
    start_server: StartServer,
) -> None:
    server = start_server(message_rate=0)
    history = History()
    address = [("127.0.0.1", server.port)]
    people = [Talker(f"user{n}", address, 0, history, PACE) for n in range(PEOPLE)]
    try:
        for person in people:
            person.start()
        assert all(person.is_in.wait(PATIENCE) for person in people)
        for person in people:
            person.must_talk.set()
        assert history.wait_for(lambda: history.counts["confirmed"] >= ENOUGH, PATIENCE)
        server.kill()
        assert history.wait_for(lambda: history.counts["away"] == PEOPLE, PATIENCE)
        before = history.counts["confirmed"]
        server.start()
        assert history.wait_for(lambda: history.counts["confirmed"] >= before + ENOUGH, PATIENCE)
        for person in people:
            person.hush()
        expected = PEOPLE * history.counts["sent"]
        have_all = history.wait_for(lambda: history.counts["received"] >= expected, PATIENCE)
        for person in people:
            history.note("stayed", person.name)
    finally:
        for person in people:
            person.must_stop.set()
        for person in people:
            person.join(PATIENCE)
    assert check(history.events) == []
    assert have_all
    counts = history.counts
    assert counts["sent"] == counts["confirmed"] >= 2 * ENOUGH
    assert counts["received"] == PEOPLE * counts["sent"]
    assert counts["away"] == counts["stayed"] == PEOPLE

    confirmed = [event["cid"] for event in history.events if event["do"] == "confirmed"]
    lost = confirmed[before - 1]
    kept = [e for e in history.events if (e["do"], e.get("cid")) != ("received", lost)]
    found = check(kept)
    assert len(found) == PEOPLE
    assert all("stayed, but never received" in line and lost in line for line in found)
