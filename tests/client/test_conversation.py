"""What the client does with what the server says: the protocol alone, no server, no socket."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from chatroom.client.conversation import Conversation, Prompt, State
from chatroom.client.conversation.actions import (
    Action,
    AskLate,
    DropTicket,
    Finish,
    FinishSending,
    HoldOff,
    KeepTicket,
    Log,
    LoggedIn,
    NotAnswered,
    Reconnect,
    Send,
    SendAgain,
    Show,
    Tell,
)
from chatroom.client.conversation.states import REFUSALS, TRANSITIONS, Event, Tried
from chatroom.client.credentials import Credentials, KeptTicket
from chatroom.client.cursors import Cursors
from chatroom.client.exit_codes import KICKED, NOT_LOGGED_IN, OK, UNREACHABLE, End
from chatroom.client.pending import Sent
from chatroom.client.said import PLAIN, Said, Why
from chatroom.errors import Code, UserError

NOW = 1000.0


class Talk:
    """A conversation whose actions are carried out at once, and kept to be looked at."""

    def __init__(
        self,
        name: str = "",
        password: str | None = None,
        cursors: Cursors | None = None,
        **more: Any,
    ) -> None:
        self.credentials = Credentials(name, password)
        self.now = NOW
        self.it = Conversation(
            self.credentials, "here port 1", cursors=cursors, clock=lambda: self.now, **more
        )
        self.again: list[Sent] = []

    def hear(self, word: str, **fields: Any) -> list[Action]:
        """Return what is to be done; what was never confirmed is sent by the way."""
        done: list[Action] = []
        for action in self.it.hear(Said(word, fields)):
            if isinstance(action, SendAgain):
                self.again = self.it.let_in(action)
                self.it.sent_again()
            done.append(action)
        return done

    def lose(
        self, reason: str = "gone", away: Why | None = None, cut: bool = False
    ) -> list[Action]:
        return list(self.it.lost(reason, away, cut))

    def ask(self, ask: str, secret: bool = False) -> list[Action]:
        return self.hear("prompt", ask=ask, text=f"Your {ask}?", secret=secret)

    def refuse(self, code: str, **more: Any) -> list[Action]:
        return self.hear("notice", kind="error", code=code, text="No. Try again.", **more)

    def let_in(self, user: str = "ann", room: str = "lobby", **more: Any) -> list[Action]:
        return self.hear("notice", kind="welcome", user=user, room=room, text="Welcome", **more)

    @property
    def prompt(self) -> Prompt:
        assert self.it.prompt is not None
        return self.it.prompt


def sent(actions: list[Action]) -> list[tuple[str, dict[str, object]]]:
    """Return the lines among what is to be done."""
    return [(a.word, dict(a.fields)) for a in actions if isinstance(a, Send)]


def kinds(actions: list[Action]) -> list[type]:
    """Return what is to be done by kind, without the lines for the log."""
    return [type(action) for action in actions if not isinstance(action, Log)]


def greeted(name: str = "", password: str | None = None, **more: Any) -> Talk:
    talk = Talk(name, password, **more)
    talk.hear("hello", v=1, name="Chatroom", line_bytes=8192)
    return talk


def inside(name: str = "ann", password: str | None = "secret word", **more: Any) -> Talk:
    talk = greeted(name, password, **more)
    talk.ask("account")
    talk.let_in()
    return talk


def answer(talk: Talk, text: str) -> tuple[str, dict[str, object]]:
    """Answer the question that is open; return the line."""
    line = talk.it.answer(talk.prompt, text)
    assert line is not None
    return line.word, dict(line.fields)


# -- the tables ------------------------------------------------------------------------------------


def to_greeting() -> Talk:
    return Talk("ann", "secret word")


def to_logging_in() -> Talk:
    return greeted("ann", "secret word")


def to_resuming() -> Talk:
    talk = greeted("ann", "secret word")
    talk.it.let_in(SendAgain("ann", "lobby"))
    return talk


def to_plain() -> Talk:
    talk = Talk()
    talk.hear(PLAIN, text="Hello there")
    return talk


def to_down() -> Talk:
    talk = inside()
    talk.lose()
    return talk


WAYS: dict[State, Callable[[], Talk]] = {
    State.GREETING: to_greeting,
    State.LOGGING_IN: to_logging_in,
    State.RESUMING: to_resuming,
    State.TALKING: inside,
    State.PLAIN: to_plain,
    State.DOWN: to_down,
}


def happen(talk: Talk, event: Event) -> None:
    if event is Event.HELLO:
        talk.hear("hello", v=1)
    elif event is Event.PLAIN:
        talk.hear(PLAIN, text="Hello there")
    elif event is Event.WELCOME:
        talk.it.let_in(SendAgain("ann", "lobby"))
    elif event is Event.SENT_AGAIN:
        talk.it.sent_again()
    else:
        talk.lose()


@pytest.mark.parametrize("event", Event)
@pytest.mark.parametrize("state", State)
def test_each_event_leads_where_the_table_says_and_else_nowhere(state: State, event: Event) -> None:
    talk = WAYS[state]()
    assert talk.it.state is state
    happen(talk, event)
    assert talk.it.state is TRANSITIONS.get((state, event), state)


def test_every_state_can_be_reached_and_lost() -> None:
    assert set(TRANSITIONS.values()) | {State.GREETING} == set(State)
    assert {state for state, event in TRANSITIONS if event is Event.LOST} == set(State)


def test_every_refusal_has_its_row() -> None:
    assert set(REFUSALS) == set(Tried)


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
    assert talk.it.rooms == frozenset({"lobby", "dev"})


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

PASSING = (Code.THROTTLED, Code.CROWDED, Code.NOT_KEPT, Code.UNCONFIRMED)
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


# -- questions -------------------------------------------------------------------------------------


def test_a_question_that_comes_while_a_line_is_typed_is_asked_late() -> None:
    talk = inside()
    assert talk.ask("old-password", secret=True) == []
    talk.it.is_reading = True
    actions = talk.ask("new-password", secret=True)
    assert actions == [AskLate(talk.prompt)]


def test_a_secret_goes_to_its_own_question_and_to_no_other_one() -> None:
    talk = greeted()
    talk.ask("password", secret=True)
    before = talk.prompt
    talk.lose()
    assert talk.it.answer(before, "secret word") is None
    talk.hear("hello", v=1)
    talk.ask("password", secret=True)
    assert talk.it.answer(before, "secret word") is None
    assert talk.it.prompt is not None  # it is still open for its own answer
    talk.it.answer(talk.prompt, "secret word")
    assert talk.it.answer(before, "secret word") is None


def test_what_is_no_secret_answers_the_same_question_after_a_loss() -> None:
    talk = greeted()
    talk.ask("name")
    before = talk.prompt
    talk.lose()
    talk.hear("hello", v=1)
    talk.ask("name")
    assert talk.it.answer(before, "ann") == Send("answer", {"text": "ann"})
    assert talk.it.answer(before, "ann") is None  # not twice


def test_no_answer_goes_to_another_question() -> None:
    talk = greeted()
    talk.ask("account")
    before = talk.prompt
    talk.ask("name")
    assert talk.it.answer(before, "y") is None


def test_secrets_do_not_stand_in_what_is_written_of_an_action() -> None:
    talk = greeted("ann", "secret word")
    [line] = talk.ask("account")
    assert "secret word" not in repr(line)
    assert "t1" not in repr(DropTicket("t1"))


def test_a_command_that_asks_is_over_with_its_answer() -> None:
    talk = inside()
    command = talk.it.command("/changepassword")
    talk.ask("old-password", secret=True)
    assert answer(talk, "secret word") == ("answer", {"text": "secret word"})
    talk.ask("new-password", secret=True)
    answer(talk, "a better one")
    talk.ask("again", secret=True)
    talk.hear("result", cid=command.cid, command="changepassword", ok=True, text="Changed.")
    assert talk.it.prompt is None
    assert not talk.it.pending
    talk.lose()
    talk.hear("hello", v=1)
    [(_, fields)] = sent(talk.ask("account"))
    assert fields["password"] == "a better one"


# -- messages and commands -------------------------------------------------------------------------


def test_a_message_is_kept_until_it_comes_back() -> None:
    talk = inside()
    message = talk.it.post("hello")
    assert message.fields == {"text": "hello", "cid": message.cid, "room": "lobby"}
    assert not message.is_held
    fields = {"room": "lobby", "id": "e-1", "cid": message.cid, "text": "hello"}
    [show] = talk.hear("message", **{"from": "bob"}, **fields)
    assert show == Show(Said("message", {"from": "bob", **fields}))  # another's, by chance
    assert len(talk.it.pending) == 1
    talk.now += 5
    [show] = talk.hear("message", **{"from": "ann"}, **fields)
    assert isinstance(show, Show) and show.sent is message
    assert not talk.it.pending
    assert talk.it.last_settled == talk.now
    [show] = talk.hear("message", **{"from": "ann"}, **fields)
    assert isinstance(show, Show) and show.sent is None  # repeated: it answers nothing more


def test_a_message_that_is_refused_is_not_sent_again() -> None:
    talk = inside()
    message = talk.it.post("hello")
    [show] = talk.hear("result", cid=message.cid, ok=False, code=Code.MUTED, text="Muted.")
    assert isinstance(show, Show) and show.sent is message
    talk.lose()
    talk.hear("hello", v=1)
    talk.ask("account")
    talk.let_in()
    assert talk.again == []


def test_after_a_loss_messages_go_out_again_in_order_and_commands_do_not() -> None:
    talk = inside()
    one = talk.it.post("one")
    command = talk.it.command("/who")
    two = talk.it.post("two")
    assert talk.lose() == [NotAnswered(command), Reconnect("gone", None, is_announced=False)]
    three = talk.it.post("three")
    assert three.is_held
    with pytest.raises(UserError, match="no connection"):
        talk.it.command("/who")
    talk.hear("hello", v=1)
    talk.ask("account")
    talk.let_in()
    assert talk.again == [one, two, three]
    assert [message.cid for message in talk.again] == [one.cid, two.cid, three.cid]


def test_what_is_shown_is_shown_before_more_may_be_typed() -> None:
    talk = inside()
    command = talk.it.command("/who")
    steps = talk.it.hear(Said("result", {"cid": command.cid, "ok": True, "text": "ann"}))
    assert isinstance(next(steps), Show)
    assert talk.it.awaited.is_open  # it is only on its way to the screen
    assert next(steps, None) is None
    assert not talk.it.awaited.is_open


def test_nobody_waits_for_ever_for_a_command_but_where_a_secret_may_be_typed() -> None:
    talk = inside()
    talk.it.command("/who")
    talk.now += 6
    assert not talk.it.awaited.is_open
    talk.it.command("/changepassword")
    talk.now += 3600
    assert talk.it.awaited.is_open


def test_busy_and_free_of_older_servers_have_no_other_answer_than_their_control_line() -> None:
    talk = inside()
    command = talk.it.command("/busy 10")
    [show] = talk.hear("control", do="busy", text="You are busy.")
    assert isinstance(show, Show) and show.sent is command


def test_busy_is_answered_by_its_result_where_there_is_one() -> None:
    talk = Talk("ann", "secret word")
    talk.hear("hello", v=1, features=["answers", "named-commands"])
    talk.ask("account")
    talk.let_in()
    command = talk.it.command("/busy 10")
    [show] = talk.hear("control", do="busy", text="You are busy.")
    assert isinstance(show, Show) and show.sent is None
    [show] = talk.hear("result", ok=True, text="", cid=command.cid)
    assert isinstance(show, Show) and show.sent is command


def test_too_much_is_refused_before_it_is_kept() -> None:
    talk = Talk("ann", "secret word")
    talk.hear("hello", v=1, line_bytes=300)
    talk.ask("account")
    talk.let_in()
    assert talk.it.why_too_long("x" * 400, is_command=False)
    assert not talk.it.why_too_long("x", is_command=False)
    with pytest.raises(UserError, match="longer than 300 bytes"):
        talk.it.post("x" * 400)
    with pytest.raises(UserError, match="longer than 300 bytes"):
        talk.it.command("/x" + "x" * 400)
    talk.lose()
    for number in range(1000):
        talk.it.post(str(number))
    with pytest.raises(UserError, match="Too many lines"):
        talk.it.post("one more")
    assert len(talk.it.pending) == 1000


@pytest.mark.parametrize("most", ["many", None, True, -1, 1.5])
def test_a_server_that_says_nonsense_of_its_lines_is_taken_to_mean_the_usual(most: object) -> None:
    talk = Talk("ann", "secret word")
    talk.hear("hello", v=1, line_bytes=most)
    assert talk.it.why_too_long("x" * 9000, is_command=False)
    assert not talk.it.why_too_long("x", is_command=False)


def test_a_program_talks_in_the_lobby_wherever_the_account_has_talked_last() -> None:
    talk = greeted("ann", "secret word", begins_in="lobby")
    talk.ask("account")
    talk.let_in(room="dev", rooms=["lobby", "dev"])
    assert talk.it.room == "lobby"
    talk.hear("control", do="room", room="dev")
    talk.lose()
    talk.hear("hello", v=1)
    talk.ask("account")
    talk.let_in(room="lobby", rooms=["lobby", "dev"])
    assert talk.it.room == "dev"  # where it was itself
    talk.lose()
    talk.hear("hello", v=1)
    talk.ask("account")
    talk.let_in(room="lobby", rooms=["lobby"])
    assert talk.it.room == "lobby"  # it was taken out of the other one


# -- what the server does --------------------------------------------------------------------------


def test_a_ping_is_answered() -> None:
    assert inside().hear("ping") == [Send("pong", {})]


def test_words_of_later_servers_mean_nothing() -> None:
    assert inside().hear("of-later", text="x") == []
    assert kinds(inside().hear("control", do="of-later", text="x")) == [Show]


def test_an_export_is_shown() -> None:
    assert kinds(inside().hear("export", name="ann")) == [Show]


def test_a_new_name_is_the_one_that_logs_in_again() -> None:
    talk = inside()
    talk.hear("control", do="rename", user="anna", text="You are anna.")
    assert talk.it.user == "anna"
    talk.lose()
    talk.hear("hello", v=1)
    [(_, fields)] = sent(talk.ask("account"))
    assert fields["name"] == "anna"


def test_who_is_kicked_does_not_come_back() -> None:
    actions = inside().hear("control", do="kick", text="You were kicked by boss.")
    assert kinds(actions) == [Show, Finish]
    assert actions[-1] == Finish(End(KICKED))


@pytest.mark.parametrize("code", [Code.STOPPING, Code.RESTARTING])
def test_a_server_that_stops_is_waited_for(code: str) -> None:
    talk = inside()
    assert kinds(talk.hear("control", do="disconnect", code=code, text="Bye.")) == [Show]
    assert talk.lose() == [Reconnect("gone", None, is_announced=True)]
    talk.hear("hello", v=1)
    assert talk.lose() == [Reconnect("gone", None, is_announced=False)]  # said once


def test_a_restart_is_announced() -> None:
    talk = inside()
    talk.hear("control", do="restart", text="The server restarts.")
    assert talk.lose() == [Reconnect("gone", None, is_announced=True)]


@pytest.mark.parametrize("code", [Code.REFUSED, Code.RESET, Code.SESSION_ENDED])
def test_a_visit_that_the_server_ends_is_over(code: str) -> None:
    actions = inside().hear("control", do="disconnect", code=code, text="Bye.")
    assert actions[-1] == Finish(End(UNREACHABLE))


@pytest.mark.parametrize("code", PASSING)
def test_a_login_that_is_put_off_with_the_connection_is_tried_on_another_one(code: str) -> None:
    talk = greeted("ann", "secret word")
    talk.ask("account")
    talk.hear("control", do="disconnect", code=code, wait=3, text="Full.")
    assert talk.lose() == [Reconnect("gone", Why(code, 3.0, "Full."), is_announced=False)]


def test_who_was_asked_in_an_earlier_login_is_not_sent_away_by_a_busy_server() -> None:
    talk = greeted()
    for ask, text in (("account", "n"), ("name", "ann"), ("password", "secret word")):
        talk.ask(ask)
        answer(talk, text)
    talk.let_in()
    talk.lose()
    talk.hear("hello", v=1)
    assert kinds(talk.hear("control", do="disconnect", code=Code.CROWDED, text="Full.")) == [Show]
    assert kinds(talk.lose()) == [Reconnect]


def test_a_login_that_is_ended_while_a_person_answers_is_over() -> None:
    talk = greeted()
    talk.ask("account")
    actions = talk.hear("control", do="disconnect", code=Code.CROWDED, text="Too late.")
    assert actions[-1] == Finish(End(NOT_LOGGED_IN))


def test_a_login_is_the_servers_turn_until_it_asks_a_person() -> None:
    talk = greeted()
    assert talk.it.is_servers_turn
    talk.ask("account")
    assert not talk.it.is_servers_turn
    answer(talk, "n")
    assert talk.it.is_servers_turn
    assert not inside().it.is_servers_turn


# -- the end of a connection -----------------------------------------------------------------------


def test_a_server_that_closes_before_hello_does_not_let_in() -> None:
    [action] = Talk().lose("You are banned.")
    assert action == Finish(End(UNREACHABLE, "here port 1 does not let you in: You are banned."))
    [action] = Talk().lose("No.", Why(Code.REFUSED, 1.0, "No."))
    assert isinstance(action, Finish)


def test_a_server_that_is_full_before_hello_is_tried_again() -> None:
    away = Why(Code.CROWDED, 2.0, "Full.")
    assert Talk().lose("Full.", away) == [Reconnect("Full.", away, is_announced=False)]


@pytest.mark.parametrize(("cut", "code"), [(False, OK), (True, UNREACHABLE)])
def test_a_plain_server_that_closes_is_not_called_again(cut: bool, code: int) -> None:
    talk = to_plain()
    assert talk.it.is_open
    [action] = talk.lose(cut=cut)
    assert action == Finish(End(code, "here port 1 has closed the connection."))


def test_plain_text_among_events_is_shown_and_changes_nothing() -> None:
    talk = inside()
    assert kinds(talk.hear(PLAIN, text="hm")) == [Show]
    assert talk.it.state is State.TALKING


def test_lines_may_be_typed_while_the_connection_is_away_but_not_before_a_login() -> None:
    talk = greeted()
    assert not talk.it.is_open
    assert inside().it.is_open
    assert to_down().it.is_open


# -- goodbye ---------------------------------------------------------------------------------------


def test_goodbye_is_a_command_where_it_is_heard() -> None:
    assert inside().it.leave() == Send("command", {"line": "/disconnect"})
    assert to_plain().it.leave() == FinishSending()
    assert to_down().it.leave() is None
    assert greeted().it.leave() is None
    talk = inside()
    talk.ask("old-password", secret=True)
    assert talk.it.leave() is None  # it would be the answer


def test_who_leaves_does_not_come_back() -> None:
    talk = inside()
    talk.it.leave()
    actions = talk.hear("control", do="disconnect", code=Code.STOPPING, text="Bye.")
    assert actions[-1] == Finish(End(OK))
    assert talk.lose() == [Finish(End(OK))]


def test_a_goodbye_that_is_refused_lets_the_person_stay() -> None:
    talk = inside()
    goodbye = talk.it.command("/disconnect now")
    assert talk.it.is_leaving
    talk.hear("result", cid=goodbye.cid, command="disconnect", ok=False, text="No such thing.")
    assert not talk.it.is_leaving
    assert kinds(talk.lose()) == [Reconnect]
