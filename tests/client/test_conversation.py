"""What the client does with what the server says: the protocol alone, no server, no socket."""

from collections.abc import Callable

import pytest

from chatroom.client.conversation import State
from chatroom.client.conversation.actions import (
    AskLate,
    DropTicket,
    Finish,
    FinishSending,
    NotAnswered,
    Reconnect,
    Send,
    SendAgain,
    Show,
)
from chatroom.client.conversation.states import REFUSALS, TRANSITIONS, Event, Tried
from chatroom.client.exit_codes import KICKED, NOT_LOGGED_IN, OK, UNREACHABLE, End
from chatroom.client.said import PLAIN, Said, Why
from chatroom.errors import Code, UserError
from tests.client.talk import PASSING, Talk, answer, greeted, inside, kinds, sent

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


@pytest.mark.parametrize("code", [Code.TOO_SLOW, Code.INTERNAL])
def test_who_loses_a_connection_by_the_servers_word_comes_back(code: str) -> None:
    talk = inside()
    assert kinds(talk.hear("control", do="disconnect", code=code, text="Bye.")) == [Show]
    assert talk.lose() == [Reconnect("gone", None, is_announced=False)]


def test_a_restart_is_announced() -> None:
    talk = inside()
    assert talk.hear("control", do="restart", text="The server restarts.") == []
    assert talk.lose() == [Reconnect("gone", None, True, "The server restarts.")]
    talk.hear("hello", v=1)
    assert talk.lose() == [Reconnect("gone", None, is_announced=False)]  # said once


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
