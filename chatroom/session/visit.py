"""One visit, from the greeting to the farewell, as plain sequential code in one thread."""

import logging
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import CancelledError
from typing import Any, NamedTuple

from chatroom.accounts.rates import cost_of
from chatroom.accounts.tickets import FRESH_SECONDS, digest_of
from chatroom.commands import private
from chatroom.commands.grammar import message_id
from chatroom.commands.pages import seq_of
from chatroom.commands.registry import Context, Registry
from chatroom.commands.services import Services
from chatroom.counts import COUNTS
from chatroom.errors import Code, Disconnected, EndReason, StoreError, UserError
from chatroom.log_files import FEW
from chatroom.net.connection import Connection
from chatroom.net.outbox import Slot
from chatroom.protocol import to_text
from chatroom.rooms.catch_up import PAGE_BYTES, Page
from chatroom.rooms.person import Person
from chatroom.rooms.remote_presence import RemotePresence
from chatroom.rooms.room import Member, Room
from chatroom.rooms.voice import check_voice
from chatroom.sentences import WELCOME
from chatroom.session.access import RESUME, Resumption
from chatroom.session.arrival import Farewell, arrive, farewell, leave, not_readable
from chatroom.session.dialogue import Dialogue
from chatroom.session.faces import (
    ACCESS,
    COMMAND,
    EVENTS,
    NOTHING,
    PLAIN,
    POST,
    READ,
    AnyFace,
    Input,
)
from chatroom.session.flood import Flood
from chatroom.session.login import Login, LoginRefused
from chatroom.storage.records import SUPERUSER, TEXT, Account
from chatroom.storage.rules.receipts import ORDINARY, Terms
from chatroom.storage.rules.refusals import unless_kept

_log = logging.getLogger(__name__)

NAMES_SHOWN = 20
_LOOK_SECONDS = 1.0  # at most so often it is looked at what the peer has taken


class Seat(NamedTuple):
    """What a session is that is logged in."""

    dialogue: Dialogue
    person: Person
    member: Member

    @property
    def may_go_on(self) -> bool:
        """See ``successors.Seat``."""
        return not self.dialogue.is_asking

    def hand_over(self) -> dict[str, Any]:
        """Return what ``ChatSuccessor`` has to know."""
        face, takes_messages, takes_query, ahead = self.dialogue.hand_over()
        return {
            "events": face is EVENTS,
            "messages": takes_messages,
            "query_too": takes_query,
            "ahead": [None if line is None else to_text(line) for line in ahead],
        }


def serve(
    connection: Connection,
    services: Services,
    registry: Registry,
    seat: Seat | None = None,
    face: AnyFace = PLAIN,
) -> None:
    """Serve one connection until it ends; runs in the connection's own thread.

    :param seat: it goes on where a predecessor was; ``None``: it begins.
    :param face: what the peer is taken for at first.
    """
    settings = services.settings
    first = (connection, settings.name, settings.line_bytes, face)
    dialogue = seat.dialogue if seat else Dialogue(*first)
    try:
        if seat is None:
            dialogue.tell("greeting", f"This is {settings.name}, a chat room.")
            seat = Seat(dialogue, *_come_in(dialogue, services))
    except LoginRefused as reason:
        _log.info("not logged in address=%s reason=given up", connection.address, extra=FEW)
        _say_goodbye(dialogue, Farewell(reason.do, str(reason), reason.code))
        return
    except (Disconnected, CancelledError) as error:
        # A password that is not checked any more: the server stops.
        end = error if isinstance(error, Disconnected) else Disconnected("stop", EndReason.ENDED)
        _log.info("not logged in address=%s reason=%s", connection.address, end, extra=FEW)
        _say_farewell(dialogue, services, end.reason)
        return
    _, person, member = connection.seat = seat
    ended: Disconnected | None = None
    try:
        _talk(dialogue, services, registry, person, member)
        ended = Disconnected(reason=EndReason.GOODBYE)
    except Disconnected as error:
        ended = error
    finally:
        leave(connection, services, person, member, ended, may_come_back=bool(member.ticket))
    _say_farewell(dialogue, services, ended.reason)


def _say_farewell(dialogue: Dialogue, services: Services, reason: EndReason) -> None:
    COUNTS.ended(dialogue.connection.ended_by or reason)
    if (said := farewell(dialogue.connection, services, reason)) is not None:
        _say_goodbye(dialogue, said)


