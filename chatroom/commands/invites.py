"""Invitations to make an account."""

from chatroom.accounts.invites import INVITE_SECONDS, line_to_type
from chatroom.answer_texts import text_of
from chatroom.answers import Answer, Row, when
from chatroom.commands.registry import Context, Registry
from chatroom.sentences import SERVER
from chatroom.storage.records import SUPERUSER, Invite


def add_to(registry: Registry) -> None:
    """Enter these commands into the table."""

    @registry.command(
        "invite-code",
        "[45m] [N]",
        "make an invitation, for N new accounts (1) and a time (7d)",
        SUPERUSER,
    )
    def invite_code(context: Context, seconds: float | None, uses: int | None) -> Answer:
        """One string with address, fingerprint and code."""
        services = context.services
        seconds = INVITE_SECONDS if seconds is None else seconds
        invitation = services.invitation(services.invites.issue(context.actor, uses or 1, seconds))
        text = f"The line to send: {line_to_type(invitation)}"
        return Answer(text, [{"invitation": invitation, "uses": uses or 1}])

    @registry.command("invite-codes", "", "list the invitations that are valid", SUPERUSER)
    def invite_codes(context: Context) -> Answer:
        found = context.services.invites.all()
        return Answer(invite_table(found), _rows(found))

    @registry.command("revoke-code", "NUMBER", "withdraw an invitation", SUPERUSER)
    def revoke_code(context: Context, number: int) -> None:
        """By its number in /invite-codes."""
        context.services.invites.revoke(number, context.actor)
        context.reply(f"Invitation {number} is no longer valid.")


def invite_table(invites: list[Invite]) -> str:
    """Return invitations for people, without their codes: nobody knows those any more."""
    return text_of("invite-codes", _rows(invites), SERVER) or "There are no valid invitations."


def _rows(invites: list[Invite]) -> list[Row]:
    return [
        {"number": one.number, "by": one.by, "uses": one.uses, "until": when(one.until)}
        for one in invites
    ]
