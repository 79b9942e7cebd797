"""Names of people and rooms: what one may be made of, when two are the same, when two look alike.

- Two names are the *same* when :func:`fold` gives the same: PRECIS UsernameCaseMapped (RFC 8265).
- Two names *look alike* when they share one of their :func:`skeletons` (Unicode TR39, section 4).
  As in ergo (``irc/strings.go``), the skeleton is made of the name as it is shown, since capitals
  have other doubles than small letters; here also of the folded one.

The server only: the client needs none of it, and would start later.
"""

import ipaddress
import json
import re
import unicodedata
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import confusable_homoglyphs
from precis_i18n.factory import get_profile

from chatroom.errors import Code, UserError
from chatroom.text import (
    JOINERS,
    MARKS_IN_A_ROW,
    NAME_LONGEST,
    clean_line,
    is_before_virama,
    is_mark,
)

RESERVED_FOR_ROOMS = frozenset({"server", "system", "admin"})
SERVICES = frozenset(
    {
        *("nickserv", "chanserv", "saslserv", "memoserv", "operserv", "hostserv", "botserv"),
        *("helpserv", "authserv", "userserv", "groupserv", "gameserv", "statserv", "infoserv"),
        *("rootserv", "global"),
    }
)
"""Services of other networks of IRC, to which people type passwords by habit. Folded."""
RESERVED = (
    RESERVED_FOR_ROOMS
    | SERVICES
    | {"root", "operator", "claim", "moderator", "support", "everyone", "all", "here", "lobby"}
)
"""Names that no person may have."""

LOOKS_LIKE = "That name looks like another one that is taken or reserved. Choose another one."

SKELETON_SOURCE = (
    f"confusable_homoglyphs {confusable_homoglyphs.__version__}, "
    f"Unicode {unicodedata.unidata_version}, form 1"
)
"""What skeletons are made from: when this changes, the kept ones are made anew."""

_PRECIS = get_profile("UsernameCaseMapped")
_BESIDE_LETTERS = "_-."
_ROUNDS = 4
_FOLDED_LONGEST = 4 * NAME_LONGEST
"""Characters of what may be a name, however it is composed: the longest letters are of four."""
_FULL_OR_HALF = re.compile(r"[\u3000\uff01-\uffee]+")
_JOINER = "\u200d"
_WITHOUT_JOINERS = dict.fromkeys(map(ord, JOINERS))


def fold(name: str) -> str:
    """Return the form under which a name is unique: case, width and composition do not count.

    What can be no name is returned as it is, and is nobody's. Any thread.
    """
    if name.isascii():
        return name.lower()  # what PRECIS does with ASCII, at a fiftieth of the cost
    if len(name) > _FOLDED_LONGEST:
        return name  # before any work: PRECIS takes some microseconds a character
    return _prepare(name) or name


def room_name(text: str) -> str:
    """Return the name of a room as it was typed, or as it is shown: with its ``#``."""
    return text.removeprefix("#")


def _prepare(name: str) -> str | None:
    """Return the folded form of a name that is not all ASCII; ``None``: PRECIS refuses it.

    PRECIS knows no joiner in front of a virama: there the name is the same without it.
    """
    if _JOINER in name:
        places = (i for i, c in enumerate(name) if c == _JOINER and is_before_virama(name, i))
        for at in reversed(list(places)):
            name = name[:at] + name[at + 1 :]
    try:
        folded: str = _PRECIS.enforce(name)
        # RFC 8264, section 7: what does not come to rest is refused.
        return folded if _PRECIS.enforce(folded) == folded else None
    except UnicodeError:
        return None


def check_name(name: str, reserved: Iterable[str] = RESERVED) -> str:
    """Return ``name`` if it may be registered, as far as nobody else's name is asked.

    :param name: 1 to 32 letters and digits of any script, marks that belong to a letter, ``_``,
        ``-``, ``.``.
    :param reserved: names that it may neither be nor look like.
    :raises UserError: says what a name may be made of. The sentence never repeats the name.
    """
    if not 1 <= len(name) <= NAME_LONGEST or not _has_name_characters(name):
        raise UserError(
            f"A name has 1 to {NAME_LONGEST} letters, digits, '_', '-' or '.'.", Code.BAD_NAME
        )
    if _is_address(fold(name)):  # "/ban 192.0.2.7" means the address
        raise UserError("A name may not be an address. Choose another one.", Code.BAD_NAME)
    if name in (".", ".."):
        raise UserError(
            "That name is reserved. Choose another one.", Code.BAD_NAME
        )  # scripts make files of names
    if not name.isascii() and _prepare(name) is None:
        raise UserError(
            "That name mixes letters that do not go together, or has one that no name may have. "
            "Choose another one."
        )
    if fold(name) in reserved:
        raise UserError("That name is reserved. Choose another one.", Code.BAD_NAME)
    if not skeletons(name).isdisjoint(skeletons_of_all(reserved)):
        raise UserError(LOOKS_LIKE, Code.NAME_TAKEN)
    return name


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def log_name(typed: str) -> str:
    """Return what was typed as a name, for the log; ``?`` when it is none (a password?)."""
    return typed if 1 <= len(typed) <= NAME_LONGEST and _has_name_characters(typed) else "?"


def _has_name_characters(name: str) -> bool:
    if clean_line(name) != name:
        return False
    marks = -1  # behind the last letter; -1: there is none that a mark could belong to
    for c in name:
        category = unicodedata.category(c)
        if category[0] == "M":
            if not 0 <= marks < MARKS_IN_A_ROW:
                return False
            marks += 1
        elif category[0] == "L":
            marks = 0
        elif category == "Nd" or c in _BESIDE_LETTERS:
            marks = -1
        elif c in JOINERS:
            continue  # cleaning has left it where a script needs it; PRECIS looks once more
        else:
            return False
    return True


