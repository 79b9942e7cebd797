"""A move from SQLite to Redis or Valkey: everything is copied, then compared.

It may be interrupted at any moment and goes on where it stopped. Until it has ended, no server
opens the new store. What is there has the same ids, ``seq`` and counting as before: cursors and
tickets of clients hold on.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import redis
from tqdm import tqdm

from chatroom.errors import StoreError
from chatroom.storage import codec
from chatroom.storage.engine import AccountStore, Engine, LogStore, TicketStore
from chatroom.storage.keys.vault import Vault
from chatroom.storage.records import REMOVED, Post, Ticket
from chatroom.storage.redis import (
    accounts,
    audit,
    departed,
    entries,
    held,
    invites,
    rooms,
    sanctions,
    scripts,
    tickets,
)
from chatroom.storage.redis.client import META, MOVING, Store
from chatroom.storage.redis.logs import Logs
from chatroom.storage.redis.transaction import NUMBERS, Transaction
from chatroom.storage.redis.url import connect
from chatroom.storage.rules.departure import Departed
from chatroom.storage.rules.epochs import Epochs
from chatroom.storage.rules.numbers import Numbers

PAGE = 500
"""Messages that are copied in one step."""
_ALL = 1_000_000_000


class SourceLogs(LogStore, Protocol):
    """Logs that can tell all that is known of them."""

    def epochs(self, log: str) -> Epochs: ...

    def sessions(self, log: str) -> list[tuple[bytes, bytes, str, float]]: ...


class SourceAccounts(AccountStore, Protocol):
    """Accounts, and everybody who has given up a name."""

    def all_departed(self) -> list[Departed]: ...


class SourceTickets(TicketStore, Protocol):
    """Tickets that can be listed."""

    def load_all(self) -> list[Ticket]: ...


class Source(Engine, Protocol):
    """An engine that can tell all that it keeps."""

    @property
    def logs(self) -> SourceLogs: ...

    @property
    def accounts(self) -> SourceAccounts: ...

    @property
    def tickets(self) -> SourceTickets: ...


def move(
    source: Source,
    mailbox_of: Callable[[str], str],
    data_dir: Path,
    url: str,
    user: str,
    password: Path | None,
) -> str:
    """Copy what a data directory keeps into an empty store; return what was moved.

    :param source: nothing else may write to it.
    :param mailbox_of: returns the name of the log of an account's mail.
    :param url: the store; user and password as for the engine.
    :raises StoreError: one of them cannot be used, the new one is not empty, or what was copied is
        not the same.
    """
    store = Store(connect(url, user, password), url, 0)
    try:
        vault = store.open(data_dir, is_moving_in=True)
        with store.client() as client:
            if not client.hexists(META, MOVING):
                if client.exists(held.ACCOUNTS, held.ROOMS, NUMBERS):
                    raise StoreError(
                        f"The store {store.name} is not empty: name another one, or empty it."
                    )
                client.hset(META, MOVING, 1)
        done = _Move(source, store, vault, mailbox_of).run()
        with store.client() as client:
            client.hdel(META, MOVING)
        return done
    finally:
        store.close()


class _Move:
    """One move. One thread."""

    def __init__(
        self, source: Source, store: Store, vault: Vault, mailbox_of: Callable[[str], str]
    ) -> None:
        self._source = source
        self._store = store
        self._vault = vault
        self._logs = Logs(store, vault)
        self._accounts = list(source.accounts.load_all())
        self._rooms = source.rooms.load_all()
        boxes = (mailbox_of(account.id) for account in self._accounts)
        self._names = list(dict.fromkeys(["lobby", *(room.log for room in self._rooms), *boxes]))

    def run(self) -> str:
        spans = {name: self._source.logs.span(name) for name in self._names}
        messages = sum(span.last - span.first + 1 for span in spans.values())
        total = 2 * (messages + len(self._accounts))
        with tqdm(total=total, unit=" records", desc="moving", disable=None) as bar:
            self._move_accounts(bar.update)
            self._move_orders()
            for name in self._names:
                self._move_log(name, bar.update)
            bar.set_description("checking")
            found = self._check(bar.update)
        return (
            f"{len(self._accounts)} accounts, {len(self._rooms)} rooms and {found} messages are "
            f"in {self._store.name} now; everything was compared and is the same."
        )

    # -- copying --------------------------------------------------------------------------------

    def _commit(self, job: Callable[..., object], *what: object) -> None:
        change = Transaction(self._store, self._vault)
        job(change, self._vault, *what)
        if change.writes and change.commit() is None:
            raise StoreError(f"Somebody else writes to the store {self._store.name}.")

    def _numbered(self, what: str, number: int) -> None:
        """Let the next number that is given be this one."""
        with self._store.client() as client:
            client.hset(NUMBERS, what, number - 1)

    def _move_accounts(self, moved: Callable[[int], object]) -> None:
        with self._store.client() as client:
            there = set(client.hkeys(held.ACCOUNTS))
        states = {}
        for account in self._accounts:
            if account.id.encode() not in there:
                fresh = replace(account, version=0)
                self._commit(accounts.save, fresh, True)
            if (found := self._source.read_states.load(account.id)) is not None:
                states[account.id] = found
            moved(1)
        change = Transaction(self._store, self._vault)
        for account_id, found in states.items():
            sealed = codec.seal_read_state(self._vault, account_id, found)
            change.do("HSET", accounts.PLACES, account_id, sealed)
        if change.writes:
            change.commit()
        if some := self._source.tickets.load_all():
            tickets.save(self._store, self._vault, some)

    def _move_orders(self) -> None:
        known = {room.log for room in rooms.load_all(self._store, self._vault)}
        for room in self._rooms:
            if room.log not in known:
                fresh = replace(room, version=0)
                self._commit(rooms.save, fresh)
        for left in self._source.accounts.all_departed():
            there = departed.find(Transaction(self._store, self._vault), self._vault, left.name, "")
            if left not in there:
                self._commit(departed.save, left)
        there_already = {one.number for one in invites.load_all(self._store, self._vault)}
        for invite in self._source.invites.load_all():
            if invite.number not in there_already:
                self._numbered("invite", invite.number)
                self._commit(invites.save, invite)
        numbers = {one.number for one in sanctions.load(self._store, self._vault, None)}
        for sanction in self._source.sanctions.load():
            if sanction.number not in numbers:
                self._numbered("sanction", sanction.number)
                self._commit(sanctions.save, sanction, False)
        written = len(audit.load(self._store, self._vault, _ALL, None, ""))
        for entry in self._source.audit.load(_ALL)[written:]:
            self._commit(audit.write, entry)

    def _move_log(self, name: str, moved: Callable[[int], object]) -> None:
        span, keys = self._source.logs.span(name), self._logs.keys(name)
        epochs = self._source.logs.epochs(name)
        if not span.epoch:
            return
        with self._store.client() as client:
            at = max(int(client.hget(keys.head, "last") or 0), span.first - 1)
            moved(at - span.first + 1)
            self._move_sessions(name, keys, client)
        for posts in self._pages(name, at, span.last):
            with self._store.client() as client, client.pipeline(transaction=True) as pipe:
                for post in posts:
                    self._put(pipe, keys, post)
                end = min(span.last, at + PAGE)
                head = {"epoch": span.epoch, "counting": 1, "first": span.first, "last": end}
                head["epochs"] = str(epochs)
                time = round(posts[-1].time * 1000) if posts else 0
                pipe.hset(keys.head, mapping={**head, "acked": end, "time": time})
                pipe.sadd(entries.logs_of(keys.bucket), keys.key)
                pipe.execute()
            moved(end - at)
            at = end

    def _move_sessions(self, name: str, keys: entries.Keys, client: "redis.Redis") -> None:
        """Copy which numbers are kept, as ``scripts.POST`` has them."""
        of_account: dict[str, list[str]] = {}
        for session, account, kept, used in self._source.logs.sessions(name):
            ms, last = round(used * 1000), max(Numbers(kept).last, 0)
            client.hset(keys.numbers, session.hex(), f"{last} {ms} {kept}")
            if account:
                of_account.setdefault(account.hex(), []).append(session.hex())
        for account_key, sessions in of_account.items():
            listed = ",".join(sessions[-scripts.SESSIONS :])
            client.hset(keys.numbers, f"a:{account_key}", f"0 {round(time.time() * 1000)} {listed}")

    def _put(self, pipe: "redis.client.Pipeline", keys: entries.Keys, post: Post) -> None:
        if post.kind == REMOVED and post.ref == post.seq:
            value = entries.gone_value(post, entries.seal(self._vault, post, ""))
            pipe.hset(keys.gone, str(post.seq), value)
            return
        fields: dict[Any, Any] = {
            "s": post.sender_id,
            "c": post.cid,
            "t": round(post.time * 1000),
            "b": entries.seal(self._vault, post, post.cid),
        }
        pipe.xadd(keys.stream, fields, id=f"{post.seq}-1")

    def _pages(self, name: str, after: int, last: int) -> Iterator[list[Post]]:
        while after < last:
            end = min(last, after + PAGE)
            yield self._source.logs.read(name, after, end, PAGE)
            after = end

    # -- comparing ------------------------------------------------------------------------------

    def _check(self, looked: Callable[[int], object]) -> int:
        for account in self._accounts:
            after = accounts.load_by_id(self._store, self._vault, account.id)
            self._equal(f"the account {account.name}", replace(account, version=1), after)
            looked(1)
        here = [replace(room, version=1) for room in self._rooms]
        self._equal("the rooms", here, rooms.load_all(self._store, self._vault))
        bans = sanctions.load(self._store, self._vault, None)
        self._equal("kicks, bans and mutes", self._source.sanctions.load(), bans)
        trail = audit.load(self._store, self._vault, _ALL, None, "")
        self._equal("the audit trail", self._source.audit.load(_ALL), trail)
        messages = 0
        for name in self._names:
            span = self._source.logs.span(name)
            for before in self._pages(name, span.first - 1, span.last):
                if before:
                    first, last = before[0].seq - 1, before[-1].seq
                    self._equal(f"#{name}", before, self._logs.read(name, first, last, PAGE))
                messages += len(before)
            looked(span.last - span.first + 1)
        return messages

    def _equal(self, what: str, before: object, after: object) -> None:
        if before != after:
            raise StoreError(
                f"What was copied of {what} is not the same: empty the store {self._store.name} "
                "and run migrate again."
            )
