"""The certificates that this person's clients have seen: one line for each address and port."""

import os
from pathlib import Path

from chatroom.client.kept_files import in_turn, write_whole
from chatroom.tunnel import FINGERPRINT

_HEAD = "# Certificates of chat rooms, by address. Delete a line to be asked again.\n"


def own_file() -> Path:
    """Return the file of this person (XDG Base Directory Specification)."""
    folder = os.environ.get("XDG_CONFIG_HOME") or home() / ".config"
    return Path(folder) / "chatroom" / "known_hosts"


def home() -> Path:
    """Return the person's own folder; one that is not there for an account that has none."""
    try:
        return Path.home()
    except RuntimeError:  # a container's arbitrary user id, and HOME is not set
        return Path("/nonexistent")  # as Debian calls it: what is kept there is kept nowhere


class KnownHosts:
    """Pins by address and port. The thread that connects, one at a time.

    :param file: where they are kept, readable for its owner only; made when something is kept.
    """

    def __init__(self, file: Path) -> None:
        self.file = file

    def pin(self, host: str, port: int) -> str:
        """Return the fingerprint that was seen at an address; empty when there is none.

        :raises OSError: the file is there and cannot be read.
        """
        found = ""
        for line in self._lines():
            words = line.split()
            if len(words) == 2 and words[0] == _key(host, port):
                found = words[1]
        return found

    def keep(self, host: str, port: int, pin: str) -> None:
        """Keep a fingerprint, instead of an older one of the same address.

        :raises OSError: it cannot be written; the file is as it was.
        """
        key = _key(host, port)
        self.file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with in_turn(self.file.parent):
            lines = [line for line in self._lines() if line.split()[:1] != [key]] or [_HEAD]
            write_whole(self.file, "".join([*lines, f"{key} {pin}\n"]))

    def _lines(self) -> list[str]:
        try:
            text = self.file.read_text("utf-8", errors="replace")
        except FileNotFoundError:
            return []
        return [line + "\n" for line in text.splitlines()]


def _key(host: str, port: int) -> str:
    return f"[{host.lower()}]:{port}"


def read_pin(text: str) -> str | None:
    """Return a fingerprint as it is kept; None when ``text`` is none.

    :param text: 64 hexadecimal digits, with or without colons and ``sha256:`` before them.
    """
    digits = text.strip().lower().removeprefix(FINGERPRINT).replace(":", "")
    is_right = len(digits) == 64 and all(digit in "0123456789abcdef" for digit in digits)
    return FINGERPRINT + digits if is_right else None
