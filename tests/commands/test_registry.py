"""The table of commands in one process: what is found, what it costs, and how failures are told."""

from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from chatroom.commands import table
from chatroom.commands.registry import Context, Dialogue, Registry
from chatroom.commands.services import Services
from chatroom.errors import Code, Disconnected, EndReason, StoreError, Unconfirmed, UserError
from chatroom.storage.records import NORMAL, SUPERUSER, Account
from tests.rooms.house import House

TABLE = table.build()
ANN = Account("id-ann", "ann", NORMAL, {}, 0.0)
BOSS = Account("id-boss", "boss", SUPERUSER, {}, 0.0)


@pytest.mark.parametrize("command", TABLE.all(), ids=lambda command: command.name)
def test_a_row_is_found_by_its_name_in_any_case_by_whom_it_allows(command: Any) -> None:
    assert TABLE.find("/" + command.name.upper(), BOSS) is command
    if command.grant == NORMAL:
        assert TABLE.find(command.name, ANN) is command
    else:
        with pytest.raises(UserError, match="is for superusers only") as refused:
            TABLE.find(command.name, ANN)
        assert refused.value.code is Code.NOT_ALLOWED


def test_people_are_led_to_what_they_may_use_and_to_nothing_else() -> None:
    assert all(command.grant == NORMAL for command in TABLE.allowed(ANN))
    assert len(TABLE.allowed(BOSS)) == len(TABLE.all())
    for typed in ("kikuser", "auditt", "op"):
        with pytest.raises(UserError) as refused:
            TABLE.find(typed, ANN)
        assert refused.value.code is Code.NO_SUCH_COMMAND
        assert "kickuser" not in str(refused.value)
        assert "/audit " not in str(refused.value)
    with pytest.raises(UserError, match=r"Did you mean /changegrant\?"):
        TABLE.find("op", BOSS)


def test_every_word_means_one_command() -> None:
    own = ("/bell", "/clear")  # of the client
    words = [word for command in TABLE.all() for word in (command.name, *command.aliases)]
    assert len(words) == len(set(words))
    assert not {f"/{word}" for word in words}.intersection(own)
    assert "all" not in words
    assert {command.family for command in TABLE.all()} == set(TABLE.families.values())
    registry = Registry()
    registry.command("one", "", "", aliases=("two",))(lambda context: None)
    for name, aliases in (("two", ()), ("three", ("one",)), ("four", ("two",))):
        with pytest.raises(ValueError, match="is in the table already"):
            registry.command(name, "", "", aliases=aliases)(lambda context: None)


ALIASES = [(alias, command) for command in TABLE.all() for alias in command.aliases]


@pytest.mark.parametrize(("alias", "command"), ALIASES, ids=[alias for alias, _ in ALIASES])
def test_an_alias_is_its_command_with_the_same_rights_and_cost(alias: str, command: Any) -> None:
    assert TABLE.find(f"/{alias.upper()}", BOSS) is command
    assert TABLE.cost(f"/{alias}") == TABLE.cost(f"/{command.name}")
    if command.grant == SUPERUSER:
        with pytest.raises(UserError, match=f"/{command.name} is for superusers only"):
            TABLE.find(alias, ANN)


def test_people_of_other_chats_find_their_words() -> None:
    meant = {alias: command.name for alias, command in ALIASES}
    assert (
        meant
        | {
            **dict.fromkeys(("msg", "m", "dm", "w"), "messageto"),
            **dict.fromkeys(("quit", "exit", "bye"), "disconnect"),
            "r": "reply",
            "list": "rooms",
            "part": "leave",
            "kick": "kickuser",
            "away": "busy",
            "back": "free",
        }
        == meant
    )


def test_a_line_costs_what_its_row_says_and_by_its_length() -> None:
    for command in TABLE.all():
        line = f"/{command.name}"
        assert TABLE.cost(line) - TABLE.cost("/nothing") == pytest.approx(command.cost - 1.0)
    assert TABLE.cost("/nothing " + "x" * 8000) > TABLE.cost("/nothing")


# -- what a handler raises -----------------------------------------------------------------------


class Noted:
    """A connection that notes what its person is told."""

    def __init__(self) -> None:
        self.refused: list[tuple[str, str, Code, dict[str, Any]]] = []

    def refuse(
        self, text: str, cid: str = "", command: str = "", code: Code = Code.REFUSED, **fields: Any
    ) -> None:
        self.refused.append((text, command, code, fields))


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Callable[[Exception], Noted]]:
    """Run a command whose handler raises something; return what its person was told."""
    house = House(tmp_path)
    member, _, _ = house.come("ann")

    def run_one(error: Exception) -> Noted:
        registry, noted = Registry(), Noted()

        @registry.command("break", "", "breaks")
        def broken(context: Context) -> None:
            raise error

        services = cast(Services, SimpleNamespace(lookups=house.rooms.lookups, accounts=None))
        context = Context(services, house.person("ann"), member, cast(Dialogue, noted), "c1")
        registry.run(context, "/break")
        return noted

    yield run_one
    house.close()


@pytest.mark.parametrize(
    ("error", "code", "sentence"),
    [
        (UserError("Not so.", Code.TOO_FAST, wait=3), Code.TOO_FAST, "Not so."),
        (
            StoreError("away"),
            Code.NOT_KEPT,
            "The store cannot be used right now; nothing was changed.",
        ),
        (Unconfirmed("away"), Code.UNCONFIRMED, "it may or may not be done."),
        (ZeroDivisionError(), Code.INTERNAL, "Something went wrong with /break; it was logged."),
    ],
    ids=lambda value: type(value).__name__,
)
def test_whatever_a_handler_raises_is_told_once_with_a_code(
    run: Callable[[Exception], Noted], error: Exception, code: Code, sentence: str
) -> None:
    ((text, command, told, fields),) = run(error).refused
    assert (command, told) == ("break", code)
    assert sentence in text
    assert fields == ({"wait": 3} if isinstance(error, UserError) else {})


def test_the_end_of_a_visit_is_no_failure_of_the_command(
    run: Callable[[Exception], Noted],
) -> None:
    with pytest.raises(Disconnected) as ended:
        run(Disconnected(reason=EndReason.LEFT))
    assert ended.value.reason is EndReason.LEFT
    with pytest.raises(Disconnected) as stopped:
        run(CancelledError())
    assert stopped.value.reason is EndReason.ENDED
