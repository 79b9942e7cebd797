"""The operator's socket: how a sub-command speaks with the server that runs on a data directory.

A stream socket in that directory, for who owns it and root. One JSON object a line asks, such as
``{"do": "status"}``; one answers: ``ok``, ``text`` for people, and what else there is to know.
"""

import contextlib
import json
import logging
import os
import selectors
import socket
import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from chatroom.errors import Code, StartError, StoreError, UserError

_log = logging.getLogger(__name__)

FILE = "control.sock"
LINE_LONGEST = 65536
"""Bytes of a line that asks."""
_ANSWER_LONGEST = 64 * 1024 * 1024
_AT_ONCE = 8
"""Asks that are answered at the same time; who comes then gets no answer."""
_SECONDS = 5.0
"""Time for one step of a conversation: its line, its answer."""
_BACK_OFF = 0.2
_PATH_LONGEST = 100  # what every system takes (unix(7): 108 with the end)
_FOLDERS = Path("/proc/self/fd")

Verb = Callable[[Mapping[str, Any]], Mapping[str, Any]]
"""Carries out what was asked: takes the whole object, returns ``text`` and what else there is.

Runs in a thread of its own. Raises ``UserError`` or ``StoreError`` with a sentence."""


class NoServer(StartError):
    """No server runs on that data directory, or none that can be asked."""


class ControlSocket:
    """Answers what operators ask. A thread named ``operator``, and one for each that asks.

    :param data_dir: where the socket is; only one server uses it at a time.
    :param verbs: what can be asked, by its word.
    """

    def __init__(self, data_dir: Path, verbs: Mapping[str, Verb]) -> None:
        self._data_dir = data_dir
        self._verbs = verbs
        self._sock: socket.socket | None = None
        self._turns = threading.BoundedSemaphore(_AT_ONCE)
        # Guards the asks that are under way; nothing is taken under it.
        self._lock = threading.Lock()
        self._asking: dict[socket.socket, threading.Thread] = {}
        self._closing = threading.Event()
        self._inside, self._outside = socket.socketpair()
        self._thread = threading.Thread(target=self._run, name="operator")

    def start(self) -> None:
        """Listen, in place of whoever has left a socket there.

        A server that cannot (a disk without sockets) goes on without: the log says so.
        """
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            with _address(self._data_dir) as path:
                path.unlink(missing_ok=True)
                sock.bind(str(path))
                path.chmod(0o600)  # before anybody can connect
            sock.listen(_AT_ONCE)
            sock.setblocking(False)
        except OSError as error:
            sock.close()
            _log.warning("no socket for the operator reason=%s", error.strerror or error)
            return
        self._sock = sock
        self._thread.start()

    def close(self) -> None:
        """Remove the socket, and let those who ask have their answers first. Idempotent."""
        if self._sock is None:
            return
        self._closing.set()
        self._outside.send(b"!")
        self._thread.join()
        with contextlib.suppress(OSError), _address(self._data_dir) as path:
            path.unlink()
        self._sock.close()
        self._sock = None
        with self._lock:
            asking = dict(self._asking)
        for sock in asking:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RD)  # who has not asked yet
        for thread in asking.values():
            thread.join()
        self._inside.close()
        self._outside.close()

    # -- the threads -----------------------------------------------------------------------------

    def _run(self) -> None:
        assert self._sock is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self._sock, selectors.EVENT_READ)
            stop = selector.register(self._inside, selectors.EVENT_READ)
            while stop not in [key for key, _ in selector.select()]:
                try:
                    sock, _ = self._sock.accept()
                except OSError:  # it has left; or there are no descriptors: then it waits
                    self._closing.wait(_BACK_OFF)
                    continue
                if not is_trusted(sock) or not self._turns.acquire(blocking=False):
                    sock.close()
                    continue
                thread = threading.Thread(target=self._answer, args=(sock,), name="operator asks")
                with self._lock:
                    self._asking[sock] = thread
                thread.start()

    def _answer(self, sock: socket.socket) -> None:
        try:
            with sock, contextlib.suppress(OSError):
                sock.settimeout(_SECONDS)
                line = _line_of(sock, LINE_LONGEST)
                if line:
                    sock.sendall(json.dumps(self._answer_to(line)).encode() + b"\n")
        finally:
            with self._lock:
                del self._asking[sock]
            self._turns.release()

    def _answer_to(self, line: bytes) -> dict[str, Any]:
        try:
            asked = json.loads(line)
            verb = self._verbs.get(asked["do"])
        except (ValueError, LookupError, TypeError, RecursionError):
            return _refused("That is not what a sub-command asks.", Code.NOT_UNDERSTOOD)
        if verb is None:
            return _refused(
                "The server that runs does not know that yet: restart it with the new version.",
                Code.NO_SUCH_COMMAND,
            )
        try:
            return {"ok": True, **verb(asked)}
        except (UserError, StoreError) as error:
            return _refused(str(error), error.code)
        except StartError as error:
            return _refused(str(error), Code.REFUSED)
        except Exception:
            _log.exception("operator's ask failed do=%s", asked["do"])
            return _refused("Something went wrong in the server; see its log.", Code.INTERNAL)


