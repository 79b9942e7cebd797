"""A person at a terminal that can do more: what arrives goes above the line that is being typed.

Only this file and ``history`` load prompt_toolkit, and only when the terminal is fit for it.
"""

import os
import re
import signal
from functools import partial
from types import FrameType

from prompt_toolkit import PromptSession
from prompt_toolkit.document import Document
from prompt_toolkit.formatted_text import FormattedText, StyleAndTextTuples
from prompt_toolkit.input.typeahead import get_typeahead
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.keys import Keys
from prompt_toolkit.layout.processors import Processor, Transformation, TransformationInput
from prompt_toolkit.output import ColorDepth
from prompt_toolkit.renderer import print_formatted_text
from prompt_toolkit.styles import Style
from prompt_toolkit.validation import ValidationError, Validator

from chatroom.client.conversation import Prompt
from chatroom.client.exit_codes import End
from chatroom.client.kept_files import own_folder
from chatroom.client.pending import Sent, is_command, unsent
from chatroom.client.said import Said
from chatroom.client.session import Session
from chatroom.client.ui.capabilities import has_hyperlinks
from chatroom.client.ui.completion import Names
from chatroom.client.ui.input_history import TypedLines
from chatroom.client.ui.links import addresses, linked
from chatroom.client.ui.open_prompt import OpenPrompt
from chatroom.client.ui.preferences import Preferences
from chatroom.client.ui.reflow import follow_width
from chatroom.client.ui.screen import Screen
from chatroom.client.ui.status import Status
from chatroom.client.ui.style import DisplayItem, Painter, pending
from chatroom.client.ui.terminal import Terminal
from chatroom.errors import UserError
from chatroom.text import clean_line, clean_text

# Asking the terminal where its cursor is costs a second where nobody answers, and a late answer
# would be taken for typing.
os.environ.setdefault("PROMPT_TOOLKIT_NO_CPR", "1")

_UNASKED_LINES = 3
_PENDING_SHOWN = 3
_NOT_ASKED = "(this question is no longer open; press Enter) "
_BREAKS = re.compile(r"\s*[\r\n]+\s*")


