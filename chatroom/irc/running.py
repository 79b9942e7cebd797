"""LIST, and what is done in a room by who runs it: KICK and INVITE."""

import time
from collections.abc import Callable, Iterator

from chatroom.errors import Code, UserError
from chatroom.irc import numerics
from chatroom.irc.channels import check_in, reason, room_of
from chatroom.irc.grammar import Line, matches
from chatroom.irc.people import account_named
from chatroom.irc.session import IrcSession
from chatroom.irc.welcome import TARGETS
from chatroom.names import fold
from chatroom.rooms.room import Room
from chatroom.rooms.roster import may_enter
from chatroom.rooms.voice import check_unmuted
from chatroom.storage.records import Account, RoomRecord

_INVITATION_COSTS = 5  # lines, as by the command
_Fits = Callable[[RoomRecord, int], bool]


def list_rooms(session: IrcSession, line: Line) -> None:
    """Answer LIST: all rooms that exist for this person, or those that fit (ELIST)."""
    conditions = list(_conditions(line.params[0])) if line.params else []
    session.reply_bare(numerics.RPL_LISTSTART, "Channel", "Users  Name")
    services = session.services
    for record, number in services.memberships.visible(session.account.id):
        if all(fits(record, number) for fits in conditions):
            is_banned = services.sanctions.room_ban_of(session.account.id, record.log) is not None
            topic = "" if is_banned else record.topic
            session.reply(numerics.RPL_LIST, f"#{record.name}", str(number), topic)
    session.reply(numerics.RPL_LISTEND, "End of /LIST")


def _conditions(asked: str) -> Iterator[_Fits]:
    """Return what rooms have to fit: one of the names and masks, and all else.

    https://modern.ircdocs.horse/#elist-parameter; times are minutes that have gone by since.
    """
    masks = []
    for word in filter(None, asked.split(",")):
        sign, number = word.lstrip("CTct")[:1], word.lstrip("CTct")[1:]
        if sign in "<>" and number.isascii() and number.isdigit() and len(number) < 10:
            yield _compared(word[0].upper(), sign == "<", int(number))
        elif word.startswith("!"):
            yield _not_named(word[1:])
        else:
            masks.append(word)
    if masks:
        yield lambda record, _: any(_is_named(record, mask) for mask in masks)


def _compared(what: str, is_less: bool, number: int) -> _Fits:
    def of(record: RoomRecord, people: int) -> float | None:
        if what not in "CT":
            return people
        moment = record.created if what == "C" else record.topic_at
        return (time.time() - moment) / 60 if moment else None

    def fits(record: RoomRecord, people: int) -> bool:
        found = of(record, people)
        return found is not None and (found < number if is_less else found > number)

    return fits


def _is_named(record: RoomRecord, mask: str) -> bool:
    name = f"#{record.name}"
    return matches(mask, name) or matches(fold(mask), fold(name))


def _not_named(mask: str) -> _Fits:
    return lambda record, _: not _is_named(record, mask)


def kick(session: IrcSession, line: Line) -> None:
    """KICK: who is kicked may come back, unless the room is private."""
    rooms, names = (word.split(",") for word in line.params[:2])
    why = reason(line, 2)
    if len(rooms) not in (1, len(names)):
        text = "Give one room, or as many rooms as names"
        session.reply(numerics.ERR_NEEDMOREPARAMS, "KICK", text)
        return
    pairs = zip(rooms * len(names) if len(rooms) == 1 else rooms, names, strict=True)
    asked = list(dict.fromkeys(pairs))
    for where, name in asked[:TARGETS]:
        room = room_of(session, where)
        if room is not None and check_in(session, room):
            _kick(session, room, name, why)
    for _, name in asked[TARGETS:]:
        text = f"At most {TARGETS} are kicked by one line: send the others in the next one"
        session.reply(numerics.ERR_TOOMANYTARGETS, name, text)


def _kick(session: IrcSession, room: Room, name: str, why: str) -> None:
    where = f"#{room.name}"
    if not session.may("remove", room):
        return
    account = _account_named(session, name)
    if account is None:
        return
    if not session.services.memberships.is_member(room, account.id):
        session.reply(numerics.ERR_USERNOTINCHANNEL, account.name, where, "They aren't in the room")
        return
    args = {"user": account.name, **({"reason": why} if why else {})}
    outcome = session.carry_out("remove", room, **args)
    if outcome.code is not None:
        numeric = numerics.ERR_CHANOPRIVSNEEDED if outcome.code is Code.REFUSED else ""
        session.refused(outcome, where, numeric=numeric)


def invite(session: IrcSession, line: Line) -> None:
    """INVITE: lets somebody into a private room, and tells that one of a public one."""
    if len(line.params) < 2:
        _list_invitations(session)
        return
    name, where = line.params[:2]
    room = room_of(session, where)
    if room is None or not check_in(session, room):
        return
    where = f"#{room.name}"
    account = _account_named(session, name)
    if account is None:
        return
    if account.id in room.people:
        session.reply(numerics.ERR_USERONCHANNEL, account.name, where, "is already in the room")
        return
    if room.record.private and not session.may("invite", room):
        return
    is_new = room.record.private and not may_enter(room.record, account.id)
    if is_new:
        outcome = session.carry_out("invite", room, user=account.name)
        if outcome.code is not None:
            session.refused(outcome, where)
            return
    elif not _tell_of(session, room, account):
        return
    session.reply_bare(numerics.RPL_INVITING, account.name, where)


def _tell_of(session: IrcSession, room: Room, account: Account) -> bool:
    """Tell somebody of a room that is open to that one already; False: it is answered why not."""
    assert session.person is not None
    services = session.services
    session.pay(_INVITATION_COSTS - 1)
    try:
        check_unmuted(services.sanctions, session.person, room)
        services.ownership.check_not_banned(room, account)
    except UserError as error:
        session.refused(error, f"#{room.name}")
        return False
    if services.roster.person(account.id) is None:
        text = "is not here, and was not told: send a private message"
        session.reply(numerics.ERR_NOSUCHNICK, account.name, text)
        return False
    services.ownership.tell_of(room, account, session.account)
    return True


def _list_invitations(session: IrcSession) -> None:
    """Tell the private rooms that one may join and has not."""
    assert session.person is not None
    me = session.account.id
    for record, _ in session.services.memberships.visible(me):
        if record.private and not any(room.log == record.log for room in session.person.rooms):
            session.reply_bare(numerics.RPL_INVITELIST, f"#{record.name}")
    session.reply(numerics.RPL_ENDOFINVITELIST, "End of the list of invitations")


def _account_named(session: IrcSession, name: str) -> Account | None:
    """Return somebody by name; ``None``: answered by 401."""
    account = account_named(session.services, name)
    if account is None:
        session.reply(numerics.ERR_NOSUCHNICK, name, "There is nobody of that name")
    return account
