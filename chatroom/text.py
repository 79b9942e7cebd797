"""Cleaning and bounds of all that a person typed: lines, texts, passwords. The one sanitiser.

Text is cleaned at the door where it comes in, and once more where it leaves for a terminal. What is
taken out could forge, disturb or hide something there:

- C0 (except tab), DEL, C1, the line separators U+2028/9;
- all format characters (category Cf): bidi controls, zero-width characters, soft hyphens, tags.
  U+200D stays between two pictures: it joins them to one. Inside words U+200C and U+200D stay where
  the scripts that need them (Persian, Sinhala, Hindi) write them: RFC 5892, appendix A.1 and A.2,
  and U+200D in front of a virama (Bengali);
- lone surrogates, which no UTF-8 can carry, and the code points that are no characters;
- combining marks behind the fourth in a row: they would run over the lines above and below.

Private-use characters stay, and so do unassigned ones: the next Unicode's pictures are among them,
and no terminal obeys either.
"""

import re
import unicodedata

from chatroom.errors import Code, UserError

NAME_LONGEST = 32
PASSWORD_SHORTEST = 8
PASSWORD_LONGEST = 1024
MARKS_IN_A_ROW = 4

# Neither ASCII that is printed, nor a letter or digit (``\w``) of any script: what is taken out is
# among these, and so are all marks.
_ODD_IN_LINE = re.compile(r"[^\w\t\x20-\x7e]+")
_ODD_IN_TEXT = re.compile(r"[^\w\t\n\x20-\x7e]+")
_MANY_ODD = re.compile(rf"[^\w\x00-\x7f]{{{MARKS_IN_A_ROW + 1}}}")
_JOINER = "\u200d"
_NON_JOINER = "\u200c"
JOINERS = frozenset({_NON_JOINER, _JOINER})
"""Zero-width characters that may stand inside a word."""
_VIRAMA = 9  # the combining class of the marks that silence a vowel
# Letters that join both neighbours, and those that join the one before them only: Joining_Type D
# and R of Unicode 15.1, as precis_i18n has them. There is no such property in the standard library.
_DUAL = (
    "\u0620\u0626\u0628\u062a-\u062e\u0633-\u063f\u0641-\u0647\u0649-\u064a\u066e-\u066f"
    "\u0678-\u0687\u069a-\u06bf\u06c1-\u06c2\u06cc\u06ce\u06d0-\u06d1\u06fa-\u06fc\u06ff"
    "\u0712-\u0714\u071a-\u071d\u071f-\u0727\u0729\u072b\u072d-\u072e\u074e-\u0758\u075c-\u076a"
    "\u076d-\u0770\u0772\u0775-\u0777\u077a-\u077f\u07ca-\u07ea\u0841-\u0845\u0848\u084a-\u0853"
    "\u0855\u0860\u0862-\u0865\u0868\u0886\u0889-\u088d\u088f\u08a0-\u08a9\u08af-\u08b0"
    "\u08b3-\u08b8\u08ba-\u08c8\u1807\u1820-\u1878\u1887-\u18a8\u18aa\ua840-\ua871"
    "\U0001e900-\U0001e943"
)
_RIGHT = (
    "\u0622-\u0625\u0627\u0629\u062f-\u0632\u0648\u0671-\u0673\u0675-\u0677\u0688-\u0699\u06c0"
    "\u06c3-\u06cb\u06cd\u06cf\u06d2-\u06d3\u06d5\u06ee-\u06ef\u0710\u0715-\u0719\u071e\u0728"
    "\u072a\u072c\u072f\u074d\u0759-\u075b\u076b-\u076c\u0771\u0773-\u0774\u0778-\u0779\u0840"
    "\u0846-\u0847\u0849\u0854\u0856-\u0858\u0867\u0869-\u086a\u0870-\u0882\u088e\u08aa-\u08ac"
    "\u08ae\u08b1-\u08b2\u08b9"
)
_JOINS_AFTER = re.compile(f"[{_DUAL}]")
_JOINS_BEFORE = re.compile(f"[{_DUAL}{_RIGHT}]")
# What shows nothing: white space, Default_Ignorable_Code_Point as far as cleaning leaves it in, and
# the blanks among the pictures (Braille, hieroglyphs).
_SEEN = re.compile(
    r"[^\s\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200c\u200d\u2800\u3164\ufe00-\ufe0f\uffa0"
    r"\U00013441\U00013442\U00016fe4\U0001d159\U000e0100-\U000e01ef]"
)
_SELECTOR = "\ufe0f"
_LENGTH = re.compile(r"([0-9]+)([smhdSMHD])\Z")
_LENGTH_DIGITS = 6
_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def clean_line(text: str) -> str:
    """Return ``text`` without what harms a terminal; tabs stay, line breaks go. Any thread."""
    # str.isprintable is false for every character that goes for its own sake (and for a few that
    # stay), so the usual line costs one C call.
    if text.isprintable() and (text.isascii() or not _MANY_ODD.search(text)):
        return text
    return _ODD_IN_LINE.sub(_without_harm, text)


def clean_text(text: str) -> str:
    """Like :func:`clean_line` for a text of several lines: line breaks stay. Any thread."""
    if text.isprintable() and (text.isascii() or not _MANY_ODD.search(text)):
        return text
    return _ODD_IN_TEXT.sub(_without_harm, text.replace("\r\n", "\n").replace("\r", "\n"))