class PromptTerminal(Terminal):
    """The frontend of a person. :meth:`run` belongs to the main thread, the rest is for both."""

    _own_help = """
In this program: /bell off|mentions|all, /clear, /open [N] for the last link;
Tab completes, Ctrl-R finds old lines, Alt-Enter begins another line, Ctrl-D
leaves.
"""

    def __init__(self, screen: Screen, has_colour: bool, wants: Preferences) -> None:
        super().__init__(screen, wants)
        self._has_links = has_colour and has_hyperlinks()
        depth = None if has_colour else ColorDepth.DEPTH_1_BIT
        self._names = Names()
        self._lines: PromptSession[str] = PromptSession(
            history=TypedLines(own_folder() / "history"),
            key_bindings=_keys(),
            enable_suspend=True,
            completer=self._names,
            complete_while_typing=False,
            erase_when_done=True,  # what was sent is shown by the label, then by its echo
            color_depth=depth,
            validator=_Fits(self),
            validate_while_typing=False,
        )
        # Answers to questions are in no history.
        self._questions: PromptSession[str] = PromptSession(
            color_depth=depth, enable_suspend=True, input_processors=[_Unseen(self)]
        )
        for session in (self._lines, self._questions):
            follow_width(session.app)
        self._depth = depth
        self._painter = Painter(lambda: self._own)
        self._status = Status()
        self._has_asked_help = self._awaits_help = False  # the /help that only completion needs
        self._session: Session | None = None
        self._asked: Prompt | None = None  # the question that is read for
        self._draft = ""
        self._open_prompt = OpenPrompt(self._lines, self._print, self._may_leave)

    def hush(self) -> None:
        self._echo.hold()

    def run(self, session: Session) -> int:
        self._session = session
        self._echo.hold()
        try:
            return super().run(session)
        finally:
            self._echo.restore()

    # -- what a frontend does: see session.Frontend ------------------------------------------------

    def show(self, said: Said, text: str, sent: Sent | None) -> None:
        self._names.hear(said)
        # The receiving thread is there first: the hello may come before run() was called.
        self._status.hear(said, self._session.room if self._session else "", self._own)
        self._hear(said, sent)
        if _changes_rights(said):
            self._has_asked_help = False
        if self._is_unseen_help(sent):
            return
        if again := unsent(sent, is_seen=False):
            text += again
        if text and sent is not None and said.fields.get("commands") is not None:
            text = f"{text.rstrip()}\n{self._own_help}"
        if text:
            if said.word != "export":
                self._links.hear(text)
            self._open_prompt.put(DisplayItem(said, text))
        elif said.word == "read":
            self._open_prompt.redraw()
        if self._bell.rings(said, self._own):
            self._open_prompt.call(partial(self._ring, self._notifier.notify(said)))

    def tell(self, sentence: str) -> None:
        self._open_prompt.put(DisplayItem(None, f"{sentence}\n"))

    def lost(self, command: Sent) -> None:
        if not self._is_unseen_help(command):
            super().lost(command)

    def _is_unseen_help(self, sent: Sent | None) -> bool:
        if sent is None or sent.text != "/help" or not self._awaits_help:
            return False
        self._awaits_help = False  # the next one was typed
        return True

    def _ring(self, sequence: str) -> None:
        self._lines.output.bell()
        self._lines.output.write_raw(sequence)
        self._lines.output.flush()

    def ask_late(self, prompt: Prompt) -> None:
        self._open_prompt.call_away()

    def wake(self) -> bool:
        self._open_prompt.end()
        return True

    def conclude(self, end: End, waiting: list[Sent], last_kept: int) -> int:
        if self._draft and not end.is_quiet:
            self._open_prompt.put(DisplayItem(None, f"{self._label_text()}{self._draft}\n"))
        code = super().conclude(end, waiting, last_kept)
        for sent in waiting if not end.is_quiet else ():
            self.tell(f"Not confirmed: {sent.text}")
        return code

    # -- the main thread -----------------------------------------------------------------------

    def _wait_unseen(self) -> None:
        """What is typed between two prompts is never seen; see :meth:`run`."""

    def _open(self, prompt: Prompt | None) -> None:
        with self._typing:
            self._is_reading = True
            self._asked = prompt
            if prompt is not None and prompt.secret:
                self._is_secret_about = True

    def _forget_typed(self) -> bool:
        source = self._lines.input
        keys = [*get_typeahead(source), *source.flush_keys()]
        return self._echo.forget_typed() or bool(keys)

    def _watch_signals(self) -> None:
        super()._watch_signals()
        signal.signal(signal.SIGINT, self._break_off)

    def _break_off(self, number: int, frame: FrameType | None) -> None:
        if not self._open_prompt.break_off():
            raise KeyboardInterrupt

    def _end_by_signal(self, number: int, frame: FrameType | None) -> None:
        self._ended_by = number
        if not self._open_prompt.interrupt():
            raise KeyboardInterrupt

    def _go_on(self, number: int, frame: FrameType | None) -> None:
        if not self._open_prompt.go_on():
            self._echo.again()

    def _read(self, session: Session, prompt: Prompt | None) -> str | None:
        is_talk = prompt is None and not session.is_plain
        if is_talk and not self._has_asked_help:
            self._ask_help()
        try:
            if is_talk:
                line = self._open_prompt.read(self._lines, self._label, self._draft)
            else:
                line = self._open_prompt.read(self._questions, self._question)
        except EOFError:
            return None
        except KeyboardInterrupt:
            if self._may_give_up(session, prompt):
                return ""  # an empty answer
            if not is_talk or not self._lines.default_buffer.text:
                raise
            self._draft = ""  # a first Ctrl-C throws the draft away, a second one leaves
            return ""
        if self._open_prompt.is_called_away:
            if is_talk:
                self._draft = line
            if self._ended_by:
                self._keep_draft()
                raise KeyboardInterrupt
            return "" if is_talk else line
        if is_talk:
            self._draft = ""
            if is_command(self._cleaned(line)):
                self._open_prompt.put(DisplayItem(None, f"> {self._cleaned(line)}\n"))
            elif line.count("\n") >= _UNASKED_LINES and not self._agrees_to_lines(line):
                self._draft = line
                if self._ended_by:
                    raise KeyboardInterrupt
                return ""
        return line

    def _keep_draft(self) -> None:
        """Let a draft be found again with the Up key: the terminal itself may have gone."""
        if self._draft:
            self._lines.history.append_string(self._draft)

    def _send(self, session: Session, line: str) -> None:
        was_called_away = self._open_prompt.was_called_away()
        with self._typing:
            prompt, self._asked = self._asked, None
            self._owner = prompt
        if was_called_away and prompt is None:
            self._draft = line or self._draft  # the question came just behind Enter
            return
        if was_called_away and not line:
            return
        try:
            super()._send(session, line)
        except UserError:
            self._draft = line if prompt is None else ""
            raise

    @staticmethod
    def _cleaned(line: str) -> str:
        bare = line.lstrip()
        if is_command(bare):  # a command has one line
            return clean_line(_BREAKS.sub(" ", bare.rstrip()))
        return clean_text(bare if bare.startswith("/") else line)

    def _agrees_to_lines(self, text: str) -> bool:
        """Ask whether a long paste is meant."""
        return self._agrees(f"Send these {text.count(chr(10)) + 1} lines as one message? [y/n] ")

    def _agrees(self, question: str) -> bool:
        try:
            answer = self._open_prompt.read(self._questions, lambda: question)
        except (EOFError, KeyboardInterrupt):
            return False
        is_answered = not self._open_prompt.is_called_away
        return is_answered and answer.strip().lower() in ("y", "yes")

    def _ask_help(self) -> None:
        """Let the server say, unseen, what this person may use."""
        assert self._session is not None
        self._has_asked_help = self._awaits_help = True  # before the answer can come
        try:
            self._session.command("/help")
            self._session.stop_waiting()
        except UserError:  # no connection just now: at the next line
            self._has_asked_help = self._awaits_help = False

    def _clear(self) -> None:
        self._lines.output.erase_screen()
        self._lines.output.cursor_goto(0, 0)
        self._lines.output.flush()

    def why_too_long(self, line: str) -> str:
        """Return why a draft cannot be sent, whatever happens; empty: it can."""
        session = self._session
        if session is None or session.is_plain or not line.strip():
            return ""
        line = self._cleaned(line)
        return session.why_too_long(line, is_command(line))

    # -- what is drawn, in the loop of the prompt ------------------------------------------------

    @property
    def is_secret(self) -> bool:
        """What is typed now is not shown."""
        return self._asked is not None and self._asked.secret

    def _question(self) -> str:
        prompt, session = self._asked, self._session
        assert prompt is not None and session is not None
        is_open = session.prompt is prompt
        return f"{clean_line(prompt.text)} {'' if is_open else _NOT_ASKED}"

    def _may_leave(self, text: str) -> bool:
        """A secret that is being typed belongs to its question, even when that is over.

        Whoever does not look at the screen finishes it with Enter; that must not reach a prompt for
        talking, nor another question.
        """
        if not self.is_secret or self._session is None:
            return True
        now = self._session.prompt
        return not text and now is not None and now.secret

    def _label(self) -> StyleAndTextTuples:
        """Return what stands in front of the typing: what is on the way, and the status."""
        session = self._session
        if session is None:
            return [("", "> ")]
        waiting, down = session.on_the_way()
        if down is not None:
            self._open_prompt.tick_after(1.0)
        width = self._lines.output.get_size().columns - 4
        label: StyleAndTextTuples = [pending(text, width) for text in waiting[:_PENDING_SHOWN]]
        more = len(waiting) - len(label)
        return [*label, ("", self._line_head(more, down))]

    def _label_text(self) -> str:
        return self._line_head(0, None)

    def _line_head(self, on_the_way: int, retry_at: float | None) -> str:
        session = self._session
        room, query = map(clean_line, (session.room, session.query) if session else ("", ""))
        return self._status.label(room, on_the_way, retry_at, query)

    def _print(self, items: list[DisplayItem]) -> None:
        output = self._lines.output
        painted = self._painter.paint(items, output.get_size().columns)
        clean = [(style, clean_text(text)) for style, text in painted]
        if self._has_links and any("://" in item.text for item in items):
            shown = (item.text for item in items if item.said is None or item.said.word != "export")
            clean = linked(clean, addresses(map(clean_text, shown)))
        print_formatted_text(
            output,
            FormattedText(clean),
            Style([]),
            color_depth=self._depth or output.get_default_color_depth(),
        )


