"""Many senders on the events face, who note what came, across crashes of the server."""

import contextlib
import json
import re
import secrets
import threading
from dataclasses import dataclass, field

from tests.harness import PASSWORD, PATIENCE, Peer, ServerProcess

_MESSAGE = re.compile(
    rb'^>message \{[^{}]*?"room":"lobby","seq":(\d+),"kind":"text",.*"cid":"([a-z0-9]+-\d+)"',
    re.MULTILINE,
)
WINDOW = 8
"""Messages of one sender that may be under way."""


@dataclass
class Sender:
    """One person, whose messages are counted; what is not confirmed is sent again."""

    name: str
    session: str = field(default_factory=lambda: secrets.token_hex(6))
    number: int = 0
    pending: dict[str, None] = field(default_factory=dict)
    confirmed: set[str] = field(default_factory=set)
    received: set[tuple[int, str]] = field(default_factory=set)
    """Place and client id of everything that came, from anybody."""

    def talk(self, server: ServerProcess, wanted: int, progress: "Progress") -> None:
        """Log in, send ``wanted`` messages and what is pending, until all is confirmed.

        Ends at once when the server is gone.
        """
        with contextlib.suppress(OSError, AssertionError), contextlib.ExitStack() as end:
            peer = self._log_in(server)
            end.callback(peer.close)
            peer.socket.settimeout(PATIENCE)
            # What came behind the welcome is not lost: it is part of what was received.
            rest = peer.seen[peer.seen.find(">notice") :].encode() + peer._bytes
            last = self.number + wanted
            again = list(self.pending)
            if again:
                peer.send_bytes(b"".join(map(self._line, again)))
            while True:
                rest = self._take(rest, progress)
                lines = []
                while self.number < last and len(self.pending) < WINDOW:
                    self.number += 1
                    cid = f"{self.session}-{self.number}"
                    self.pending[cid] = None
                    lines.append(self._line(cid))
                if lines:
                    peer.send_bytes(b"".join(lines))
                elif not self.pending:
                    return
                data = peer.socket.recv(1 << 16)
                if not data:
                    return
                rest += data

    def _log_in(self, server: ServerProcess) -> Peer:
        peer = server.program_start()
        for text in ("n", self.name, PASSWORD):
            peer.send_event("answer", text=text)
        peer.until_event("notice", kind="welcome")
        return peer

    def _line(self, cid: str) -> bytes:
        return f">post {json.dumps({'cid': cid, 'text': f'said {cid} by {self.name}'})}\n".encode()

    def _take(self, data: bytes, progress: "Progress") -> bytes:
        whole, _, rest = data.rpartition(b"\n")
        fresh = 0
        for seq, cid_bytes in _MESSAGE.findall(whole):
            cid = cid_bytes.decode()
            self.received.add((int(seq), cid))
            if cid in self.pending:
                del self.pending[cid]
                self.confirmed.add(cid)
                fresh += 1
        # Sent again after a restart, and there already: the answer is a result without a text.
        for line in whole.split(b"\n") if b">result " in whole else ():
            if line.startswith(b">result "):
                answer = json.loads(line[8:])
                assert answer["ok"], answer
                if answer.get("cid") in self.pending:
                    del self.pending[answer["cid"]]
                    self.confirmed.add(answer["cid"])
                    fresh += 1
        if fresh:
            progress.add(fresh)
        return rest


class Progress:
    """How many messages were confirmed, for who waits for a number of them."""

    def __init__(self) -> None:
        self._news = threading.Condition()
        self.confirmed = 0
        self.is_over = False

    def add(self, number: int) -> None:
        with self._news:
            self.confirmed += number
            self._news.notify_all()

    def end(self) -> None:
        with self._news:
            self.is_over = True
            self._news.notify_all()

    def wait(self, number: int) -> None:
        with self._news:
            assert self._news.wait_for(
                lambda: self.confirmed >= number or self.is_over, 10 * PATIENCE
            )


class Crowd:
    """Senders that talk at the same time; they get their accounts here."""

    def __init__(self, server: ServerProcess, number: int) -> None:
        self.senders = [Sender(f"sender{n}") for n in range(number)]
        for sender in self.senders:
            server.program_peer(sender.name).close()

    def talk_until(self, server: ServerProcess, messages: int, enough: int) -> None:
        """Send ``messages`` in all; kill the server when ``enough`` are confirmed."""
        progress = Progress()
        share = messages // len(self.senders)
        threads = [
            threading.Thread(target=sender.talk, args=(server, share, progress))
            for sender in self.senders
        ]
        for thread in threads:
            thread.start()

        def wait_for_all() -> None:
            for thread in threads:
                thread.join()
            progress.end()

        watch = threading.Thread(target=wait_for_all)
        watch.start()
        progress.wait(enough)
        server.kill()
        watch.join()

    @property
    def received(self) -> set[tuple[int, str]]:
        """What anybody has received."""
        return set().union(*(sender.received for sender in self.senders))

    @property
    def confirmed(self) -> set[str]:
        """What its sender knows to be kept."""
        return set().union(*(sender.confirmed for sender in self.senders))
