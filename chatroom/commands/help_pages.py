"""What there is to type: /help."""

import re
from collections.abc import Sequence

from chatroom.answers import Answer, Row
from chatroom.commands.arguments import names
from chatroom.commands.registry import Command, Context, Registry

_ALL = "all"
_WIDTH = 28
_MAY_BE_MISSING = re.compile(r" \[[^]]*\]")
_MESSAGES = "Any other line is a message; // at its start sends one slash."


def add_to(registry: Registry) -> None:
    """Enter this command into the table."""

    @registry.command(
        "help", "[command]", "how to begin, and what there is; also of one command", cost=2
    )
    def show_help(context: Context, word: str | None) -> Answer:
        """The word all lists every command, the name of a family those of the family."""
        allowed = registry.allowed(context.account)
        families = {command.family.name: command.family for command in allowed}
        families = {name: families[name] for name in registry.families if name in families}
        rows = list(map(_row, allowed))
        fields = {"commands": [command.form for command in allowed]}
        if word is None:
            basic = [(_short(one.form), one.summary) for one in allowed if one.is_basic]
            lines = ["To begin with:", *(f"{form:<{_WIDTH}} {said}" for form, said in basic)]
            lines += ["", "There is more:"]
            more = [(one.name, one.summary) for one in families.values()]
            more += [(_ALL, "every command"), ("COMMAND", "more about one")]
            lines += [f"{f'/help {what}':<{_WIDTH}} {said}" for what, said in more]
            return Answer("\n".join((*lines, _MESSAGES)), rows, fields)
        name = word.lower()
        if name == _ALL:
            return Answer("\n".join((*_lines(allowed), _MESSAGES)), rows, fields)
        if name in families:
            inside = [one for one in allowed if one.family is families[name]]
            return Answer("\n".join(_lines(inside)), list(map(_row, inside)))
        return _details(registry.find(word, context.account))


def _details(command: Command) -> Answer:
    also = ", ".join(f"/{word}" for word in command.aliases)
    also = also and f"Also: {also}"
    parts = filter(None, (command.form, command.summary, command.details, also))
    return Answer("\n    ".join(parts), [_row(command)])


def _lines(commands: Sequence[Command]) -> list[str]:
    lines = []
    for command in commands:
        is_wide = len(command.form) > _WIDTH
        lines += [command.form] if is_wide else []
        lines.append(f"{'' if is_wide else command.form:<{_WIDTH}} {command.summary}")
    return lines


def _short(form: str) -> str:
    """Return how a command is typed, without what may be left out."""
    return _MAY_BE_MISSING.sub("", form).rstrip()


def _row(command: Command) -> Row:
    return {
        "command": command.name,
        "usage": command.usage,
        "aliases": command.aliases,
        "family": command.family.name,
        "basic": command.is_basic,
        "summary": command.summary,
        "details": command.details,
        "args": list(names(command.usage)),
    }