def one_line(text: str) -> str:
    """Return a text that may have several lines as one, without what harms: each break is a blank.

    Any thread.
    """
    return clean_line(" ".join(filter(None, text.splitlines())))


def can_be_seen(text: str) -> bool:
    """Tell whether anything of a text shows: not only white space and fillers. Any thread."""
    return _SEEN.search(text) is not None


def is_mark(c: str) -> bool:
    """Tell whether a character is a combining mark."""
    return unicodedata.category(c)[0] == "M"


def _without_harm(match: re.Match[str]) -> str:
    run = match[0]
    kept: list[str] = []
    marks = 0
    for i, c in enumerate(run):
        if is_mark(c):
            marks += 1
            if marks > MARKS_IN_A_ROW:
                continue
        elif c in JOINERS:
            if c == _JOINER and kept and _is_between_pictures(kept[-1], run[i + 1 : i + 2]):
                marks = 0
            elif not _is_in_word(match, i, kept):
                continue
        elif _harms(c):
            continue
        else:
            marks = 0
        kept.append(c)
    return "".join(kept)


def _is_between_pictures(before: str, after: str) -> bool:
    return (_is_picture(before) or before == _SELECTOR) and _is_picture(after)


def _is_in_word(match: re.Match[str], at: int, kept: list[str]) -> bool:
    """Tell whether a word needs the joiner that stands at a place of a run: RFC 5892, A.1 and A.2.

    Beside these one that joins may stand in front of a virama (Bengali ya-phalaa, Sinhala touching
    letters: The Unicode Standard, sections 12.2 and 13.2), in texts: as names they are the same.

    :param kept: what stays of the run before it; at most some marks.
    """
    whole, run = match.string, match[0]
    ahead = at + 1
    while ahead < min(len(run), at + 2 + MARKS_IN_A_ROW) and is_mark(run[ahead]):
        ahead += 1
    # Before it stands a letter, with marks at most; letters stand before and behind a run.
    if not match.start() or not all(map(is_mark, kept)):
        return False
    if kept and unicodedata.combining(kept[-1]) == _VIRAMA:
        return True
    if run[at] == _JOINER and is_before_virama(whole, match.start() + at):
        before = whole[match.start() - 1]
        return before.isalpha() and not before.isascii() and len(kept) < MARKS_IN_A_ROW
    letter, follower = whole[match.start() - 1], whole[match.end() : match.end() + 1]
    joins = _JOINS_AFTER.match(letter) and _JOINS_BEFORE.match(follower)
    return run[at] == _NON_JOINER and ahead == len(run) and joins is not None


def is_before_virama(text: str, at: int) -> bool:
    """Tell whether the next character silences a vowel."""
    return at + 1 < len(text) and unicodedata.combining(text[at + 1]) == _VIRAMA


def _is_picture(c: str) -> bool:
    # The blocks that hold all emoji of joined sequences (Unicode's emoji-zwj-sequences.txt).
    return "\u2190" <= c <= "\u2bff" or "\U0001f000" <= c <= "\U0001faff"


def _harms(c: str) -> bool:
    category = unicodedata.category(c)
    if category != "Cn":
        return category in ("Cc", "Cf", "Cs", "Zl", "Zp")
    # Unassigned: what is kept free for more format characters (Default_Ignorable_Code_Point), and
    # what will never be a character.
    point = ord(c)
    return (
        point == 0x2065
        or 0xFFF0 <= point <= 0xFFF8
        or 0xE0000 <= point <= 0xE0FFF
        or 0xFDD0 <= point <= 0xFDEF
        or point & 0xFFFE == 0xFFFE
    )


def escape(text: str) -> str:
    """Return ``text`` fit for one line of a log: what is not printable becomes ``\\xNN``.

    So do combining marks behind the fourth in a row.
    """
    if text.isprintable() and (text.isascii() or not _MANY_ODD.search(text)):
        return text
    shown: list[str] = []
    marks = 0
    for c in text:
        marks = marks + 1 if is_mark(c) else 0
        is_fit = c.isprintable() and marks <= MARKS_IN_A_ROW
        shown.append(c if is_fit else c.encode("unicode_escape").decode("ascii"))
    return "".join(shown)


def check_new_password(password: str) -> str:
    """Return ``password`` if it may be a new password: 8 to 1024 bytes of UTF-8.

    :raises UserError: says how long it must be.
    """
    size = len(password.encode("utf-8", "surrogatepass"))
    if size < PASSWORD_SHORTEST or size > PASSWORD_LONGEST:
        raise UserError(
            f"A password has {PASSWORD_SHORTEST} to {PASSWORD_LONGEST} bytes. Choose another one.",
            Code.BAD_PASSWORD,
        )
    return password


def seconds_of(text: str) -> float | None:
    """Return a length of time such as ``90s``, ``45m``, ``2h`` or ``1d`` in seconds.

    ``None``: it is none.

    :raises UserError: it is one, but too long.
    """
    match = _LENGTH.match(text)
    if match is None:
        return None
    if len(match[1]) > _LENGTH_DIGITS:
        raise UserError(
            f"{escape(text[:20])} is too long a time. Take a number of up to 6 digits.", Code.USAGE
        )
    return int(match[1]) * _SECONDS[match[2].lower()]
