"""Commands of everybody: private messages, busy and free, leaving."""

import logging

from chatroom.answers import Answer
from chatroom.commands import private
from chatroom.commands.history import one_at_a_time
from chatroom.commands.registry import KEPT_SECONDS, Context, Muted, Registry
from chatroom.commands.rooms import here, talk_in
from chatroom.commands.services import SETTLE_SECONDS
from chatroom.errors import Code, StoreError, UserError
from chatroom.protocol import ALIASES
from chatroom.rooms.catch_up import PAGE_CHARACTERS, newest
from chatroom.rooms.post_lines import mail_line
from chatroom.sentences import duration
from chatroom.storage.records import ACTION, Account
from chatroom.storage.rules.receipts import Outcome

_log = logging.getLogger(__name__)

MAIL_PAGE = 20
"""Private messages of a /mail without a number."""
BUSY_LONGEST = 7 * 86400.0


def add_to(registry: Registry) -> None:
    """Enter these commands into the table."""

    @registry.command(
        "messageto",
        "USER TEXT",
        "send a private message",
        muted=Muted.TO_SUPERUSERS,
        aliases=("msg", "m", "dm", "w"),
        is_basic=True,
    )
    def message_to(context: Context, account: Account, text: str) -> None:
        """Only the two of you see it. Who is offline gets it at the next login."""
        _send(context, account, text)

    @registry.command(
        "reply",
        "TEXT",
        "answer the last private message",
        muted=Muted.TO_SUPERUSERS,
        aliases=("r",),
        is_basic=True,
    )
    def reply(context: Context, text: str) -> None:
        """It goes to whoever wrote to you last."""
        account_id = context.services.directory.last_private(context.person, context.member)
        if not account_id:
            raise UserError("Nobody has written to you yet. Type /messageto USER TEXT")
        account = context.services.accounts.find_by_id(account_id)
        if account is None:
            raise UserError("The person who wrote to you last no longer has an account.")
        _send(context, account, text)

    @registry.command(
        "query",
        "[USER]",
        "write to one person only; without USER to the room again",
        cost=2,
        aliases=("q",),
    )
    def query(context: Context, account: Account | None) -> None:
        """Until you type /room, /join or /query. The room goes on being shown."""
        member = context.member
        if account is None:
            talk_in(context, here(member.room))
            return
        if not context.dialogue.takes_query:  # what it says may name its room
            raise UserError("Your program does not know /query. Type /messageto USER TEXT")
        if account.id == context.account.id:
            raise UserError("That is you. /query takes somebody else.")
        if account.id in member.ignores:
            raise UserError(f"You ignore {account.name}. Type /unignore {account.name} first.")
        member.query = account.id
        text = f"What you type goes to {account.name} alone now. /query takes you back."
        fields = {"user": account.name, **member.room.fields}
        member.outbox.offer(member.face.control("query", text, **fields))
        context.reply("")  # a program waits for its >result

    @registry.command("mail", "[N]", f"the last private messages, {MAIL_PAGE} without N", cost=5)
    def mail(context: Context, number: int | None) -> Answer:
        """At most 500."""
        logs, box = context.services.logs, context.person.mailbox
        with one_at_a_time(context):
            posts = newest(logs, context.member, box, box.delivered, number or MAIL_PAGE)
        lines = "\n".join(mail_line(post) for post in posts)
        sentence = f"These are the newest {len(posts)}; /export gives all."
        fields = {"head": "", "foot": ""}
        if sum(len(post.text) for post in posts) >= PAGE_CHARACTERS:
            lines = f"{sentence}\n{lines}"
            fields["head"] = sentence
        elif posts:
            sentence = f"{len(posts)} private message{'s' if len(posts) > 1 else ''}."
        else:
            lines = sentence = fields["foot"] = "There are no private messages."
        return Answer(lines, fields=fields, posts=posts, sentence=sentence, is_long=True)

    @registry.command("me", "TEXT", "say what you do, as in /me waves", muted=Muted.MAY_LOOK)
    def act(context: Context, text: str) -> None:
        if context.member.query:
            raise UserError("/me is for rooms, and what you type goes to one person. Type /query")
        receipt = context.post(context.room, ACTION, text)
        if context.is_named and receipt.wait(KEPT_SECONDS) is Outcome.COMMITTED:
            context.reply("")  # a program waits for its >result

    @registry.command(
        "busy",
        "[45m] [reason]",
        "hold messages back until /free, or for a time",
        muted=Muted.WITHOUT_TEXT,
        cost=5,
        aliases=ALIASES["busy"],
    )
    def go_busy(context: Context, seconds: float | None, reason: str | None) -> None:
        """Others see it, and the reason; what was held back comes then."""
        if seconds is not None and not 0 < seconds <= BUSY_LONGEST:
            raise UserError(f"Busy lasts from 1s to {duration(BUSY_LONGEST)}, such as 45m or 2h.")
        context.services.busy.begin(context.person, reason or "", seconds or 0.0)
        context.reply("")  # the person is told by >control; a program waits for its >result

    @registry.command(
        "free", "", "show what was missed while busy, and go on", cost=5, aliases=ALIASES["free"]
    )
    def go_free(context: Context) -> None:
        busy = context.services.busy
        try:
            was_busy = busy.end(context.person)
        except StoreError as error:
            _log.error("command=free failed reason=%s", error)
            busy.end_soon(context.person)
            raise UserError(
                "What you missed cannot be read right now. You stay busy until it can; the server "
                "keeps trying.",
                Code.NOT_KEPT,
            ) from None
        if not was_busy:
            raise UserError("You are free already. /busy holds messages back.")
        context.reply("")

    @registry.command(
        "disconnect", "", "say goodbye and leave", aliases=ALIASES["disconnect"], is_basic=True
    )
    def disconnect(context: Context) -> None:
        context.services.settle(SETTLE_SECONDS)  # what was said is shown, or refused
        context.dialogue.end(f"Goodbye, {context.account.name}.")
        context.leaving = True


def _send(context: Context, account: Account, text: str) -> None:
    # A line is answered by its message that comes back; a program that names the command waits for
    # the result.
    sent = private.send(
        *(context.services, context.person, context.member, account, text, context.cid),
        is_awaited=context.is_named,
    )
    if sent is not None and (sent.sentence or context.is_named):
        row = {"user": account.name, "private_id": sent.private_id}
        context.answer(Answer(sent.sentence, [row]))
