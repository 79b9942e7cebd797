"""What /help shows: how to begin, families, everything, one command; and only what one may use."""

import re

import pytest

from tests.commands.test_commands import EVERYBODY, SUPERUSERS
from tests.harness import Peer, ServerProcess


def forms(answer: str) -> list[str]:
    """Return what begins the lines of a help, up to its explanation."""
    return re.findall(r"(?m)^(/.+?)(?:  |$)", answer)


def words(answer: str) -> set[str]:
    return {form.split()[0].removeprefix("/") for form in forms(answer)}


def test_who_is_new_sees_eight_commands_and_the_families(room: ServerProcess) -> None:
    first, more = room.join("new").answer_to("/help").split("\n\n", 1)
    assert words(first) == {
        *("who", "rooms", "join", "messageto", "reply", "history", "search", "disconnect")
    }
    assert "/history   " in first  # without what may be left out
    families = [form.split()[1] for form in forms(more)]
    assert families == [
        *("talking", "people", "rooms", "reading", "account", "server", "all", "COMMAND")
    ]
    assert "Any other line is a message; // at its start sends one slash." in more


def test_families_together_are_everything_that_one_may_use(room: ServerProcess, boss: Peer) -> None:
    for peer, allowed in ((room.join("ann"), EVERYBODY), (boss, EVERYBODY + SUPERUSERS)):
        families = re.findall(r"(?m)^/help ([a-z]+)", peer.answer_to("/help"))
        families.remove("all")
        found = [name for one in families for name in words(peer.answer_to(f"/help {one}"))]
        assert sorted(found) == sorted(allowed)


def test_a_family_of_superusers_is_not_there_for_others(room: ServerProcess, boss: Peer) -> None:
    answer = room.join("ann").answer_to("/help moderation")
    assert answer.startswith("There is no command /moderation.")
    assert "mute" in words(boss.answer_to("/help Moderation"))
    assert "rooms" in words(boss.answer_to("/help rooms"))


def test_programs_get_rows_of_what_is_shown(room: ServerProcess) -> None:
    program = room.program_peer("rowing")
    found = {}
    for word in ("", "all", "reading", "delete"):
        program.send_event("command", line=f"/help {word}", cid=f"h{word}")
        found[word] = program.until_event("result", cid=f"h{word}")
    assert found[""]["rows"] == found["all"]["rows"]
    assert [row["command"] for row in found["all"]["rows"]] == list(EVERYBODY)
    assert sum(row["basic"] for row in found[""]["rows"]) == 8
    assert {row["family"] for row in found["reading"]["rows"]} == {"reading"}
    assert [row["command"] for row in found["delete"]["rows"]] == ["delete"]
    # What the client completes is all that is allowed, or nothing new.
    assert found[""]["commands"] == found["all"]["commands"]
    assert "commands" not in found["reading"]
    program.close()


def test_help_gives_programs_the_usage_lines_that_they_may_use(room: ServerProcess) -> None:
    program = room.program_peer("helpless")
    program.send_event("command", line="/help", cid="h")
    forms = program.until_event("result", cid="h")["commands"]
    assert "/messageto USER TEXT" in forms
    assert not [form for form in forms if form.startswith("/kickuser")]
    program.close()


@pytest.mark.parametrize("word", ["busy", "/busy", "BUSY"])
def test_help_of_one_command_shows_how_it_is_typed(room: ServerProcess, word: str) -> None:
    answer = room.join("ann").answer_to(f"/help {word}")
    assert answer.startswith("/busy [45m] [reason]\n    hold messages back")
