"""A person at a terminal that can do more: what arrives goes above the line that is being typed.

Only this file and ``history`` load prompt_toolkit, and only when the terminal is fit for it.
"""

import asyncio
import os
import threading
from collections import deque

from prompt_toolkit import PromptSession
from prompt_toolkit.formatted_text import FormattedText, StyleAndTextTuples
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.output import ColorDepth
from prompt_toolkit.renderer import print_formatted_text
from prompt_toolkit.styles import Style

from chatroom.client.completion import Names
from chatroom.client.ends import End
from chatroom.client.history import TypedLines
from chatroom.client.known_hosts import own_file
from chatroom.client.ledger import Sent
from chatroom.client.link import Said
from chatroom.client.paint import Painter, Shown, mentions, pending
from chatroom.client.places import BELLS
from chatroom.client.screen import Screen
from chatroom.client.shown import text_of
from chatroom.client.status import Status
from chatroom.client.terminal import Terminal
from chatroom.client.visit import Prompt, State, Visit
from chatroom.errors import UserError
from chatroom.text import clean_line, clean_text

# Asking the terminal where its cursor is costs a second where nobody answers, and a late answer
# would be taken for typing.
os.environ.setdefault("PROMPT_TOOLKIT_NO_CPR", "1")

_DRAW_SECONDS = 0.05  # a burst within this time is one redraw
_QUEUED_MOST = 2000
_UNASKED_LINES = 3
_PENDING_SHOWN = 3
_OWN_HELP = """
In this program: /bell off|mentions|all, /clear; Tab completes, Ctrl-R finds old lines, Alt-Enter
begins another line, Ctrl-D leaves.
"""


