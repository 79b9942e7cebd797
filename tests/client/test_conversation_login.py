"""How the client logs in, and what follows on a refusal: the protocol alone, no server."""

from pathlib import Path

import pytest

from chatroom.client.conversation import State
from chatroom.client.conversation.actions import (
    DropTicket,
    Finish,
    HoldOff,
    KeepTicket,
    Log,
    LoggedIn,
    SendAgain,
    Show,
    Tell,
)
from chatroom.client.conversation.cursors import Cursors
from chatroom.client.credentials import KeptTicket
from chatroom.client.exit_codes import NOT_LOGGED_IN, End
from chatroom.client.said import Why
from chatroom.errors import Code
from tests.client.talk import PASSING, answer, greeted, inside, kinds, sent

# -- logging in ------------------------------------------------------------------------------------


def test_a_person_is_asked_question_by_question() -> None:
    talk = greeted()
    assert talk.ask("account") == []
    assert talk.prompt.text == "Your account?"
    assert answer(talk, "n") == ("answer", {"text": "n"})
    assert talk.it.prompt is None
    talk.ask("name")
    assert answer(talk, " ann ") == ("answer", {"text": " ann "})
    talk.ask("password", secret=True)
    assert talk.prompt.secret
    # The last answer is a login in one line: only that brings a ticket.
    line = {"name": "ann", "password": "secret word", "ticket": True}
    assert answer(talk, "secret word") == ("login", line)
    assert kinds(talk.let_in(rooms=["lobby", "dev", 3])) == [Show, LoggedIn, SendAgain]
    assert (talk.it.state, talk.it.user, talk.it.room) == (State.TALKING, "ann", "lobby")
    assert talk.it.whereabouts.joined == {"lobby": "lobby", "dev": "dev"}


def test_who_has_given_a_password_logs_in_by_one_line() -> None:
    talk = greeted("ann", "secret word")
    line = {"name": "ann", "password": "secret word", "ticket": True}
    assert sent(talk.ask("account")) == [("login", line)]
    assert talk.hear("result", command="login", ok=True) == []
    assert talk.hear("ticket", ticket="t1") == [KeepTicket()]
    assert talk.credentials.ticket == "t1"
    talk.let_in()
    assert talk.it.state is State.TALKING


def test_a_ticket_goes_before_a_password_and_names_what_was_heard() -> None:
    talk = inside()
    talk.hear("ticket", ticket="t1")
    talk.hear("message", room="dev", id="e-7", **{"from": "bob"}, text="x")
    talk.lose()
    talk.hear("hello", v=1)
    fields = {"ticket": "t1", "cursors": {"dev": "e-7"}, "room": "lobby"}
    assert sent(talk.ask("account")) == [("resume", fields)]


def test_cursors_of_an_earlier_run_and_of_another_epoch_are_named_as_they_came_last() -> None:
    cursors = Cursors()
    cursors.note("dev", "old-9")
    talk = inside(cursors=cursors)
    talk.credentials.ticket = "t1"
    talk.hear("message", room="dev", id="new-2", **{"from": "bob"}, text="after a restore")
    talk.hear("message", room="dev", id="new-1", **{"from": "bob"}, text="read back", old=True)
    talk.hear("message", room="", id="m-1", **{"from": "bob"}, to="ann", text="mail")
    talk.lose()
    talk.hear("hello", v=1)
    [(_, fields)] = sent(talk.ask("account"))
    assert fields["cursors"] == {"dev": "new-2", "": "m-1"}


def test_a_room_that_was_left_has_no_cursor_and_gets_no_lines() -> None:
    talk = inside()
    talk.hear("control", do="room", room="dev", text="You are in #dev.")
    talk.hear("message", room="dev", id="e-7", **{"from": "bob"}, text="x")
    assert talk.it.room == "dev"
    assert kinds(talk.hear("notice", kind="left", room="dev", text="You left.")) == [Show]
    assert talk.it.room == "lobby"
    talk.credentials.ticket = "t1"
    talk.lose()
    talk.hear("hello", v=1)
    [(_, fields)] = sent(talk.ask("account"))
    assert fields["cursors"] == {}


