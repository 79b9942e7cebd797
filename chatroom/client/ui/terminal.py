"""A person at a terminal: reads what is typed, asks the server's questions."""

import contextlib
import os
import select
import signal
import sys
import threading
from types import FrameType

from chatroom.client.conversation import Prompt
from chatroom.client.exit_codes import OK, End, Ended
from chatroom.client.pending import Sent, asks_secrets, is_command, unsent
from chatroom.client.said import Said, text_of
from chatroom.client.session import Session
from chatroom.client.ui.bell import Bell
from chatroom.client.ui.echo import Echo
from chatroom.client.ui.fold import fold
from chatroom.client.ui.links import Links
from chatroom.client.ui.notify import Notifier
from chatroom.client.ui.preferences import USUAL, Preferences
from chatroom.client.ui.read_line import read_unseen, wait_for_typing
from chatroom.client.ui.screen import Screen
from chatroom.errors import UserError
from chatroom.text import clean_line

_SAID_LATE_SECONDS = 5.0
_ENDING = ("SIGTERM", "SIGHUP", "SIGQUIT")
"""Signals at which a person's client says goodbye and puts the terminal back."""
_OWN_COMMANDS = ("bell", "clear", "open")
_NOBODY = Prompt("", "", secret=False)
"""Stands for who gets a line that nobody may get."""


