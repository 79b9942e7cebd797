"""The prompt while it is open: what other threads want of it is done in its own event loop."""

import asyncio
import os
import threading
from collections import deque
from collections.abc import Callable

from prompt_toolkit import PromptSession
from prompt_toolkit.formatted_text import AnyFormattedText

from chatroom.client.ui.style import DisplayItem

_DRAW_SECONDS = 0.05  # a burst within this time is one redraw
_QUEUED_MOST = 2000
_MENU_ROWS = 8
_ROWS_BESIDE_MENU = 3


class OpenPrompt:
    """Reads one text after the other, and prints above it meanwhile.

    :param session: the one that is used first.
    :param write: prints to the terminal; called under our lock, only the screen's is taken in it.
    :param may_leave: tells whether a prompt that was called away from may close with this text.

    :meth:`read` is for the main thread, the rest for any.
    """

    def __init__(
        self,
        session: PromptSession[str],
        write: Callable[[list[DisplayItem]], None],
        may_leave: Callable[[str], bool],
    ) -> None:
        self._write = write
        self._may_leave = may_leave
        self._session = session  # the main thread's
        # Guards everything below; only the screen's own lock is taken under it.
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None  # while things can be done in it
        self._queue: deque[DisplayItem] = deque()
        self._skipped = 0
        self._will_draw = False
        self._will_tick = False
        self._is_called_away = False
        self._is_over = False

    def read(
        self,
        session: PromptSession[str],
        label: Callable[[], AnyFormattedText],
        default: str = "",
    ) -> str:
        """Return what was typed, or what stands there when it was called away.

        :param label: returns what stands in front of the typing; asked whenever it is drawn.
        :raises EOFError: Ctrl-D. :raises KeyboardInterrupt: Ctrl-C.
        """
        self._session = session
        return asyncio.run(self._read(label, default))

    async def _read(self, label: Callable[[], AnyFormattedText], default: str) -> str:
        session = self._session
        try:
            return await session.prompt_async(
                label,
                default=default,
                pre_run=self._opened,
                handle_sigint=False,  # see break_off
            )
        finally:
            with self._lock:
                # Here, where the loop still lives: nobody may give it anything afterwards.
                self._loop = None
                self._will_draw = self._will_tick = False
                self._write_queue()

    def put(self, item: DisplayItem) -> None:
        """Print something above the prompt; at once while there is none."""
        with self._lock:
            if self._loop is None:
                self._write([item])
                return
            if len(self._queue) >= _QUEUED_MOST:
                self._queue.popleft()
                self._skipped += 1
            self._queue.append(item)
            if not self._will_draw:
                self._will_draw = True
                self._loop.call_soon_threadsafe(self._draw_soon)

    def call_away(self) -> None:
        """Close the prompt, or the next one when there is none, as soon as that may be."""
        with self._lock:
            self._is_called_away = True
            if self._loop is not None:
                self._loop.call_soon_threadsafe(self._come_away)

    def end(self) -> None:
        """Close the prompt, or the next one, whatever is typed in it."""
        self._is_over = True
        self.call_away()

    def call(self, do: Callable[[], None]) -> None:
        """Do something to the terminal between two drawings of the prompt."""
        with self._lock:
            if self._loop is None:
                do()
            else:
                self._loop.call_soon_threadsafe(do)

    def redraw(self) -> None:
        """Let the label be asked for anew. Any thread."""
        self._session.app.invalidate()

    @property
    def is_called_away(self) -> bool:
        """It was called away since the last time that somebody has asked."""
        return self._is_called_away

    def was_called_away(self) -> bool:
        """Tell, once, whether it was called away since the last time."""
        with self._lock:
            was_called, self._is_called_away = self._is_called_away, False
            return was_called

    def tick_after(self, seconds: float) -> None:
        """Draw the prompt anew after a while: it counts seconds. Only where the label is asked."""
        if not self._will_tick:
            self._will_tick = True
            asyncio.get_running_loop().call_later(seconds, self._tick)

    # -- signal handlers, which run in the main thread between two of its steps: without the lock

    def interrupt(self) -> bool:
        """Close the prompt; False: there is none."""
        self._is_over = self._is_called_away = True
        if (loop := self._loop) is None:
            return False
        loop.call_soon_threadsafe(self._come_away)
        return True

    def break_off(self) -> bool:
        """Let :meth:`read` raise KeyboardInterrupt, as the key does; False: there is no prompt."""
        if (loop := self._loop) is None:
            return False
        loop.call_soon_threadsafe(self._break_off)
        return True

    def go_on(self) -> bool:
        """A shell had the terminal: take it back and draw anew; False: there is no prompt."""
        if (loop := self._loop) is None:
            return False
        if not self._session.app._running_in_terminal:  # Ctrl-Z does it by itself
            loop.call_soon_threadsafe(self._take_back)
        return True

    # -- in the loop -----------------------------------------------------------------------------

    def _opened(self) -> None:
        app = self._session.app
        if self._fit_menu not in app.before_render._handlers:
            app.before_render += self._fit_menu
        with self._lock:
            self._loop = asyncio.get_running_loop()
            if self._is_called_away:
                self._loop.call_soon(self._come_away)

    def _fit_menu(self, _: object) -> None:
        # What is kept free for completions must not fill a small window.
        rows = self._session.output.get_size().rows
        self._session.reserve_space_for_menu = max(0, min(_MENU_ROWS, rows - _ROWS_BESIDE_MENU))

    def _come_away(self) -> None:
        app, text = self._session.app, self._session.default_buffer.text
        if app.is_running and not app.is_done and (self._is_over or self._may_leave(text)):
            app.exit(result=text)

    def _break_off(self) -> None:
        app = self._session.app
        if app.is_running and not app.is_done:  # it may come several times at once
            app.exit(exception=KeyboardInterrupt)

    def _take_back(self) -> None:
        app = self._session.app
        if not app.is_running or app.is_done:
            return
        try:
            if os.tcgetpgrp(app.input.fileno()) != os.getpgrp():
                return  # still in the background
        except OSError:
            return
        app.input.raw_mode().__enter__()  # the one that is open puts back what was before it
        app.renderer.reset()
        app.invalidate()

    def _tick(self) -> None:
        self._will_tick = False
        self._session.app.invalidate()

    def _draw_soon(self) -> None:
        asyncio.get_running_loop().call_later(_DRAW_SECONDS, self._draw)

    def _draw(self) -> None:
        # Not by run_in_terminal: it makes the terminal echo meanwhile, which mangles fast typing.
        app = self._session.app
        if not app.is_running or app.is_done:
            return  # _read() writes
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
            items.insert(0, DisplayItem(None, missing))
            self._skipped = 0
        if items:
            self._write(items)
