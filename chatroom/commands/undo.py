"""/undo: takes back what stands in the audit trail, if things still are as that act left them."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from chatroom.accounts.sanctions import from_plain
from chatroom.addresses import range_of
from chatroom.answer_texts import act_text
from chatroom.commands.audit import is_hidden, seen_rows
from chatroom.commands.registry import Context, Needs, Registry
from chatroom.commands.sanctions import refuse_own
from chatroom.errors import Code, NotAsLeft, UserError
from chatroom.rooms.record_changes import meant, who_gains
from chatroom.rooms.roles import Role, Runner
from chatroom.rooms.room import Room
from chatroom.rooms.roster import may_enter
from chatroom.sentences import GRANT_WORDS
from chatroom.storage.records import ROOM_BAN, ROOM_MUTE, SUPERUSER, Audit, RoomRecord, Sanction
from chatroom.storage.rules.audit import LOOKED_AT, Deed, taken_back

_NO_ACCOUNT = "Nothing was undone: that account is gone."
_IN_ROOMS = {ROOM_BAN: "the ban", ROOM_MUTE: "the mute"}
_LOOKED_AT = 500
"""Newest entries of the trail among which an /undo without a number looks for one's own."""


class How(NamedTuple):
    """How entries of a kind are taken back."""

    take_back: Callable[[Context, Audit, Runner], str]
    """Does it; returns what is so now, as a sentence."""
    needs: Role | None
    """What it takes to be in the room of the entry; ``None``: a superuser."""


def add_to(registry: Registry) -> None:
    """Enter these commands into the table."""

    @registry.command(
        "undo",
        "[NUMBER]",
        "take back entry NUMBER of /audit, or what you did last",
        needs=Needs.MODERATOR,
        cost=20,
    )
    def undo(context: Context, number: int | None) -> None:
        """Only if all is as it left it. /purge and deletions are final."""
        within = "" if context.sees_all else context.room.log
        entry = _own_last(context, within) if number is None else _find(context, number, within)
        how, actor = _HOW[entry.deed], context.actor._replace(of=entry.number)
        by = Runner(actor, context.account.grant == SUPERUSER, how.needs or Role.OWNER)
        what = _what(context, entry)
        done = how.take_back(context, entry, by)
        context.reply(f"Entry {what} is taken back: {done}", number=entry.number)


def _what(context: Context, entry: Audit) -> str:
    """Return the number of an entry, and what was done."""
    (row,) = seen_rows(context, [entry])
    return f"{entry.number} ({act_text(row)})"


def _own_last(context: Context, within: str) -> Audit:
    """Return what who asks did last.

    :param within: id of the room that it has to be of; empty: of any, or none.
    :raises UserError: there is nothing, or it cannot be taken back: nothing older is, unasked.
    """
    newest = context.services.audit.load(_LOOKED_AT)
    gone = taken_back(newest)
    own = [one for one in reversed(newest) if one.by_id == context.account.id]
    own = [one for one in own if within in ("", one.room)]
    fit = [one for one in own if not one.of and one.number not in gone and _may_be(one, within)]
    if not own:
        text = "You have done nothing lately that can be taken back. See /audit."
        raise UserError(text, Code.NO_SUCH_NUMBER)
    if own[0] in fit[:1]:
        return own[0]
    why = _why_not(context, own[0], gone.get(own[0].number))
    if not fit:
        raise UserError(f"{why} You have done nothing else lately that can be taken back.")
    number = fit[0].number
    text = f"{why} What can be is entry {_what(context, fit[0])}: type /undo {number}"
    raise UserError(text, number=number)


def _why_not(context: Context, last: Audit, by: Audit | None) -> str:
    """Return why an /undo without a number does nothing.

    :param last: what who asks did last.
    :param by: what has taken it back already.
    """
    if last.of:
        number = last.number
        return f"Your last act took back entry {last.of}; /undo {number} takes that back in turn."
    what = f"Entry {_what(context, last)}"
    if by is not None:
        return f"{what}, your last act, is taken back already, by entry {by.number} of {by.by}."
    if last.deed in _HOW:
        return f"{what}, your last act, has changed nothing."
    return f"{what}, your last act, cannot be taken back."


