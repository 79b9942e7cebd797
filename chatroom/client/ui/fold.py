"""Long lines cut at the width of the window, with what goes on marked by an indent. Pure.

A terminal that wraps a line by itself begins the next row at its edge, and there a message that is
padded to the reader's width looks like a line of somebody else.
"""

import re
import unicodedata

_INDENT = "    "
_NARROW = 20  # columns; in fewer the mark is one column
_TAB = 8
_BLANK = frozenset(" \t\u00a0\u115f\u1160\u2800\u3000\u3164\uffa0") | {
    chr(point) for point in range(0x2000, 0x200B)
}
"""What looks like a space: a row may end behind it."""
# An address is left in one piece, so that it can be opened and copied: without a colon in its rest
# nobody can make a sender of it.
_ADDRESS = re.compile(r"https?://[!-~]+")
_JOINER = "\u200d"


def fold(text: str, width: int) -> str:
    """Return ``text`` with its lines cut.

    :param width: columns of the window; 0: not known, nothing is cut.
    """
    return "".join(piece for _, piece in fold_styled([("", text)], width))


def fold_styled(fragments: list[tuple[str, str]], width: int) -> list[tuple[str, str]]:
    """Like :func:`fold` for texts with styles."""
    text = "".join(piece for _, piece in fragments)
    mark = "\n" + (_INDENT if width >= _NARROW else " ")
    cuts = _cuts(text, width, len(mark) - 1)
    if not cuts:
        return fragments
    folded: list[tuple[str, str]] = []
    begin = 0
    for style, piece in fragments:
        end, at = begin + len(piece), begin
        while cuts and cuts[0] < end:
            cut = cuts.pop(0)
            folded += [(style, text[at:cut]), ("", mark)]
            at = cut + (text[cut] == " ")  # the space that the cut stands for
        folded.append((style, text[at:end]))
        begin = end
    return folded


def _cuts(text: str, width: int, indent: int) -> list[int]:
    """Return where rows end."""
    if width <= indent or (len(text.rstrip("\n")) <= width and text.isascii() and "\t" not in text):
        return []
    cuts: list[int] = []
    begin = 0
    for line in text.split("\n"):
        cuts += [begin + cut for cut in _cuts_of_line(line, width, indent)]
        begin += len(line) + 1
    return cuts


def _cuts_of_line(line: str, width: int, indent: int) -> list[int]:
    cuts: list[int] = []
    row = word = at = 0  # where the row begins, the word, and what comes next
    column = 0
    while at < len(line):
        c = line[at]
        wide = _columns(c, column)
        if column + wide <= width or at == row:
            column += wide
            at += 1
            if c in _BLANK:
                word = at
            continue
        address = _ADDRESS.match(line, word)
        if c in _BLANK:
            row = word = at
        elif (
            address and len(address[0]) > width - indent and ":" not in address[0][width - indent :]
        ):
            if word > row:
                cuts.append(word)
            row = word = at = address.end()
        elif word > row:
            row = at = word
        else:
            row = word = at = _whole(line, row, at)
        if at < len(line):
            cuts.append(at)
            at += line[at] == " "
            row = word = at
        column = indent
    return cuts


def _whole(line: str, row: int, at: int) -> int:
    """Return the place nearest before ``at`` where no character is cut off from its marks."""
    for place in range(at, row, -1):
        if _JOINER not in line[place - 1 : place + 1] and _columns(line[place], 0):
            return place
    return at


def _columns(c: str, column: int) -> int:
    """Return how many columns a character takes; where terminals differ, the most."""
    if c == "\t":
        return _TAB - column % _TAB
    if c.isascii():
        return 1
    if c == "\ufe0f":  # makes a picture of a narrow character
        return 1
    if unicodedata.category(c) in ("Mn", "Me", "Cf"):
        return 0
    is_flag = "\U0001f1e6" <= c <= "\U0001f1ff"
    return 2 if is_flag or unicodedata.east_asian_width(c) in "WF" else 1
