"""A running server and bare peers for the tests. Nothing here sleeps; waits are for events."""

import contextlib
import functools
import itertools
import json
import os
import re
import selectors
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
STRETCH = float(os.environ.get("CHATROOM_TEST_PATIENCE", "1"))
"""How many times longer than promised something may take: more than 1 on a slow machine."""
PATIENCE = 20.0 * STRETCH
"""Seconds until an event that must come counts as missing."""
PASSWORD = "correct horse"
RING = os.environ.get("CHATROOM_TEST_RING", "on")
"""``off``: the servers go without a ring; ``all``: they use it in rooms of every size."""
QUICK = {
    "CHATROOM_SCRYPT_N": "2",
    "CHATROOM_MESSAGE_RATE": "0",
    "CHATROOM_RESERVE_DAYS": "0",
    "CHATROOM_LOGIN_RATE": "0",
    "CHATROOM_REGISTRATIONS_PER_ADDRESS": "0",
    "CHATROOM_UNAUTHENTICATED": "0",
    "CHATROOM_UNAUTHENTICATED_PER_ADDRESS": "0",
    "CHATROOM_RING": "off" if RING == "off" else "on",
}
"""Settings of a test that is not about the cost of a password, the doors,
the rates, nor names that rest; nor about how a chunk goes to many."""


def no_engine(folder: Path) -> str:
    """Return that it is in the directory itself."""
    return ""


SOCKETS = shutil.ignore_patterns("*.sock")
"""What nobody can copy of a data directory whose server runs, or was killed."""
engine_of: Callable[[Path], str] = no_engine
"""Address of the store of a data directory; empty: it is in the directory itself."""
made: Path | None = None
"""A data directory as a first start makes it: what is not there yet begins as a copy of it."""
at_end: list[Callable[[], object]] = []
"""What closes the things that a test has opened; its end calls all of it (``conftest.py``)."""
_numbers = itertools.count(1)
_MAIN = "tests/tools/ring_for_all.py" if RING == "all" else "chatroom_server.py"
PROGRAM = (sys.executable, str(ROOT / _MAIN))