def is_trusted(sock: socket.socket) -> bool:
    """Tell whether the other end is who runs this server, or root, where the system says it.

    The modes of the socket and its folder say the same; this holds when they were changed.
    """
    option = getattr(socket, "SO_PEERCRED", None)
    if option is None:
        return True
    _, user, _ = struct.unpack("3i", sock.getsockopt(socket.SOL_SOCKET, option, 12))
    return user in (0, os.geteuid())


def ask(data_dir: Path, do: str, seconds: float = 30.0, **fields: Any) -> dict[str, Any]:
    """Ask the server that runs on a data directory; return its answer, which is no refusal.

    :param do: the verb.
    :param seconds: longest wait for the answer.
    :param fields: what the verb needs, in plain JSON.
    :raises NoServer: there is none, or it does not answer.
    :raises UserError: it refuses; the sentence says why.
    """
    line = json.dumps({"do": do, **fields}).encode() + b"\n"
    if len(line) > LINE_LONGEST:
        raise UserError("That is too long. Take less.", Code.TOO_LONG)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.settimeout(seconds)
        try:
            with _address(data_dir) as path:
                sock.connect(str(path))
            sock.sendall(line)
            answer = json.loads(_line_of(sock, _ANSWER_LONGEST))
            if answer["ok"] is True:
                return dict(answer)
            refused = UserError(answer["text"], Code(answer["code"]))
        except (FileNotFoundError, ConnectionRefusedError):
            raise NoServer(f"No server runs on {data_dir.absolute()}. {_START}") from None
        except OSError as error:
            reason = error.strerror or "it takes too long"
            raise NoServer(f"The server on {data_dir} cannot be asked: {reason}.") from None
        except (ValueError, LookupError, TypeError):
            raise NoServer(
                f"The server on {data_dir} gave no answer; it may just be stopping. Try again."
            ) from None
    raise refused


_START = "Start one, or name the data directory of the one that runs with --data-dir."


def _refused(text: str, code: Code) -> dict[str, Any]:
    return {"ok": False, "text": text, "code": code}


def _line_of(sock: socket.socket, longest: int) -> bytes:
    """Return a line; empty: the other end has left. :raises OSError: also of one too long."""
    found = bytearray()
    while not found.endswith(b"\n"):
        chunk = sock.recv(65536)
        if not chunk:
            return b""
        found += chunk
        if len(found) > longest:
            raise OSError("the line is too long")
    return bytes(found)


@contextlib.contextmanager
def _address(data_dir: Path) -> Iterator[Path]:
    """Give the path of the socket, short enough for the system however long the folder's is."""
    path = data_dir / FILE
    if len(os.fsencode(path)) <= _PATH_LONGEST or not _FOLDERS.is_dir():
        yield path
        return
    fd = os.open(data_dir, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield _FOLDERS / str(fd) / FILE
    finally:
        os.close(fd)
