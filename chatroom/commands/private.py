"""Private messages: sent, and in the commands that read back and remove them."""

from collections.abc import Callable
from typing import NamedTuple

from chatroom.accounts.accounts import Accounts
from chatroom.commands.grammar import Id
from chatroom.commands.pages import Wanted
from chatroom.commands.registry import KEPT_SECONDS, Context
from chatroom.commands.services import Services
from chatroom.errors import Code, UserError
from chatroom.names import fold
from chatroom.rooms import private_messages
from chatroom.rooms.person import FREE, Person
from chatroom.rooms.voice import check_voice
from chatroom.storage.records import SUPERUSER, Account, Post, Presence
from chatroom.storage.rules.private_ids import private_id
from chatroom.storage.rules.receipts import Origin, Outcome
from chatroom.storage.rules.refusals import unless_kept


class Sent(NamedTuple):
    """A private message that was sent."""

    sentence: str
    """What its sender is told of who does not see it yet; empty: sees it."""
    private_id: str


def send(
    services: Services,
    person: Person,
    origin: Origin,
    to: Account,
    text: str,
    cid: str,
    is_awaited: bool = False,
) -> Sent | None:
    """Send a private message, typed or posted. Superusers hear also who is muted.

    What may not be said is refused, unless it was kept before. Who does not see it yet is told of
    only when the message is kept; what cannot be kept is told by who could not keep it.

    :param cid: the sender's own client id of it; may be empty.
    :param origin: the session; is told what becomes of it.
    :param is_awaited: wait in any case until it is kept.
    :returns: ``None``: it is not kept, or that takes longer.
    :raises UserError: it may not be said, and nobody knows such a message again.
    """
    refusal = None
    try:
        if to.grant != SUPERUSER:
            check_voice(services.sanctions, person)
    except UserError as error:
        refusal = unless_kept(error, cid)
    recipient, receipt = services.directory.send_private(person, to, text, cid, origin, refusal)
    if refusal is not None:
        return None
    sentence = _not_seen_yet(to, recipient, person.account.id)
    is_awaited = is_awaited or bool(sentence)
    if is_awaited and receipt.wait(KEPT_SECONDS) is not Outcome.COMMITTED:
        return None
    return Sent(sentence, receipt.post.private_id)


def _not_seen_yet(account: Account, recipient: Presence | None, sender_id: str) -> str:
    if recipient is None:
        return f"{account.name} is offline; your message will be delivered."
    if recipient.state.startswith("away") and account.id != sender_id:
        return f"{account.name} is {recipient.state} and may see it later."
    if recipient.state != FREE and account.id != sender_id:
        return f"{account.name} is {recipient.state} and will see it when free again."
    return ""


def located(context: Context, which: Id) -> Id:
    """Return an id as its log counts: one that both mailboxes have stands for a place in one's own.

    :raises UserError: it is of no private message of one's own.
    """
    if not which.private_id:
        return which
    log = context.person.mailbox.log
    found = private_messages.find(context.services.logs, log, which.private_id)
    if found is None:
        raise UserError(
            "That id is of no private message of yours. Take one of /history with USER.",
            Code.NO_SUCH_MESSAGE,
        )
    return Id(found.epoch, found.seq)


def with_account(context: Context, other: Account, number: int) -> Wanted:
    """Return that the private messages with somebody are to be shown."""
    return _between(context, number, other.id, other.name, f"/history with {other.name}")


def conversation_of(context: Context, seq: int, number: int) -> Wanted:
    """Return that the private messages with the other person of one of them are to be shown.

    :param seq: of the message in one's own mailbox.
    :raises UserError: it is not there, or nobody knows with whom it was exchanged.
    """
    box, services = context.person.mailbox, context.services
    for post in services.logs.read(box.log, seq - 1, seq, 1):
        is_own = post.sender_id == context.account.id
        account = recipient_of(post, services.accounts) if is_own else None
        if not is_own:
            account = services.accounts.find_by_id(post.sender_id)
        if account is not None:
            return with_account(context, account, number)
        # The account is gone: what was written stays, and nobody else's is taken for it.
        other_id, name = (post.to_id, post.to) if is_own else (post.sender_id, post.sender)
        if other_id or name:
            return _between(context, number, other_id, name or "somebody who left", "")
    raise UserError("There is no such private message.", Code.NO_SUCH_MESSAGE)


def recipient_of(post: Post, accounts: Accounts) -> Account | None:
    """Return to whom a private message was sent; ``None``: the account is gone, or not known."""
    if post.to_id:
        return accounts.find_by_id(post.to_id)
    try:
        return accounts.find(post.to) if post.to else None
    except UserError:
        return None


def _between(context: Context, number: int, other_id: str, name: str, command: str) -> Wanted:
    concerns = between(context.account.id, other_id, name)
    head = f"Private messages with {name}"
    return Wanted(context.person.mailbox, context.member, head, command, number, concerns)


def between(own_id: str, other_id: str, name: str) -> Callable[[Post], bool]:
    """Return what tells whether a message of one's own mailbox was exchanged with somebody.

    :param own_id: one's own account id.
    :param other_id: of the other one.
    :param name: of the other one: older versions kept no id of whom a message was for.
    """
    folded = fold(name)

    def is_between(post: Post) -> bool:
        if post.sender_id != own_id:
            return post.sender_id == other_id
        return post.to_id == other_id if post.to_id else fold(post.to) == folded

    return is_between


def delete(context: Context, post: Post, reason: str) -> None:
    """Take a private message out of both mailboxes for good. Only who has sent it may.

    :param post: as one's own mailbox has it.
    :param reason: what both are told; may be empty.
    :raises UserError: somebody else has sent it.
    """
    context.check_own(post.sender_id)
    services, box = context.services, context.person.mailbox
    to = recipient_of(post, services.accounts)
    to_id = to.id if to is not None else ""
    was_there = private_messages.remove(
        services.logs, box, context.account, context.member, post, to, reason
    )
    both = private_id(post)
    where = (
        "in both mailboxes" if was_there else "in your mailbox; it was not found in the other one"
    )
    if to_id == context.account.id:
        where = "in your mailbox"
    context.reply(f"The private message{f' {both}' if both else ''} is removed for good, {where}.")