class _Fits(Validator):
    """Says below a draft, where it is seen, that it is too long to be sent."""

    def __init__(self, terminal: PromptTerminal) -> None:
        self._terminal = terminal

    def validate(self, document: Document) -> None:
        """:raises ValidationError: it is too long."""
        if why := self._terminal.why_too_long(document.text):
            raise ValidationError(document.cursor_position, why)


class _Unseen(Processor):
    """Shows nothing of a secret, not even its length."""

    def __init__(self, terminal: PromptTerminal) -> None:
        self._terminal = terminal

    def apply_transformation(self, transformation_input: TransformationInput) -> Transformation:
        """Take the typing out of what is drawn."""
        if not self._terminal.is_secret:
            return Transformation(transformation_input.fragments)
        return Transformation([], lambda at: 0, lambda at: 0)


def _changes_rights(said: Said) -> bool:
    """Tell whether other commands may be used from now on."""
    if said.word == "result":
        return said.fields.get("ok") is True and said.fields.get("command") == "claim"
    return said.word == "control" and said.fields.get("do") == "changegrant"


def _keys() -> KeyBindings:
    keys = KeyBindings()
    # A pasted colour looks like what some terminals tell of a mouse, which is not used here.
    keys.add(Keys.Vt100MouseEvent)(lambda _: None)

    @keys.add("escape", "enter")
    def _(event: KeyPressEvent) -> None:
        event.current_buffer.insert_text("\n")

    return keys
