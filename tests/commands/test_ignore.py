"""/ignore: somebody sees nothing more of somebody else."""

from tests.conftest import StartServer
from tests.harness import PASSWORD, Peer, ServerProcess


def test_who_is_ignored_is_seen_nowhere_and_is_not_told(room: ServerProcess, boss: Peer) -> None:
    ida, pest, friend = room.join("ida"), room.join("pest"), room.join("friend")
    second = room.program_start()
    second.send_event("login", name="ida", password=PASSWORD)
    second.until_event("notice", kind="welcome")
    pest.send("old nonsense")
    ida.until("old nonsense")
    assert "You ignore pest now." in ida.answer_to("/ignore pest")
    assert "You ignore: pest" in ida.answer_to("/ignore")
    pest.send("new nonsense", "/me nonsense too", "/messageto ida private nonsense")
    pest.until("private to ida: private nonsense")
    friend.send("/messageto ida a good word", "good morning")
    friend.until("friend: good morning")
    assert "nonsense" not in ida.until("friend: good morning")
    for line in ("/history", "/search nonsense", "/mail"):
        assert "nonsense" not in ida.answer_to(line)
    assert "a good word" in ida.answer_to("/mail")
    second.until_event("message", text="good morning")
    assert "new nonsense" not in second.seen
    ida.send("/busy", "/help")
    pest.send("nonsense while busy", "ida: nonsense for you")
    pest.until("nonsense for you")
    friend.send("said while busy")
    friend.until("said while busy")
    ida.send("/free")
    assert "1 missed" in ida.until("You are free.")
    ida.until("said while busy")
    ida.send("/reply thanks")
    friend.until("private from ida: thanks")  # not pest, who wrote last
    boss.answer_to("/changegrant pest 0")
    pest.send("/announce the house burns")
    ida.until("Announcement from pest: the house burns")
    assert "You no longer ignore pest." in ida.answer_to("/unignore pest")
    pest.send("sorry")
    ida.until("pest: sorry")
    assert "new nonsense" in ida.answer_to("/history")


def test_whom_one_ignores_cannot_write_by_topics_and_names_of_rooms(room: ServerProcess) -> None:
    olga, pest = room.join("olga"), room.join("pester")
    olga.answer_to("/ignore pester")
    pest.answer_to("/create greetings")
    olga.answer_to("/join greetings")
    assert "pester has set the topic" in pest.answer_to("/topic nonsense")
    pest.answer_to("/create nonsense private")
    assert "olga can join" in pest.answer_to("/invite olga")
    assert "nonsense" not in olga.answer_to("/viewusers")
    assert "nonsense" in olga.answer_to("/join nonsense")


def test_ignoring_is_remembered_and_hides_what_was_missed(start_server: StartServer) -> None:
    server = start_server()
    ida, pest = server.join("ida"), server.join("pest")
    ida.answer_to("/ignore pest")
    ida.send("/disconnect")
    ida.until_end()
    server.stop()
    server.start()
    pest = server.join("pest")
    friend = server.join("friend")
    pest.send("nonsense", "/messageto ida nonsense")
    pest.until("private to ida")
    friend.send("something good")
    friend.until("something good")
    again = server.join("ida")
    again.answer_to("/rooms")
    assert "something good" in again.seen
    assert "nonsense" not in again.seen
    assert "1 new since" in again.seen
    assert "private message" not in again.seen


def test_what_cannot_be_ignored_is_told(room: ServerProcess) -> None:
    otto = room.join("otto")
    assert "You cannot ignore yourself." in otto.answer_to("/ignore otto")
    assert "There is nobody called 'nobody'." in otto.answer_to("/ignore nobody")
    assert "You do not ignore boss." in otto.answer_to("/unignore boss")
    assert "You ignore nobody." in otto.answer_to("/ignore")
    otto.answer_to("/ignore boss")
    assert "You ignore boss already." in otto.answer_to("/ignore boss")