class ServerProcess:
    """The server as an operator starts it, on a free port, with its folders below ``folder``.

    :param program: what is started instead of the plain program, without its flags.
    :param before: a command that runs the program, with its own words; for limits.
    :param is_new: this is about the first start: keys and certificate are made by it.
    """

    def __init__(
        self,
        folder: Path,
        *flags: str,
        program: tuple[str, ...] = PROGRAM,
        before: tuple[str, ...] = (),
        is_new: bool = False,
        **settings: object,
    ) -> None:
        self.folder = folder
        self.program = (*before, *program)
        self.data_dir = folder / "data"
        self.log_dir = folder / "logs"
        self.flags = flags
        self.settings = {f"CHATROOM_{k.upper()}": str(v) for k, v in settings.items()}
        if engine := engine_of(self.data_dir.resolve()):
            self.settings = {"CHATROOM_ENGINE": engine, **self.settings}
        self.claim = ""
        self.port = 0
        if made is not None and not is_new and not self.data_dir.exists():
            shutil.copytree(made, self.data_dir)
        self.start()

    def start(self) -> None:
        """Start (again) and wait until it listens."""
        self.lines: list[str] = []
        self._news = threading.Condition()
        self.process = subprocess.Popen(
            self.command(),
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout
        assert self.process.stderr
        self._readers = [
            threading.Thread(target=self._collect, args=(stream,))
            for stream in (self.process.stdout, self.process.stderr)
        ]
        for thread in self._readers:
            thread.start()
        try:
            self.wait_for_line(r"Listening on .*:(\d+)$")
        except AssertionError:
            self.process.kill()
            self._end()
            raise
        self.port = int(self.match(r"Listening on .*:(\d+)$").group(1))

    def command(self, *words: str) -> list[str]:
        """Return the command line of the server or, with words, of a sub-command."""
        is_listed = words or "CHATROOM_LISTEN" in self.settings
        port = [] if is_listed else ["--host", "127.0.0.1", "--port", str(self.port)]
        return [
            *self.program,
            *words,
            *port,
            *("--data-dir", str(self.data_dir), "--log-dir", str(self.log_dir)),
            *self.flags,
        ]

    def environment(self) -> dict[str, str]:
        """Return the environment without this machine's own settings."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith("CHATROOM_")}
        return {**kept, **QUICK, **self.settings}

    def operate(self, *words: str, given: str = "") -> subprocess.CompletedProcess[str]:
        """Run a sub-command on the same data directory; ``given`` is its standard input."""
        return subprocess.run(
            self.command(*words),
            env=self.environment(),
            input=given,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )

    def add_user(self, name: str, superuser: bool = False) -> None:
        """Make an account with the usual password."""
        flags = ["--superuser"] if superuser else []
        done = self.operate("add-user", name, "--password-stdin", *flags, given=PASSWORD + "\n")
        assert done.returncode == 0, done.stderr

    def claim_code(self) -> str:
        """Return the code for the first superuser, from the console."""
        self.wait_for_line(r"/claim (\S+)$")
        return self.match(r"/claim (\S+)$").group(1)

    def match(self, pattern: str) -> re.Match[str]:
        """Return the first console line that matches."""
        found = next((m for line in self.lines if (m := re.search(pattern, line))), None)
        assert found, f"{pattern!r} is not in {self.lines}"
        return found

    def wait_for_line(self, pattern: str, times: int = 1) -> None:
        """Wait until ``times`` console lines match."""

        def come() -> bool:
            return sum(bool(re.search(pattern, line)) for line in self.lines) >= times

        with self._news:
            alive = self._news.wait_for(lambda: come() or self.process.poll() is not None, PATIENCE)
        assert alive and come(), f"{pattern!r} did not come: {self.lines}"

    def log(self) -> str:
        """Return the log file."""
        return (self.log_dir / "chatroom_server.log").read_text(encoding="utf-8")

    def peer(self) -> "Peer":
        """Return a new bare connection."""
        return Peer(self.port)

    def join(self, name: str) -> "Peer":
        """Return a plain connection that is logged in, its account made when there is none."""
        peer = self.peer()
        peer.send("n", name, PASSWORD)
        text = peer.until("Welcome", "Unknown name")
        if "Unknown name" in text:
            peer.close()
            peer = self.peer()
            peer.send("y", name, PASSWORD, PASSWORD)
            peer.until("Welcome")
        peer.until("Here now")
        return peer

    def join_superuser(self, name: str) -> "Peer":
        """Return a plain connection of the first superuser, who claims the room."""
        peer = self.join(name)
        peer.send(f"/claim {self.claim_code()}")
        peer.until("first superuser")
        return peer

    def sealed_peer(self) -> "Peer":
        """Return a new bare connection by TLS; its certificate is taken as it is."""
        peer = Peer(self.port)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        peer.socket = context.wrap_socket(peer.socket)
        return peer

    def program_start(self) -> "Peer":
        """Return an events connection that is asked for its account."""
        peer = self.peer()
        peer.send('>hello {"v":1}')
        peer.until_event("prompt", ask="account")
        return peer

    def device(self, name: str) -> "Peer":
        """Return an events connection that is logged in, its account made when there is none."""
        peer = self.program_start()
        peer.send_event("login", name=name, password=PASSWORD)
        if "here" not in peer.until('"kind":"here"', '"command":"login"'):
            peer.close()
            return self.program_peer(name)
        return peer

    def program_peer(self, name: str) -> "Peer":
        """Return an events connection that is logged in, its account made by this."""
        peer = self.program_start()
        for text in ("y", name, PASSWORD, PASSWORD):
            peer.send_event("answer", text=text)
        peer.until_event("notice", kind="welcome")
        peer.until_event("notice", kind="here")
        return peer

    def kill(self) -> None:
        """kill -9, as a power cut would look to the program."""
        self.process.send_signal(signal.SIGKILL)
        self._end()

    def stop(self) -> int:
        """Stop it as an operator does; return its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self._end()

    def _end(self) -> int:
        status = self.process.wait(PATIENCE)
        for thread in self._readers:
            thread.join(PATIENCE)
            assert not thread.is_alive()
        for stream in (self.process.stdout, self.process.stderr):
            assert stream
            stream.close()
        return status

    def close(self) -> None:
        """End it in whatever state it is, and show a traceback that it has logged."""
        if self.process.poll() is None:
            self.process.kill()
        self._end()
        assert not any("Traceback" in line for line in self.lines), self.lines
        file = self.log_dir / "chatroom_server.log"
        assert not file.exists() or "Traceback" not in self.log(), self.log()

    def _collect(self, stream: Any) -> None:
        for line in stream:
            with self._news:
                self.lines.append(line.rstrip("\n"))
                self._news.notify_all()
        with contextlib.suppress(subprocess.TimeoutExpired):  # who waits looks whether it has ended
            self.process.wait(PATIENCE)
        with self._news:
            self._news.notify_all()


def run_server(
    folder: Path, *words: str, given: str = "", **settings: object
) -> subprocess.CompletedProcess[str]:
    """Run the server program as it is typed until it ends by itself; for starts that fail."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("CHATROOM_")}
    return subprocess.run(
        [*PROGRAM, *words],
        cwd=folder,
        env={**kept, **QUICK, **{f"CHATROOM_{k.upper()}": str(v) for k, v in settings.items()}},
        input=given,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


class Peer:
    """A bare TCP client: sends lines, waits for texts, keeps everything that came.

    :param local: the address that it connects from, when it matters.
    """

    def __init__(self, port: int, host: str = "127.0.0.1", local: str = "") -> None:
        source = (local, 0) if local else None
        self.socket = socket.create_connection((host, port), PATIENCE, source)
        self.seen = ""
        self._bytes = b""
        self._mark = 0
        at_end.append(self.close)

    def send(self, *lines: str) -> None:
        """Send lines, each with its line end."""
        self.send_bytes("".join(line + "\n" for line in lines).encode())

    def send_event(self, word: str, **fields: object) -> None:
        """Send one ``>word {json}`` line."""
        self.send(f">{word} {json.dumps(fields)}")

    def answer_to(self, line: str) -> str:
        """Send a line to which only this peer gets an answer; return the answer.

        It stands between two messages of one's own: the server works through lines in order.
        """
        number = next(_numbers)
        self.send(f"asks {number}.")
        self.until(f": asks {number}.")
        self.send(line, f"was answered {number}.")
        return self.until(f": was answered {number}.")

    def send_bytes(self, data: bytes) -> None:
        """Send bytes as they are."""
        self.socket.sendall(data)

    @contextlib.contextmanager
    def flooding(self, data: bytes) -> Iterator[None]:
        """Send ``data`` again and again from another thread, until the server closes."""

        def flood() -> None:
            try:
                while True:
                    self.send_bytes(data)
            except OSError:
                pass

        thread = threading.Thread(target=flood)
        thread.start()
        try:
            yield
        finally:
            with contextlib.suppress(OSError):
                self.socket.shutdown(socket.SHUT_RDWR)
            thread.join(PATIENCE)
            assert not thread.is_alive()

    @contextlib.contextmanager
    def reading(self) -> Iterator[None]:
        """Read in another thread while this one sends more than the two sockets hold."""
        over = threading.Event()

        def read() -> None:
            with selectors.DefaultSelector() as selector:
                selector.register(self.socket, selectors.EVENT_READ)
                while not over.is_set():
                    if selector.select(0.01) and not self._receive():
                        return

        thread = threading.Thread(target=read)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def until(self, *texts: str) -> str:
        """Wait until a line holds one of ``texts``; return what came since the last wait.

        The next wait begins after that line.
        """
        return self.until_match("|".join(re.escape(text) for text in texts))

    def until_match(self, pattern: str) -> str:
        """Like :meth:`until`, for a regular expression that a whole line contains."""
        compiled = re.compile(pattern)
        return self._until(lambda line: compiled.search(line) is not None, pattern)

    def until_end(self) -> str:
        """Wait until the server closes; return what came since the last wait."""
        while self._receive():
            pass
        text, self._mark = self.seen[self._mark :], len(self.seen)
        return text

    def is_closed(self) -> bool:
        """Wait for the end; True when it came."""
        self.until_end()
        return True

    def until_event(self, word: str, **fields: object) -> dict[str, Any]:
        """Wait for a ``>word`` line whose JSON has these values; return its JSON."""
        found: dict[str, Any] = {}

        def right(line: str) -> bool:
            if not line.startswith(f">{word} "):
                return False
            found.clear()
            found.update(json.loads(line.partition(" ")[2]))
            return all(found.get(k) == v for k, v in fields.items())

        self._until(right, f">{word} {fields}")
        return found

    def events(self, word: str, **fields: object) -> list[dict[str, Any]]:
        """Return the JSON of all ``>word`` lines that came so far, and have these values."""
        lines = [line.partition(" ") for line in self.seen.splitlines()]
        found = [json.loads(body) for said, _, body in lines if said == f">{word}"]
        return [one for one in found if fields.items() <= one.items()]

    def close(self) -> None:
        """Close without a word."""
        self.socket.close()

    def vanish(self) -> None:
        """Go away as a machine that loses its power: reset instead of an end."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.socket.close()

    def _until(self, right: Callable[[str], bool], what: str) -> str:
        start = self._mark
        deadline = time.monotonic() + PATIENCE
        while True:
            end = self.seen.find("\n", self._mark)
            if end >= 0:
                line = self.seen[self._mark : end]
                self._mark = end + 1
                if right(line):
                    return self.seen[start : self._mark]
                continue
            left = deadline - time.monotonic()
            assert left > 0, f"{what!r} did not come; last came: {self.seen[-2000:]!r}"
            assert self._receive(left), f"closed before {what!r}: {self.seen[-2000:]!r}"

    def _receive(self, seconds: float = PATIENCE) -> bool:
        self.socket.settimeout(seconds)
        try:
            data = self.socket.recv(65536)
        except TimeoutError:
            raise AssertionError(f"nothing came; last came: {self.seen[-2000:]!r}") from None
        except ConnectionResetError:
            data = b""
        self._bytes += data
        # Only whole characters are decoded; the rest waits for its other bytes.
        try:
            self.seen += self._bytes.decode()
            self._bytes = b""
        except UnicodeDecodeError as error:
            self.seen += self._bytes[: error.start].decode()
            self._bytes = self._bytes[error.start :]
        return bool(data)


def end_process(process: "subprocess.Popen[Any]") -> None:
    """End a program in whatever state it is, and close what is left of its streams."""
    if process.poll() is None:
        process.kill()
    process.wait(PATIENCE)
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream:
            with contextlib.suppress(OSError):  # nobody takes what was not written out yet
                stream.close()


def started(words: Sequence[str | Path], **options: Any) -> "subprocess.Popen[Any]":
    """Start a program that ends, at the latest, with the test."""
    process: subprocess.Popen[Any] = subprocess.Popen(words, **options)
    at_end.append(functools.partial(end_process, process))
    return process


def pair() -> tuple[socket.socket, socket.socket]:
    """Return two connected sockets that are closed, at the latest, with the test."""
    ends = socket.socketpair()
    at_end.extend(end.close for end in ends)
    return ends


def let_in(server: ServerProcess, refusal: str) -> Peer:
    """Connect again and again, while it is refused with a sentence; return the one that is let in.

    Those that were refused are closed: on a slow machine they are many.
    """
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        peer = server.peer()
        if "[y/n]" in peer.until("[y/n]", refusal):
            return peer
        peer.close()
    raise AssertionError(f"nobody is let in: {refusal}")


def is_turned_away(peer: Peer, sentence: str) -> bool:
    """Wait for the end; tell whether all was a sentence for people, and the same for programs."""
    said, control = peer.until_end().splitlines()
    fields = json.loads(control.removeprefix(">control "))
    assert fields == {"do": "disconnect", "text": sentence, "code": "crowded"}
    return said == sentence
