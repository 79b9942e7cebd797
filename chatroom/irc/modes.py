"""MODE: what a room allows and who runs it, as IRC tells and changes it.

``+b`` is a ban from the room, ``+i`` and ``+s`` together a private one, ``+m`` an archived one and
``+o`` who owns or moderates it; they are changed by the commands of rooms, with their checks. The
others are as they are: ``+n`` (only who is inside writes), ``+t`` (only who runs it sets the topic)
and ``+c`` (no colours).
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from chatroom.errors import Code
from chatroom.irc import numerics
from chatroom.irc.bots import BOTS
from chatroom.irc.channels import check_in, is_open, room_of
from chatroom.irc.face import USER_HOST
from chatroom.irc.grammar import Line
from chatroom.irc.news import mask_of
from chatroom.irc.own_face import OwnFace
from chatroom.irc.people import account_named
from chatroom.irc.places import is_operator
from chatroom.irc.session import IrcSession
from chatroom.names import fold
from chatroom.rooms.roles import runs
from chatroom.rooms.room import Room
from chatroom.storage.records import ROOM_BAN, SUPERUSER, Account, RoomRecord, Sanction

CHANGES = 4
"""Changes with a parameter of one line that are carried out; MODES in 005."""
FIXED = "cnt"
_PRIVATE = "is"
_ARCHIVED = "m"
_OPERATOR, _BAN = "o", "b"
_LISTS = {
    _BAN: numerics.RPL_ENDOFBANLIST,
    "e": numerics.RPL_ENDOFEXCEPTLIST,
    "I": numerics.RPL_ENDOFINVEXLIST,
}
"""Lists that clients ask for: exceptions from bans and from invitations there are none."""
_TAKES_PARAM = "beIko"  # with either sign; l only with +
_RANKS = "vhaq"
"""Ranks of other servers: there are none here, but clients send a name with each."""
_ELSEWHERE = {
    "k": "Rooms have no keys here: make it private by +i, and INVITE",
    "l": "Rooms have no limits here",
}
"""Modes of other servers that clients offer in their menus."""
_USER_MODES = "Bio"
_BOT = "B"
# A ban is of an account; its name may stand alone, or as the nick of a mask that matches any host.
_BAN_MASK = re.compile(r"([^!@*?]+)(?:!(?:\*|~?u)(?:@(?:\*|chat))?)?\Z")


class _Change(NamedTuple):
    """One letter of a change."""

    is_on: bool
    letter: str
    param: str | None

    @property
    def shown(self) -> str:
        return ("+" if self.is_on else "-") + self.letter


def mode(session: IrcSession, line: Line) -> None:
    """Answer MODE."""
    target = line.params[0]
    if target.startswith("#"):
        _of_room(session, target, line.params[1:])
    else:
        _of_user(session, target, line.params[1:])


def room_modes(record: RoomRecord) -> str:
    """Return the modes of a room, as 324 tells them."""
    letters = FIXED + (_PRIVATE if record.private else "")
    letters += _ARCHIVED if record.is_archived else ""
    return "+" + "".join(sorted(letters))


# -- of a room ----------------------------------------------------------------------------------


def _of_room(session: IrcSession, target: str, params: tuple[str, ...]) -> None:
    room = room_of(session, target)
    if room is None or not is_open(session, room):
        return
    if not params:
        _tell_modes(session, room)
        return
    changes = list(_changes(params))
    for change in [one for one in changes if one.letter in _LISTS and one.param is None]:
        _list(session, room, change.letter)
        changes.remove(change)
    changes = [one for one in changes if _is_change(room.record, one)]
    if changes and (session.account.grant == SUPERUSER or check_in(session, room)):
        late = [change for change in changes if change.letter in _TAKES_PARAM][CHANGES:]
        for change in changes:
            if change not in late:
                _carry_out(session, room, change)
        if rest := "".join(change.shown for change in late):
            text = f"Of one line {CHANGES} of these are carried out; {rest} was not. Send it again."
            session.tell("error", text)


def _changes(params: tuple[str, ...]) -> Iterator[_Change]:
    """Take a change apart: letters behind their signs, and the parameters for those that take one.

    The first word alone holds letters: a name is never one, whatever goes with an unknown letter.
    Of a letter that changes nothing by its parameter the last one counts.
    """
    letters, *rest = params
    is_on = True
    alone: dict[str, _Change] = {}
    for letter in letters:
        if letter in "+-":
            is_on = letter == "+"
            continue
        takes = letter in _TAKES_PARAM + _RANKS or (letter == "l" and is_on)
        change = _Change(is_on, letter, rest.pop(0) if takes and rest else None)
        if takes and letter not in _RANKS:
            yield change
        else:
            alone[letter] = change
    yield from alone.values()


def _is_change(record: RoomRecord, change: _Change) -> bool:
    """Tell whether anything would be another way afterwards: +n is always so."""
    return not (change.is_on and change.letter in FIXED) and not (
        change.letter in _PRIVATE + _ARCHIVED
        and (change.letter in room_modes(record)) == change.is_on
    )


def _tell_modes(session: IrcSession, room: Room) -> None:
    where = f"#{room.name}"
    session.reply_bare(numerics.RPL_CHANNELMODEIS, where, room_modes(room.record))
    if room.record.created:
        session.reply_bare(numerics.RPL_CREATIONTIME, where, str(int(room.record.created)))


def _list(session: IrcSession, room: Room, letter: str) -> None:
    """Tell the bans of a room to who runs it; to others, and of other lists, that it is empty."""
    where = f"#{room.name}"
    if letter == _BAN and runs(session.account, room.record):
        for one in _bans(session, room):
            who = (f"{one.by}{USER_HOST}", str(int(one.since)))
            session.reply_bare(numerics.RPL_BANLIST, where, mask_of(_name_of(session, one)), *who)
    session.reply(_LISTS[letter], where, "End of the list")


def _bans(session: IrcSession, room: Room) -> list[Sanction]:
    return [one for one in session.services.sanctions.all(room=room.log) if one.kind == ROOM_BAN]


def _name_of(session: IrcSession, one: Sanction) -> str:
    account = session.services.accounts.find_by_id(one.target)
    return account.name if account is not None else one.name


def _carry_out(session: IrcSession, room: Room, change: _Change) -> None:
    """Carry out one change; the room's own line tells those inside of it."""
    where = f"#{room.name}"
    command = _COMMANDS.get((change.letter, change.is_on))
    if not session.may(command or _OF_MODERATORS, room):
        return
    if change.letter in _ELSEWHERE:
        text = _ELSEWHERE[change.letter]
        _invalid(session, where, change, text)
    elif change.letter in FIXED:
        text = f"+{change.letter} is always so here"
        session.reply(numerics.ERR_CHANOPRIVSNEEDED, where, text)
    elif command is None:
        session.reply(numerics.ERR_UNKNOWNMODE, change.letter, "is not a mode of rooms here")
    elif change.letter in (_OPERATOR, _BAN):
        _of_somebody(session, room, change, command)
    elif _is_change(room.record, change):  # +is is one change
        _by_command(session, room, change, command)


