"""The column of the codes for IRC: one line for each, and the page lists the same."""

import re
from pathlib import Path

from chatroom.errors import Code
from chatroom.irc.numerics import REFUSED

PAGE = Path(__file__).parent.parent.parent / "docs" / "irc.md"


def test_each_code_has_a_number_or_a_word() -> None:
    assert set(REFUSED) == set(Code)
    for told in REFUSED.values():
        assert re.fullmatch(r"[45]\d\d", told.numeric) or re.fullmatch(r"[A-Z_]+", told.fail)


def test_the_page_lists_each_code_as_it_is_told() -> None:
    table = PAGE.read_text().split("| code here | by IRC |")[1].split("\n\n")[0]
    listed = {}
    for line in table.splitlines():
        if line.startswith("| `"):
            codes, told = line.strip("| ").split(" | ")
            listed.update(dict.fromkeys(re.findall(r"`([^`]+)`", codes), told.strip()))
    assert listed == {
        code.value: told.numeric or f"FAIL {told.fail}" for code, told in REFUSED.items()
    }
