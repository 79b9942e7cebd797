"""A person with a screen reader."""

from chatroom.client.pending import Sent
from chatroom.client.said import Said, text_of
from chatroom.client.ui.terminal import Terminal
from chatroom.sentences import Line


class LinearTerminal(Terminal):
    """For screen readers: who speaks comes first, nothing is drawn twice, nothing decorated."""

    def show(self, said: Said, text: str, sent: Sent | None) -> None:
        if isinstance(text, Line):
            what = f"{text.before}{text.name}{text.body.rstrip()}"
            if said.fields.get("kind") == "private" and text.name == text_of(said.fields, "from"):
                what = f"{text.name} (private){text.body.rstrip()}"
            tag = f" ({text.tag})" if text.tag else ""
            text = f"{what}{tag} ({text.clock})\n"
        super().show(said, text, sent)
