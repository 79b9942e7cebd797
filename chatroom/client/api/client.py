"""Who talks by the library. See docs/scripting.md."""

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator

from chatroom.client.api.commands import Commands
from chatroom.client.api.records import Event, Message
from chatroom.client.api.requests import Requests
from chatroom.client.conversation import Prompt
from chatroom.client.conversation.cursors import Cursors
from chatroom.client.credentials import Credentials, kept_ticket
from chatroom.client.exit_codes import NOT_LOGGED_IN, OK, UNREACHABLE, End, Ended
from chatroom.client.invitation import PORT, read_address
from chatroom.client.kept_files import known_hosts
from chatroom.client.pending import Sent, check_sendable, read_room, read_user
from chatroom.client.receiver import open_session
from chatroom.client.said import Said
from chatroom.client.session import PATIENCE_SECONDS
from chatroom.client.trust import Endpoint, KnownHosts, NotTrusted, TlsEndpoint
from chatroom.errors import UserError
from chatroom.text import clean_line

QUEUE_MOST = 10_000
"""Messages that wait for the program; then the socket is not read until some are taken."""


class Client(Commands):
    """Somebody at a chat room. One thread at a time may call the methods; usable by ``with``.

    :param host: address or name of the server; ``HOST:PORT`` names the port, too.
    :param port: 1 to 65535.
    :param name: of the account.
    :param password: None: the ticket that was kept at the last login is used.
    :param fingerprint: of the server's certificate; empty: what was seen first counts.
    :param plain: speak without encryption.
    :param bot: no history, nothing that was missed before this login.
    :param receives: False: nothing is kept for :meth:`receive`; for programs that only send.
    :param tell: is given sentences about the connection; any thread. None: nobody hears them.
    :param patience: seconds that the server may be away, or not confirm anything.
    :param since: last known message id by room (mail: empty name); needs a kept ticket.
    :param endpoint: the server, instead of ``fingerprint`` and ``plain``.

    :raises Ended: it cannot be reached, or does not let in; ``end.code`` is the exit status.
    :raises UserError: the kept ticket is open to others.
    """

    def __init__(
        self,
        host: str,
        port: int = PORT,
        *,
        name: str,
        password: str | None = None,
        fingerprint: str = "",
        plain: bool = False,
        bot: bool = False,
        receives: bool = True,
        tell: Callable[[str], None] | None = None,
        patience: float = PATIENCE_SECONDS,
        since: dict[str, str] | None = None,
        endpoint: Endpoint | None = None,
    ) -> None:
        self._tell = tell or (lambda _: None)
        self._patience = patience
        self._bot = bot
        self._receives = receives
        # Guards what is below; taken under no other lock, and none is taken under it.
        self._news = threading.Condition()
        self._queue: deque[Message | Event] = deque()
        self._is_over = False
        if endpoint is None:
            host, said = read_address(host)
            port = said or port
            known = KnownHosts(known_hosts())
            endpoint = (
                Endpoint(host, port) if plain else self._sealed(host, port, fingerprint, known)
            )
        credentials = Credentials(name, password)
        credentials.is_given = True
        credentials.use_kept(kept_ticket(endpoint.key, name))
        self.has_ticket = bool(credentials.ticket)
        if password is None and not credentials.ticket:
            raise Ended(
                End(
                    NOT_LOGGED_IN,
                    f"The password of {name} is missing, and there is no ticket of an earlier "
                    "login: put it into CHATROOM_PASSWORD or a file for --password-file.",
                )
            )
        cursors = Cursors()
        for room, message_id in (since or {}).items():
            cursors.note(room, message_id)
        where = f"{endpoint.host} port {endpoint.port}"
        try:
            self._receiver = open_session(
                endpoint,
                credentials,
                self,
                lambda _: None,
                patience,
                cursors,
                must_be_events=True,
                takes_messages=True,
            )
        except NotTrusted as error:
            raise Ended(End(NOT_LOGGED_IN, str(error))) from None
        except OSError as error:
            reason = error.strerror or str(error)
            sentence = f"Cannot reach {where}: {reason}. Is the server running there?"
            raise Ended(End(UNREACHABLE, sentence)) from None
        self._session = self._receiver.session
        self._requests = Requests(self._session, self._news, patience)
        self._receiver.start()
        try:
            self._session.wait_until_in()
        except Ended:
            self._hang_up()
            raise
        except BaseException:
            self.close()
            raise
        self.name = credentials.name

    def send(self, text: str, room: str | None = None, to: str | None = None) -> str:
        """Send a message and wait until the server has kept it; return its id.

        The id is empty when an earlier sending was kept, and its answer lost.

        :param text: may hold line breaks; for one person only where the server takes that.
        :param room: a room that was joined; None: where the visit talks.
        :param to: the person who alone is to read it.
        :raises NotDelivered: the server did not take it, or did not confirm it in time.
        :raises Ended: the visit is over before it was confirmed.
        :raises UserError: it is too long, empty or not Unicode; or ``room`` or ``to`` is empty or
            no name: what was meant for one person never goes to others.
        """
        check_sendable(text, room, to)
        where = "" if room is None else read_room(room)
        user = "" if to is None else read_user(to)
        if not user or "private-posts" in self._session.conversation.features:
            answer = self._requests.ask(lambda: self._session.post(text, room=where, to=user))
        elif "\n" in text:
            raise UserError("This server takes one line for one person.")
        else:
            answer = self.command(f"/messageto {user} {clean_line(text)}")
        return answer.messages[0].id if answer.messages else ""

    def receive(self, seconds: float | None = None) -> Message | None:
        """Return the next message, and drop what :class:`Event` came before it.

        :param seconds: how long to wait; None: until the visit is over.
        :returns: None when none came in time.
        :raises Ended: the visit is over, and all that had come was returned before.
        """
        deadline = None if seconds is None else time.monotonic() + seconds
        while isinstance(found := self._take(deadline), Event):
            pass
        return found

    def receive_any(self, seconds: float | None = None) -> Message | Event | None:
        """Return what comes next, messages and events in their order; else as :meth:`receive`."""
        return self._take(None if seconds is None else time.monotonic() + seconds)

    def _take(self, deadline: float | None) -> Message | Event | None:
        with self._news:
            while not self._queue and not self._ended():
                left = 0.5 if deadline is None else min(0.5, deadline - time.monotonic())
                if left <= 0:
                    return None
                self._news.wait(left)
            if not self._queue:
                raise Ended(self._session.end or End(OK))
            found = self._queue.popleft()
            if len(self._queue) <= QUEUE_MOST // 2:
                self._news.notify_all()
            return found

    def __iter__(self) -> Iterator[Message]:
        """Yield messages until the visit is over.

        :raises Ended: it was ended by the server or the network.
        """
        return (found for found in self.follow() if isinstance(found, Message))

    def follow(self) -> Iterator[Message | Event]:
        """Yield messages and events, in their order, until the visit is over.

        :raises Ended: it was ended by the server or the network.
        """
        while True:
            try:
                found = self.receive_any()
            except Ended as ended:
                if ended.end.code == OK or self._is_over:
                    return
                raise
            if found is not None:
                yield found

    def close(self) -> None:
        """Say goodbye and hang up; any number of times."""
        with self._news:
            if self._is_over:
                return
            self._is_over = True
            self._news.notify_all()
        self._requests.end()
        with contextlib.suppress(Ended):
            self._session.leave()
        self._receiver.ended.wait(0.5)

    @property
    def joined(self) -> frozenset[str] | None:
        """The rooms that the person is in, by their names of now; None: the server does not say.

        What another session of the account has joined meanwhile is missing until the next login.
        """
        joined = self._session.conversation.whereabouts.joined
        return None if joined is None else frozenset(joined)

    @property
    def room_ids(self) -> dict[str, str]:
        """The ids of those rooms, by their names of now; an older server tells none."""
        joined = self._session.conversation.whereabouts.joined or {}
        return joined if "room-ids" in self._session.conversation.features else {}

    @property
    def end(self) -> End | None:
        """Why the visit is over; None while it is not."""
        return self._session.end

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- what a frontend does: see session.Frontend; the receiving thread --------------------------

    def show(self, said: Said, text: str, sent: Sent | None) -> None:
        """Queue a message or an answer; wait when too many are there already."""
        fields = said.fields
        self._requests.heard(said, sent)
        if said.word == "message":
            if text and "re" not in fields:
                self._queue_message(fields, fields.get("old") is True)
        elif said.word in ("notice", "control") and fields.get("kind") != "history":
            if self._receives and text:
                self._put(Event.of(fields))
            is_told = fields.get("kind") in ("gap", "error", "slow", "left")
            # Of an own goodbye nothing is told, nor of a return that nobody shall notice.
            if text and (is_told or (said.word == "control" and not self._is_over)):
                self._tell(text.rstrip("\n"))

    def tell(self, sentence: str) -> None:
        """Say something about the connection."""
        self._tell(sentence)

    def ask_late(self, prompt: Prompt) -> None:
        """Nobody reads lines here."""

    def wake(self) -> bool:
        """Nothing is read here that could be ended."""
        return False

    def lost(self, command: Sent) -> None:
        """The connection ended before the command was answered."""
        self._requests.lost(command)

    def conclude(self, end: End, waiting: list[Sent], last_kept: int) -> int:
        """Nothing has to be put in order."""
        return end.code

    # -- inside ----------------------------------------------------------------------------------

    def _queue_message(self, fields: dict[str, object], is_old: bool) -> None:
        # The lines of the first login come before was_back; later ones were missed by this program.
        if not self._receives or (is_old and self._bot and not self._receiver.was_back):
            return
        self._put(Message.of(fields))

    def _put(self, found: Message | Event) -> None:
        """Keep it for the program."""
        with self._news:
            while (
                len(self._queue) >= QUEUE_MOST
                and not self._requests.is_waiting
                and not self._ended()
            ):
                self._news.wait(0.5)
            self._queue.append(found)
            self._news.notify_all()

    def _ended(self) -> bool:
        return self._is_over or self._session.end is not None

    def _hang_up(self) -> None:
        self._is_over = True
        self._receiver.ended.wait(0.5)

    def _sealed(self, host: str, port: int, pin: str, known: KnownHosts) -> TlsEndpoint:
        def accept(seen: str) -> bool:
            self._tell(f"{host} port {port} is new here. Its certificate: {seen}")
            return True

        return TlsEndpoint(host, port, pin, None, known, accept, self._tell)
