"""The client: one thread sends what the person types, one shows what comes.

``conversation`` is the protocol, ``connection`` one connection; ``session`` and ``receiver`` are
for the two threads; ``ui`` and ``api`` are where lines come from. Programs say ``from
chatroom.client import Client``. The client shares only the ground floor with the server.
"""

import os

TYPE_CHECKING = False  # what type checkers know; importing typing would take a while
if TYPE_CHECKING:
    from collections.abc import Sequence

    from chatroom.client.api import Answer as Answer
    from chatroom.client.api import Client as Client
    from chatroom.client.api import Event as Event
    from chatroom.client.api import Message as Message
    from chatroom.client.api import NotDelivered as NotDelivered
    from chatroom.client.api import Page as Page
    from chatroom.client.api import Person as Person
    from chatroom.client.api import Room as Room
    from chatroom.client.api import Unread as Unread
    from chatroom.client.exit_codes import Ended as Ended
    from chatroom.errors import UserError as UserError

INTERRUPTED = 130
SCRIPT_COMMANDS = (
    *("send", "tail", "wait"),
    *("history", "search", "who", "rooms", "mail", "export"),
)
_LIBRARY = (
    "Answer",
    "Client",
    "Ended",
    "Event",
    "Message",
    "NotDelivered",
    "Page",
    "Person",
    "Room",
    "Unread",
)


def __getattr__(name: str) -> object:
    """Load the library when it is asked for: the program itself starts without waiting."""
    if name in _LIBRARY:
        from chatroom.client import api

        return getattr(api, name)
    if name == "UserError":
        from chatroom.errors import UserError

        return UserError
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def main(argv: "Sequence[str] | None" = None) -> int:
    """Run the client to its end and return the exit status. The main thread only.

    :param argv: the words after the program's name; None takes those of the process.

    Never raises but for ``SystemExit`` from wrong flags.
    """
    code = INTERRUPTED
    try:
        import signal

        usual = signal.getsignal(signal.SIGINT)
        if usual is not signal.SIG_IGN:
            # While modules load, Ctrl-C would show the import system's own tracebacks.
            signal.signal(signal.SIGINT, lambda *_: os._exit(INTERRUPTED))
        import sys

        words = sys.argv[1:] if argv is None else list(argv)
        from chatroom.startup import load

        module = "script_commands" if words and words[0] in SCRIPT_COMMANDS else "main"
        run = load(f"chatroom.client.cli.{module}").run

        signal.signal(signal.SIGINT, usual)
        code = run(words)
    except KeyboardInterrupt:
        pass
    while True:
        try:
            # An impatient second Ctrl-C must not disturb the interpreter's own end.
            import signal

            signal.signal(signal.SIGINT, signal.SIG_IGN)
            return code
        except KeyboardInterrupt:
            continue
