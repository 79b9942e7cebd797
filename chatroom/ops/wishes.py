"""What signals and commands want of the main thread, which waits for it: a stop, a restart, …"""

import enum
import os
import select
import signal


class Wish(enum.Enum):
    """What :meth:`Wishes.wait` returns."""

    STOP = "stop or restart now"
    RESTART = "restart, if the program would come up"
    RELOAD = "read the settings anew"


_STOPPING = (signal.SIGTERM, signal.SIGINT)
_WAITING = (signal.SIGUSR2, signal.SIGHUP)
_NOW = 0  # no signal has this number


class Wishes:
    """A pipe of wishes. The main thread makes it, and waits; any thread may wish."""

    def __init__(self) -> None:
        # Not an Event: a signal's handler runs in the thread that waits, between any two of its
        # steps, and would wait for a lock that this same thread holds.
        self._inside, self._outside = os.pipe()
        os.set_blocking(self._outside, False)
        self._stopping: tuple[int, ...] = _STOPPING
        self.is_stop_wanted = False
        """A signal wants a stop, or somebody who has called :meth:`stop`."""

    def catch_signals(self) -> None:
        """Let SIGTERM and SIGINT be a wish to stop, SIGUSR2 one to restart, SIGHUP one to reload.

        At a terminal SIGHUP says that this is gone: then it stops, too.
        """
        self._stopping = (*_STOPPING, *([signal.SIGHUP] if _is_at_terminal() else ()))
        for number in self._stopping:
            signal.signal(number, lambda *_: self.stop())
        for number in {signal.SIGUSR2, signal.SIGHUP} - {*self._stopping}:
            signal.signal(number, lambda *_: None)
        # The kernel may hand a signal to any thread, and then nothing interrupts the one that
        # waits: the interpreter itself writes its number, whichever thread it is
        # (signal.set_wakeup_fd).
        signal.set_wakeup_fd(self._outside, warn_on_full_buffer=False)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [*_STOPPING, *_WAITING])

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
        if _NOW in wishes or any(number in wishes for number in self._stopping):
            return Wish.STOP
        if signal.SIGHUP in wishes:
            if signal.SIGUSR2 in wishes:
                os.write(self._outside, bytes([signal.SIGUSR2]))  # comes next
            return Wish.RELOAD
        return Wish.RESTART if signal.SIGUSR2 in wishes else None


def _is_at_terminal() -> bool:
    """Tell whether this process ends with a terminal: it has a controlling one (tty(4))."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True


def hold_restarts() -> None:
    """Let SIGUSR2 and SIGHUP wait until signals are caught; before, they would end the program."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _WAITING)


def let_stop() -> None:
    """Let a stop through that came before an ``exec``: the start takes long."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPPING)


def hold_all() -> None:
    """Let all these signals wait, for a program that an ``exec`` begins."""
    signal.pthread_sigmask(signal.SIG_BLOCK, [*_STOPPING, *_WAITING])
