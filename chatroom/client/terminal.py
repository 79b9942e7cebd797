"""A person at a terminal: reads what is typed, asks the server's questions."""

import getpass
import os
import select
import signal
import sys

from chatroom.client.ends import OK, End, Ended
from chatroom.client.ledger import Sent
from chatroom.client.link import Said
from chatroom.client.screen import Screen
from chatroom.client.visit import Prompt, Visit
from chatroom.errors import UserError
from chatroom.text import clean_line

try:
    import termios
except ImportError:  # Windows
    termios = None  # type: ignore[assignment]


class Terminal:
    """The front of a person. :meth:`run` belongs to the main thread, the rest is for both."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._echo = Echo()

    def run(self, visit: Visit) -> int:
        """Send what is typed until the visit ends; return the exit status. Never raises."""
        try:
            try:
                self._talk(visit)
            except KeyboardInterrupt:
                self._leave(visit)
        except Ended as ended:
            return visit.conclude(ended.end)
        except OSError:  # nobody reads standard output any more
            visit.finish(End(OK, is_quiet=True))
        except KeyboardInterrupt:  # once more, while the goodbye was waited for
            visit.leave(patiently=False)
        return visit.conclude(visit.end or End(OK))

    # -- what a front does: see visit.Front ----------------------------------------------------

    def show(self, said: Said, text: str, sent: Sent | None) -> None:
        if text:
            self._screen.write(text)

    def tell(self, sentence: str) -> None:
        self._screen.tell(sentence)

    def ask_late(self, prompt: Prompt) -> None:
        if prompt.secret and not self._echo.off():
            self._screen.write(f"{prompt.text} (Press Enter first; then it is read unseen.)\n")
        else:
            self._screen.write(f"{prompt.text} ")

    def lost(self, command: Sent) -> None:
        word = command.text.split()[0]
        if word.lower() != "/restart":
            self.tell(f"The server has not said whether {word} was done.")

    def conclude(self, end: End, waiting: list[Sent], last_kept: int) -> int:
        self._echo.restore()
        if end.is_quiet:
            self._screen.be_quiet()
            return end.code
        if end.sentence:
            self.tell(end.sentence)
        if waiting:
            self.tell(f"{_count(len(waiting), 'message')} may not have arrived.")
        return end.code

    # -- the main thread -----------------------------------------------------------------------

    def _talk(self, visit: Visit) -> None:
        while True:
            prompt = visit.wait_turn()
            if not visit.begin_reading(prompt):
                continue
            line = None
            try:
                line = self._read(prompt)
            finally:
                visit.end_reading()
            if line is None:
                self._leave(visit)
                return
            try:
                self._send(visit, line, prompt)
            except UserError as error:
                self.tell(str(error))

    def _leave(self, visit: Visit) -> None:
        self._screen.write("\n")  # the shell's prompt, or the goodbye, on a line of its own
        visit.leave(patiently=not visit.is_plain)

    def _read(self, prompt: Prompt | None) -> str | None:
        """Return a line without its end; None at the end of the input."""
        try:
            if prompt is not None and prompt.secret:
                return getpass.getpass(f"{prompt.text} ")
            if prompt is not None:
                self._screen.write(f"{prompt.text} ")
            _wait_for_typing()
            line = sys.stdin.readline()
        except UnicodeDecodeError:
            return ""
        except (EOFError, OSError):  # OSError: the terminal has gone
            return None
        # Without a line end it was cut off by Ctrl-D: not meant to be sent.
        return line.rstrip("\r\n") if line.endswith("\n") else None

    @staticmethod
    def _cleaned(line: str) -> str:
        return clean_line(line)

    def _send(self, visit: Visit, line: str, prompt: Prompt | None) -> None:
        was_unseen = self._echo.on()
        if was_unseen:
            self._screen.write("\n")  # that of Enter was not seen
        late = visit.prompt
        if late is not None and late is not prompt:  # see ask_late
            if late.secret and not was_unseen and not (prompt and prompt.secret):
                if line:
                    self.tell("That line was not sent.")
                return
            prompt = late
        if prompt is not None:
            if not visit.answer(prompt, line):
                self.tell("That is not asked any more.")
            return
        if visit.is_plain:
            visit.line(line)
            return
        line = self._cleaned(line)
        if not line.strip():
            return
        if line.startswith("/") and not line.startswith("//"):
            visit.command(line)
        elif not visit.post(line[1:] if line.startswith("//") else line):
            self.tell("There is no connection just now; this is sent when it is back.")


def _wait_for_typing() -> None:
    """Wait for a line in a way that Ctrl-C always ends.

    A signal that comes just before a blocking read leaves its mark, and the read blocks all the
    same: so the wait is for the byte, too, that the signal writes (``signal.set_wakeup_fd``).
    """
    if termios is None:
        return
    woken, waking = os.pipe()
    os.set_blocking(waking, False)
    before = signal.set_wakeup_fd(waking, warn_on_full_buffer=False)
    try:
        select.select([sys.stdin, woken], [], [])
    finally:
        signal.set_wakeup_fd(before)
        os.close(woken)
        os.close(waking)


class LinearTerminal(Terminal):
    """For screen readers: who speaks comes first, nothing is drawn twice, nothing decorated."""

    def show(self, said: Said, text: str, sent: Sent | None) -> None:
        if said.word == "message" and " | " in text:
            clock, _, line = text.rstrip("\n").partition(" | ")
            tag, bar, rest = line.partition(" | ")
            line = f"{rest} ({tag})" if bar and tag.startswith("#") else line
            text = f"{line} ({clock})\n"
        super().show(said, text, sent)


class Echo:
    """Whether the terminal shows what is typed, where that can be set. Any thread."""

    def __init__(self) -> None:
        self._usual = None
        self._is_off = False
        if termios is not None:
            try:
                self._usual = termios.tcgetattr(sys.stdin.fileno())
            except (termios.error, OSError, ValueError, AttributeError):
                pass

    def off(self) -> bool:
        """Stop it, and forget a line that was begun; False when that cannot be done here."""
        if self._usual is None:
            return False
        attributes = list(self._usual)
        attributes[3] &= ~termios.ECHO
        return self._set(termios.TCSAFLUSH, attributes, is_off=True)

    def on(self) -> bool:
        """Show again what is typed; True when :meth:`off` had been called."""
        return self._is_off and self.restore()

    def hold(self) -> None:
        """Let what is typed wait unseen and as it is, for a prompt that is about to open."""
        if self._usual is None:
            return
        attributes = list(self._usual)
        attributes[0] &= ~(termios.ICRNL | termios.IXON)
        attributes[3] &= ~(termios.ECHO | termios.ICANON | termios.IEXTEN)
        self._set(termios.TCSANOW, attributes, is_off=False)

    def restore(self) -> bool:
        """Put the terminal back as it was at the start; True when :meth:`off` had been called."""
        was_off = self._is_off
        if self._usual is not None:
            self._set(termios.TCSANOW, self._usual, is_off=False)
        return was_off

    def _set(self, when: int, attributes: list, is_off: bool) -> bool:  # type: ignore[type-arg]
        try:
            termios.tcsetattr(sys.stdin.fileno(), when, attributes)
        except (termios.error, OSError, ValueError):
            return False
        self._is_off = is_off
        return True


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
