"""Tickets: the right to come back after a lost connection without a password.

A ticket is 256 random bits. Only its SHA-256 is kept: it needs no salt and no slow hash, since
nobody can guess 256 random bits.
"""

import hashlib
import logging
import secrets
import time
from collections.abc import Sequence
from dataclasses import replace

from chatroom.accounts.sanctions import Sanctions
from chatroom.errors import Code, StoreError, UserError
from chatroom.log_files import FEW
from chatroom.storage.engine import AccountStore, TicketStore
from chatroom.storage.records import USED_SECONDS, Account, Sanction, Ticket

_log = logging.getLogger(__name__)

TICKET_SECONDS = 86400.0
FRESH_SECONDS = 3600.0
"""A younger ticket is given again to who comes back with it; and a visit prolongs its own one
after so long."""


class Tickets:
    """Issues and honours tickets. Any thread may call the methods; they wait for the disk.

    :param store: keeps them.
    :param accounts: whose they are.
    :param sanctions: who may not come back.
    """

    def __init__(self, store: TicketStore, accounts: AccountStore, sanctions: Sanctions) -> None:
        self._store = store
        self._accounts = accounts
        self._sanctions = sanctions

    def issue(
        self, account: Account, used: str = "", kept: Ticket | None = None
    ) -> tuple[str, float] | None:
        """Return a ticket and until when it holds, in seconds since the epoch.

        :param used: the ticket that the person came back with. One that is new, or was prolonged
            by a visit just now, is returned again: so many programs share it, and push out no
            other one. An older one holds for ten more minutes.
        :param kept: the same as :meth:`redeem` has found it.
        :returns: ``None`` when it cannot be kept just now, or when the account got another
            password, was shut out or deleted since it was loaded.
        """
        ticket = secrets.token_urlsafe(32)
        until = time.time() + TICKET_SECONDS
        if kept is not None and kept.until > until - FRESH_SECONDS:
            return used, kept.until
        try:
            tickets = [Ticket(digest_of(ticket), account.id, until)]
            if kept is not None:
                tickets.append(replace(kept, until=min(kept.until, time.time() + USED_SECONDS)))
            return (ticket, until) if self._keep(tickets, account.id, account.password_id) else None
        except StoreError as error:  # full disk: people come in all the same
            _log.error("no ticket %s reason=%s", account.ident, error, extra=FEW)
            return None

    def prolong(self, account_id: str, password_id: str, digest: bytes) -> None:
        """Let the ticket of a visit that goes on hold for another day.

        So who has stayed for longer than a ticket lasts comes back all the same, also when newer
        ones have pushed this one out.

        :param password_id: of the password that the visit came in by.
        :param digest: of the ticket.
        """
        ticket = Ticket(digest, account_id, time.time() + TICKET_SECONDS)
        try:
            self._keep([ticket], account_id, password_id)
        except StoreError as error:
            _log.error("ticket not prolonged account=%s reason=%s", account_id, error, extra=FEW)

    def _keep(self, tickets: Sequence[Ticket], account_id: str, password_id: str) -> bool:
        self._store.save(tickets)
        # A change that revokes tickets may have come in between, too early for this one. What
        # comes from here on takes this one with it.
        current = self._accounts.load_by_id(account_id)
        is_same = current is not None and current.password_id == password_id
        if not is_same or self._sanctions.shut_out(account_id) is not None:
            self._store.revoke(account_id)
            return False
        return True

    def redeem(self, ticket: str) -> tuple[Ticket, Account, Sanction | None]:
        """Return what is kept of a ticket, whose it is, and what keeps the person out. No password
        hash.

        :raises UserError: it does not hold, or not any more.
        :raises StoreError: the store cannot be used.
        """
        kept = self._store.load(digest_of(ticket))
        account = self._accounts.load_by_id(kept.account_id) if kept else None
        # Looked up again: it may have been revoked before the account was loaded.
        if kept is None or account is None or not self._store.is_kept(kept):
            raise UserError(
                "That ticket is invalid or has expired. Log in with your password.", Code.TICKET
            )
        return kept, account, self._sanctions.shut_out(account.id)


def digest_of(ticket: str) -> bytes:
    """Return what is kept of a ticket."""
    return hashlib.sha256(ticket.encode("utf-8", "surrogatepass")).digest()
