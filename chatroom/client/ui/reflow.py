"""Takes the prompt off a window whose width has changed, where the terminal wraps old rows anew."""

import os

from prompt_toolkit.application import Application
from prompt_toolkit.data_structures import Point

_SIGNS = ("TMUX", "VTE_VERSION", "KITTY_WINDOW_ID", "WEZTERM_PANE", "KONSOLE_VERSION", "WT_SESSION")
"""What terminals that do so put into the environment. Others cut old rows off, or leave them."""


def follow_width(app: Application[str]) -> None:
    """Let an application find its own rows again after the width has changed. The main thread."""
    if not any(os.environ.get(sign) for sign in _SIGNS):
        return
    resized = app._on_resize

    def refind() -> None:
        renderer = app.renderer
        if renderer.last_rendered_screen is not None:
            rows = _rows_above(app, renderer._cursor_pos)
            renderer._cursor_pos = Point(x=renderer._cursor_pos.x, y=rows)
        resized()

    app._on_resize = refind  # type: ignore[method-assign]


def _rows_above(app: Application[str], cursor: Point) -> int:
    """Return how many rows of the prompt stand above the cursor now."""
    screen = app.renderer.last_rendered_screen
    assert screen is not None
    columns = max(1, app.output.get_size().columns)
    rows = cursor.x // columns
    for number in range(cursor.y):
        row = screen.data_buffer[number]
        used = [column + cell.width for column, cell in row.items() if cell.char.strip()]
        rows += max(1, -(-max(used, default=0) // columns))
    return rows