class PromptTerminal(Terminal):
    """The front of a person. :meth:`run` belongs to the main thread, the rest is for both."""

    def __init__(self, screen: Screen, has_colour: bool, bell: str) -> None:
        super().__init__(screen)
        depth = None if has_colour else ColorDepth.DEPTH_1_BIT
        self._names = Names()
        self._lines: PromptSession[str] = PromptSession(
            history=TypedLines(own_file().with_name("history")),
            key_bindings=_keys(),
            enable_suspend=True,
            completer=self._names,
            complete_while_typing=False,
            erase_when_done=True,  # what was sent is shown by the label, then by its echo
            color_depth=depth,
        )
        # Answers to questions are in no history.
        self._questions: PromptSession[str] = PromptSession(color_depth=depth)
        self._depth = depth
        self._bell = bell
        self._painter = Painter(self._own_name)
        self._status = Status()
        self._has_asked_help = self._awaits_help = False  # the /help that only completion needs
        self._session = self._lines
        self._visit: Visit | None = None
        self._draft = ""
        self._will_tick = False
        # Guards everything below; only the screen's own lock is taken under it.
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None  # of the prompt, while it is open
        self._queue: deque[Shown] = deque()
        self._skipped = 0
        self._will_draw = False
        self._is_called_away = False

    def run(self, visit: Visit) -> int:
        self._visit = visit
        self._echo.hold()
        try:
            return super().run(visit)
        finally:
            self._echo.restore()

    # -- what a front does: see visit.Front ----------------------------------------------------

    def show(self, said: Said, text: str, sent: Sent | None) -> None:
        self._names.hear(said)
        # The receiving thread is there first: the hello may come before run() was called.
        self._status.hear(said, self._visit.room if self._visit else "")
        if self._is_unseen_help(sent):
            return
        if sent is not None and said.word == "result" and said.fields.get("command") == "help":
            text = text.rstrip("\n") + _OWN_HELP if "commands" in said.fields else text
        if text:
            self._put(Shown(said, text))
        if self._rings(said):
            with self._lock:
                self._lines.output.bell()
                self._lines.output.flush()

    def tell(self, sentence: str) -> None:
        self._put(Shown(None, f"{sentence}\n"))

    def lost(self, command: Sent) -> None:
        if not self._is_unseen_help(command):
            super().lost(command)

    def _is_unseen_help(self, sent: Sent | None) -> bool:
        if sent is None or sent.text != "/help" or not self._awaits_help:
            return False
        self._awaits_help = False  # the next one was typed
        return True

    def _rings(self, said: Said) -> bool:
        own = self._own_name()
        if said.word != "message" or said.fields.get("old") is True or self._bell == "off":
            return False
        if text_of(said.fields, "from") == own:
            return False
        if said.fields.get("kind") == "private":
            return True
        if said.fields.get("kind") not in ("text", "action", "announce"):
            return False
        return self._bell == "all" or mentions(text_of(said.fields, "text"), own)

    def _own_name(self) -> str:
        return (self._visit.credentials.name or "") if self._visit else ""

    def ask_late(self, prompt: Prompt) -> None:
        with self._lock:
            self._is_called_away = True
            if self._loop is not None:
                self._loop.call_soon_threadsafe(self._come_away)

    def conclude(self, end: End, waiting: list[Sent], last_kept: int) -> int:
        with self._lock:
            if self._loop is not None:  # the process ends beside an open prompt
                self._loop = None
                self._session.output.disable_bracketed_paste()
                self._session.output.flush()
                self._echo.restore()
                self._screen.write("\n")
            self._write_queue()
        code = super().conclude(end, waiting, last_kept)
        for sent in waiting if not end.is_quiet else ():
            self.tell(f"Not confirmed: {sent.text}")
        return code

    # -- the main thread -----------------------------------------------------------------------

    def _read(self, prompt: Prompt | None) -> str | None:
        is_talk = prompt is None and self._visit is not None and not self._visit.is_plain
        if is_talk and not self._has_asked_help:
            self._ask_help()
        self._session = self._lines if is_talk else self._questions
        label = self._label if prompt is None else f"{clean_line(prompt.text)} "
        try:
            line = self._session.prompt(
                label,
                default=self._draft if is_talk else "",
                is_password=prompt is not None and prompt.secret,
                pre_run=self._opened,
            )
        except EOFError:
            return None
        except KeyboardInterrupt:
            if (
                prompt is not None
                and self._visit is not None
                and self._visit.state is State.TALKING
            ):
                return ""  # an empty answer: the command that has asked gives up
            if not is_talk or not self._lines.default_buffer.text:
                raise
            line = self._draft = ""  # a first Ctrl-C throws the draft away, a second one leaves
            return line
        finally:
            self._closed()
        if self._is_called_away:
            if is_talk:
                self._draft = line
            return ""
        if is_talk:
            self._draft = ""
            if line.startswith("/"):
                self._put(Shown(None, f"> {clean_line(line)}\n"))
            if line.count("\n") >= _UNASKED_LINES and not self._agrees(line):
                self._draft = line
                return ""
        return line

    def _send(self, visit: Visit, line: str, prompt: Prompt | None) -> None:
        with self._lock:
            was_called_away, self._is_called_away = self._is_called_away, False
        if not was_called_away:
            if prompt is not None or visit.is_plain or not self._is_own_command(line):
                try:
                    super()._send(visit, line, prompt)
                except UserError:
                    self._draft = line if prompt is None else ""
                    raise
        elif prompt is None and line:
            self._draft = line  # the question came just behind Enter

    @staticmethod
    def _cleaned(line: str) -> str:
        is_command = line.startswith("/") and not line.startswith("//")
        return clean_line(line) if is_command else clean_text(line)

    def _agrees(self, text: str) -> bool:
        question = f"Send these {text.count(chr(10)) + 1} lines as one message? [y/n] "
        return self._questions.prompt(question).strip().lower() in ("y", "yes")

    def _ask_help(self) -> None:
        """Let the server say, unseen, what this person may use."""
        assert self._visit is not None
        self._has_asked_help = self._awaits_help = True  # before the answer can come
        try:
            self._visit.command("/help")
        except UserError:  # no connection just now: at the next line
            self._has_asked_help = self._awaits_help = False

    def _is_own_command(self, line: str) -> bool:
        word, _, value = line.strip().partition(" ")
        if word == "/clear":
            self._lines.output.erase_screen()
            self._lines.output.cursor_goto(0, 0)
            self._lines.output.flush()
            return True
        if word == "/bell":
            if value.strip() in BELLS:
                self._bell = value.strip()
                self.tell(f"The bell is set to {self._bell}.")
            else:
                self.tell(f"The bell is set to {self._bell}. /bell {'|'.join(BELLS)} changes it.")
            return True
        return False

    def _label(self) -> StyleAndTextTuples:
        """Return what stands in front of the typing: what is on the way, and the status."""
        visit = self._visit
        if visit is None:
            return [("", "> ")]
        with visit.news:
            waiting = [sent.text for sent in visit.ledger.all() if not sent.is_command]
            down = visit.retry_at if visit.state is State.DOWN else None
        if down is not None and not self._will_tick:
            self._will_tick = True
            asyncio.get_running_loop().call_later(1.0, self._tick)
        width = self._lines.output.get_size().columns - 4
        label: StyleAndTextTuples = [pending(text, width) for text in waiting[:_PENDING_SHOWN]]
        more = len(waiting) - len(label)
        return [*label, ("", self._status.label(clean_line(visit.room), more, down))]

    def _tick(self) -> None:
        """Draw the prompt anew: it counts seconds."""
        self._will_tick = False
        self._session.app.invalidate()

    def _opened(self) -> None:
        with self._lock:
            self._loop = asyncio.get_running_loop()
            if self._is_called_away:
                self._loop.call_soon(self._come_away)

    def _closed(self) -> None:
        with self._lock:
            self._loop = None
            self._will_draw = self._will_tick = False
            self._write_queue()

    def _come_away(self) -> None:
        app = self._session.app
        if app.is_running and not app.is_done:
            app.exit(result=self._session.default_buffer.text)

    # -- what waits for the screen -------------------------------------------------------------

    def _put(self, item: Shown) -> None:
        with self._lock:
            if self._loop is None:
                self._print([item])
                return
            if len(self._queue) >= _QUEUED_MOST:
                self._queue.popleft()
                self._skipped += 1
            self._queue.append(item)
            if not self._will_draw:
                self._will_draw = True
                self._loop.call_soon_threadsafe(self._draw_soon)

    def _draw_soon(self) -> None:
        asyncio.get_running_loop().call_later(_DRAW_SECONDS, self._draw)

    def _draw(self) -> None:
        # Not by run_in_terminal: it makes the terminal echo meanwhile, which mangles fast typing.
        app = self._session.app
        if not app.is_running or app.is_done:
            return  # _closed() writes
        app.renderer.erase()
        with self._lock:
            self._will_draw = False
            self._write_queue()
        app.invalidate()

    def _write_queue(self) -> None:
        items = list(self._queue)
        self._queue.clear()
        if self._skipped:
            missing = f"… {self._skipped:,} lines not shown; /history has the messages among them\n"
            items.insert(0, Shown(None, missing))
            self._skipped = 0
        if items:
            self._print(items)

    def _print(self, items: list[Shown]) -> None:
        clean = [(style, clean_text(text)) for style, text in self._painter.paint(items)]
        output = self._lines.output
        print_formatted_text(
            output,
            FormattedText(clean),
            Style([]),
            color_depth=self._depth or output.get_default_color_depth(),
        )


def _keys() -> KeyBindings:
    keys = KeyBindings()

    @keys.add("escape", "enter")
    def _(event: KeyPressEvent) -> None:
        event.current_buffer.insert_text("\n")

    return keys
