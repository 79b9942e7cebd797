"""Reports: somebody shows a message to those who run its room, and to the superusers."""

import contextlib
import json
import math
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from chatroom.errors import Code, Damaged, UserError
from chatroom.rooms.remote_presence import RemotePresence
from chatroom.rooms.room import Room, mailbox_of
from chatroom.rooms.roster import may_enter
from chatroom.sentences import duration
from chatroom.storage.engine import AccountStore, AuditTrail, ControlEvents, LogStore
from chatroom.storage.records import PRIVATE, ROOM_NAME, SUPERUSER, Account, Actor, Post
from chatroom.storage.rules.askers import Asker
from chatroom.storage.rules.events import Control, ControlKind, Report
from chatroom.storage.rules.private_ids import new_id, private_id
from chatroom.storage.rules.receipts import Terms
from chatroom.text import clean_line

REPORTS_AN_HOUR = 6
"""Of one account."""
DEED = "report"
"""``Audit.deed`` of a report."""
_HOUR = 3600.0
_MOST_KEPT = 20_000
"""Accounts whose reports are remembered; who reported longest ago goes first."""
_TEXT_BYTES = 1500
"""Of a text as a control event carries it, in JSON: all of it has to fit."""
_ESCAPED_BYTES = 12  # of one character of it at most


class Reports:
    """Tells of messages. Any thread may call the methods; they wait for the store.

    Who is to know and is here, at whatever node, is told by a control event; who is not here finds
    it in the mailbox, from who has reported it. The audit trail has it without the text.

    :param logs: takes what is told to who is not here.
    :param controls: tells of it at all nodes.
    :param audit: has it written down.
    :param accounts: who are the superusers, and who runs a room.
    :param presence: who is here.
    """

    def __init__(
        self,
        logs: LogStore,
        controls: ControlEvents,
        audit: AuditTrail,
        accounts: AccountStore,
        presence: RemotePresence,
    ) -> None:
        self._logs = logs
        self._controls = controls
        self._audit = audit
        self._accounts = accounts
        self._presence = presence
        # Guards the table; innermost, and nothing is done under it.
        self._lock = threading.Lock()
        self._lately: OrderedDict[str, dict[str, float]] = OrderedDict()
        """When somebody has reported which message, in the last hour (monotonic seconds)."""

    def report(self, room: Room, post: Post, by: Actor, reason: str) -> int:
        """Tell of a message; return how many people get to know.

        Nobody is told of a report of what was said by oneself, nor who reports it.

        :param room: where it is: a room, or the mailbox of who reports it.
        :param by: who reports it.
        :param reason: may be empty.
        :raises UserError: it was reported already, or there were too many in the last hour.
        """
        which = f"{post.epoch}-{post.seq}"
        with self._counted(by.id, private_id(post) or f"{room.log} {which}"):
            self._write_down(room, post, by, reason, which)
            to = self._who_is_to_know(room) - {by.id, post.sender_id}
            accounts = [found for one in sorted(to) if (found := self._account(one)) is not None]
            for account in accounts:
                self._tell(account, _as_seen_by(account.id, room, post, by, reason, which), by)
            return len(accounts)

    def _write_down(self, room: Room, post: Post, by: Actor, reason: str, which: str) -> None:
        what = f"message {post.seq} of {post.sender} in {ROOM_NAME}"
        if room.is_mailbox:
            what = f"a private message of {post.sender}"
        log = "" if room.is_mailbox else room.log
        entry = by.did(f"reported {what}", post.sender_id, reason, log, DEED, after={"id": which})
        self._audit.write(entry, Asker(by.id, by.origin))

    def _who_is_to_know(self, room: Room) -> set[str]:
        superusers = {account.id for account in self._accounts.superusers()}
        if room.is_mailbox:
            return superusers
        return superusers | {room.record.owner, *room.record.moderators} - {""}

    def _account(self, account_id: str) -> Account | None:
        with contextlib.suppress(Damaged):
            return self._accounts.load_by_id(account_id)
        return None

    def _tell(self, to: Account, report: Report, by: Actor) -> None:
        if self._presence.presence(to.id) is not None:
            self._controls.publish(Control(ControlKind.REPORT, to.id, report))
            return
        box, text, both = mailbox_of(to.id), report_sentence(report), new_id(by.id, "")
        mail = Post(box, PRIVATE, by.id, by.name, text, to=to.name, to_id=to.id, private_id=both)
        terms = Terms(despite_mute=to.grant == SUPERUSER)
        while self._logs.append(mail, None, terms) is None:
            self._logs.wait_for_space(1.0)

    @contextlib.contextmanager
    def _counted(self, account_id: str, which: str) -> Iterator[None]:
        """Let a report be one of those of this hour, unless it fails.

        :raises UserError: there were too many, or this one.
        """
        now = time.monotonic()
        with self._lock:
            before = self._lately.get(account_id, {})
            lately = {one: when for one, when in before.items() if now - when < _HOUR}
            if which in lately:
                raise UserError("You have reported that message already.", Code.REPEATED)
            if len(lately) >= REPORTS_AN_HOUR:
                wait = max(1, math.ceil(_HOUR - now + min(lately.values())))
                raise UserError(
                    f"You have reported {REPORTS_AN_HOUR} messages in an hour. Wait "
                    f"{duration(wait)}, or write to a superuser.",
                    Code.THROTTLED,
                    wait=wait,
                )
            self._lately[account_id] = {**lately, which: now}
            self._lately.move_to_end(account_id)
            if len(self._lately) > _MOST_KEPT:
                self._lately.popitem(last=False)
        try:
            yield
        except BaseException:
            with self._lock:
                self._lately.get(account_id, {}).pop(which, None)
            raise


def _as_seen_by(reader: str, room: Room, post: Post, by: Actor, reason: str, which: str) -> Report:
    report = Report(by.name, post.sender, _shortened(post.text), _shortened(reason))
    if room.is_mailbox:
        return replace(report, is_private=True)
    if not may_enter(room.record, reader):
        return report
    return replace(report, room=room.name, room_id=room.log, id=which)


def _shortened(text: str) -> str:
    if len(json.dumps(text)) <= _TEXT_BYTES:
        return text
    return f"{text[: _TEXT_BYTES // _ESCAPED_BYTES]}…"


def report_sentence(report: Report) -> str:
    """Return what somebody is told of a report."""
    seq = report.id.rpartition("-")[2]
    what = f"message {seq} of {report.user} in #{report.room}"
    if not report.room:
        what = f"a message of {report.user} in a private room"
    if report.is_private:
        what = f"a private message of {report.user}"
    why = f" ({report.reason})" if report.reason else ""
    return clean_line(f"{report.by} reports {what}: {' '.join(report.text.split())}{why}")


def report_fields(report: Report) -> dict[str, Any]:
    """Return for programs what :func:`report_sentence` says to people."""
    return {
        "by": report.by,
        "user": report.user,
        "message": report.text,
        "reason": report.reason,
        "room": report.room,
        "room_id": report.room_id,
        "id": report.id,
        "private": report.is_private,
    }