def skeletons(name: str) -> frozenset[str]:
    """Return the forms of a name by which it is compared with others that look like it."""
    return frozenset({_skeleton(name), _skeleton(fold(name))})


_of_all: dict[frozenset[str], frozenset[str]] = {}


def skeletons_of_all(reserved: Iterable[str]) -> frozenset[str]:
    """Return the skeletons of some reserved names, also of their forms with capitals."""
    key = frozenset(reserved)
    found = _of_all.get(key)
    if found is None:
        forms = (form for name in key for form in (name, name.upper(), name.title()))
        found = _of_all[key] = frozenset[str]().union(*(skeletons(form) for form in forms))
    return found


def _skeleton(name: str) -> str:
    # TR39: decompose, put each character's prototype in its place, decompose. The rest is ours:
    # without case, since names have none; and again, since a small letter has a prototype, too.
    # Without joiners, which are not to be seen (TR39 leaves out Default_Ignorable_Code_Point).
    name = name.translate(_WITHOUT_JOINERS)
    for _ in range(_ROUNDS):
        before = name
        name = unicodedata.normalize("NFD", name).translate(_prototypes())
        name = unicodedata.normalize("NFD", name).casefold()
        if name == before:
            break
    return name


@cache
def _prototypes() -> dict[int, str]:
    """Return TR39's table: each character that looks like another one, and its prototype.

    Read at the first new name: most starts of a server see none.

    The package holds each line of confusables.txt twice, from either side. What is a source of
    the table has one partner, its prototype. A prototype is never a source; where it has one
    partner, too, the side that comes first in the file is the source: the package has read it
    from left to right.
    """
    content = json.loads(
        Path(confusable_homoglyphs.__file__)
        .with_name("confusables.json")
        .read_text(encoding="utf-8")
    )
    partners: dict[str, list[str]] = {}
    for shown, entries in content.items():
        # The file's comments, which the package reads, put marks around what runs to the left.
        found = partners.setdefault(shown.strip("\u200e"), [])
        found.extend(entry["c"].strip("\u200e") for entry in entries)
    prototypes: dict[int, str] = {}
    for one, others in partners.items():
        other = others[0]
        is_source = len(one) == 1 and len(others) == 1
        # An earlier source of the same pair makes this one its prototype.
        if is_source and not (len(other) == 1 and prototypes.get(ord(other)) == one):
            prototypes[ord(one)] = other
    return prototypes


def mentions(text: str, name: str) -> bool:
    """Tell whether a text holds a name as a whole word, with or without ``@``. Any thread.

    The time grows with the length of the text only, whatever stands in it how often.
    """
    text, name = plain(text), re.escape(plain(name))
    # In one go, in C: a text may hold a short name ten thousand times. Marks and joiners belong to
    # words, too, and are no \w.
    for found in re.finditer(rf"(?<![\w.-]){name}(?![\w-])(?!\.\w)", text):
        start, end = found.span()
        before, after = text[start - 1] if start else "", text[end : end + 1]
        second = text[end + 1 : end + 2] if after == "." else ""
        if not any(map(_belongs_to_word, filter(None, (before, after, second)))):
            return True
    return False


_NO_NAMES = "".join(
    chr(code) if chr(code).isalnum() or chr(code) in _BESIDE_LETTERS else " " for code in range(128)
)
"""What of ASCII can stand in a name; all else parts words."""
_STOP = re.compile(r"\.(?!\w)")


class _Words(dict[int, int]):
    """Parts the words of any text, for ``str.translate``; the code points that came first stay."""

    def __missing__(self, code: int) -> int:
        c = chr(code)
        is_in_word = c.isalnum() or c in _BESIDE_LETTERS or _belongs_to_word(c)
        found = code if is_in_word else ord(" ")
        if len(self) < _CODES_MOST:
            self[code] = found
        return found


_CODES_MOST = 5000
_PLAIN_LONGEST = 3 * NAME_LONGEST + 1
"""Characters that a name has at most as :func:`plain` has it, and a full stop: case folding makes
three of one at most."""
_WORDS = _Words()


def words_of(text: str) -> list[str]:
    """Return the words of a text; whatever name it mentions is among them, as :func:`plain` has it.

    One look for all names: which of them :func:`mentions` confirms is looked at afterwards.
    """
    if text.isascii():
        runs = text.lower().translate(_NO_NAMES).split()
    else:
        runs = plain(text).translate(_WORDS).split()
    if "." in text:
        # A full stop in front of anything else but a letter or a digit ends a word, or belongs to
        # the name.
        runs += [
            run[: stop.start()]
            for run in runs
            if "." in run
            for stop in _STOP.finditer(run, 0, _PLAIN_LONGEST)
        ]
    return runs


HERE = "here"
"""With ``@`` in front it mentions all who are in a room."""


def calls_all(text: str) -> bool:
    """Tell whether a text holds ``@here`` as a word."""
    return re.search(rf"(?<![\w.@-])@{HERE}(?![\w-])(?!\.\w)", plain(text)) is not None


def plain(text: str) -> str:
    """Return what of a text counts when it is compared with names: as :func:`fold`, for any text.

    Names have no compatibility forms but full and half width; and one of the others may stand for
    18 letters, so that 8 KB would become 50.
    """
    if text.isascii():
        return text.lower()
    text = _FULL_OR_HALF.sub(lambda found: unicodedata.normalize("NFKC", found[0]), text)
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())


def _belongs_to_word(c: str) -> bool:
    return c in JOINERS or is_mark(c)
