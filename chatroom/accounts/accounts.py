"""What may be done with an account: register, log in, change password or grant, delete."""

import hmac
import logging
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

from chatroom.accounts.changes import with_grant, with_ignored, without_ignored
from chatroom.accounts.departures import Departures, refused_name
from chatroom.accounts.invites import spent
from chatroom.accounts.passwords import Passwords, prepared
from chatroom.accounts.reset_codes import is_reset_code, new_reset_code
from chatroom.accounts.throttles import Caller, Throttles, logged
from chatroom.errors import (
    Code,
    Conflict,
    InviteSpent,
    LastSuperuser,
    NameTaken,
    StoreError,
    UserError,
)
from chatroom.log_files import FEW
from chatroom.names import check_name, fold
from chatroom.sentences import GRANT_WORDS
from chatroom.storage.engine import AccountStore, SanctionStore
from chatroom.storage.records import NORMAL, SUPERUSER, Account, Actor, Audit
from chatroom.storage.rules.audit import Deed
from chatroom.storage.rules.departure import Departed
from chatroom.text import check_new_password

_log = logging.getLogger(__name__)

LAST_SUPERUSER = "You are the last superuser. Make somebody else a superuser first."


class Accounts:
    """The accounts of one store. Any thread may call its methods; they wait for the disk.

    :param store: where accounts are kept.
    :param sanctions: what somebody inherits who makes a deleted account anew.
    :param passwords: makes and checks their hashes.
    :param throttles: make who has failed wait; an operator's command needs none.
    :param reserve_days: days for which nobody else gets a name that was given up.
    """

    def __init__(
        self,
        store: AccountStore,
        sanctions: SanctionStore,
        passwords: Passwords,
        throttles: Throttles | None = None,
        reserve_days: int = 0,
    ) -> None:
        self._store = store
        self.departures = Departures(store, sanctions, reserve_days)
        self._passwords = passwords
        self.throttles = throttles or Throttles(0, 0)
        self.retries = self.throttles.retries
        self._claim_lock = threading.Lock()  # one claim at a time; guards _claim
        self._claim = ""

    def is_taken(self, name: str) -> bool:
        """Tell whether somebody has this name already."""
        return self._store.load(name) is not None

    def check_free(self, name: str) -> None:
        """Look whether somebody new may have this name. :raises UserError: says why not."""
        check_name(name)
        try:
            self._store.check_free(name)
        except NameTaken as error:
            raise refused_name(error) from None

    def find(self, name: str) -> Account:
        """Return the account of this name. :raises UserError: there is none."""
        account = self._store.load(name)
        if account is None:
            raise UserError(
                f"There is nobody called '{name[:40]}'. See /viewusers for who is here.",
                Code.NO_SUCH_USER,
            )
        return account

    def register(
        self,
        name: str,
        password: str,
        grant: int = NORMAL,
        address: str = "",
        invite: bytes = b"",
        check: Callable[[], object] | None = None,
        by: Actor | None = None,
    ) -> Account:
        """Make a new account; it is durable when this returns.

        :param address: what counts as one address; empty: an operator's command, not limited.
        :param invite: digest of the invitation that it uses up; see ``Invites.admit``.
        :param check: called when the password is hashed, before anything is written; may raise.
        :param by: who makes it for somebody else, for the audit trail.
        :raises UserError: name or password is not allowed, the name is taken, too many wait.
        :raises Throttled: too many new accounts in the last hour.
        :raises StoreError: it could not be written.
        """
        self.check_free(name)  # before it is counted, and a password hashed for nothing
        check_new_password(prepared(password))
        if address:
            with logged("registration", name, address):
                self.throttles.register(address)
        saved = self.adopt(name, password, grant, invite, check, address, by)
        # Here and not deeper: a log line is the deepest call of a connection's thread, which keeps
        # for good each page that its frames touch once.
        _log.info("registered %s grant=%d", saved.ident, grant)
        return saved

    def adopt(
        self,
        name: str,
        password: str,
        grant: int = NORMAL,
        invite: bytes = b"",
        check: Callable[[], object] | None = None,
        address: str = "",
        by: Actor | None = None,
    ) -> Account:
        """Like :meth:`register`, for a password that an older program accepted."""
        hashed = self._passwords.in_turn(lambda: self._passwords.hash(password))
        if check is not None:
            check()
        account = Account(
            id=secrets.token_hex(16), name=name, grant=grant, password=hashed, created=time.time()
        )
        found = self.departures.find(name, address)
        imposed = self.departures.impose(account, found)
        try:
            act = by.did(f"made the account {name}", account.id) if by is not None else None
            saved = self._store.save(account, invite, act)
        except Exception as error:
            self.departures.take_back(imposed)
            if isinstance(error, NameTaken):
                raise refused_name(error) from None
            if isinstance(error, InviteSpent):
                raise spent() from None
            raise
        self.departures.be_ignored(saved, found)
        return saved

    def log_in(
        self,
        name: str,
        password: str,
        caller: Caller,
        takes_code: bool = False,
    ) -> Account | None:
        """Return the account if the password is right, else ``None``; both take the same time.

        :param caller: who tries it.
        :param takes_code: a reset code is as good; see :func:`is_reset_code`.
        :raises Throttled: too many failures; no password was looked at.
        :raises TooManyLogins: too many wait for a password hash.
        """
        with logged("login", name, caller.network):
            attempt = self.throttles.begin(caller, name)
        try:
            if attempt.wait:
                caller.pause(attempt.wait)
            account = self._passwords.in_turn(
                lambda: self._check(name, password, takes_code), attempt.rank
            )
        except BaseException:
            self.throttles.undo(attempt)
            raise
        if account is not None:
            self.throttles.succeeded(attempt)
        else:
            self.throttles.failed(attempt)
        return account

    def _check(self, name: str, password: str, takes_code: bool) -> Account | None:
        account = self._store.load(name)
        record, secret = account.password if account else None, prepared(password)
        is_right, is_raw = self._passwords.check(secret, record), False
        if not is_right and secret != password:  # older records were made of what was typed
            is_right = is_raw = self._passwords.check(password, record)
        if not is_right:
            has_code = takes_code and account is not None and is_reset_code(account, password)
            return account if has_code else None
        assert account is not None
        if is_raw or self._passwords.is_outdated(account.password):
            try:
                hashed = self._passwords.hash(password) | {"id": account.password_id}
                account = self._store.save(replace(account, password=hashed))
            except (Conflict, StoreError) as error:  # the next login tries again
                _log.info("rehash put off %s reason=%s", account.ident, error, extra=FEW)
        return account

    def set_password(
        self,
        account_id: str,
        password: str,
        code: str = "",
        proven: Account | None = None,
        chosen: Callable[[str], object] | None = None,
        act: Audit | None = None,
    ) -> Account:
        """Set a new password, and return the account; a reset code does not hold any more.

        Every session and every ticket that came in by an older one ends.

        :param code: the reset code that is used up by it.
        :param proven: the account whose password who asks has just given.
        :param chosen: called with the ``password_id`` that the account will have, before it is
            written: the session that goes on takes it over.
        :param act: for the audit trail, when somebody else sets it.
        :raises UserError: it is not allowed, too many wait, the code does not hold any more, or
            somebody else has set another password since ``proven``.
        """
        check_new_password(prepared(password))
        hashed = self._passwords.in_turn(lambda: self._passwords.hash(password))
        hashed["id"] = secrets.token_hex(8)
        if chosen is not None:
            chosen(hashed["id"])

        def change(account: Account) -> Account:
            if proven is not None and account.password_id != proven.password_id:
                raise UserError("Your password was changed from elsewhere just now.", Code.RESET)
            if code and not is_reset_code(account, code):
                raise UserError(
                    "That code is invalid or has expired. Ask for a new one.", Code.BAD_CODE
                )
            return replace(account, password=hashed, reset=None)

        changed = self._change(account_id, change, act)
        _log.info("password changed %s by_code=%s", changed.ident, bool(code))
        return changed

    def end_sessions(self, account_id: str, password_id: str) -> Account:
        """End every session and every ticket of an account; return it. The password stays.

        :param password_id: that the account has from now on: sessions that have it go on.
        """
        new = {"id": password_id}
        return self._change(account_id, lambda now: replace(now, password=now.password | new))

    def issue_reset(self, account: Account, by: Actor) -> str:
        """Return a one-time code that lets its bearer set a new password for somebody.

        It holds for ``RESET_SECONDS``, is kept as a digest, and replaces an older one.

        :raises Demoted: who asks is no superuser any more.
        """
        code, reset = new_reset_code()
        act = by.did(f"made a reset code for {account.name}", account.id)
        self._change(account.id, lambda current: replace(current, reset=reset), act)
        _log.info("reset code made %s by=%s", account.ident, by.name)
        return code

    def rename(self, account: Account, name: str, by: Actor) -> None:
        """Give somebody another name; all that is kept goes on to be theirs.

        :raises UserError: the name is not allowed, taken, or looks like another one.
        """
        check_name(name)
        if name == account.name:
            raise UserError(f"{name} is called that already.")
        act = by.did(f"renamed {account.name} to {name}", account.id)
        left = self.departures.of_renamed(account) if fold(name) != fold(account.name) else None
        try:
            self._change(account.id, lambda current: replace(current, name=name), act, left)
        except NameTaken as error:
            raise refused_name(error) from None
        _log.info("renamed %s new=%s by=%s", account.ident, name, by.name)

    def set_grant(self, account: Account, grant: int, by: Actor) -> None:
        """Make somebody a superuser (0) or a normal user (1).

        :raises UserError: it is that already, or nobody would be left to administer the room.
        """
        act = by.did(f"made {account.name} a {GRANT_WORDS[grant]}", account.id, deed=Deed.GRANT)
        act = replace(act, before=1 - grant, after=grant)
        try:
            self._change(account.id, partial(with_grant, grant), act)
        except LastSuperuser:
            raise UserError(
                f"{account.name} is the last superuser. Make somebody else a superuser first."
            ) from None
        _log.info("grant changed %s grant=%d by=%s", account.ident, grant, by.name)

    def ignore(self, account: Account, other: Account) -> Account:
        """Let somebody see nothing more of somebody else; return the account as it is then.

        :raises UserError: that cannot be.
        """
        if other.id == account.id:
            raise UserError("You cannot ignore yourself.")

        return self._change(account.id, partial(with_ignored, other))

    def unignore(self, account: Account, other: Account) -> Account:
        """End :meth:`ignore`; return the account as it is then. :raises UserError: not so."""

        return self._change(account.id, partial(without_ignored, other))

    def delete(self, account: Account, by: Actor, box: str = "", network: str = "") -> None:
        """Delete an account for good, with its places, tickets and sanctions; its sessions end.

        :param box: the log that is its mailbox: nothing is put there any more once it was dropped.
        :param network: what counts as one address, where it is done; empty: by an operator.
        :raises UserError: nobody would be left to administer the room.
        :raises StoreError: it could not be written; nothing was changed.
        """
        act = f"deleted the account {account.name}"
        left = self.departures.of_deleted(account, network)
        while True:
            current = self._store.load_by_id(account.id)
            if current is None:
                return
            try:
                self._store.delete(current, by.did(act, account.id), box, left)
                break
            except LastSuperuser:
                raise UserError(LAST_SUPERUSER) from None
            except Conflict:
                continue
        _log.info("deleted %s by=%s", account.ident, by.name)

    def offer_claim(self) -> str:
        """Return a new one-time code for the first superuser; empty when there is one."""
        self._claim = "" if self._store.superusers() else secrets.token_hex(8)
        return self._claim

    def claim(self, account: Account, code: str, origin: str) -> None:
        """Make somebody the first superuser.

        :param origin: the address that it is typed from.
        :raises UserError: the code is not valid.
        """
        with self._claim_lock:
            right = hmac.compare_digest(self._claim.encode(), code.encode("utf-8", "replace"))
            if not right or not self._claim or self._store.superusers():
                _log.warning("claim refused %s", account.ident, extra={"few": account.id})
                raise UserError(
                    "That code is not valid. It is printed where the server was started, as long "
                    "as there is no superuser.",
                    Code.BAD_CODE,
                )
            self.set_grant(account, SUPERUSER, Actor("claim", "", origin))
            self._claim = ""

    def find_by_id(self, account_id: str) -> Account | None:
        """Return the account with this id; ``None``: it is gone."""
        return self._store.load_by_id(account_id)

    def all(self) -> Iterator[Account]:
        """Return all accounts, oldest first."""
        return self._store.load_all()

    def check_may_go(self, account: Account) -> None:
        """Look whether an account may be deleted. :raises UserError: it is the last superuser."""
        if self._store.is_last_superuser(account.id):
            raise UserError(LAST_SUPERUSER)

    def _change(
        self,
        account_id: str,
        change: Callable[[Account], Account],
        act: Audit | None = None,
        left: Departed | None = None,
    ) -> Account:
        """Load, change, compare-and-set; again when somebody else was faster."""
        while True:
            account = self._store.load_by_id(account_id)
            if account is None:
                raise UserError("That account is gone.")
            try:
                changed = change(account)
                return self._store.save(changed, act=act, left=left)
            except (LastSuperuser, NameTaken):
                raise
            except Conflict:
                continue
