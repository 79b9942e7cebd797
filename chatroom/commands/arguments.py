"""What was typed behind a command, read by its usage line. Any thread."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from chatroom.accounts.accounts import Accounts
from chatroom.addresses import address_of
from chatroom.commands.grammar import VALUES, clauses_of, cut_clauses, is_length, length
from chatroom.errors import Code, UserError
from chatroom.names import room_name
from chatroom.storage.records import Account
from chatroom.text import can_be_seen, clean_line, clean_text, one_line

_REASON_LONGEST = 200
ECHO_LONGEST = 40
"""Characters of what was typed that a refusal repeats."""
_REST = frozenset({"TEXT", "WORDS", "reason"})
USERS = "USER..."
"""One or more accounts."""
_USERS_MOST = 100
_NAMES = {
    USERS: "users",
    "N": "number",
    "NUMBER": "number",
    "0|1": "grant",
    "on|off": "state",
    "USER|ADDRESS/PREFIX": "user",
    "NUMBER|USER|ADDRESS/PREFIX": "user",
    "NUMBER|USER": "user",
    "USER|#ROOM": "of",
    "--dry": "dry",
}
"""Names of arguments, by their word of the usage line, where it is not the word itself."""
_FLAGS = frozenset({"private", "--dry"})
"""Words that are typed as they stand; a program gives ``true``."""
_NUMBERS = frozenset(
    {
        *("N", "NUMBER", "NUMBER|USER", "NUMBER|USER|ADDRESS/PREFIX", "NUMBER|others"),
        *("ID", "DATE|ID", "0|1"),
    }
)
"""Words for which a program may give a number."""


def read(usage: str, form: str, rest: str, accounts: Accounts) -> list[Any]:
    """Return the handler's arguments, checked; ``None`` for one that is missing.

    :param usage: of the command.
    :param form: how the command is typed, for the sentences.
    :param rest: what was typed behind its name.
    :raises UserError: something is missing, too much, or not what it should be.
    """
    values: list[Any] = []
    usage, rest, clauses = cut_clauses(usage, rest)
    tokens = usage.split()
    for i, token in enumerate(tokens):
        word = token.strip("[]")
        # Any white space separates; the rest of the line keeps what is inside it.
        before = rest
        given, rest = (rest, "") if word in _REST or word == USERS else first_word(rest)
        # Digits are the [N] that may follow; @20 is somebody.
        may_be_number = token[0] == "[" and "[N]" in tokens[i + 1 :]
        is_number = may_be_number and given.isascii() and given.isdigit()
        is_next = False
        if given and is_length(word) and not is_number:
            is_next = length(word, given, "[reason]" in tokens[i + 1 :]) is None
        if is_number or is_next:
            given, rest = "", before
        if not given:
            if token.startswith("["):
                values.append(None)
                continue
            wrong = first_word(rest)[0][:ECHO_LONGEST]
            what = f"'{wrong}' stands where {word} should" if wrong else f"{word} is missing"
            raise UserError(f"{what}. Type {form}", Code.USAGE)
        values.append(_value(form, word, given, accounts))
    if rest:
        raise UserError(f"'{rest[:ECHO_LONGEST]}' is too much. Type {form}", Code.USAGE)
    for word, clause in clauses:
        values.append(None if clause is None else _value(form, word, clause, accounts))
    return values


def names(usage: str) -> dict[str, str]:
    """Return the names of a command's arguments, each with its word of the usage line, in order.

    :param usage: of the command. ``[in ROOM]`` is ``room``, another clause its first word; a length
        of time is ``length``; any other word has a name in :data:`_NAMES`, or is its own.
    """
    plain, _, _ = cut_clauses(usage, "")
    found = {}
    for token in plain.split():
        word = token.strip("[]")
        name = "length" if is_length(word) else _NAMES.get(word, word.lower())
        found[name] = token
    for key, word in clauses_of(usage):
        found["room" if key == "in" else key] = f"[{word}]"
    return found


def read_named(
    usage: str, args: Mapping[str, Any], accounts: Accounts, takes_lines: bool = False
) -> list[Any]:
    """Like :func:`read`, for arguments that a program gives by their names.

    :param takes_lines: its text may have several lines.
    :raises UserError: with the ``field`` that is wrong.
    """
    known = names(usage)
    for name in args:
        if name not in known:
            takes = f"It takes {', '.join(known)}." if known else "It takes none."
            raise _wrong(name, f"There is no argument '{name[:ECHO_LONGEST]}'. {takes}")
    values: list[Any] = []
    for name, token in known.items():
        given = args.get(name)
        if given is None or given is False:
            if not token.startswith("["):
                raise _wrong(name, f"The argument '{name}' is missing.")
            values.append(None)
            continue
        word = token.strip("[]")
        clean = clean_text if takes_lines else one_line
        text = _as_text(name, word, given, clean)
        try:
            moment = _utc(text) if "DATE" in word else None
            values.append(_value("it anew", word, text, accounts) if moment is None else moment)
        except UserError as error:
            raise UserError(str(error), error.code, field=name, **error.fields) from None
        if values[-1] is None:
            raise _wrong(name, f"'{text[:ECHO_LONGEST]}' is not what '{name}' should be.")
    return values


def _as_text(name: str, word: str, given: Any, clean: Callable[[str], str]) -> str:
    """Return what a program gives as it would be typed. :raises UserError: of another type."""
    if given is True and word in _FLAGS:
        return word
    if word == USERS and isinstance(given, list) and all(isinstance(one, str) for one in given):
        if any(len(one.split()) > 1 for one in given):  # each is one name
            raise _unfit(name, Code.BAD_NAME)
        given = " ".join(given)
    is_number = isinstance(given, int) and not isinstance(given, bool)
    if is_number and is_length(word):
        return f"{given}s"
    if not (isinstance(given, str) or (is_number and word in _NUMBERS)):
        raise _wrong(name, f"The argument '{name}' is of another type than it should be.")
    text = str(given).strip()
    if word in _REST:
        text = clean(text).strip()
    elif clean_line(text) != text:  # without what harms, it may be the name of something else
        raise _unfit(name, Code.BAD_NAME if _is_name(word) else Code.USAGE)
    if not text:
        raise _wrong(name, f"The argument '{name}' is empty.")
    return text


def _utc(text: str) -> float | None:
    """Return a time such as those of ``>message``; ``None``: it is none."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment.timestamp() if moment.tzinfo is not None else None