def _of_somebody(session: IrcSession, room: Room, change: _Change, command: str) -> None:
    given = change.param
    if not given:
        text = "Say whom"
        session.reply(numerics.ERR_NEEDMOREPARAMS, "MODE", text)
        return
    name: str | None = given
    if change.letter == _BAN:
        found = _BAN_MASK.match(given)
        name = found[1] if found else None
    if name is None:
        text = "A ban is of an account: give its name, or NAME!*@*"
        _invalid(session, f"#{room.name}", change, text)
        return
    account = account_named(session.services, name)
    if account is None:
        session.reply(numerics.ERR_NOSUCHNICK, name, "There is nobody of that name")
        return
    if change.letter == _BAN:
        if _is_banned(session, room, account) != change.is_on:
            change = change._replace(param=mask_of(account.name))
            _by_command(session, room, change, command, user=account.name)
    elif not session.services.memberships.is_member(room, account.id):
        text = "That one is not in the room"
        session.reply(numerics.ERR_USERNOTINCHANNEL, account.name, f"#{room.name}", text)
    elif is_operator(room.record, account.id) != change.is_on or room.record.owner == account.id:
        change = change._replace(param=account.name)
        _by_command(session, room, change, command, user=account.name)


def _is_banned(session: IrcSession, room: Room, account: Account) -> bool:
    return any(one.target == account.id for one in _bans(session, room))


