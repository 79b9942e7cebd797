"""/undo: takes back what stands in the audit trail, if things still are as that act left them."""

from collections.abc import Callable, Mapping

from chatroom.accounts.sanctions import from_plain
from chatroom.addresses import range_of
from chatroom.commands.registry import Context, Registry
from chatroom.commands.sanctions import refuse_own
from chatroom.errors import Code, UserError
from chatroom.sentences import GRANT_WORDS
from chatroom.storage.records import SUPERUSER, Actor, Audit
from chatroom.storage.rules.audit import Deed, taken_back

_LOOKED_AT = 500
"""Newest entries of the trail among which an /undo without a number looks for one's own."""

TakeBack = Callable[[Context, Audit, Actor], str]
"""Takes an entry back; returns what is so now, as a sentence. The actor is who asks."""


def add_to(registry: Registry) -> None:
    """Enter these commands into the table."""

    @registry.command(
        "undo",
        "[NUMBER]",
        "take back entry NUMBER of /audit, or what you did last",
        SUPERUSER,
        cost=20,
    )
    def undo(context: Context, number: int | None) -> None:
        """Only if all is as it left it. /purge and deletions are final."""
        entry = _own_last(context) if number is None else _find(context, number)
        actor = context.actor._replace(of=entry.number)
        done = _HOW[entry.deed](context, entry, actor)
        context.reply(f"Entry {entry.number} is taken back: {done}", number=entry.number)


def _own_last(context: Context) -> Audit:
    newest = context.services.audit.load(_LOOKED_AT)
    gone = taken_back(newest)
    for entry in reversed(newest):
        is_own = entry.by_id == context.account.id and not entry.of
        if is_own and entry.deed in _HOW and entry.number not in gone:
            return entry
    raise UserError(
        "You have done nothing lately that can be taken back. See /audit.", Code.NO_SUCH_NUMBER
    )


def _find(context: Context, number: int) -> Audit:
    """Return an entry that can be taken back. :raises UserError: it cannot be."""
    trail = context.services.audit
    entry = trail.find(number)
    if entry is None:
        raise UserError(f"There is no entry {number}. See /audit.", Code.NO_SUCH_NUMBER)
    if entry.deed not in _HOW:
        raise UserError(
            f"Entry {number} cannot be taken back. /purge and deletions are final. What can be: "
            "bans, mutes, kicks and what lifted them, grants, changes of rooms."
        )
    if (by := taken_back(_newer(context, entry)).get(number)) is not None:
        raise UserError(f"Entry {number} is taken back already, by entry {by.number} of {by.by}.")
    return entry


def _newer(context: Context, entry: Audit) -> list[Audit]:
    trail = context.services.audit
    last = trail.load(1)[-1].number
    return [one for one in trail.load(last - entry.number) if one.number > entry.number]


def _changed_since(
    context: Context, entry: Audit, is_of_same: Callable[[Audit], bool]
) -> UserError:
    """Return that things are not as an entry left them, and by which one, if that is known."""
    by = next((one for one in reversed(_newer(context, entry)) if is_of_same(one)), None)
    which = f", by entry {by.number} of {by.by}" if by is not None else ""
    return UserError(
        f"Nothing was undone: that has changed since entry {entry.number}{which}.", Code.CHANGED
    )


def _lift(context: Context, entry: Audit, by: Actor) -> str:
    sanctions, was = context.services.sanctions, from_plain(entry.after)
    holding = sanctions.holding(was)
    if holding is None or (holding.since, holding.until) != (was.since, was.until):
        raise _changed_since(context, entry, _is_about(entry.after))
    sanctions.lift(holding, by)
    return f"the {was.kind} of {was.name} is lifted." if was.target else "the lockdown is off."


def _impose_again(context: Context, entry: Audit, by: Actor) -> str:
    sanctions, was = context.services.sanctions, from_plain(entry.before)
    if sanctions.holding(was) is not None:
        raise _changed_since(context, entry, _is_about(entry.before))
    if was.is_range:
        refuse_own(context, range_of(was.target))
    again = sanctions.impose_again(was, by)
    if not was.target:
        return "the lockdown is on."
    return f"the {was.kind} of {was.name} holds again, as number {again.number}."


def _is_about(fields: Mapping[str, object]) -> Callable[[Audit], bool]:
    """Return what tells whether an entry is about the same kind of sanction of the same one."""

    def is_about(one: Audit) -> bool:
        other = one.before if one.deed == Deed.LIFT else one.after
        return one.deed in _SANCTIONS and all(
            other.get(key) == fields[key] for key in ("kind", "target", "room")
        )

    return is_about


def _restore_grant(context: Context, entry: Audit, by: Actor) -> str:
    accounts = context.services.accounts
    account = accounts.find_by_id(entry.whom_id)
    if account is None:
        raise UserError("Nothing was undone: that account is gone.", Code.NO_SUCH_USER)
    if account.grant != entry.after:

        def is_of_same(one: Audit) -> bool:
            return one.deed == Deed.GRANT and one.whom_id == entry.whom_id

        raise _changed_since(context, entry, is_of_same)
    accounts.set_grant(account, entry.before, by)
    return f"{account.name} is a {GRANT_WORDS[entry.before]} now."


_SANCTIONS: Mapping[str, TakeBack] = {
    **dict.fromkeys((Deed.BAN, Deed.KICK, Deed.MUTE, Deed.LOCKDOWN), _lift),
    Deed.LIFT: _impose_again,
}
_HOW: Mapping[str, TakeBack] = {**_SANCTIONS, Deed.GRANT: _restore_grant}
"""How each deed is taken back."""