def test_a_resume_line_is_no_longer_than_the_server_takes() -> None:
    talk = inside()
    talk.credentials.ticket = "t1"
    for number in range(50):
        talk.hear("message", room=f"room{number}", id=f"e-{number}", **{"from": "bob"}, text="x")
    talk.lose()
    talk.hear("hello", v=1, line_bytes=300)
    [(_, fields)] = sent(talk.ask("account"))
    cursors = fields["cursors"]
    assert isinstance(cursors, dict) and "room49" in cursors and "room0" not in cursors


def test_who_comes_back_by_a_ticket_for_the_first_time_is_told_so() -> None:
    talk = greeted("ann")
    talk.credentials.ticket = "t1"
    talk.ask("account")
    actions = talk.let_in()
    assert kinds(actions) == [Show, LoggedIn, Tell, SendAgain]
    talk.lose()
    talk.hear("hello", v=1)
    talk.ask("account")
    assert kinds(talk.let_in()) == [Show, LoggedIn, SendAgain]


def test_who_comes_back_is_told_where_typed_lines_go_when_that_has_changed() -> None:
    talk = inside()
    talk.hear("ticket", ticket="T")
    talk.hear("control", do="room", room="den", text="You talk in #den now.")
    for room, told in (("den", []), ("lobby", ["You talk in #lobby now."])):
        talk.lose()
        talk.hear("hello", v=1)
        resumed = dict(sent(talk.ask("account")))["resume"]
        assert resumed["room"] == "den"
        assert [a.sentence for a in talk.let_in(room=room) if isinstance(a, Tell)] == told
        assert talk.it.room == room


def test_a_new_account_is_made_by_one_line_with_the_code_of_its_invitation() -> None:
    talk = greeted()
    for ask, text in (("account", "y"), ("code", "abc-def"), ("new-name", "eve")):
        talk.ask(ask)
        assert answer(talk, text) == ("answer", {"text": text})
    talk.ask("new-password", secret=True)
    assert answer(talk, "a good one") == ("answer", {"text": "a good one"})
    talk.ask("again", secret=True)
    fields = {"name": "eve", "password": "a good one", "ticket": True, "code": "abc-def"}
    assert answer(talk, "a good one") == ("register", fields)
    talk.let_in("eve")
    # From now on it comes back by itself.
    talk.lose()
    talk.hear("hello", v=1)
    [(word, fields)] = sent(talk.ask("account"))
    assert (word, fields["name"], fields["password"]) == ("login", "eve", "a good one")


def test_a_password_that_is_repeated_wrongly_makes_no_account() -> None:
    talk = greeted()
    for ask, text in (("account", "y"), ("new-name", "eve"), ("new-password", "a good one")):
        talk.ask(ask)
        answer(talk, text)
    talk.ask("again", secret=True)
    assert answer(talk, "a godo one") == ("answer", {"text": "a godo one"})


def test_where_nobody_can_be_asked_an_unknown_question_ends_the_visit() -> None:
    talk = greeted("ann", "secret word")
    [action] = talk.ask("new-password", secret=True)
    assert isinstance(action, Finish) and action.end.code == NOT_LOGGED_IN
    assert "Your new-password?" in action.end.sentence


def test_a_script_whose_ticket_has_ended_is_told_what_it_needs() -> None:
    talk = greeted("ann")
    talk.credentials.is_given = True
    talk.credentials.ticket = "t1"
    talk.ask("account")
    assert kinds(talk.refuse(Code.TICKET)) == [DropTicket]
    assert sent(talk.ask("account")) == [("answer", {"text": "n"})]
    assert sent(talk.ask("name")) == [("answer", {"text": "ann"})]
    [action] = talk.ask("password", secret=True)
    assert isinstance(action, Finish) and action.end.code == NOT_LOGGED_IN
    assert "CHATROOM_PASSWORD" in action.end.sentence


# -- refused ---------------------------------------------------------------------------------------

FINAL = (Code.WRONG_PASSWORD, Code.REFUSED, Code.BAD_CODE, Code.BAD_NAME, Code.TICKET, "of-later")


