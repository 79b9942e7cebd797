"""/undo: takes back what stands in the audit trail, if things still are as that act left them."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from chatroom.accounts.sanctions import from_plain
from chatroom.addresses import range_of
from chatroom.commands.audit import is_hidden
from chatroom.commands.registry import Context, Needs, Registry
from chatroom.commands.sanctions import refuse_own
from chatroom.errors import Code, NotAsLeft, UserError
from chatroom.rooms.roles import Role, Runner
from chatroom.rooms.room import Room
from chatroom.rooms.roster import may_enter
from chatroom.sentences import GRANT_WORDS
from chatroom.storage.records import ROOM_BAN, ROOM_MUTE, SUPERUSER, Audit, Sanction
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
        within = "" if context.sees_all else context.member.room.log
        entry = _own_last(context, within) if number is None else _find(context, number, within)
        how, actor = _HOW[entry.deed], context.actor._replace(of=entry.number)
        by = Runner(actor, context.account.grant == SUPERUSER, how.needs or Role.OWNER)
        done = how.take_back(context, entry, by)
        context.reply(f"Entry {entry.number} is taken back: {done}", number=entry.number)


def _own_last(context: Context, within: str) -> Audit:
    """Return what who asks did last, of what can be taken back.

    :param within: id of the room that it has to be of; empty: of any, or none.
    :raises UserError: there is nothing.
    """
    newest = context.services.audit.load(_LOOKED_AT)
    gone = taken_back(newest)
    for entry in reversed(newest):
        is_own = entry.by_id == context.account.id and not entry.of
        if is_own and _may_be(entry, within) and entry.number not in gone:
            return entry
    raise UserError(
        "You have done nothing lately that can be taken back. See /audit.", Code.NO_SUCH_NUMBER
    )


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
        where = f" of #{context.member.room.name}" if within else ""
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
    people = {one: services.accounts.find_by_id(one) for one in _people_of(entry)}
    if None in people.values():
        raise UserError(_NO_ACCOUNT, Code.NO_SUCH_USER)
    whom = people.get(entry.before.get("owner", entry.whom_id))
    try:
        services.ownership.take_back(room, entry, by, whom.name if whom is not None else "")
    except NotAsLeft:

        def is_of_same(one: Audit) -> bool:
            is_there = one.room == entry.room and one.deed in _OF_ROOMS
            return is_there and not {*(one.after or ())}.isdisjoint(entry.after)

        raise _changed_since(context, entry, is_of_same) from None
    return f"#{room.name} is as it was before."


def _people_of(entry: Audit) -> set[str]:
    """Return the account ids of whom a change of a room was about, and who owned it before."""
    return {entry.whom_id, entry.before.get("owner", "")} - {""}


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
