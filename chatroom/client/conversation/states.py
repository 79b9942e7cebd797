"""The states of a conversation, and what leads from one to another: all of it is in two tables."""

import enum


class State(enum.Enum):
    """Where the conversation stands."""

    GREETING = "connected; the server has not said yet what it speaks"
    LOGGING_IN = "questions are asked and answered"
    RESUMING = "logged in; what was never confirmed goes out again"
    TALKING = "lines go out as they come"
    PLAIN = "the server does not speak events: it is shown and spoken to as it is"
    DOWN = "there is no connection that has said hello"


class Event(enum.Enum):
    """What moves it from one state to another."""

    HELLO = "the server says hello"
    PLAIN = "it says something else before it"
    WELCOME = "it lets the person in"
    SENT_AGAIN = "what was never confirmed has gone out again"
    LOST = "the connection has ended"


TRANSITIONS = {
    (State.GREETING, Event.HELLO): State.LOGGING_IN,
    (State.GREETING, Event.PLAIN): State.PLAIN,
    (State.GREETING, Event.LOST): State.DOWN,
    (State.LOGGING_IN, Event.HELLO): State.LOGGING_IN,
    (State.LOGGING_IN, Event.WELCOME): State.RESUMING,
    (State.LOGGING_IN, Event.LOST): State.DOWN,
    (State.RESUMING, Event.SENT_AGAIN): State.TALKING,
    (State.RESUMING, Event.LOST): State.DOWN,
    (State.TALKING, Event.HELLO): State.LOGGING_IN,
    (State.TALKING, Event.WELCOME): State.RESUMING,
    (State.TALKING, Event.LOST): State.DOWN,
    (State.PLAIN, Event.LOST): State.DOWN,
    (State.DOWN, Event.HELLO): State.LOGGING_IN,
    (State.DOWN, Event.LOST): State.DOWN,
}
"""Where each event leads from each state; what is not listed changes nothing."""


class Tried(enum.Enum):
    """What the login has tried last."""

    NOTHING = "not a word was said for the person"
    TICKET = "the ticket"
    KNOWN_PASSWORD = "a password that was given or typed before"
    KNOWN_ANSWER = "another answer that is known"
    TYPED_PASSWORD = "a password, asked of the person"
    TYPED_ANSWER = "another answer, asked of the person"

    @property
    def is_typed(self) -> bool:
        """A person was asked."""
        return self in (Tried.TYPED_PASSWORD, Tried.TYPED_ANSWER)


class Then(enum.Enum):
    """What follows on a refusal of the login, in front of the server's next question."""

    TRY_AGAIN = "wait as long as the server says; what was tried is as good as before"
    USE_PASSWORD = "forget the ticket"
    OTHER_PASSWORD = "forget the password; where nobody can be asked, the visit is over"
    ASK_AGAIN = "say what was refused; the person answers anew"


REFUSALS = {
    # tried: (what follows on a code that passes by itself, what follows on any other one)
    Tried.NOTHING: (Then.TRY_AGAIN, Then.ASK_AGAIN),
    Tried.TICKET: (Then.TRY_AGAIN, Then.USE_PASSWORD),
    Tried.KNOWN_PASSWORD: (Then.TRY_AGAIN, Then.OTHER_PASSWORD),
    Tried.KNOWN_ANSWER: (Then.TRY_AGAIN, Then.ASK_AGAIN),
    Tried.TYPED_PASSWORD: (Then.ASK_AGAIN, Then.OTHER_PASSWORD),
    Tried.TYPED_ANSWER: (Then.ASK_AGAIN, Then.ASK_AGAIN),
}