def _say_goodbye(dialogue: Dialogue, said: Farewell) -> None:
    dialogue.connection.outbox.finish(dialogue.face.control(said.do, said.text, code=said.code))


def _come_in(dialogue: Dialogue, services: Services) -> tuple[Person, Member]:
    """Log in and enter the rooms."""
    connection = dialogue.connection
    seen = services.control_events.count
    login = Login(dialogue, services)
    account, request = login.run()
    connection.logged_in()
    # Who comes back has seen it.
    motd = services.motd.text() if request.word != RESUME else ""
    resumption = None
    if request.cursors is not None:
        named = services.roster.log_named
        cursors = [(named(name, account.id), one) for name, one in request.cursors.items()]
        try:
            resumption = Resumption(cursors, account.id, services.logs)
        except StoreError as error:
            raise not_readable(account, error) from None
    ticket = None
    if request.wants_ticket or request.word == RESUME:
        ticket = services.tickets.issue(account, request.ticket, login.ticket)
    member = Member(
        account.id, dialogue.face, connection.outbox, connection.end, connection.address
    )
    # Held until the history is sent: what comes meanwhile belongs behind it.
    slot = connection.outbox.reserve()
    member.ticket = b"" if ticket is None else digest_of(ticket[0])

    def show(person: Person, pages: Iterator[Page]) -> None:
        unread = services.read_marks.unread(person)
        first = _welcome(person, member, services.presence, unread)
        if ticket is not None:
            first += member.face.ticket(*ticket)
        if motd:
            first += member.face.notice("motd", motd)
        _show(dialogue, slot, first, pages, person, member, resumption)

    shown_upto = resumption.cursors if resumption else None
    talks_in = services.roster.log_named(request.room, account.id)
    person = arrive(connection, services, login, account, member, seen, show, shown_upto, talks_in)
    _log.info(
        "logged in %s address=%s by=%s",
        account.ident,
        connection.address,
        "answers" if request.is_typed else request.word,
        extra={"few": account.id},
    )
    return person, member


def _show(
    dialogue: Dialogue,
    slot: Slot,
    first: bytes,
    pages: Iterator[Page],
    person: Person,
    member: Member,
    resumption: Resumption | None,
) -> None:
    """Send what somebody is shown first; wait before each page until the one before was taken."""
    chunk, number = first, 0
    is_long = False
    for page in pages:
        number += page.number
        if len(chunk) + len(page.chunk) > PAGE_BYTES:
            dialogue.send_in_slot(slot, chunk)
            chunk, is_long = b"", True
        chunk += page.chunk
    if resumption is not None:
        chunk += resumption.gaps(member, person.rooms)
        text = "You are back; nothing was missed."
        if number:
            text = f"You are back; {number} message{'s were' if number > 1 else ' was'} missed."
        chunk += member.face.notice("resumed", text, number=number)
    if person.busy is not None:
        chunk += member.face.control("busy", person.busy_sentence(), **person.busy_fields())
    if is_long:
        dialogue.send_in_slot(slot, chunk)
        chunk = b""
    member.outbox.fill(slot, chunk)


def _welcome(
    person: Person, member: Member, presence: RemotePresence, unread: Mapping[Room, int]
) -> bytes:
    """Return what somebody sees first: the greeting, and who is here."""
    face, account = member.face, person.account
    names, number = presence.some_names(NAMES_SHOWN)
    more = f" and {number - len(names)} more" if number > len(names) else ""
    first = face.notice(
        "welcome",
        f"{WELCOME}, {account.name}. Type a message, or /help for the commands.",
        user=account.name,
        grant=account.grant,
        **member.room.fields,
        rooms=[room.name for room in person.rooms],
        room_ids={room.name: room.log for room in person.rooms},
        unread={room.name: number for room, number in unread.items() if not room.is_mailbox},
    )
    here = f"Here now ({number}): {', '.join(names)}{more}"
    return first + face.notice("here", here, names=names, number=number)


