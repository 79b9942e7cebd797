"""What signals and commands want of the main thread, which waits for it: a stop, a restart."""

import enum
import os
import select
import signal


class Wish(enum.Enum):
    """What :meth:`Wishes.wait` returns."""

    STOP = "stop or restart now"
    RESTART = "restart, if the program would come up"


_STOPPING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_NOW = 0  # no signal has this number


class Wishes:
    """A pipe of wishes. The main thread makes it, and waits; any thread may wish."""

    def __init__(self) -> None:
        # Not an Event: a signal's handler runs in the thread that waits, between any two of its
        # steps, and would wait for a lock that this same thread holds.
        self._inside, self._outside = os.pipe()
        os.set_blocking(self._outside, False)
        self.is_stop_wanted = False
        """A signal wants a stop, or somebody who has called :meth:`stop`."""

    def catch_signals(self) -> None:
        """Let SIGTERM, SIGINT and SIGHUP be a wish to stop, and SIGUSR2 one to restart."""
        for number in _STOPPING:
            signal.signal(number, lambda *_: self.stop())
        signal.signal(signal.SIGUSR2, lambda *_: None)
        # The kernel may hand a signal to any thread, and then nothing interrupts the one that
        # waits: the interpreter itself writes its number, whichever thread it is
        # (signal.set_wakeup_fd).
        signal.set_wakeup_fd(self._outside, warn_on_full_buffer=False)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGUSR2])

    def stop(self) -> None:
        """Wish a stop; may be called from a signal handler, any number of times."""
        self.is_stop_wanted = True
        self.now()

    def now(self) -> None:
        """Let :meth:`wait` return: whoever calls this has noted why."""
        try:
            os.write(self._outside, bytes([_NOW]))
        except BlockingIOError:
            pass  # there are wishes enough

    def wait(self, seconds: float) -> Wish | None:
        """Wait for a wish, so many seconds at most; a stop goes before all else."""
        if not select.select([self._inside], [], [], seconds)[0]:
            return None
        wishes = os.read(self._inside, 4096)
        if _NOW in wishes or any(number in wishes for number in _STOPPING):
            return Wish.STOP
        return Wish.RESTART if signal.SIGUSR2 in wishes else None


def hold_restarts() -> None:
    """Let a SIGUSR2 wait until signals are caught; without that it would end the program."""
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2])
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPPING)


def hold_all() -> None:
    """Let all these signals wait, for a program that an ``exec`` begins."""
    signal.pthread_sigmask(signal.SIG_BLOCK, [*_STOPPING, signal.SIGUSR2])