def _is_name(word: str) -> bool:
    return word in ("ROOM", "NEW") or "USER" in word


def _unfit(name: str, code: Code) -> UserError:
    text = f"The argument '{name[:ECHO_LONGEST]}' has characters that may not stand there."
    return UserError(text, code, field=name[:ECHO_LONGEST])


def _wrong(name: str, sentence: str) -> UserError:
    return UserError(sentence, Code.USAGE, field=name[:ECHO_LONGEST])


def first_word(line: str) -> tuple[str, str]:
    """Return the first word of a line, and what comes behind it."""
    words = line.split(None, 1)
    return (words[0] if words else ""), (words[1] if len(words) > 1 else "")


def _user_or_room(given: str, accounts: Accounts) -> Account | str:
    """Return somebody, or else the name of a room: a bare word is a person first."""
    if not given.startswith("#"):
        try:
            return accounts.find(given.removeprefix("@"))
        except UserError:
            if given.startswith("@"):
                raise
    return room_name(given)


def _value(form: str, word: str, given: str, accounts: Accounts) -> Any:
    if word == "USER":
        return accounts.find(given.removeprefix("@"))
    if word == USERS:
        words = dict.fromkeys(one.removeprefix("@") for one in given.split())
        if len(words) > _USERS_MOST:
            raise UserError(f"These are too many names. Type {form}", Code.LIMIT)
        return list({one.id: one for one in map(accounts.find, words)}.values())
    if word == "USER|ADDRESS/PREFIX":
        # What looks like an address is one: who has an old account of such a name is @NAME.
        is_range = "/" in given or address_of(given) is not None
        return _value(form, "ADDRESS/PREFIX" if is_range else "USER", given, accounts)
    if word.startswith("NUMBER|USER"):
        is_number = given.removeprefix("#").isascii() and given.removeprefix("#").isdigit()
        other = "NUMBER" if is_number else word.removeprefix("NUMBER|")
        return _value(form, other, given, accounts)
    if word == "USER|#ROOM":
        return _user_or_room(given, accounts)
    if word == "ROOM":
        return room_name(given)
    if is_length(word):
        return length(word, given)
    if word in VALUES:
        try:
            return VALUES[word](given)
        except UserError as error:
            raise UserError(f"{error} Type {form}", Code.USAGE) from None
    if word in _REST and not can_be_seen(given):
        raise UserError(f"{word} has no visible characters. Type {form}", Code.EMPTY)
    if word == "reason" and len(given) > _REASON_LONGEST:
        raise UserError(f"A reason has at most {_REASON_LONGEST} characters.", Code.TOO_LONG)
    if ("|" in word or word in _FLAGS) and given not in word.split("|"):
        allowed = " or ".join(word.split("|"))
        wrong = f"'{given[:ECHO_LONGEST]}' must be {allowed}"
        raise UserError(f"{wrong}. Type {form}", Code.USAGE)
    return given
