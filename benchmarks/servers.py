"""The servers that are compared: how to start them with their limits off, how to talk to them."""

import contextlib
import os
import shutil
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import machine

ROOT = Path(__file__).resolve().parent.parent
PROGRAM = ROOT / "chatroom_server.py"
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
    """A server that can be started. ``program`` is empty when it is not installed."""

    name: str
    program: str
    version: tuple[str, ...]
    talk: Talk
    most: int = 1_000_000
    """People that it can serve."""

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
        Server(
            "ours",
            sys.executable,
            ("--version",),
            _PLAIN,
        ),
        # The same, as an IRC server: nobody asks for anything but what IRC has had for ever.
        Server(
            "ours-irc",
            sys.executable,
            ("--version",),
            Talk(_COME_BY_IRC, b" 366 ", prefix=b"PRIVMSG #lobby :", suffix=b"\r\n", echo=False),
        ),
        # Its listen backlog is 10: who comes in a crowd waits a second for the next try.
        Server("ngircd", _find("ngircd"), ("--version",), _irc_talk(8)),
        Server("inspircd", _find("inspircd"), ("--version",), _irc_talk(1000)),
        Server("miniircd", _find("miniircd"), ("--version",), _irc_talk(4), most=1000),
        # RESP3, in which a subscriber may publish, too.
        Server(
            "redis",
            _find("redis-server", "valkey-server"),
            ("--version",),
            Talk(
                b"HELLO 3\r\nSUBSCRIBE lobby\r\n",
                b"subscribe\r\n",
                prefix=b'PUBLISH lobby "',
                suffix=b'"\r\n',
            ),
        ),
    )
    return {server.name: server for server in servers}


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
    command, environment = _prepare(server, folder, port)
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


def _prepare(server: Server, folder: Path, port: int) -> tuple[list[str], dict[str, str]]:
    """Write what the server wants to read; return its command line and environment."""
    environment = clean_environment()
    as_root = os.geteuid() == 0
    if server.name in ("ours", "ours-irc"):
        environment |= LIMITS_OFF
        places = ["--data-dir", str(folder / "data"), "--log-dir", str(folder / "logs")]
        subprocess.run(
            [server.program, str(PROGRAM), "add-user", NAME, "--password-stdin", *places],
            env=environment,
            input=f"{PASSWORD}\n".encode(),
            stdout=subprocess.DEVNULL,
            check=True,
        )
        where = ["--host", "127.0.0.1", "--port", str(port)]
        return [server.program, str(PROGRAM), *where, *places], environment
    if server.name == "ngircd":
        file = folder / "ngircd.conf"
        file.write_text(_ngircd(port, folder, as_root), encoding="utf-8")
        return [server.program, "--nodaemon", "--config", str(file)], environment
    if server.name == "inspircd":
        file = folder / "inspircd.conf"
        (folder / "motd").touch()
        file.write_text(_inspircd(port, folder), encoding="utf-8")
        flags = ["--nofork", "--nolog", *(["--runasroot"] if as_root else [])]
        return [server.program, *flags, "--config", str(file)], environment
    if server.name == "miniircd":
        flags = ["--setuid", "root"] if as_root else []
        where = ["--listen", "127.0.0.1", "--ports", str(port)]
        return [server.program, *flags, *where], environment
    settings = {
        "bind": "127.0.0.1",
        "port": str(port),
        "dir": str(folder),
        "save": "",
        "appendonly": "no",
        "maxclients": "15000",
        "tcp-backlog": "4096",
        "client-output-buffer-limit": "pubsub 0 0 0",
    }
    flags = [word for key, value in settings.items() for word in (f"--{key}", value)]
    return [server.program, *flags], environment


def _ngircd(port: int, folder: Path, as_root: bool) -> str:
    user = "ServerUID = root\nServerGID = root\n" if as_root else ""
    return f"""\
[Global]
Name = irc.example.net
Info = benchmark
AdminInfo1 = nobody
MotdPhrase = hello
Listen = 127.0.0.1
Ports = {port}
PidFile = {folder / "ngircd.pid"}
{user}[Limits]
IdleTimeout = 0
MaxConnections = 0
MaxConnectionsIP = 0
MaxJoins = 0
MaxPenaltyTime = 0
PingTimeout = 3600
PongTimeout = 3600
[Options]
DNS = no
Ident = no
PAM = no
"""


def _inspircd(port: int, folder: Path) -> str:
    many = 1_000_000
    return f"""\
<config format="xml">
<server name="irc.example.net" description="benchmark" network="Benchmark">
<admin name="nobody" nick="nobody" email="nobody@example.net">
<bind address="127.0.0.1" port="{port}" type="clients">
<connect name="all" allow="*" timeout="600" pingfreq="1h" limit="{many}" localmax="{many}"
 globalmax="{many}" maxconnwarn="no" recvq="16M" softsendq="512M" hardsendq="512M"
 threshold="{many}" commandrate="{100 * many}" fakelag="no" resolvehostnames="no" useident="no">
<class name="nobody">
<cidr ipv4clone="32" ipv6clone="128">
<files motd="{folder / "motd"}">
<dns server="127.0.0.1" timeout="1">
<pid file="{folder / "inspircd.pid"}">
<options defaultmodes="n">
<performance netbuffersize="65534" somaxconn="4096" softlimit="100000" clonesonconnect="no">
<log method="file" type="*" level="default" target="{folder / "inspircd.log"}">
"""