@pytest.mark.parametrize("code", PASSING)
def test_what_passes_by_itself_is_tried_again_with_the_same(code: str) -> None:
    talk = greeted("ann", "secret word")
    first = sent(talk.ask("account"))
    actions = talk.hear(
        "result", command="login", ok=False, code=code, wait=2.5, text="Later, please."
    )
    assert [a for a in actions if not isinstance(a, Log)] == [
        HoldOff(Why(code, 2.5, "Later, please."))
    ]
    assert sent(talk.ask("account")) == first


@pytest.mark.parametrize("code", PASSING)
def test_a_ticket_is_not_forgotten_because_the_server_is_busy(code: str) -> None:
    talk = greeted("ann")
    talk.credentials.ticket = "t1"
    first = sent(talk.ask("account"))
    assert kinds(talk.refuse(code)) == [HoldOff]
    assert sent(talk.ask("account")) == first


@pytest.mark.parametrize("code", FINAL)
def test_a_refused_password_that_was_given_ends_the_visit(code: str) -> None:
    talk = greeted("ann", "secret word")
    talk.ask("account")
    actions = talk.hear("result", command="login", ok=False, code=code, text="No. Try again.")
    assert actions[-1] == Finish(End(NOT_LOGGED_IN, "No. Try again."))


@pytest.mark.parametrize("code", FINAL)
def test_a_refused_ticket_is_dropped_and_the_password_is_next(code: str) -> None:
    talk = greeted("ann", "secret word")
    talk.credentials.ticket = "t1"
    talk.ask("account")
    actions = talk.refuse(code)
    assert kinds(actions) == [DropTicket]
    assert [a.ticket for a in actions if isinstance(a, DropTicket)] == ["t1"]
    assert [word for word, _ in sent(talk.ask("account"))] == ["login"]


def test_another_ticket_that_was_kept_meanwhile_is_tried_before_the_password(
    tmp_path: Path,
) -> None:
    talk = greeted("ann")
    kept = KeptTicket(tmp_path, "here", "ann")
    kept.keep("t1")
    talk.credentials.use_kept(kept)
    talk.ask("account")
    kept.keep("t2")  # another program of the same person
    [drop] = [a for a in talk.refuse(Code.TICKET) if isinstance(a, DropTicket)]
    talk.credentials.ticket_refused(drop.ticket)
    assert sent(talk.ask("account")) == [("resume", {"ticket": "t2", "cursors": {}})]


@pytest.mark.parametrize("code", [*PASSING, *FINAL])
def test_a_person_is_told_of_every_refusal_of_what_was_typed(code: str) -> None:
    talk = greeted()
    for ask, text in (("account", "n"), ("name", "ann")):
        talk.ask(ask)
        answer(talk, text)
    talk.ask("password", secret=True)
    answer(talk, "wrong")
    assert kinds(talk.refuse(code)) == [Show]
    assert sent(talk.ask("account")) == []  # asked anew, not answered with what was wrong


def test_a_password_that_was_changed_elsewhere_is_asked_of_the_person_and_not_tried_for_ever() -> (
    None
):
    talk = greeted()
    for ask, text in (("account", "n"), ("name", "ann"), ("password", "secret word")):
        talk.ask(ask)
        answer(talk, text)
    talk.let_in()
    talk.lose()
    talk.hear("hello", v=1)
    assert [word for word, _ in sent(talk.ask("account"))] == ["login"]
    assert kinds(talk.refuse(Code.WRONG_PASSWORD)) == [Show]
    talk.ask("account")
    talk.ask("name")
    assert talk.ask("password", secret=True) == []
    assert talk.prompt.ask == "password"


def test_the_code_of_an_invitation_that_is_refused_is_asked_for_again() -> None:
    talk = greeted()
    talk.credentials.code = "old-code"
    assert sent(talk.ask("code")) == [("answer", {"text": "old-code"})]
    assert kinds(talk.refuse(Code.BAD_CODE)) == [Show]
    assert talk.ask("code") == []
    assert talk.prompt.ask == "code"


def test_an_error_is_only_shown_once_somebody_is_in() -> None:
    talk = inside()
    assert kinds(talk.refuse(Code.WRONG_PASSWORD)) == [Show]
    assert talk.it.state is State.TALKING
