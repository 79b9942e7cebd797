"""A browser made of a library's WebSocket and of bare requests."""

import json
import socket
import ssl
from typing import Any

from websockets.sync.client import ClientConnection, connect

from tests.harness import PASSWORD, PATIENCE, ServerProcess, at_end


def request(server: ServerProcess, text: str, sealed: bool = False, port: int = 0) -> str:
    """Send a request of HTTP as it is; return the whole answer."""
    sock: socket.socket = socket.create_connection(("127.0.0.1", port or server.port), PATIENCE)
    if sealed:
        sock = trusting().wrap_socket(sock)
    with sock:
        sock.sendall(text.encode())
        answer = b""
        try:
            while data := sock.recv(65536):
                answer += data
        except ConnectionResetError:
            pass
    return answer.decode()


def get(server: ServerProcess, path: str = "/", host: str = "", **headers: str) -> str:
    """Ask for a path; return head and body of the answer."""
    host = host or f"127.0.0.1:{server.port}"
    more = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    return request(server, f"GET {path} HTTP/1.1\r\nHost: {host}\r\n{more}\r\n")


def trusting() -> ssl.SSLContext:
    """Return what a browser is after somebody has allowed the certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["h2", "http/1.1"])
    return context


class Tab:
    """A WebSocket that speaks events, as the page does."""

    def __init__(self, server: ServerProcess, sealed: bool = False, **options: Any) -> None:
        where = f"127.0.0.1:{server.port}"
        scheme, context = ("wss", trusting()) if sealed else ("ws", None)
        origin = options.pop("origin", f"http{'s' if sealed else ''}://{where}")
        self.socket: ClientConnection = connect(
            f"{scheme}://{where}/ws",
            ssl=context,
            origin=origin,
            compression=None,
            open_timeout=PATIENCE,
            close_timeout=PATIENCE,
            legacy=True,
            **options,
        )
        at_end.append(self.close)
        self._lines: list[str] = []

    def send(self, word: str, **fields: Any) -> None:
        """Send one line of events, in a frame of its own."""
        self.socket.send(f">{word} {json.dumps(fields)}")

    def come_in(self, name: str) -> "Tab":
        """Come in, with a new account if there is none of this name."""
        self.send("hello", v=1, answers=1)
        self.until("prompt")
        self.send("login", name=name, password=PASSWORD, ticket=True)
        self.send("register", name=name, password=PASSWORD, ticket=True)
        self.until("notice", kind="here")
        return self

    def until(self, word: str, **fields: Any) -> dict[str, Any]:
        """Wait for a line with this word and these fields; return its fields."""
        while True:
            while not self._lines:
                text = self.socket.recv(PATIENCE)
                assert isinstance(text, str)
                assert text.endswith("\n")
                self._lines = text.splitlines()
            line = self._lines.pop(0)
            found, _, body = line.partition(" ")
            if found != f">{word}":
                continue
            said: dict[str, Any] = json.loads(body)
            if all(said.get(key) == value for key, value in fields.items()):
                return said

    def close(self) -> None:
        """Close without waiting."""
        self.socket.socket.close()
