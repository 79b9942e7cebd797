"""One IRC connection: lines in, and the answers to each line out together."""

from collections.abc import Callable, Sequence
from typing import Any

from chatroom.commands.registry import Context, Registry
from chatroom.commands.services import Services
from chatroom.errors import Code, Disconnected, EndReason, UserError
from chatroom.irc import numerics
from chatroom.irc.face import USER_HOST
from chatroom.irc.grammar import BODY_BYTES, Line, Malformed, cut, format_line, parse, tag_of
from chatroom.irc.labels import LABEL, LABEL_LONGEST, labelled, with_tag
from chatroom.irc.member import IrcMember
from chatroom.irc.multiline import Incoming
from chatroom.irc.outcomes import Outcome, TakesOutcomes
from chatroom.irc.own_face import OwnFace
from chatroom.irc.refusals import refusal_line
from chatroom.irc.shape import BATCH, LABELS
from chatroom.irc.wording import as_typed, notice_lines
from chatroom.net.connection import Connection
from chatroom.rooms.person import Person
from chatroom.rooms.room import Room
from chatroom.storage.records import SUPERUSER, Account
from chatroom.text import clean_line

_AT_LENGTH = 32 * 1024  # an answer with more bytes waits for its reader
_LOOKED_AT_FOR_A_LINE = 5
_NO_LABEL = ""


