"""Write the page of all commands from their table: python packaging/commands_page.py [--check]"""

import re
import sys
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "commands.md"
sys.path.insert(0, str(ROOT))

from chatroom.commands import table  # noqa: E402
from chatroom.commands.arguments import names  # noqa: E402
from chatroom.commands.registry import Command, Muted, Needs, Registry  # noqa: E402
from chatroom.storage.records import SUPERUSER  # noqa: E402

_HEAD = """\
# All commands

A line that begins with `/` is a command; `//` at its start sends one slash. `/help` shows how to
begin, `/help all` what you may use, `/help COMMAND` explains one, and Tab completes them with what
belongs behind.

Words in capitals stand for something: `USER` is the name of an account (`USER...` are one or more),
`ROOM` of a room (with its `#` or without), `TEXT` and `WORDS` take the rest of the line. What
stands in `[…]` may be left out, `|` means *one of these*. A length of time is one number with `s`,
`m`, `h` or `d`: `45m`, `2h`. An `ID` stands in front of a message in `/history`; a `DATE` is
`2026-11-23`, `09:30`, `today` or `yesterday`.

This page is made from the table of commands by `make docs`.
"""
_FAMILIES = """\
## Families

`/help` with the name of a family shows its commands: those that you may use.
"""
_ALIASES = """\
## Words of other chats

They do the same as the command, and need the same rights.
"""
_PROGRAMS = """\
## For programs

The names of the arguments of each command that is given by its name; those in `[…]` may be left
out.
See [the protocol](protocol.md#answers).
"""
_MUTED = {
    Muted.MAY: "yes",
    Muted.MAY_LOOK: "no",
    Muted.WITHOUT_TEXT: "without its text",
    Muted.TO_SUPERUSERS: "to superusers",
}

_COMMAND = re.compile(r"(?<![\w/`])/[a-z][a-z-]+")


def page() -> str:
    """Return the page."""
    registry = table.build()
    commands = registry.all()
    own = [c for c in commands if c.grant != SUPERUSER and c.needs is not Needs.OWNER]
    owners = [c for c in commands if c.needs is Needs.OWNER]
    superusers = [c for c in commands if c.grant == SUPERUSER]
    parts = [_HEAD, "## For everybody\n", *_rows(own)]
    parts += ["## For the owner of a room, and superusers\n", *_rows(owners)]
    parts += ["## For superusers\n", *_rows(superusers)]
    parts += [_FAMILIES, *_families(registry)]
    parts += [_ALIASES, *_aliases(commands)]
    parts += [_PROGRAMS, *_args(commands)]
    return "\n".join(parts)


def _families(registry: Registry) -> list[str]:
    rows = [f"| `{family.name}` | {family.summary} |" for family in registry.families.values()]
    return ["| family | for |", "|---|---|", *rows, ""]


def _aliases(commands: Iterable[Command]) -> list[str]:
    rows = ["| command | other words |", "|---|---|"]
    for command in commands:
        if command.aliases:
            words = ", ".join(f"`/{word}`" for word in command.aliases)
            rows.append(f"| `/{command.name}` | {words} |")
    return [*rows, ""]


def _args(commands: Iterable[Command]) -> list[str]:
    rows = ["| name | arguments |", "|---|---|"]
    for command in commands:
        given = [
            f"`{name}`" if token[0] != "[" else f"[`{name}`]"
            for name, token in names(command.usage).items()
        ]
        rows.append(f"| `{command.name}` | {', '.join(given)} |")
    return [*rows, ""]


def _rows(commands: Iterable[Command]) -> list[str]:
    rows = ["| command | what it does | while muted |", "|---|---|---|"]
    for command in commands:
        does = ". ".join(filter(None, (_sentence(command.summary).rstrip("."), command.details)))
        does = _COMMAND.sub(r"`\g<0>`", does)
        form = command.form.replace("|", "\\|")
        rows.append(f"| `{form}` | {does} | {_MUTED[command.muted]} |")
    return [*rows, ""]


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


if __name__ == "__main__":
    if sys.argv[1:] == ["--check"]:
        raise SystemExit(PAGE.read_text("utf-8") != page() and f"{PAGE.name}: run `make docs`")
    PAGE.write_text(page(), encoding="utf-8")