def _post(services: Services, person: Person, member: Member, said: Input) -> None:
    """Post what was said; what fails a check here may be in the log all the same, from before.

    :raises UserError: it may not be said there.
    """
    account, room, refusal = person.account, member.room, None
    if said.room:
        try:
            room = services.memberships.joined(person, said.room)
        except UserError as error:
            refusal = unless_kept(error, said.cid)
            if (found := services.roster.room_named(said.room, account.id)) is None:
                raise
            room = found
    try:
        check_voice(services.sanctions, person, room)
    except UserError as error:
        refusal = unless_kept(error, said.cid)
    terms = ORDINARY if refusal is None else Terms(refusal=refusal)
    room.post(TEXT, account, said.text, said.cid, member, terms)


def _post_private(
    services: Services, dialogue: Dialogue, person: Person, member: Member, said: Input
) -> None:
    """Send a private message; as :func:`_post` else. :raises UserError: nobody is called so."""
    to = _recipient(services, member, said)
    sent = private.send(services, person, member, to, said.text, said.cid)
    if sent is not None and sent.sentence:
        dialogue.tell("away", sent.sentence, user=to.name)


def _recipient(services: Services, member: Member, said: Input) -> Account:
    """Return whom a private message is for: who is named in it, else whom a query is with."""
    if said.to:
        return services.accounts.find(said.to.removeprefix("@"))
    account = services.accounts.find_by_id(member.query)
    if account is None:
        sentence = "That person has no account any more; it was not sent. Type /query"
        raise UserError(sentence, Code.NO_SUCH_USER)
    return account


def _mark_read(services: Services, person: Person, member: Member, said: Input) -> None:
    """Note up to where somebody has read. :raises UserError: there is no such message there."""
    room = services.memberships.joined(person, said.room) if said.room else person.mailbox
    which = message_id(said.text)
    if not which.epoch:
        raise UserError('"id" of >read must be the whole id of a message.', Code.USAGE)
    services.read_marks.mark(person, member, room, seq_of(which, room, services.logs))


def _too_many_lines(most: int) -> str:
    return f"A message has at most {most} lines; it was not sent. Send it in parts."


def _talk(
    dialogue: Dialogue, services: Services, registry: Registry, person: Person, member: Member
) -> None:
    """Handle line after line until the person leaves. :raises Disconnected: the peer has left."""
    read = dialogue.read
    rates = services.rates
    rate = rates.of(member.account_id, dialogue.network)
    rate.take()  # a visit costs a line, too
    flood = Flood(dialogue)
    prolong_at = time.monotonic() + FRESH_SECONDS
    looked = 0.0
    while True:
        said = read()
        kind = said.kind
        now = time.monotonic()
        if now - looked > _LOOK_SECONDS or kind == COMMAND:  # that may lead to another room
            looked = now
            member.look_at_taken()
            services.read_marks.note(person, member)
        # Superusers are not limited.
        if rates.rate and person.account.grant != SUPERUSER:
            is_command = kind == COMMAND
            delay = rate.take(
                registry.cost(said.text, said.args) if is_command else cost_of(said.text)
            )
            if delay > 0:
                flood.note(rates.rate)
                services.stopping.wait(delay)
                dialogue.connection.check_input()
            else:
                flood.is_over()
        if now >= prolong_at and member.ticket:
            # A program says something every minute: it answers pings.
            services.tickets.prolong(member.account_id, member.password_id, member.ticket)
            prolong_at = now + FRESH_SECONDS
        if kind == NOTHING:
            continue
        member.last_active = now
        if kind == POST:
            try:
                services.lookups.check(person.account.id)
                if rates.lines and said.text.count("\n") >= rates.lines:
                    raise UserError(_too_many_lines(rates.lines), Code.TOO_LONG)
                if said.to or (member.query and not said.room):
                    _post_private(services, dialogue, person, member, said)
                else:
                    _post(services, person, member, said)
            except UserError as error:
                COUNTS.refused_posts.add(error.code)
                dialogue.refuse(str(error), said.cid, code=error.code, **error.fields)
            except StoreError as error:
                dialogue.refuse(str(error), said.cid, code=error.code)
        elif kind == COMMAND:
            context = Context(services, person, member, dialogue, said.cid)
            registry.run(context, said.text, said.args)
            if context.leaving:
                return
        elif kind == READ:
            try:
                _mark_read(services, person, member, said)
            except (StoreError, UserError) as error:
                dialogue.refuse(str(error), said.cid, "read", error.code)
        elif kind == ACCESS:
            dialogue.refuse("You are logged in already.", said.cid, "login")
        else:
            dialogue.refuse("Nothing was asked just now.", said.cid)
