"""A script on standard input: every line is sent, and the program ends when all have come back."""

import os
from collections.abc import Iterator
from io import BufferedReader

from chatroom.client.conversation import Prompt
from chatroom.client.exit_codes import INTERRUPTED, OK, UNDELIVERED, UNREACHABLE, End, Ended
from chatroom.client.pending import Sent, is_command
from chatroom.client.said import PLAIN, Said
from chatroom.client.session import Session
from chatroom.client.ui.screen import Screen
from chatroom.errors import UserError
from chatroom.protocol import ACTION, ANNOUNCE, PRIVATE, TEXT
from chatroom.text import clean_line

WINDOW = 16
"""Unconfirmed messages at a time. Fewer than the server shows to who comes back: so after a loss
it can be seen which of them had arrived."""
_LONGEST = 1024 * 1024
_SPOILT = "The lines behind that command may be answers to it, so they were not sent."
_SPOKEN = (TEXT, PRIVATE, ACTION, ANNOUNCE)


class Pipe:
    """The frontend of a script. :meth:`run` belongs to the main thread, the rest is for both.

    :param lines: standard input.
    :param has_commands: a line that begins with ``/`` is a command.
    :param patience: seconds that the server may be away, or confirm nothing.
    """

    def __init__(
        self, screen: Screen, lines: BufferedReader, has_commands: bool, patience: float
    ) -> None:
        self._screen = screen
        self._lines = lines
        self._has_commands = has_commands
        self._patience = patience
        self._is_cut = False  # there is input that was not read
        self._logins = 0
        self._is_behind_login = False
        self._is_spoilt = False  # a command that asks for passwords was not done
        self._is_commanding = False  # a command was sent, and is not answered yet
        self._undelivered = 0
        self.in_hand = 0
        """Number of the line that was read last, while it is worked on."""

    def run(self, session: Session) -> int:
        """Send all lines, wait for them to come back; return the exit status. Never raises."""
        try:
            session.wait_until_in()
            for number, raw in self._read(session):
                self.in_hand = number
                self._send(session, number, raw)
                self.in_hand = 0
                if self._is_spoilt:
                    raise Ended(End(UNDELIVERED, _SPOILT))
                if session.is_leaving:
                    self._count_rest()  # what stands behind the goodbye
                    break
            if (prompt := session.prompt) is not None:
                self._undelivered += 1
                self.tell(f"The input has ended before the answer to: {prompt.text}")
            else:
                session.wait_settled(0, self._patience)
            session.leave()
            end = session.end or End(OK)
        except Ended as ended:
            end = ended.end
            if end.code in (UNREACHABLE, UNDELIVERED):
                self._count_rest()
        except KeyboardInterrupt:
            session.leave(patiently=False)
            end = End(INTERRUPTED, "Interrupted.")
        return session.conclude(end)

    # -- what a frontend does: see session.Frontend ------------------------------------------------

    def show(self, said: Said, text: str, sent: Sent | None) -> None:
        if said.word == "notice" and said.fields.get("kind") == "welcome":
            self._logins += 1
            self._is_behind_login = False
        elif said.word in ("message", "result") and said.fields.get("old") is not True:
            self._is_behind_login = True  # what was said before comes at once with the welcome
        if sent is not None and said.word == "result" and said.fields.get("ok") is not True:
            self._is_spoilt |= sent.may_ask_secrets
            self._refused(sent.number, text.rstrip("\n"))
        elif text and (self._is_spoken(said) or self._is_asked_for(said, sent)):
            self.write(said, text)
        elif text:
            self.tell(text.rstrip("\n"))

    def write(self, said: Said, text: str) -> None:
        """Write to standard output what was said, or asked for. The receiving thread."""
        if said.word == "export":
            self._screen.write_json(said.fields)
        else:
            self._screen.write(text)

    def _is_spoken(self, said: Said) -> bool:
        """Tell whether somebody says this while the script is there.

        What was said before it came is not for it. After a loss old lines are those that it missed.
        """
        if said.word != "message":
            return said.word == PLAIN
        is_new = said.fields.get("old") is not True or self._logins > 1
        return is_new and said.fields.get("kind") in _SPOKEN

    def _is_asked_for(self, said: Said, sent: Sent | None) -> bool:
        """Tell whether this is what a command has asked for."""
        if said.word == "message":
            is_wanted = self._is_commanding and self._is_behind_login
            is_spoken = said.fields.get("kind") in _SPOKEN
            return "re" in said.fields or (is_wanted and is_spoken)
        if said.word == "control" and said.fields.get("do") in ("busy", "free"):
            return sent is not None or self._is_commanding
        return said.word == "export" or (sent is not None and said.word in ("result", "control"))

    def tell(self, sentence: str) -> None:
        self._screen.tell(sentence)

    def ask_late(self, prompt: Prompt) -> None:
        self.tell(prompt.text)

    def wake(self) -> bool:
        return False

    def lost(self, command: Sent) -> None:
        self._is_spoilt |= command.may_ask_secrets
        if not command.is_goodbye and command.text.split()[0].lower() != "/restart":
            self._refused(command.number, "the connection was lost before the answer.")

    def conclude(self, end: End, waiting: list[Sent], last_kept: int) -> int:
        if end.is_quiet:
            self._screen.be_quiet()
            return end.code
        if end.sentence:
            self.tell(end.sentence)
        undelivered = self._undelivered + len(waiting) + (self.in_hand > last_kept)
        if not undelivered:
            return end.code
        lines = "line was" if undelivered == 1 else "lines were"
        rest = " The rest of the input was not read." if self._is_cut else ""
        self.tell(f"{undelivered} {lines} not delivered.{rest}")
        return UNDELIVERED if end.code in (OK, UNREACHABLE) else end.code

    # -- the main thread -----------------------------------------------------------------------

    def _read(self, session: Session) -> Iterator[tuple[int, bytes | None]]:
        """Yield number and bytes of each line; None for one that is longer than any may be."""
        number = 0
        while raw := self._read_one(session):
            number += 1
            if len(raw) < _LONGEST or raw.endswith(b"\n"):
                yield number, raw.rstrip(b"\r\n")
                continue
            while raw and not raw.endswith(b"\n"):
                raw = self._read_one(session)
            yield number, None

    def _read_one(self, session: Session) -> bytes:
        while not session.begin_reading(session.prompt):
            pass
        try:
            return self._lines.readline(_LONGEST)
        except OSError as error:
            self.tell(f"Standard input cannot be read: {error.strerror}.")
            self._undelivered += 1
            return b""
        finally:
            session.end_reading()

    def _count_rest(self) -> None:
        """Count what is there to read, as not delivered; wait for nothing more."""
        self._is_cut = True
        rest = []
        try:
            source = self._lines.fileno()
            was_blocking = os.get_blocking(source)
            os.set_blocking(source, False)
        except (OSError, ValueError, AttributeError):  # closed, or not for this kind of input
            return
        try:
            while chunk := self._lines.read1(_LONGEST) or os.read(source, _LONGEST):
                rest.append(chunk)
            self._is_cut = False
        except BlockingIOError:
            pass
        finally:
            os.set_blocking(source, was_blocking)
        self._undelivered += sum(bool(line.strip()) for line in b"".join(rest).split(b"\n"))

    def _send(self, session: Session, number: int, raw: bytes | None) -> None:
        try:
            if raw is None:
                raise UserError(f"it is longer than {_LONGEST} bytes.")
            line = raw.decode()
            if session.is_plain:
                session.line(line)
            elif (prompt := session.prompt) is not None:
                session.answer(prompt, line)
                session.wait_answered(self._patience)
            else:
                self._send_line(session, number, line)
        except UnicodeDecodeError:
            self._refused(number, "it is not UTF-8.")
        except UserError as error:
            self._refused(number, str(error))

    def _send_line(self, session: Session, number: int, raw: str) -> None:
        line = clean_line(raw)
        if not line.strip():
            if raw.strip():
                raise UserError("it has no visible characters.")
            return
        bare = line.lstrip()
        if self._has_commands and bare.startswith("/"):
            line = bare  # a space before it is a slip, and what follows may be meant for one person
        if self._has_commands and is_command(line):
            # In step with the lines around it: it may ask something, or end the connection.
            session.wait_settled(0, self._patience)
            session.wait_until_in()
            self._is_commanding = True
            session.command(line, number)
            if not session.is_leaving:
                session.wait_answered(self._patience)
            self._is_commanding = session.prompt is not None
            return
        session.wait_settled(WINDOW - 1, self._patience)
        session.post(line[1:] if self._has_commands and line.startswith("//") else line, number)

    def _refused(self, number: int, why: str) -> None:
        """Count a line, and say why it was not sent. Any thread."""
        self._undelivered += 1
        self.tell(f"Line {number} was not sent: {why}")
