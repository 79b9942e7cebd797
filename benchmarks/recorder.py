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
            self.events.append({"do": do, "client": client, "room": "lobby", "at": at, **more})
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
    """

    def __init__(
        self,
        name: str,
        addresses: list[tuple[str, int]],
        first: int,
        history: History,
        pace: float,
    ) -> None:
        super().__init__(name=name)
        self._addresses = addresses
        self._at = first
        self._history = history
        self._pace = pace
        self._cids = secrets.token_hex(8)
        self._number = 0
        self._turn = threading.Lock()
        self._open: dict[str, str] = {}
        self._ticket = ""
        self._cursor = ""
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
                with socket.create_connection(self._addresses[self._at], _TRY_SECONDS) as sock:
                    self._visit(sock)
            except OSError:
                if self.is_in.is_set():
                    self._history.note("away", self.name)
                    self.is_in.clear()
                self._at = (self._at + 1) % len(self._addresses)
                self.must_stop.wait(_REST_SECONDS)

    def _visit(self, sock: socket.socket) -> None:
        self._say(sock, "hello", v=1)
        if self._ticket:
            cursors = {"lobby": self._cursor} if self._cursor else {}
            self._say(sock, "resume", ticket=self._ticket, cursors=cursors)
        else:
            self._say(sock, "register", name=self.name, password=PASSWORD, ticket=True)
        rest, next_post, is_talking = b"", 0.0, False
        begun = time.monotonic()
        sock.settimeout(0.02)
        while not self.must_stop.is_set():
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

    def _hear(self, sock: socket.socket, word: str, fields: dict[str, Any]) -> bool:
        """Take what the server says; True when one is in and what was open is sent again."""
        name = self.name
        if word == "ping":
            self._say(sock, "pong")
        elif word == "ticket":
            self._ticket = fields["ticket"]
        elif word == "notice" and fields["kind"] == ("resumed" if self._cursor else "here"):
            for cid, text in list(self._open.items()):
                self._say(sock, "post", text=text, cid=cid)
            self.is_in.set()
            return True
        elif word == "message" and fields["kind"] == "text":
            self._cursor = fields["id"]
            if " says " not in fields["text"]:  # of somebody who only looks
                return False
            cid = fields.get("cid") or fields["text"].partition(" ")[0]
            seen = {"from": fields["from"], "cid": cid, "text": fields["text"]}
            self._history.note("received", name, **seen, seq=fields["seq"])
            if fields["from"] == name and self._open.pop(cid, None) is not None:
                self._history.note("confirmed", name, cid=cid)
        elif word == "message" and fields["kind"] in ("join", "leave"):
            self._history.note("presence", name, name=fields["from"], kind=fields["kind"])
        elif word == "result" and fields.get("cid") in self._open:
            del self._open[fields["cid"]]
            if fields["ok"]:
                self._history.note("confirmed", name, cid=fields["cid"])
        return False

    def _post(self, sock: socket.socket) -> None:
        self._number += 1
        cid = f"{self._cids}-{self._number}"
        text = f"{cid} says {self.name}"
        self._history.note("sent", self.name, cid=cid, text=text)
        self._open[cid] = text
        self._say(sock, "post", text=text, cid=cid)

    @staticmethod
    def _say(sock: socket.socket, word: str, **fields: Any) -> None:
        sock.sendall(f">{word} {json.dumps(fields)}\n".encode())
