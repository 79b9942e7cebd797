"""The command line of both programs."""

import argparse
import difflib
import sys
from typing import Any, NoReturn

from chatroom import __version__
from chatroom.text import escape

_UNKNOWN = "unrecognized arguments: "


class Flags(argparse.ArgumentParser):
    """An ArgumentParser whose errors are one line that says what is meant, perhaps.

    What was typed is repeated with its control characters escaped. ``--version`` is there always.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.add_argument("--version", action="version", version=f"Chatroom {__version__}")

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        self._words = list(sys.argv[1:] if args is None else args)
        return super().parse_known_args(args, namespace)

    def _get_option_tuples(self, option_string: str) -> Any:
        # Of a flag that a sub-command has, no flag in front of it is the long form.
        flag = option_string.partition("=")[0]
        for action in self._actions:
            inner = action.choices if action.nargs == argparse.PARSER else None
            if isinstance(inner, dict) and any(
                flag in one._option_string_actions for one in inner.values()
            ):
                return []
        return super()._get_option_tuples(option_string)

    def error(self, message: str) -> NoReturn:
        if message.startswith(_UNKNOWN):
            message = self._unknown(message.removeprefix(_UNKNOWN).split(" ")[0])
        stop = "" if message.endswith("?") else "."
        self.exit(2, escape(f"{self.prog}: {message}{stop} See {self.prog} --help") + "\n")

    def _unknown(self, word: str) -> str:
        return f"there is no '{word}'{_near(word.partition('=')[0], self._option_string_actions)}"

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        choices = action.choices
        if choices is not None and value not in choices:
            # The value of a flag that is not known looks like a sub-command.
            before = self._words[: self._words.index(value)] if value in self._words else []
            for word in before if isinstance(choices, dict) else []:
                flag = word.partition("=")[0]
                if flag[:2] == "--" and not any(
                    one.startswith(flag) for one in self._option_string_actions
                ):
                    raise argparse.ArgumentError(None, self._unknown(word))
            words = [str(choice) for choice in choices]
            hint = _near(str(value), words) if len(words) > 2 else f": type {' or '.join(words)}"
            raise argparse.ArgumentError(action, f"there is no '{value}'{hint}")


def whole(text: str) -> int:
    """Return the whole number that a flag has. :raises ArgumentTypeError: it is none."""
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text[:40]}' is not a whole number") from None


def number(text: str) -> float:
    """Return the number that a flag has. :raises ArgumentTypeError: it is none."""
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text[:40]}' is not a number") from None


def _near(word: str, words: Any) -> str:
    near = difflib.get_close_matches(word, list(words), 1)
    return f"; did you mean {near[0]}?" if near else ""
