"""Refusals in the words of IRC. Pure."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet

from chatroom.errors import Code
from chatroom.irc.grammar import format_line
from chatroom.irc.numerics import REFUSED
from chatroom.irc.shape import STANDARD_REPLIES
from chatroom.text import one_line


def refusal_line(
    server: str,
    nick: str,
    caps: AbstractSet[str],
    code: Code,
    sentence: str,
    context: Sequence[str] = (),
    command: str = "",
    numeric: str = "",
) -> str:
    """Return the line that tells a refusal, without its end: by the numeric of the code, else by
    FAIL to who has asked for standard replies, else by a NOTICE.

    :param server: its name.
    :param context: what it is about, in front of the sentence.
    :param command: which was refused, for FAIL.
    :param numeric: instead of the code's.
    """
    told, text = REFUSED[code], one_line(sentence) or "Refused"
    if number := numeric or told.numeric:
        words: tuple[str, ...] = (number, nick, *context, text)
    elif STANDARD_REPLIES in caps:
        words = ("FAIL", command or "*", told.fail, *context, text)
    else:
        words = ("NOTICE", nick, text)
    return format_line(*words, source=server, trailing=True)
