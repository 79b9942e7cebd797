"""What was typed behind a command, read by its usage line. Any thread."""

from typing import Any

from chatroom.accounts.accounts import Accounts
from chatroom.addresses import address_of
from chatroom.commands.grammar import VALUES, cut_clauses, is_length, length
from chatroom.errors import Code, UserError
from chatroom.names import room_name
from chatroom.text import can_be_seen

_REASON_LONGEST = 200
ECHO_LONGEST = 40
"""Characters of what was typed that a refusal repeats."""
_REST = frozenset({"TEXT", "WORDS", "reason"})


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
        given, rest = (rest, "") if word in _REST else first_word(rest)
        # Digits are the [N] that may follow; @20 is somebody.
        may_be_number = token[0] == "[" and "[N]" in tokens[i + 1 :]
        is_number = may_be_number and given.isascii() and given.isdigit()
        is_next = given and is_length(word) and not is_number and length(word, given) is None
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


def first_word(line: str) -> tuple[str, str]:
    """Return the first word of a line, and what comes behind it."""
    words = line.split(None, 1)
    return (words[0] if words else ""), (words[1] if len(words) > 1 else "")


def _value(form: str, word: str, given: str, accounts: Accounts) -> Any:
    if word == "USER":
        return accounts.find(given.removeprefix("@"))
    if word == "USER|ADDRESS/PREFIX":
        # What looks like an address is one: who has an old account of such a name is @NAME.
        is_range = "/" in given or address_of(given) is not None
        return _value(form, "ADDRESS/PREFIX" if is_range else "USER", given, accounts)
    if word == "NUMBER|USER|ADDRESS/PREFIX":
        is_number = given.removeprefix("#").isascii() and given.removeprefix("#").isdigit()
        other = "NUMBER" if is_number else "USER|ADDRESS/PREFIX"
        return _value(form, other, given, accounts)
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
        raise UserError(f"There is nothing to be seen in {word}. Type {form}", Code.EMPTY)
    if word == "reason" and len(given) > _REASON_LONGEST:
        raise UserError(f"A reason has at most {_REASON_LONGEST} characters.", Code.TOO_LONG)
    if ("|" in word or word == "private") and given not in word.split("|"):
        allowed = " or ".join(word.split("|"))
        wrong = f"'{given[:ECHO_LONGEST]}' must be {allowed}"
        raise UserError(f"{wrong}. Type {form}", Code.USAGE)
    return given