def _by_command(
    session: IrcSession, room: Room, change: _Change, command: str, **args: str
) -> None:
    """Carry out a change by a command of rooms; those inside are told of it by the room's news."""
    assert session.person is not None
    outcome = session.carry_out(command, room, **args)
    where = f"#{room.name}"
    if outcome.code is not None:
        numeric = numerics.ERR_CHANOPRIVSNEEDED if outcome.code is Code.REFUSED else ""
        session.refused(outcome, where, numeric=numeric)
        return
    # Who bans is not told by the news, nor is a superuser who is not inside.
    if (change.letter, change.is_on) == (_BAN, True) or room not in session.person.rooms:
        what = (change.shown, change.param) if change.param else (change.shown,)
        session.from_me("MODE", where, *what, trailing=False)


def _invalid(session: IrcSession, where: str, change: _Change, text: str) -> None:
    # The parameter is not repeated: it may be a key, or have blanks.
    session.reply(numerics.ERR_INVALIDMODEPARAM, where, change.letter, "*", text)


_OF_MODERATORS = "roomban"
"""Who may use this is told of a mode that there is not; everybody else, that none is theirs."""
_COMMANDS = {
    (_OPERATOR, True): "moderator",
    (_OPERATOR, False): "unmoderator",
    (_BAN, True): "roomban",
    (_BAN, False): "unroomban",
    ("i", True): "private",
    ("i", False): "public",
    ("s", True): "private",
    ("s", False): "public",
    ("m", True): "archive",
    ("m", False): "unarchive",
}
"""By what command of rooms a change is carried out."""


# -- of oneself ---------------------------------------------------------------------------------


def _of_user(session: IrcSession, target: str, params: tuple[str, ...]) -> None:
    assert session.person is not None
    if fold(target) != fold(session.nick):
        if session.services.accounts.is_taken(target):
            session.reply(numerics.ERR_USERSDONTMATCH, "These are modes of somebody else")
        else:
            session.reply(numerics.ERR_NOSUCHNICK, target, "There is nobody called so")
        return
    if not params:
        session.reply_bare(numerics.RPL_UMODEIS, _own_modes(session))
        return
    assert session.face is not None
    changes = list(_changes(params))
    if any(one.letter not in _USER_MODES for one in changes):
        session.reply(numerics.ERR_UMODEUNKNOWNFLAG, "There is no such mode here")
    for change in changes:
        if change.letter == _BOT and session.face.is_bot != change.is_on:
            be_bot(session, change.is_on)
            session.from_me("MODE", session.nick, change.shown, trailing=False)


def be_bot(session: IrcSession, is_bot: bool) -> None:
    """Let a session be one of a bot, or none; somebody is one while any own session is."""
    assert session.face is not None and session.person is not None
    session.face.is_bot = is_bot
    if any(isinstance(m.face, OwnFace) and m.face.is_bot for m in session.person.members):
        BOTS.add(session.account.id)
    else:
        BOTS.discard(session.account.id)


def _own_modes(session: IrcSession) -> str:
    assert session.face is not None
    letters = (_BOT if session.face.is_bot else "") + (
        "o" if session.account.grant == SUPERUSER else ""
    )
    return f"+{letters}"
