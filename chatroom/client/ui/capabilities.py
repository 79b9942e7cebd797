"""What the terminal is known to take beside text, by what it says of itself in the environment.

Nothing is ever asked of it: a late answer would be taken for typing. A terminal that is not known
gets nothing.
"""

import os
import re
from collections.abc import Mapping

NOTICES = ("osc9", "osc777", "osc99")
"""Forms of a notification: of iTerm2, of urxvt, of kitty."""
_ESCAPE, _END = "\x1b", "\x1b\\"
_HYPERLINKS_OF_TMUX = (3, 4)
_HYPERLINKS_OF_VTE = 5000
_UNFIT = ("", "dumb", "unknown", "linux")


def _name(environment: Mapping[str, str]) -> str:
    """Return the terminal's name, also behind tmux, as far as it is known; else empty."""
    program, term = environment.get("TERM_PROGRAM", ""), environment.get("TERM", "")
    if term in _UNFIT or environment.get("STY"):  # screen passes nothing on
        return ""
    signs = {
        "kitty": term == "xterm-kitty" or "KITTY_WINDOW_ID" in environment,
        "foot": term.startswith("foot"),
        "ghostty": program == "ghostty" or "GHOSTTY_RESOURCES_DIR" in environment,
        "wezterm": program == "WezTerm" or "WEZTERM_PANE" in environment,
        "iterm": program == "iTerm.app" or environment.get("LC_TERMINAL") == "iTerm2",
        "urxvt": term.startswith("rxvt-unicode"),
        "windows": "WT_SESSION" in environment,
        "konsole": "KONSOLE_VERSION" in environment,
        "alacritty": term == "alacritty" or "ALACRITTY_WINDOW_ID" in environment,
        "contour": program == "contour" or term.startswith("contour"),
        "vscode": program == "vscode",
    }
    return next((name for name, is_it in signs.items() if is_it), "")


_NOTICES_OF = {
    "kitty": "osc99",
    "foot": "osc777",
    "ghostty": "osc777",
    "wezterm": "osc777",
    "urxvt": "osc777",
    "contour": "osc777",
    "iterm": "osc9",
}


def notices(environment: Mapping[str, str] = os.environ) -> str:
    """Return the form of a notification that the terminal takes; empty: none is known."""
    return _NOTICES_OF.get(_name(environment), "")


def has_hyperlinks(environment: Mapping[str, str] = os.environ) -> bool:
    """Tell whether the terminal takes OSC 8; tmux does so itself, for whatever is around it."""
    if environment.get("TERM", "") in _UNFIT or environment.get("STY"):
        return False
    if environment.get("TMUX"):
        is_told = environment.get("TERM_PROGRAM") == "tmux"
        version = environment.get("TERM_PROGRAM_VERSION", "") if is_told else ""
        numbers = tuple(map(int, re.findall(r"\d+", version)[:2]))
        return numbers >= _HYPERLINKS_OF_TMUX
    vte = environment.get("VTE_VERSION", "")
    if vte.isascii() and vte.isdigit():
        return int(vte) >= _HYPERLINKS_OF_VTE
    return _name(environment) not in ("", "urxvt")


def passed_through(sequence: str, environment: Mapping[str, str] = os.environ) -> str:
    """Return an escape sequence as tmux hands it on to the terminal, where tmux is in between.

    It does so where its ``allow-passthrough`` is on, and throws it away elsewhere.
    """
    if not sequence or not environment.get("TMUX"):
        return sequence
    return f"{_ESCAPE}Ptmux;{sequence.replace(_ESCAPE, _ESCAPE * 2)}{_END}"
