"""A dice roller: answers `roll 2d6` in the room.

CHATROOM_PASSWORD=… python examples/dice.py HOST PORT NAME
"""

import os
import random
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from chatroom.client import Client, Ended, NotDelivered

ROLL = re.compile(r"roll (\d{1,2})d(\d{1,3})\Z", re.IGNORECASE)


def main() -> int:
    """Roll until the visit is over."""
    if len(sys.argv) != 4:
        _tell(__doc__ or "")
        return 2
    host, port, name = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    password = os.environ.get("CHATROOM_PASSWORD")
    try:
        with Client(host, port, name=name, password=password, bot=True, tell=_tell) as client:
            _tell(f"Rolling as {client.name}.")
            for message in client:
                found = ROLL.match(message.text)
                if message.kind != "text" or found is None or message.sender == client.name:
                    continue
                number, sides = int(found[1]), int(found[2])
                if number and sides:
                    dice = [random.randint(1, sides) for _ in range(number)]
                    try:
                        client.send(f"{message.sender}: {sum(dice)} {dice}", room=message.room)
                    except NotDelivered as error:
                        _tell(f"{error} ({error.code})")
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
