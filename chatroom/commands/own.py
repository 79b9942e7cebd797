"""Commands about one's own account: the password, and claiming a new server."""

from chatroom.commands.registry import Context, Registry
from chatroom.errors import UserError
from chatroom.storage.records import Account


def add_to(registry: Registry) -> None:
    """Enter these commands into the table."""

    @registry.command("changepassword", "", "choose another password")
    def change_password(context: Context) -> None:
        accounts = context.services.accounts
        if not is_own_password(context, "Your old password:"):
            raise UserError("That is not your password; it stays as it was.")
        accounts.set_password(context.account.id, context.dialogue.ask_new_password())
        context.reply("Your password was changed.")

    @registry.command("ignore", "[USER]", "see nothing more of somebody; alone: whom you ignore")
    def ignore(context: Context, account: Account | None) -> None:
        services = context.services
        if account is not None:
            services.accounts.ignore(context.account, account)
            context.reply(f"You see nothing more of {account.name}. /unignore ends that.")
            return
        found = map(services.engine.load_account_by_id, context.account.ignores)
        names = sorted(one.name for one in found if one is not None)
        context.reply(f"You ignore: {', '.join(names)}" if names else "You ignore nobody.")

    @registry.command("unignore", "USER", "see again what somebody says")
    def unignore(context: Context, account: Account) -> None:
        context.services.accounts.unignore(context.account, account)
        context.reply(f"You see {account.name} again.")

    @registry.command("claim", "CODE", "become the first superuser, with the code of the console")
    def claim(context: Context, code: str) -> None:
        context.services.accounts.claim(context.account, code, context.member.address)
        context.reply("This room is yours: you are its first superuser.")


def is_own_password(context: Context, question: str) -> bool:
    """Ask for the password of this account; wrong ones count as failed logins.

    :raises UserError: there were too many, or too many people wait for a password hash.
    """
    services, dialogue = context.services, context.dialogue
    password = dialogue.ask("old-password", question, secret=True)
    name = context.account.name
    pause = services.stopping.wait
    return services.accounts.log_in(name, password, dialogue.network, pause) is not None
