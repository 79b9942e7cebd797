"""Commands about one's own account: the password, and claiming a new server."""

from chatroom.commands.registry import Context, Registry
from chatroom.errors import UserError


def add_to(registry: Registry) -> None:
    """Enter these commands into the table."""

    @registry.command("changepassword", "", "choose another password")
    def change_password(context: Context) -> None:
        accounts = context.services.accounts
        old = context.dialogue.ask("old-password", "Your old password:", secret=True)
        if accounts.log_in(context.account.name, old)[0] is None:
            raise UserError("That is not your password; it stays as it was.")
        accounts.set_password(context.account.id, context.dialogue.ask_new_password())
        context.reply("Your password was changed.")

    @registry.command("claim", "CODE", "become the first superuser, with the code of the console")
    def claim(context: Context, code: str) -> None:
        context.services.accounts.claim(context.account, code)
        context.reply("This room is yours: you are its first superuser.")
