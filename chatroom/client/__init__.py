"""The client: one thread sends what the person types, one shows what comes.

``link`` is one connection, ``visit`` keeps one up and logged in, ``terminal`` and ``pipe`` are the
two places where lines come from. The client shares only the grammar with the server.
"""

import signal
from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Run the client to its end and return the exit status. The main thread only.

    :param argv: the words after the program's name; None takes those of the process.

    Never raises but for ``SystemExit`` from wrong flags.
    """
    try:
        # Inside, so that Ctrl-C while this is still loading shows no traceback.
        from chatroom.client.start import run

        return run(argv)
    except KeyboardInterrupt:
        return 130
    finally:
        # An impatient second Ctrl-C must not disturb the interpreter's own end.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
