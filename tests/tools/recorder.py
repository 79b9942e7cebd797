"""People who talk, lose their connection, come back at another node, and write down all of it.

What they write is what ``checker`` reads.
"""

import json
import secrets
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

_TRY_SECONDS = 3.0
_REST_SECONDS = 0.2
_PRIVATE_EACH = 5
"""Each so many messages of who has a friend one is private."""
PASSWORD = "a password of the recorder"


class History:
    """What everybody did and saw, in one order. Any thread.

    ``counts`` has the number of events by what was done.
    """

    def __init__(self) -> None:
        self._news = threading.Condition()
        self.counts: Counter[str] = Counter()
        self.events: list[dict[str, Any]] = []

    def note(self, do: str, client: str, **more: Any) -> None:
        """Add an event; ``at`` is the monotonic time in seconds."""
        with self._news:
            at = time.monotonic()
            event = {"do": do, "client": client, "room": "lobby", "at": at, **more}
            self.events.append(event)
            self.counts[do] += 1
            self._news.notify_all()

    def wait_for(self, is_so: Callable[[], bool], seconds: float) -> bool:
        """Wait until ``is_so()``, which is asked after each event; for ``seconds`` at most.

        :return: what ``is_so`` said last; nothing can be noted while it looks.
        """
        with self._news:
            return self._news.wait_for(is_so, seconds)