class IrcSession(TakesOutcomes):
    """Reads and answers one connection; only its thread may call the methods.

    It is what the commands' table answers to, too: see ``commands.context.Dialogue``.

    :param connection: the peer.
    :param services: the parts of the server.
    :param registry: the table of commands.
    :param ahead: lines that were read already, the first one first.
    """

    def __init__(
        self,
        connection: Connection,
        services: Services,
        registry: Registry,
        ahead: Sequence[bytes | None] = (),
    ) -> None:
        super().__init__()
        self.connection = connection
        self.services = services
        self.registry = registry
        settings = services.settings
        self.server = settings.irc_name or _host_name(settings.public_host) or "chatroom.local"
        self.ahead = list(reversed(ahead))
        """Lines that were read already, the next one last."""
        self.strict_transport = ""
        """What the client is told of TLS; empty: nothing."""
        self.caps: frozenset[str] = frozenset()
        self.version = 301
        """Of capability negotiation, as the client has said."""
        self.nick = "*"
        self.user = ""
        self.real_name = ""
        self.face: OwnFace | None = None
        """From the end of the registration on, and so are these."""
        self.person: Person | None = None
        self.member: IrcMember | None = None
        self.left_with = ""
        """What the person has said by QUIT."""
        self.is_asking = False
        """A question of the service is open."""
        self.answered: str | None = None
        """What was said to it; empty: it is not to be answered."""
        self.take_turn: Callable[[], None] = _no_turn
        """Reads the next line and answers it; set by the visit."""
        self.line = Line({}, "", "", ())
        """The one that is answered now."""
        self.label = _NO_LABEL
        """Of the line that is answered; empty: it has none, or it was spent."""
        self.incoming = Incoming()
        """The message of several lines that the client is sending, if any."""
        self.typing_due = 0.0
        """When (monotonic) all would be due that was told of typing; see ``tag_messages``."""
        self._lines: list[str] = []
        self.looked = 0
        """Messages that were looked at for the answer: five count as a line of it."""

    @property
    def may_go_on(self) -> bool:
        """See ``session.successors.Seat``."""
        return not (self.is_asking or self.incoming.is_open)

    def ask_for(self, caps: frozenset[str]) -> None:
        """Note what the client has asked for; from now on it is shown everything so."""
        self.caps = caps
        if self.face is not None and self.person is not None:
            self.face.ask_for(caps)
            for room in self.person.logs:
                room.invalidate_snapshot()

    # -- in -------------------------------------------------------------------------------------

    def read(self) -> Line | None:
        """Wait for a line; ``None``: there is none that is to be answered.

        :raises Disconnected: the peer has left or its time is up.
        """
        connection = self.connection
        while not self.ahead:
            was_silent = connection.is_silent
            self.ahead = connection.read()
            self.ahead.reverse()
            if connection.is_silent and not connection.must_log_in:
                if was_silent:
                    raise Disconnected(reason=EndReason.SILENT)
                connection.outbox.offer(f"PING :{self.server}\r\n".encode())
                connection.await_answer()
        connection.check_input()
        if connection.is_wanted and self.may_go_on:
            connection.rest()
            return None
        raw = self.ahead.pop()
        self.label = _NO_LABEL
        if raw is None:
            self.reply(numerics.ERR_INPUTTOOLONG, "Input line was too long")
            return None
        try:
            text = raw.decode()
        except UnicodeDecodeError:
            self._note_label(tag_of(raw.decode("utf-8", "replace"), LABEL))
            self._refuse_encoding(raw)
            return None
        try:
            line = parse(text)
        except Malformed as error:
            if error.code is not Code.EMPTY:
                self._note_label(tag_of(text, LABEL))
            if error.code is Code.TOO_LONG:
                self.reply(numerics.ERR_INPUTTOOLONG, "Input line was too long")
            elif error.code is not Code.EMPTY:
                self.tell("error", str(error))
            return None
        if line.tags:
            self._note_label(line.tags.get(LABEL, ""))
        self.line = line
        return line

    def _note_label(self, label: str) -> None:
        """Let the answers carry a label, if the client knows labels and it is none too long."""
        is_fit = LABELS in self.caps and len(label.encode()) <= LABEL_LONGEST
        self.label = label if is_fit else _NO_LABEL

    def _refuse_encoding(self, raw: bytes) -> None:
        words = raw.decode("ascii", "replace").split(" ")
        word = next((w for w in words if w and w[0] not in "@:"), "")
        command = word.upper() if word.isascii() and word.isalnum() else "*"
        self.fail(command, "INVALID_UTF8", "That line is not valid UTF-8; it was not sent.")

    # -- out: the answers to one line -----------------------------------------------------------

    def send(self, line: str) -> None:
        """Answer with a line, without its end; it goes out with the others by :meth:`flush`."""
        self._lines.append(line + "\r\n")

    def send_rendered(self, chunk: bytes) -> None:
        """Answer with lines that are rendered already."""
        self._lines += (line + "\r\n" for line in chunk.decode().split("\r\n") if line)

    def send_lines(self, lines: str) -> None:
        """Answer with several lines, each with its end, that are in a batch of their own."""
        if lines:
            self._lines.append(lines)

    def flush_part(self) -> None:
        """Send the answers so far, when the peer has read all that was sent before; the label goes
        with the first of them.

        :raises Disconnected: the peer has left, or reads nothing.
        """
        lines, self._lines = self._lines, []
        if lines and (label := self.spend_label()):
            lines[0] = with_tag(lines[0], LABEL, label)
        self.send_at_length("".join(lines).encode())

    def reply(self, numeric: str, *params: str) -> None:
        """Answer with a numeric; the last one is a text, cut where the line would be too long."""
        line = format_line(numeric, self.nick, *params, source=self.server, trailing=True)
        self.send(cut(line))

    def reply_list(
        self, numeric: str, *params: str, words: Sequence[str], between: str = " "
    ) -> None:
        """Answer with a list, in as many replies as it takes; with none for an empty one."""
        head = format_line(numeric, self.nick, *params, "", source=self.server, trailing=True)
        room_left = BODY_BYTES - len(head.encode())
        row: list[str] = []
        size = 0
        for word in words:
            length = len(word.encode()) + len(between)
            if row and size + length > room_left:
                self.reply(numeric, *params, between.join(row))
                row, size = [], 0
            row.append(word)
            size += length
        if row:
            self.reply(numeric, *params, between.join(row))

    def reply_bare(self, numeric: str, *params: str) -> None:
        """Answer with a numeric whose last one is no text."""
        self.send(format_line(numeric, self.nick, *params, source=self.server))

    def from_me(self, command: str, *params: str, trailing: bool = True) -> None:
        """Answer with what one has done oneself."""
        self.send(format_line(command, *params, source=self.me, trailing=trailing))

    @property
    def account(self) -> Account:
        """Of who has come in, as it is now."""
        assert self.person is not None
        return self.person.account

    @property
    def me(self) -> str:
        """The source of what one does."""
        return self.nick + USER_HOST

    def fail(self, command: str, code: str, text: str, *context: str) -> None:
        """Answer that something was not done, by a standard reply.

        :param code: of the specification of what was asked, or one of ours.
        """
        self.send(
            format_line("FAIL", command, code, *context, text, source=self.server, trailing=True)
        )

    def refused(
        self, error: UserError | Outcome, *context: str, command: str = "", numeric: str = ""
    ) -> None:
        """Answer a refusal by the numeric of its code, else by FAIL, or a NOTICE.

        :param context: what it is about, in front of the text.
        :param numeric: instead of the code's.
        """
        text = error.text if isinstance(error, Outcome) else str(error)
        text = as_typed(self.registry, text)
        command = command or self.line.command
        self.send(
            refusal_line(
                *(self.server, self.nick, self.caps, error.code or Code.REFUSED),
                *(text, context, command, numeric),
            )
        )

    def take(self) -> bytes:
        """Return the answers so far; they are not sent by :meth:`flush` any more."""
        return "".join(self.take_lines()).encode()

    def take_lines(self) -> list[str]:
        """Like :meth:`take`, as lines with their ends."""
        lines, self._lines = self._lines, []
        return lines

    def flush(self) -> int:
        """Send the answers to one line, with its label when it has one; return how many they are.

        :raises Disconnected: of a long answer: the peer has left, or reads nothing.
        """
        lines, self._lines = self._lines, []
        if self.label:
            lines = labelled(lines, self.label, self.server, BATCH in self.caps)
            self.label = _NO_LABEL
        chunk = "".join(lines).encode()
        number, self.looked = chunk.count(b"\n") + self.looked // _LOOKED_AT_FOR_A_LINE, 0
        if (self.member is not None and self.member.fill(chunk)) or not chunk:
            return number
        if len(chunk) > _AT_LENGTH and self.face is not None:
            self.send_at_length(chunk)
        else:
            self.connection.outbox.offer(chunk)
        return number

    def spend_label(self) -> str:
        """Return the label, which goes with what comes later, and not with the answers."""
        label, self.label = self.label, _NO_LABEL
        return label

    def send_at_length(self, chunk: bytes) -> None:
        """Send something long that was asked for, when the peer has read all that was sent before.

        :raises Disconnected: the peer has left, or reads nothing.
        """
        self.connection.send_at_length(chunk)

    def pay(self, lines: float) -> None:
        """Count more lines for what is answered than the one that has asked for it."""
        rates = self.services.rates
        if rates.rate and self.account.grant != SUPERUSER:
            rates.of(self.account.id, self.network).take(lines)

    # -- what the commands' table answers to ------------------------------------------------------

    def carry_out(self, name: str, at: Room | None, /, **args: Any) -> Outcome:
        """Carry out a command of the table, with its checks; return what has come of it.

        :param at: where; ``None``: nowhere in particular.
        :param args: by their names, as a program gives them.
        :raises Disconnected: the server stops.
        """
        assert self.member is not None
        self.registry.run(self._context(at), name, args)
        self.send_rendered(self.member.take_first())
        return self.take_outcome()

    def may(self, name: str, room: Room) -> bool:
        """Tell whether the table lets the person use a command in a room; else that is answered."""
        try:
            self.registry.check_may(self._context(room), name)
        except UserError as error:
            self.refused(error, f"#{room.name}")
            return False
        return True

    def _context(self, at: Room | None) -> Context:
        assert self.person is not None and self.member is not None
        return Context(self.services, self.person, self.member, self, "", at)

    @property
    def network(self) -> str:
        """What counts as one address of the peer."""
        return self.connection.network

    def tell(self, kind: str, text: str, **fields: Any) -> None:
        """Say sentences of the server; ``kind`` and ``fields`` are for other faces."""
        words = as_typed(self.registry, text)
        for line in notice_lines(self.server, self.nick, words):
            self.send(line)

    def end(self, text: str, **fields: Any) -> None:
        """Say the last sentence of this connection."""
        self.flush()
        last = format_line("ERROR", clean_line(text), trailing=True)
        self.connection.outbox.finish(last.encode() + b"\r\n")


def _no_turn() -> None:
    """Before the registration is complete nothing is asked."""


def _host_name(host: str) -> str:
    """Return a host as the name of a server; empty: it is an address, or none."""
    return host if host and not host.replace(".", "").isdigit() and ":" not in host else ""
