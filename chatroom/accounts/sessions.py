"""Which sessions of an account go on: ends the others, at every node."""

import logging
import secrets
from collections.abc import Callable, Iterable

from chatroom.accounts.accounts import Accounts
from chatroom.storage.engine import ControlEvents
from chatroom.storage.records import SESSIONS_ENDED, Account
from chatroom.storage.rules.events import Control, ControlKind, Kept

_log = logging.getLogger(__name__)


class Sessions:
    """Ends sessions of an account, and all its tickets. Any thread; it waits for the disk.

    Sessions last as long as the ``password_id`` that they came in by. So the account gets another
    one, for the same password, and the sessions that go on are told of it first. Whoever misses
    that, or comes in meanwhile, has ended as well: it never ends too few.

    :param controls: tells all nodes which sessions go on.
    """

    def __init__(self, accounts: Accounts, controls: ControlEvents) -> None:
        self._accounts = accounts
        self._controls = controls

    def end_all_but(
        self, account_id: str, kept: Iterable[float], chosen: Callable[[str], object]
    ) -> Account:
        """End the sessions of an account but some; return the account as it is then.

        :param kept: when those that go on began, in seconds since the epoch: ``SessionInfo.since``.
        :param chosen: called with the ``password_id`` that the account will have, before anything
            is written: the session that asks takes it over.
        :raises StoreError: it could not be written; no session has ended.
        """
        password_id = f"{SESSIONS_ENDED}{secrets.token_hex(8)}"
        chosen(password_id)
        carried = Kept(password_id, tuple(kept))
        self._controls.publish(Control(ControlKind.SESSIONS, account_id, carried))
        account = self._accounts.end_sessions(account_id, password_id)
        _log.info("sessions ended %s kept=%d", account.ident, len(carried.since))
        return account
