"""A finder: answers `!seen USER` and `!find WORDS`, in the room where it is asked and about it.

CHATROOM_PASSWORD=… python examples/finder.py HOST PORT NAME
"""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from chatroom.client import Client, Ended, Message, NotDelivered

HITS_MOST = 3
LOOKED_AT = 500
"""Messages of a room that are looked at for who was seen."""
LETTERS_MOST = 60
"""Of a message that is quoted."""


def seen(client: Client, user: str, room: str) -> str:
    """Return whether somebody is in a room, or when they said something there last."""
    name = user.strip().removeprefix("@").casefold()
    if any(person.name.casefold() == name for person in client.who(room)):
        return f"{user} is here now."
    said = [one for one in client.history(LOOKED_AT, room=room) if one.sender.casefold() == name]
    return f"{user} said something {when(said[-1])}." if said else f"{user} was not here lately."


def find(client: Client, words: str, room: str) -> str:
    """Return the newest messages of a room that hold all words, each with its id."""
    hits = [
        f"{when(one)} {one.sender}: {short(one.text)} [{one.id}]"
        for one in client.search(words, room=room)
        if one.sender != client.name and not one.text.startswith("!")
    ]
    return "\n".join(hits[:HITS_MOST]) or "Nothing was found."


def when(message: Message) -> str:
    """Return when something was said."""
    return message.at.strftime("on %Y-%m-%d at %H:%M UTC")


def short(text: str) -> str:
    """Return the beginning of a text, as one line."""
    line = " ".join(text.split())
    return line if len(line) <= LETTERS_MOST else line[: LETTERS_MOST - 1] + "…"


ANSWERS = {"!seen": seen, "!find": find}


def main() -> int:
    """Answer until the visit is over."""
    if len(sys.argv) != 4:
        _tell(__doc__ or "")
        return 2
    host, port, name = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    password = os.environ.get("CHATROOM_PASSWORD")
    try:
        with Client(host, port, name=name, password=password, bot=True, tell=_tell) as client:
            _tell(f"Finding as {client.name}.")
            for message in client:
                word, _, what = message.text.partition(" ")
                answer = ANSWERS.get(word)
                if message.kind != "text" or answer is None or message.sender == client.name:
                    continue
                try:
                    client.send(answer(client, what, message.room), room=message.room)
                except NotDelivered as refused:  # no words, too many tries, muted …
                    _tell(f"{refused} ({refused.code})")
    except Ended as ended:
        _tell(str(ended))
        return ended.end.code
    except KeyboardInterrupt:
        pass
    return 0


def _tell(sentence: str) -> None:
    sys.stderr.write(sentence + "\n")


if __name__ == "__main__":
    raise SystemExit(main())
