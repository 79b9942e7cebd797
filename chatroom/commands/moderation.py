"""Commands of superusers: grants, kicks, restart."""

import logging
import time

from chatroom.accounts.reset_codes import RESET_SECONDS
from chatroom.answer_texts import text_of
from chatroom.answers import Answer
from chatroom.commands.erasure import Purgeable
from chatroom.commands.history import one_at_a_time
from chatroom.commands.registry import KEPT_SECONDS, Context, Muted, Registry
from chatroom.commands.sanction_list import find, in_force, rows_of, today_of
from chatroom.errors import Code, StoreError, UserError
from chatroom.sentences import GRANT_WORDS, SERVER, duration
from chatroom.storage.records import ANNOUNCE, KICK, SUPERUSER, Account
from chatroom.storage.rules.askers import Asker
from chatroom.storage.rules.receipts import Outcome

_log = logging.getLogger(__name__)


def add_to(registry: Registry) -> None:
    """Enter these commands into the table."""

    @registry.command(
        "changegrant", "USER 0|1", "make somebody a superuser (0) or normal (1)", SUPERUSER
    )
    def change_grant(context: Context, account: Account, grant: str) -> None:
        context.services.accounts.set_grant(account, int(grant), context.actor)
        context.reply(f"{account.name} is a {GRANT_WORDS[int(grant)]} now.")

    @registry.command(
        "kickuser",
        "USER [reason]",
        "kick somebody: they may come back in five minutes",
        SUPERUSER,
        aliases=("kick",),
    )
    def kick_user(context: Context, account: Account, reason: str | None) -> None:
        """All their sessions end at once."""
        if account.id == context.account.id:
            raise UserError("You cannot kick yourself. /disconnect leaves the room.")
        seconds = context.services.settings.kick_minutes * 60
        context.services.sanctions.impose(KICK, account, context.actor, reason or "", seconds)
        context.reply(f"{account.name} was kicked and stays out for {duration(seconds)}.")

    @registry.command("viewkickusers", "", "who was kicked, by whom, why, until when", SUPERUSER)
    def view_kicks(context: Context) -> Answer:
        rows = rows_of(context, in_force(context, KICK))
        return Answer(text_of("viewkickusers", rows, SERVER) or "Nobody is kicked just now.", rows)

    @registry.command(
        "unkickuser",
        "NUMBER|USER",
        "let somebody who was kicked come back at once; see /sanctions",
        SUPERUSER,
    )
    def unkick_user(context: Context, which: int | Account) -> None:
        one = find(context, KICK, which, "not kicked. See /viewkickusers.", "viewkickusers")
        context.services.sanctions.lift(one, context.actor)
        context.reply(f"{today_of(context, one)} may log in again.")

    @registry.command(
        "purge",
        "USER 10m [--dry]",
        "remove what somebody said lately",
        SUPERUSER,
    )
    def purge_user(
        context: Context, account: Account, seconds: float, dry: str | None
    ) -> Answer | None:
        """In all rooms and mailboxes, also topics. It is final; --dry only counts."""
        services = context.services
        lately = f"what {account.name} said in the last {duration(seconds)}"
        with one_at_a_time(context):
            if dry is not None:
                found = services.erasure.purgeable(account, time.time() - seconds)
                return _would_remove(context, lately, found)
            services.audit.write(context.actor.did(f"removed {lately}", account.id))
            try:
                erased, topics = services.erasure.purge(account, time.time() - seconds)
            except StoreError:
                raise UserError(
                    "Not everything could be removed right now. Type the /purge again later.",
                    Code.NOT_KEPT,
                ) from None
        what = "1 message is" if erased == 1 else f"{erased} messages are"
        more = f" {_counted(topics, 'topic')} went with it." if topics else ""
        context.reply(f"{what} removed: {lately}.{more}")
        return None

    @registry.command(
        "reset-code", "USER", "make a one-time code with which USER sets a new password", SUPERUSER
    )
    def reset_code(context: Context, account: Account) -> None:
        """Give it to the person in another way, such as by telephone."""
        code = context.services.accounts.issue_reset(account, context.actor)
        context.reply(reset_sentence(account, code))

    @registry.command(
        "announce",
        "TEXT",
        "say something to everybody, also to busy people",
        SUPERUSER,
        muted=Muted.MAY_LOOK,
    )
    def announce(context: Context, text: str) -> None:
        actor = context.actor
        by = Asker(actor.id, actor.origin, is_superuser=True, speaks=True)
        audit = context.services.audit
        # Before it is said: that finds out who may not do it any more.
        audit.write(actor.did("made an announcement"), by)
        receipt = context.post(context.services.roster.lobby, ANNOUNCE, text)
        outcome = receipt.wait(KEPT_SECONDS)
        if outcome is Outcome.COMMITTED and context.is_named:
            context.reply("")  # a program waits for its >result
        if outcome not in (None, Outcome.COMMITTED):
            audit.write(actor.did("did not make that announcement: it could not be saved"))

    @registry.command("restart", "", "restart the server; everybody is told", SUPERUSER)
    def restart(context: Context) -> None:
        """First it is checked that the new server would start; clients come back by themselves."""
        if reason := context.services.rehearse(context.services.stopping):
            _log.warning("restart refused by=%s reason=%s", context.account.name, reason)
            raise UserError(
                f"The server was not restarted, because it would not start again: {reason}"
            )
        try:
            context.services.audit.write(context.actor.did("restarted the server"))
        except StoreError as error:  # on a full disk, too: that may be why
            _log.error("audit not written by=%s reason=%s", context.account.name, error)
        context.reply("The server restarts.")
        context.services.restart(context.account.name)


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _would_remove(context: Context, lately: str, found: Purgeable) -> Answer:
    """Return what a purge would remove; rooms that who asks cannot see have no name in it."""
    roster = context.services.roster
    seen = {room.log: room.name for room in roster.seen_by(context.account.id)}
    rows = [
        {"room": seen[log], "room_id": log, "messages": number}
        for log, number in found.rooms.items()
        if log in seen
    ]
    hidden = sum(number for log, number in found.rooms.items() if log not in seen)
    places = [f"{row['messages']} in #{row['room']}" for row in rows]
    places += [f"{hidden} in private rooms"] if hidden else []
    places += [f"{found.private} in mailboxes"] if found.private else []
    where = f" ({', '.join(places)})" if places else ""
    topics = f" and {_counted(found.topics, 'topic')}" if found.topics else ""
    text = (
        f"Nothing was removed. Without --dry it would be {_counted(found.messages, 'message')}"
        f"{where}{topics}: {lately}."
    )
    fields = {
        "messages": found.messages,
        "private_rooms": hidden,
        "private_messages": found.private,
        "topics": found.topics,
    }
    return Answer(text, rows, fields)


def reset_sentence(account: Account, code: str) -> str:
    """Return what to tell the person, for who has made a code."""
    return (
        f"Tell {account.name} over a channel that you trust: log in with {code} instead of "
        f"the password, within {duration(RESET_SECONDS)}. It works once."
    )