def _may_be(entry: Audit, within: str) -> bool:
    how = _HOW.get(entry.deed)
    if how is None or entry.after is entry.before is None:  # as where nothing was changed by it
        return False
    return not within or (entry.room == within and how.needs is not None)


def _find(context: Context, number: int, within: str) -> Audit:
    """Return an entry that can be taken back. :raises UserError: it cannot be."""
    last = _last(context)
    entry = context.services.audit.find(number) if last - LOOKED_AT < number <= last else None
    if entry is None or within not in ("", entry.room) or is_hidden(entry, context.account.id):
        where = f" of #{context.room.name}" if within else ""
        old = "" if number > last - LOOKED_AT else " that is so old"
        text = f"There is no entry {number}{where}{old}. See /audit."
        raise UserError(text, Code.NO_SUCH_NUMBER)
    if not _may_be(entry, within):
        raise UserError(
            f"Entry {number} cannot be taken back. /purge and deletions are final. What can be: "
            "bans, mutes, kicks and what lifted them, grants, changes of rooms."
        )
    if (by := taken_back(_newer(context, entry)).get(number)) is not None:
        raise UserError(
            f"Entry {number} is taken back already, by entry {by.number} of {by.by}.",
            Code.REPEATED,
        )
    return entry


def _last(context: Context) -> int:
    """Return the number of the newest entry; 0: there is none."""
    return max((entry.number for entry in context.services.audit.load(1)), default=0)


def _newer(context: Context, entry: Audit) -> list[Audit]:
    found = context.services.audit.load(_last(context) - entry.number)
    return [one for one in found if one.number > entry.number]


def _changed_since(
    context: Context, entry: Audit, is_of_same: Callable[[Audit], bool]
) -> UserError:
    """Return that things are not as an entry left them, and by which one, if that is known."""
    by = next((one for one in reversed(_newer(context, entry)) if is_of_same(one)), None)
    which = f", by entry {by.number} of {by.by}" if by is not None else ""
    return UserError(
        f"Nothing was undone: that has changed since entry {entry.number}{which}.", Code.CHANGED
    )


def _lift(context: Context, entry: Audit, by: Runner) -> str:
    sanctions, was = context.services.sanctions, from_plain(entry.after)
    holding = sanctions.holding(was)
    if holding is None or (holding.since, holding.until) != (was.since, was.until):
        raise _changed_since(context, entry, _is_about(entry.after))
    if was.room:
        room = _room_of(context, entry)
        context.services.room_sanctions.lift(room, holding, by)
        return f"{_IN_ROOMS[was.kind]} of {was.name} in #{room.name} is lifted."
    sanctions.lift(holding, by.actor)
    return f"the {was.kind} of {was.name} is lifted." if was.target else "the lockdown is off."


def _impose_again(context: Context, entry: Audit, by: Runner) -> str:
    sanctions, was = context.services.sanctions, from_plain(entry.before)
    if sanctions.holding(was) is not None:
        raise _changed_since(context, entry, _is_about(entry.before))
    if was.room:
        return _impose_again_in(context, entry, was, by)
    if was.is_range:
        refuse_own(context, range_of(was.target))
    again = sanctions.impose_again(was, by.actor)
    if not was.target:
        return "the lockdown is on."
    return f"the {was.kind} of {was.name} holds again, as number {again.number}."


def _impose_again_in(context: Context, entry: Audit, was: Sanction, by: Runner) -> str:
    room, services = _room_of(context, entry), context.services
    account = services.accounts.find_by_id(was.target)
    if account is None:
        raise UserError(_NO_ACCOUNT, Code.NO_SUCH_USER)
    again = services.room_sanctions.impose_again(room, was, account, by)
    what = f"{_IN_ROOMS[was.kind]} of {was.name} in #{room.name}"
    return f"{what} holds again, as number {again.number}."


def _room_of(context: Context, entry: Audit) -> Room:
    """Return the room of an entry. :raises UserError: it is gone, or not there for who asks."""
    room = context.services.roster.of_log(entry.room)
    if room is None or room.record.is_closed:
        raise UserError("Nothing was undone: that room is deleted.", Code.NO_SUCH_ROOM)
    if not may_enter(room.record, context.account.id):
        text = f"Entry {entry.number} is of a private room that you may not join."
        raise UserError(text, Code.NOT_ALLOWED)
    return room


