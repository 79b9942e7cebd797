"""When a person's terminal rings, and the command that says so."""

from chatroom.client.cli.profiles import BELLS
from chatroom.client.said import Said, text_of
from chatroom.protocol import ACTION, ANNOUNCE, PRIVATE, TEXT


class Bell:
    """Decides what rings. The main thread sets it, the receiving one asks.

    :param when: one of ``BELLS``: off, mentions (and private messages), all.
    """

    def __init__(self, when: str) -> None:
        self._when = when

    def rings(self, said: Said, own: str) -> bool:
        """Tell whether something that the server has said rings.

        :param own: the name of who reads.
        """
        fields = said.fields
        if said.word != "message" or fields.get("old") is True or self._when == "off":
            return False
        if text_of(fields, "from") == own:
            return False
        if fields.get("kind") == PRIVATE:
            return True
        if fields.get("kind") not in (TEXT, ACTION, ANNOUNCE):
            return False
        return self._when == "all" or fields.get("mentions") is True

    def set(self, when: str) -> str:
        """Take what was typed behind /bell; return the sentence about it."""
        word = when.strip().lower()
        if word in BELLS:
            self._when = word
            return f"The bell is set to {word}."
        what = f"There is no bell '{when.strip()[:20]}'. " if word else ""
        return f"{what}The bell is set to {self._when}. /bell {'|'.join(BELLS)} changes it."
