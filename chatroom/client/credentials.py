"""Who logs in: from flags and environment, or as typed, remembered for the next login.

A password stays in memory. A ticket may be kept on disk, so that a script that comes again needs no
password: one file for each server and name, replaced in one step. Several programs at once read a
whole ticket, and the one that another program has just used holds for ten more minutes
(docs/protocol.md).
"""

import contextlib
import hashlib
import os
import stat
from pathlib import Path

from chatroom import private
from chatroom.client.invitation import code_in
from chatroom.client.kept_files import own_folder, write_whole
from chatroom.errors import UserError

_LONGEST_FILE = 4096
_LONGEST_TICKET = 256


class Credentials:
    """Name, password and ticket. The caller makes sure that threads take turns.

    :param name: from ``--name``; empty when the person is to be asked.
    :param password: from the environment or a file; None when the person is to be asked.
    """

    def __init__(self, name: str = "", password: str | None = None) -> None:
        self.name = name
        self._password = password
        self._typed_name = ""
        self._typed_password = ""
        self.code = ""
        """Of an invitation, for a new account."""
        self.ticket = ""
        """The server's: the right to come back without a password."""
        self._kept: KeptTicket | None = None
        self._is_new = False  # the answers make an account
        self._answered = ""  # which question was answered last
        self.is_given = password is not None
        """No question may be asked: a refused password ends the program."""

    def use_kept(self, kept: "KeptTicket") -> None:
        """Keep tickets from now on; without a password, log in with the one of the last time.

        :raises UserError: others can read it.
        """
        self._kept = kept
        if self._password is None:
            self.ticket = kept.read()

    def keep_ticket(self) -> None:
        """Write the ticket to where it is kept, if anywhere. The receiving thread."""
        if self._kept is not None and self.ticket:
            self._kept.keep(self.ticket)

    def ticket_refused(self, used: str) -> None:
        """Forget a ticket; another program may have kept a newer one. The receiving thread."""
        if self._kept is None:
            return
        self._kept.drop(used)
        if self._password is None:
            try:
                self.ticket = self._kept.read()
            except UserError:
                self.ticket = ""

    def answer(self, ask: str) -> str | None:
        """Return the answer to a question of the login, or None if a person has to give it."""
        self._answered = ask
        if ask == "code":
            return self.code or None
        if not self.name:
            return None
        if ask == "password" and self._password is not None:
            self._typed_password = ""  # of a change that went wrong
        return {"account": "n", "name": self.name, "password": self._password}.get(ask)

    def login(self) -> dict[str, object] | None:
        """Return the fields of a ``>login`` line, or None if a person has to be asked."""
        if not self.name or self._password is None:
            return None
        self._typed_password = ""  # of a change that went wrong
        return {"name": self.name, "password": self._password, "ticket": True}

    def line(self, ask: str, text: str) -> tuple[str, dict[str, object]]:
        """Return the line that says what a person has answered to a question of the login.

        The last answer becomes a login in one line: only that brings a ticket.
        """
        name = self._typed_name or self.name
        if name and ask == "password":
            return "login", {"name": name, "password": text, "ticket": True}
        if ask == "code":
            return "answer", {"text": code_in(text)}
        # Without a new name it is the new password of somebody with a reset code.
        if name and self._is_new and ask == "again" and text == self._typed_password:
            fields: dict[str, object] = {"name": name, "password": text, "ticket": True}
            return "register", {**fields, "code": self.code} if self.code else fields
        return "answer", {"text": text}

    def typed(self, ask: str, text: str) -> None:
        """Note what a person answered; it counts once the server has accepted it."""
        self._answered = ask
        if ask in ("name", "new-name"):
            self._typed_name = text.strip()
            self._is_new = ask == "new-name"
        elif ask == "code":
            self.code = code_in(text)
        elif ask in ("password", "new-password"):
            self._typed_password = text

    def accepted(self, user: str) -> None:
        """The login went well: remember what it was done with."""
        self.name = user or self.name or self._typed_name
        self._is_new = False
        self.password_changed()

    def password_changed(self) -> None:
        """The server has taken the password that was typed last."""
        if self._typed_password:
            self._password, self._typed_password = self._typed_password, ""

    def answer_refused(self) -> None:
        """The last answer was wrong: a code of an invitation that does not hold is forgotten."""
        if self._answered == "code":
            self.code = ""

    def refused(self) -> None:
        """The server did not take the password."""
        if not self.is_given:
            self._password = None


def password_from_file(path: Path) -> str:
    """Return the first line of a file that only its owner can read.

    :raises UserError: it cannot be read, is open to others (POSIX), or holds no password.
    """
    try:
        with path.open("rb") as file:
            if private.is_open(path, os.fstat(file.fileno()).st_mode):
                raise UserError(
                    f"Others can read the password file {path}. Close it with: chmod 600 {path}"
                )
            line = file.readline(_LONGEST_FILE)
    except OSError as error:
        raise UserError(f"The password file {path} cannot be read: {error.strerror}.") from None
    try:
        password = line.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise UserError(f"The password file {path} is not UTF-8.") from None
    if not password:
        raise UserError(f"The first line of the password file {path} is empty.")
    return password


def password_from_environment() -> str | None:
    """Return ``CHATROOM_PASSWORD``, or None when it is not set.

    :raises UserError: it is not UTF-8.
    """
    password = os.environ.get("CHATROOM_PASSWORD") or None
    try:
        (password or "").encode()
    except UnicodeEncodeError:
        raise UserError("CHATROOM_PASSWORD is not UTF-8.") from None
    return password


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
                return file.read(_LONGEST_TICKET).decode("ascii", "ignore").strip()
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


def kept_ticket(server: str, name: str) -> KeptTicket:
    """Return where the ticket of a name is kept, among the person's own files.

    :param server: the key of its endpoint.
    """
    return KeptTicket(own_folder() / "tickets", server, name)