class Talker(threading.Thread):
    """One person, with an account made at the start.

    :param addresses: of the nodes; when one does not answer, the next one is tried.
    :param first: index of the node to begin with.
    :param pace: seconds between two messages.
    :param rooms: where it talks, in turn; all but the lobby are joined at the first visit.
    :param friend: who gets a private message now and then; empty: nobody.
    :param repeats: each so many messages one is sent twice; 0: none.
    """

    def __init__(
        self,
        name: str,
        addresses: list[tuple[str, int]],
        first: int,
        history: History,
        pace: float,
        rooms: tuple[str, ...] = ("lobby",),
        friend: str = "",
        repeats: int = 0,
    ) -> None:
        super().__init__(name=name)
        self._addresses = addresses
        self._at = first
        self._history = history
        self._pace = pace
        self._cids = secrets.token_hex(8)
        self._number = 0
        self._rooms = rooms
        self._friend = friend
        self._repeats = repeats
        self._turn = threading.Lock()
        # Where a message goes and its text, by client id, until it is confirmed. Private ones
        # have an empty room.
        self._open: dict[str, tuple[str, str]] = {}
        # Of those the refused ones, and when they are sent again (monotonic).
        self._refused: dict[str, float] = {}
        self._ticket = ""
        self._cursors: dict[str, str] = {}
        self.must_abandon = threading.Event()
        """Set it: the connection is left as if the machine had lost its network, unclosed."""
        self._abandoned: list[socket.socket] = []
        self.is_in = threading.Event()
        self.must_talk = threading.Event()
        self.must_stop = threading.Event()

    @property
    def is_settled(self) -> bool:
        """Nothing that it has sent waits for an answer."""
        return not self._open

    def hush(self) -> None:
        """Say nothing new; what is open is still sent again. Any thread.

        When it returns, all that was ever said has been noted.
        """
        with self._turn:
            self.must_talk.clear()

    def run(self) -> None:
        """Talk until :attr:`must_stop`."""
        while not self.must_stop.is_set():
            try:
                sock = socket.create_connection(self._addresses[self._at], _TRY_SECONDS)
                try:
                    self._visit(sock)
                finally:
                    if self.must_abandon.is_set():
                        self.must_abandon.clear()
                        self._abandoned.append(sock)
                    else:
                        sock.close()
            except OSError:
                if self.is_in.is_set():
                    self._history.note("away", self.name)
                    self.is_in.clear()
                self._at = (self._at + 1) % len(self._addresses)
                self.must_stop.wait(_REST_SECONDS)
        for sock in self._abandoned:
            sock.close()

    def _visit(self, sock: socket.socket) -> None:
        self._say(sock, "hello", v=1)
        if self._ticket:
            self._say(sock, "resume", ticket=self._ticket, cursors=self._cursors)
        else:
            self._say(sock, "register", name=self.name, password=PASSWORD, ticket=True)
        rest, next_post, is_talking = b"", 0.0, False
        begun = time.monotonic()
        sock.settimeout(0.02)
        while not self.must_stop.is_set():
            if self.must_abandon.is_set():
                raise ConnectionError
            try:
                data = sock.recv(1 << 16)
                if not data:
                    raise ConnectionError
            except TimeoutError:
                data = b""
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                if line.startswith(b">"):
                    word, _, fields = line[1:].partition(b" ")
                    is_talking = self._hear(sock, word.decode(), json.loads(fields)) or is_talking
            if not is_talking and time.monotonic() - begun > _TRY_SECONDS * 2:
                raise ConnectionError
            if is_talking and time.monotonic() >= next_post:
                next_post = time.monotonic() + self._pace
                with self._turn:
                    if self.must_talk.is_set():
                        self._post(sock)
            if is_talking and self._refused:
                self._say_again(sock)

    def _hear(self, sock: socket.socket, word: str, fields: dict[str, Any]) -> bool:
        """Take what the server says; True when one is in and what was open is sent again."""
        name = self.name
        if word == "ping":
            self._say(sock, "pong")
        elif word == "ticket":
            self._ticket = fields["ticket"]
        elif word == "notice" and fields["kind"] == ("resumed" if self._cursors else "here"):
            if not self._cursors:
                for room in self._rooms[1:]:
                    self._say(sock, "command", line=f"/join {room}")
            for cid in list(self._open):
                # Where things are refused, it may have been, unheard, and later ones not.
                if len(self._rooms) > 1:
                    self._note_again(cid)
                self._send(sock, cid)
            self._refused.clear()
            self.is_in.set()
            return True
        elif word == "notice" and fields["kind"] == "gap":
            self._history.note("gap", name, room=fields["room"], text=fields["text"])
        elif word == "message" and fields["kind"] in ("text", "private"):
            self._take(fields)
        elif word == "message" and fields["kind"] in ("join", "leave"):
            if fields["room"] == "lobby":
                self._history.note("presence", name, name=fields["from"], kind=fields["kind"])
        elif word == "result" and fields.get("command") == "login":
            raise ConnectionError  # the clock is wrong, or the store away: later
        elif word == "result" and (cid := str(fields.get("cid", ""))) in self._open:
            # The answer to a private message to somebody who is away comes beside its echo.
            if not fields["ok"]:
                self._history.note("refused", name, cid=cid, code=fields.get("code", ""))
                self._refused[cid] = time.monotonic() + _REST_SECONDS
                if fields.get("code") == "not-inside":
                    self._say(sock, "command", line=f"/join {self._open[cid][0]}")
            elif not fields["text"]:
                self._confirm(cid)
        return False

    def _take(self, fields: dict[str, Any]) -> None:
        before = self._cursors.get(fields["room"], "-0").rpartition("-")[2]
        if fields.get("old") and fields["seq"] <= int(before):
            return  # who joins again is shown the last messages again
        self._cursors[fields["room"]] = fields["id"]
        if " says " not in fields["text"]:  # of somebody who only looks
            return
        cid = fields["text"].partition(" ")[0]
        is_own = fields["from"] == self.name
        # A mailbox is a log of its own: what is in it is checked as a room that one alone sees.
        room = fields["room"] or f"mail of {self.name}"
        seen = {"from": fields["from"], "cid": cid, "text": fields["text"], "seq": fields["seq"]}
        self._history.note("received", self.name, room=room, **seen)
        if is_own and cid in self._open:
            self._confirm(cid)

    def _confirm(self, cid: str) -> None:
        room, _ = self._open.pop(cid)
        self._refused.pop(cid, None)
        for log in self._logs(room):
            self._history.note("confirmed", self.name, room=log, cid=cid)

    def _logs(self, room: str) -> list[str]:
        return [room] if room else [f"mail of {self.name}", f"mail of {self._friend}"]

    def _say_again(self, sock: socket.socket) -> None:
        for cid, due in list(self._refused.items()):
            if time.monotonic() >= due:
                del self._refused[cid]
                self._note_again(cid)
                self._send(sock, cid)

    def _note_again(self, cid: str) -> None:
        for log in self._logs(self._open[cid][0]):
            self._history.note("again", self.name, room=log, cid=cid)

    def _post(self, sock: socket.socket) -> None:
        self._number += 1
        cid = f"{self._cids}-{self._number}"
        text = f"{cid} says {self.name}"
        room = self._rooms[self._number % len(self._rooms)]
        if self._friend and self._number % _PRIVATE_EACH == 0:
            room = ""
        for log in self._logs(room):
            self._history.note("sent", self.name, room=log, cid=cid, text=text)
        self._open[cid] = room, text
        self._send(sock, cid)
        if self._repeats and self._number % self._repeats == 0:
            self._send(sock, cid)

    def _send(self, sock: socket.socket, cid: str) -> None:
        room, text = self._open[cid]
        if room:
            self._say(sock, "post", text=text, cid=cid, room=room)
        else:
            self._say(sock, "command", line=f"/messageto {self._friend} {text}", cid=cid)

    @staticmethod
    def _say(sock: socket.socket, word: str, **fields: Any) -> None:
        sock.sendall(f">{word} {json.dumps(fields)}\n".encode())
