"""The message of the day: /motd."""

from chatroom.answers import Answer
from chatroom.commands.registry import Context, Registry


def add_to(registry: Registry) -> None:
    """Enter this command into the table."""

    @registry.command("motd", "", "what the operator of this server tells everybody", cost=2)
    def motd(context: Context) -> Answer:
        """It is shown after the login, too."""
        text = context.services.motd.text()
        row = {"text": text}
        return Answer(text or "The operator has no message for you.", [row] if text else [])
