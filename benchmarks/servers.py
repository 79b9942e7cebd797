"""The servers that are compared: how to start them with their limits off, how to talk to them."""

import contextlib
import os
import shutil
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from benchmarks import machine, peers

ROOT = Path(__file__).resolve().parent.parent
PROGRAM = ROOT / "chatroom_server.py"
OURS = "ours"
"""The server with which all others are compared."""
NAME = "bench"
PASSWORD = "correct horse"
LIMITS_OFF = {
    "CHATROOM_MESSAGE_RATE": "0",
    "CHATROOM_SCRYPT_N": "2",
    "CHATROOM_LOGIN_QUEUE": "0",
    "CHATROOM_LOGIN_RATE": "0",
    "CHATROOM_REGISTRATIONS_PER_ADDRESS": "0",
    "CHATROOM_LOGIN_SECONDS": "600",
    "CHATROOM_CONNECTIONS": "15000",
    "CHATROOM_CONNECTIONS_PER_ADDRESS": "0",
    "CHATROOM_UNAUTHENTICATED": "0",
    "CHATROOM_UNAUTHENTICATED_PER_ADDRESS": "0",
}
_START_SECONDS = 30.0
_STOP_SECONDS = 10.0
_PLACES = "/usr/sbin:/usr/local/sbin:/usr/local/bin:/opt/homebrew/bin:/opt/homebrew/sbin"


@dataclass(frozen=True, slots=True)
class Talk:
    """How the generator talks to a server.

    A person sends ``login`` (``%d`` is the number of the person) and is in when ``ready`` comes;
    on the way every key of ``answers`` that comes is answered once with its value.
    """

    login: bytes
    ready: bytes
    answers: dict[bytes, bytes] = field(default_factory=dict)
    prefix: bytes = b""
    suffix: bytes = b"\n"
    echo: bool = True
    """The sender gets its own message, too."""
    at_once: int = 200
    """People who may be on their way in at the same time."""


_PLAIN = Talk(f"n\n{NAME}\n{PASSWORD}\n".encode(), b"Welcome")
_COME_BY_IRC = f"PASS :{NAME}:{PASSWORD}\r\nNICK {NAME}\r\nUSER u 0 * :u\r\n".encode()
_PLAIN_IRC = Talk(_COME_BY_IRC, b" 366 ", prefix=b"PRIVMSG #lobby :", suffix=b"\r\n", echo=False)
_UPGRADE = (
    b"GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nOrigin: http://127.0.0.1\r\nUpgrade: websocket\r\n"
    b"Connection: Upgrade\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
    b"Sec-WebSocket-Version: 13\r\n\r\n"
)
SIZE = 64
"""Bytes of a message, without what the server adds."""


def _masked(text: bytes, size: int = 0) -> bytes:
    """Return a text, or its beginning, as a frame of a client: its mask changes nothing.

    :param size: of the whole, when only the beginning is given.
    """
    return struct.pack("!BBH", 0x81, 0xFE, size or len(text)) + bytes(4) + text


_POST, _POSTED = b'>post {"text":"', b'"}'
FACES = {
    "plain": _PLAIN,
    "web": Talk(
        _UPGRADE,
        b'"kind":"here"',
        {
            b" 101 ": _masked(b'>hello {"v":1}')
            + _masked(f'>login {{"name":"{NAME}","password":"{PASSWORD}"}}'.encode())
        },
        prefix=_masked(_POST, len(_POST) + SIZE + len(_POSTED)),
        suffix=_POSTED,
    ),
    "events": Talk(
        f'>hello {{"v":1}}\n>login {{"name":"{NAME}","password":"{PASSWORD}"}}\n'.encode(),
        b'"kind":"here"',
        prefix=b'>post {"text":"',
        suffix=b'"}\n',
    ),
    "irc": Talk(
        b"CAP REQ :server-time message-tags account-tag echo-message batch\r\n"
        + _COME_BY_IRC
        + b"CAP END\r\n",
        b" 366 ",
        prefix=b"PRIVMSG #lobby :",
        suffix=b"\r\n",
    ),
}
"""The ways to talk to ours; all get their own messages back."""


@dataclass(frozen=True, slots=True)
class Server:
    """A server that can be started. ``program`` is empty when it is not installed.

    :param title: its name for people.
    :param command: gives the command line, from the program, the folder of the run and the port.
    :param version: the flags with which the program says what it is.
    :param kind: a variant is ours in another setting. What only ours can do is measured of a
        variant when it is asked for by name; so are servers that are not usual.
    :param environment: settings, beside ours of this machine, which are left out.
    :param most: people that it can serve.
    """

    name: str
    title: str
    program: str
    command: Callable[[str, Path, int], list[str]]
    talk: Talk
    version: tuple[str, ...] = ("--version",)
    kind: Literal["ours", "variant", "floor", "peer"] = "peer"
    environment: dict[str, str] = field(default_factory=dict)
    most: int = 1_000_000
    is_usual: bool = True

    @property
    def is_ours(self) -> bool:
        """Tell whether it is the server of this project, in whatever setting."""
        return self.kind in ("ours", "variant")

    def describe(self) -> str:
        """Return the first line of what the program says about itself."""
        done = subprocess.run(
            [self.program, *self.version], capture_output=True, text=True, check=False
        )
        return (done.stdout or done.stderr).strip().partition("\n")[0]


