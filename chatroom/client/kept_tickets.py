"""Tickets on disk, so that a script that comes again needs no password.

One file for each server and name, replaced in one step: several programs at once read a whole
ticket, and the one that another program has just used holds for ten more minutes
(docs/protocol.md).
"""

import contextlib
import hashlib
import os
import stat
from pathlib import Path

from chatroom.client.kept_files import write_whole
from chatroom.errors import UserError

_LONGEST = 256


class KeptTicket:
    """The ticket of one name at one server. Any thread may call the methods.

    :param folder: made with mode 0700 when a ticket is kept.
    :param server: address, port and how it is spoken to.
    :param name: of the account.
    """

    def __init__(self, folder: Path, server: str, name: str) -> None:
        key = hashlib.sha256(f"{server} {name.lower()}".encode()).hexdigest()[:32]
        self.file = folder / key

    def read(self) -> str:
        """Return the ticket; empty when there is none.

        :raises UserError: others can read the file (POSIX).
        """
        try:
            with self.file.open("rb") as file:
                mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
                if os.name == "posix" and mode & 0o077:
                    raise UserError(
                        f"Others can read the ticket {self.file}. It is as good as a password: "
                        "delete it, and log in with the password again."
                    )
                return file.read(_LONGEST).decode("ascii", "ignore").strip()
        except OSError:
            return ""

    def keep(self, ticket: str) -> None:
        """Keep a ticket instead of the one before; where that cannot be done, go on without."""
        with contextlib.suppress(OSError):
            write_whole(self.file, ticket + "\n")

    def drop(self, ticket: str) -> None:
        """A ticket was refused: delete it, unless another program has kept a newer one."""
        with contextlib.suppress(OSError, UserError):
            if self.read() == ticket:
                self.file.unlink()