def _is_about(fields: Mapping[str, object]) -> Callable[[Audit], bool]:
    """Return what tells whether an entry is about the same kind of sanction of the same one."""

    def is_about(one: Audit) -> bool:
        other = one.before if one.deed == Deed.LIFT else one.after
        return one.deed in _SANCTIONS and all(
            other.get(key) == fields[key] for key in ("kind", "target", "room")
        )

    return is_about


def _restore_grant(context: Context, entry: Audit, by: Runner) -> str:
    accounts = context.services.accounts
    account = accounts.find_by_id(entry.whom_id)
    if account is None:
        raise UserError(_NO_ACCOUNT, Code.NO_SUCH_USER)
    if account.grant != entry.after:

        def is_of_same(one: Audit) -> bool:
            return one.deed == Deed.GRANT and one.whom_id == entry.whom_id

        raise _changed_since(context, entry, is_of_same)
    accounts.set_grant(account, entry.before, by.actor)
    return f"{account.name} is a {GRANT_WORDS[entry.before]} now."


def _restore_room(context: Context, entry: Audit, by: Runner) -> str:
    room, services = _room_of(context, entry), context.services
    by.check(room.record)
    gaining = who_gains(entry)
    people = {one: services.accounts.find_by_id(one) for one in {entry.whom_id, *gaining} if one}
    if None in people.values():
        raise UserError(_NO_ACCOUNT, Code.NO_SUCH_USER)

    def has_ended(one: Audit) -> bool:
        return one.room == entry.room and one.whom_id in gaining and one.deed in _ENDS_ROLES

    if gaining and any(map(has_ended, _newer(context, entry))):
        raise _changed_since(context, entry, has_ended)
    for one, account in people.items():
        if one in gaining and account is not None:
            services.ownership.check_not_banned(room, account)
    whom = people.get(entry.before.get("owner", entry.whom_id))
    try:
        services.ownership.take_back(room, entry, by, whom.name if whom is not None else "")
    except NotAsLeft:
        raise _changed_since(context, entry, _is_of_same(room.record, entry)) from None
    return f"#{room.name} is as it was before."


def _is_of_same(record: RoomRecord, entry: Audit) -> Callable[[Audit], bool]:
    """Return what tells whether an act has changed of a room what an entry was about."""
    about = meant(entry)
    people = {entry.whom_id, record.owner} - {""} if about[0] in ("owner", "moderators") else set()

    def is_of_same(one: Audit) -> bool:
        is_meant = one.deed in _OF_ROOMS and not {*(one.after or ())}.isdisjoint(about)
        is_role = one.deed in (*_ENDS_ROLES, Deed.HEIR) and one.whom_id in people
        return one.room == entry.room and (is_meant or is_role)

    return is_of_same


_ENDS_ROLES = (Deed.REMOVE, Deed.ROOM_BAN)
_EVERYWHERE = (Deed.BAN, Deed.KICK, Deed.MUTE, Deed.LOCKDOWN)
_IN_ONE_ROOM = (Deed.ROOM_BAN, Deed.ROOM_MUTE)
_SANCTIONS = (*_EVERYWHERE, *_IN_ONE_ROOM, Deed.LIFT)
_OF_ROOMS: Mapping[str, How] = {
    **dict.fromkeys((Deed.TOPIC, Deed.RULES, Deed.SLOW), How(_restore_room, Role.MODERATOR)),
    **dict.fromkeys(
        (
            *(Deed.RENAME, Deed.ARCHIVE, Deed.UNARCHIVE, Deed.PRIVATE, Deed.PUBLIC),
            *(Deed.MODERATOR, Deed.UNMODERATOR, Deed.TRANSFER),
        ),
        How(_restore_room, Role.OWNER),
    ),
}
_HOW: Mapping[str, How] = {
    **dict.fromkeys(_EVERYWHERE, How(_lift, None)),
    **dict.fromkeys(_IN_ONE_ROOM, How(_lift, Role.MODERATOR)),
    Deed.LIFT: How(_impose_again, Role.MODERATOR),
    Deed.GRANT: How(_restore_grant, None),
    **_OF_ROOMS,
}
"""How each deed is taken back."""