def _find(*names: str) -> str:
    places = os.pathsep.join([os.environ.get("PATH", ""), _PLACES])
    return next((found for name in names if (found := shutil.which(name, path=places))), "")


def known() -> dict[str, Server]:
    """Return all servers that could be compared, ours first."""
    servers = (
        _ours(OURS, "Chatroom", kind="ours"),
        _ours("ours-memory", "Chatroom, in memory", CHATROOM_DURABILITY="none"),
        _ours("ours-no-ring", "Chatroom without a ring", is_usual=False, CHATROOM_RING="off"),
        # As an IRC server: nobody asks for anything but what IRC has had for ever.
        _ours("ours-irc", "Chatroom by IRC", _PLAIN_IRC, is_usual=False),
        Server(
            "floor",
            "floor in C",
            _find("cc", "gcc", "clang"),
            peers.floor,
            Talk(b"", b"READY"),
            kind="floor",
        ),
        # RESP3, in which a subscriber may publish, too.
        Server(
            "redis",
            "Redis",
            _find("redis-server", "valkey-server"),
            peers.redis,
            Talk(
                b"HELLO 3\r\nSUBSCRIBE lobby\r\n",
                b"subscribe\r\n",
                prefix=b'PUBLISH lobby "',
                suffix=b'"\r\n',
            ),
        ),
        # Its listen backlog is 10: who comes in a crowd waits a second for the next try.
        Server("ngircd", "ngircd", _find("ngircd"), peers.ngircd, _irc_talk(8)),
        Server("inspircd", "InspIRCd", _find("inspircd"), peers.inspircd, _irc_talk(1000)),
        Server("miniircd", "miniircd", _find("miniircd"), peers.miniircd, _irc_talk(4), most=1000),
    )
    return {server.name: server for server in servers}


def _ours(
    name: str,
    title: str,
    talk: Talk = _PLAIN,
    *,
    kind: Literal["ours", "variant"] = "variant",
    is_usual: bool = True,
    **settings: str,
) -> Server:
    return Server(
        name,
        title,
        sys.executable,
        _command,
        talk,
        (str(PROGRAM), "--version"),
        kind,
        LIMITS_OFF | settings,
        is_usual=is_usual,
    )


def _places(folder: Path) -> list[str]:
    return ["--data-dir", str(folder / "data"), "--log-dir", str(folder / "logs")]


def _command(program: str, folder: Path, port: int) -> list[str]:
    where = ["--host", "127.0.0.1", "--port", str(port)]
    return [program, str(PROGRAM), *where, *_places(folder)]


def _add_account(program: str, folder: Path, environment: dict[str, str]) -> None:
    """Make the account that everybody uses."""
    subprocess.run(
        [program, str(PROGRAM), "add-user", NAME, "--password-stdin", *_places(folder)],
        env=environment,
        input=f"{PASSWORD}\n".encode(),
        stdout=subprocess.DEVNULL,
        check=True,
    )


def _irc_talk(at_once: int) -> Talk:
    return Talk(
        b"NICK u%d\r\nUSER u%d 0 * :u%d\r\n",
        b" 366 ",
        {b" 001 ": b"JOIN #room\r\n"},
        b"PRIVMSG #room :",
        b"\r\n",
        echo=False,
        at_once=at_once,
    )


@contextlib.contextmanager
def running(server: Server, folder: Path, core: int | None) -> Iterator[tuple[int, int]]:
    """Start a fresh server in an empty folder; gives its process id and port, stops it at the end.

    :raises RuntimeError: it did not start; the text says what it said.
    """
    port = free_port()
    environment = clean_environment() | server.environment
    command = server.command(server.program, folder, port)
    if server.is_ours:
        _add_account(server.program, folder, environment)
    said = folder / "output.txt"
    with said.open("wb") as output, machine.on_core(core):
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        _wait_for(process, port, said)
        yield process.pid, port
    finally:
        stop(process)


def stop(process: "subprocess.Popen[bytes]") -> None:
    """End a process, kindly first."""
    process.terminate()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def free_port() -> int:
    """Return a port of this machine that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return int(sock.getsockname()[1])


def clean_environment() -> dict[str, str]:
    """Return the environment without this machine's own settings of the chat server."""
    return {k: v for k, v in os.environ.items() if not k.startswith("CHATROOM_")}


def _wait_for(process: "subprocess.Popen[bytes]", port: int, said: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.02)
    text = said.read_text(encoding="utf-8", errors="replace")[-2000:]
    raise RuntimeError(f"{process.args!r} does not listen on port {port}:\n{text}")