class Terminal:
    """The frontend of a person. :meth:`run` belongs to the main thread, the rest is for both.

    A secret that is typed goes to the question that was open when its first key was typed, or to
    nobody: what was typed ahead of such a question, or behind a command that asks one, is thrown
    away, and a line that was begun at one question is no answer to another one.
    """

    _own_help = "In this program: /bell off|mentions|all, /open [N]; Ctrl-D leaves.\n"

    def __init__(self, screen: Screen, wants: Preferences = USUAL) -> None:
        self._screen = screen
        self._echo = Echo()
        self._bell = Bell(wants.bell)
        self._notifier = Notifier(wants.notify, wants.notify_text, self.tell)
        self._links = Links(wants.open)
        self._own = ""  # the name that the server knows this person by
        self._ended_by = 0  # a signal
        self._is_behind_question = False  # the cursor, as far as we know
        self._is_secret_about = False  # what is typed now may be meant for a secret question
        self._is_in = False  # a login has succeeded
        # Guards what follows, and the taking of a line from the terminal. Under it: the screen's.
        self._typing = threading.Lock()
        self._owner: Prompt | None = None  # the question that the line being typed belongs to
        self._is_reading = False

    def hush(self) -> None:
        """Let what is typed from now on not be seen, until it is known what it is for."""
        self._echo.hush()

    def run(self, session: Session) -> int:
        """Send what is typed until the visit ends; return the exit status. Never raises."""
        self._watch_signals()
        code = self._run(session)
        return 128 + self._ended_by if self._ended_by else code

    def _run(self, session: Session) -> int:
        try:
            try:
                self._talk(session)
            except KeyboardInterrupt:
                self._leave(session)
        except Ended as ended:
            return session.conclude(ended.end)
        except OSError:  # nobody reads standard output any more
            if self._ended_by:  # the terminal has gone
                session.leave()
            session.finish(End(OK, is_quiet=True))
        except KeyboardInterrupt:  # once more, while the goodbye was waited for
            session.leave(patiently=False)
        return session.conclude(session.end or End(OK))

    def _watch_signals(self) -> None:
        for name in _ENDING:
            number = getattr(signal, name, None)
            if number is not None and signal.getsignal(number) is signal.SIG_DFL:
                signal.signal(number, self._end_by_signal)
        if hasattr(signal, "SIGCONT"):
            signal.signal(signal.SIGCONT, self._go_on)

    def _end_by_signal(self, number: int, frame: FrameType | None) -> None:
        self._ended_by = number
        raise KeyboardInterrupt

    def _go_on(self, number: int, frame: FrameType | None) -> None:
        """The shell had the terminal meanwhile, and has left it as shells do."""
        self._echo.again()

    # -- what a frontend does: see session.Frontend ------------------------------------------------

    def show(self, said: Said, text: str, sent: Sent | None) -> None:
        self._hear(said, sent)
        if again := unsent(sent, is_seen=True):
            text += again
        if text and said.fields.get("commands") is not None:
            text = f"{text.rstrip()}\n{self._own_help}"
        export = said.word == "export"  # for programs
        if not export:
            self._links.hear(text)  # first: who has seen one may type /open at once
        if text:
            self._begin_row()
            self._screen.write(text if export else fold(text, self._screen.columns))
        if self._bell.rings(said, self._own):
            self._screen.ring(self._notifier.notify(said))

    def _hear(self, said: Said, sent: Sent | None) -> None:
        """Note what matters for what is typed."""
        is_welcome = said.word == "notice" and said.fields.get("kind") == "welcome"
        if is_welcome or (said.word == "control" and said.fields.get("do") == "rename"):
            self._own = text_of(said.fields, "user")
        if is_welcome or (sent is not None and sent.may_ask_secrets):
            self._close_secrets()
            self._show_typing(is_welcome)

    def tell(self, sentence: str) -> None:
        self._begin_row()
        self._screen.tell(sentence)

    def _begin_row(self) -> None:
        """Do not write behind a question; what is typed behind it already is not known here."""
        if self._is_behind_question:
            self._is_behind_question = False
            self._screen.write("\n")

    def ask_late(self, prompt: Prompt) -> None:
        with self._typing:
            is_asked = True
            if prompt.secret:
                self._is_secret_about = True
                is_asked = self._echo.off()
                self._owner = prompt if is_asked else _NOBODY
            elif self._owner is not None and self._owner.secret:
                is_asked = False  # the secret that is typed belongs to its question, up to Enter
            else:
                self._owner = prompt
        self._begin_row()
        if is_asked:
            self._ask(prompt)
        else:
            self._screen.write(f"{prompt.text} (Press Enter first.)\n")

    def wake(self) -> bool:
        return False

    def lost(self, command: Sent) -> None:
        if command.may_ask_secrets:
            self._close_secrets()
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

    def _talk(self, session: Session) -> None:
        is_going_on = True
        while is_going_on:
            try:
                is_going_on = self._take_turn(session)
            except KeyboardInterrupt:
                if self._ended_by or not session.stop_waiting():
                    raise
                if self._is_secret_about:
                    self._close_secrets()
                self.tell("No longer waiting for the answer.")
        self._leave(session)

    def _take_turn(self, session: Session) -> bool:
        """Read a line and send it; False at the end of the input.

        :raises KeyboardInterrupt: Ctrl-C; while an answer is waited for, it ends the waiting.
        """
        self._wait_turn(session)
        prompt = session.prompt
        if self._is_secret_about or (prompt is not None and prompt.secret):
            self._close_secrets()
        self._open(prompt)
        if not session.begin_reading(prompt):
            return True
        line = None
        try:
            line = self._read(session, prompt)
        finally:
            self._is_reading = False
            session.end_reading()
        if line is None:
            return False
        try:
            self._send(session, line)
        except UserError as error:
            if self._is_secret_about:
                self._close_secrets()
            self.tell(str(error))
        return True

    def _wait_turn(self, session: Session) -> None:
        """Wait until a line can be read."""
        self._is_reading = False
        self._wait_unseen()
        if session.wait_turn(_SAID_LATE_SECONDS):
            return
        if session.was_in:
            self.tell("The server has not answered yet. Ctrl-C ends the waiting.")
        session.wait_turn()

    def _wait_unseen(self) -> None:
        """Do not let be seen what is typed ahead of a question for a password."""
        with self._typing:
            if self._is_secret_about or not self._is_in:
                self._echo.hush()

    def _show_typing(self, is_welcome: bool) -> None:
        """Let what is typed be seen again, before it is shown that the secrets are over."""
        with self._typing:
            self._is_in = self._is_in or is_welcome
            if self._is_in and not self._is_secret_about and not self._is_reading:
                self._echo.on()

    def _close_secrets(self) -> None:
        """Throw away what was typed so far, and is not being read. Any thread."""
        with self._typing:
            if self._is_reading:
                return
            self._is_secret_about = False
            was_some = self._forget_typed()
        if was_some:
            self.tell("What was typed before this was discarded; it was not sent.")

    def _forget_typed(self) -> bool:
        """Throw away what was typed ahead; False: there was nothing. Under ``_typing``."""
        return self._echo.forget_typed()

    def _leave(self, session: Session) -> None:
        with contextlib.suppress(OSError):  # the terminal may have gone
            self._screen.write("\n")  # the shell's prompt, or the goodbye, on a line of its own
        session.leave(patiently=not session.is_plain)

    def _open(self, prompt: Prompt | None) -> None:
        """Make ready for a line: what is typed from now on belongs to this question, or to none."""
        is_secret = prompt is not None and prompt.secret
        with self._typing:
            self._is_reading = True
            self._owner = prompt
            if is_secret:
                self._is_secret_about = True
                is_secret = self._echo.off()
            else:
                self._echo.on()
        if prompt is not None and is_secret == prompt.secret:
            self._ask(prompt)

    def _ask(self, prompt: Prompt) -> None:
        self._screen.write(f"{prompt.text} ")
        self._is_behind_question = True

    def _read(self, session: Session, prompt: Prompt | None) -> str | None:
        """Return a line without its end; None at the end of the input."""
        if prompt is not None and prompt.secret and not self._echo.is_off:
            return read_unseen(prompt)
        try:
            line = self._take_line()
        except UnicodeDecodeError:
            self.tell("That line is not UTF-8; it was not sent.")
            self._owner = _NOBODY
            return ""
        except (EOFError, OSError):  # OSError: the terminal has gone
            return None
        except KeyboardInterrupt:
            if not self._may_give_up(session, prompt):
                raise
            line = "\n"  # an empty answer: the command that has asked gives up
        self._is_behind_question = False
        if self._echo.is_off:  # it stays so until it is known what comes next
            self._screen.write("\n")  # that of Enter was not seen
        # Without a line end it was cut off by Ctrl-D: not meant to be sent.
        return line.rstrip("\r\n") if line.endswith("\n") else None

    def _take_line(self) -> str:
        """Wait for a line and take it, whole, before or after a question comes late."""
        if os.name != "posix":
            return sys.stdin.readline()
        while True:
            wait_for_typing()
            with self._typing:
                if select.select([sys.stdin], [], [], 0)[0]:
                    return sys.stdin.readline()

    def _may_give_up(self, session: Session, prompt: Prompt | None) -> bool:
        """Tell whether Ctrl-C gives up what asks, not the visit."""
        if self._ended_by or prompt is None or not session.was_in:
            return False
        return session.prompt is not prompt or session.is_talking

    @staticmethod
    def _cleaned(line: str) -> str:
        # A space before a command is a slip: what is meant for one person must not go to all.
        bare = line.lstrip()
        return clean_line(bare if bare.startswith("/") else line)

    def _is_own_command(self, session: Session, line: str) -> bool:
        """Do what is a command of this program, not of the server; False: it is none."""
        word, _, value = line.strip().partition(" ")
        match word.lower():
            case "/help" if value.strip().lower().removeprefix("/") in _OWN_COMMANDS:
                self.tell(self._own_help.strip())
            case "/bell":
                self.tell(self._bell.set(value))
            case "/clear":
                self._clear()
            case "/open":
                self._open_link(session, value.strip() or "1")
            case _:
                return False
        return True

    def _open_link(self, session: Session, which: str) -> None:
        """Show where a link leads, and open it if that is meant."""
        number = int(which) if which.isascii() and which.isdigit() and len(which) < 5 else 0
        if not number:
            self.tell("Type /open for the last link, or /open N for the Nth last one.")
        elif not (address := self._links.last(number)):
            self.tell("No link was shown yet." if number == 1 else "There are not so many links.")
        elif session.begin_reading(None):
            try:
                is_meant = self._agrees(f"Open {address} ? [y/n] ")
            finally:
                session.end_reading()
            if is_meant:
                self._links.open(address, self.tell)
        else:
            self.tell("Answer the open question first.")

    def _agrees(self, question: str) -> bool:
        """Ask the person; what is no answer is a no."""
        self._screen.write(question)
        try:
            return self._take_line().strip().lower() in ("y", "yes")
        except (EOFError, OSError, UnicodeDecodeError, KeyboardInterrupt):
            self._screen.write("\n")
            return False

    def _clear(self) -> None:
        self.tell("This kind of terminal is not cleared from here.")

    def _send(self, session: Session, line: str) -> None:
        with self._typing:
            owner, self._owner = self._owner, None
        if owner is not None:
            if owner is _NOBODY or not session.answer(owner, line):
                self.tell("That question is no longer open." if owner.ask else "That was not sent.")
            return
        if session.is_plain:
            session.line(line)
            return
        line = self._cleaned(line)
        if not line.strip() or self._is_own_command(session, line):
            return
        if is_command(line):
            if asks_secrets(line):
                self._is_secret_about = True
                self._wait_unseen()
            session.command(line)
        elif session.post(line[1:] if line.startswith("//") else line).is_held:
            self.tell("There is no connection right now; this will be sent when it is back.")


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
