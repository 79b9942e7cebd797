"""``--metrics``: /metrics, /healthz and /readyz over HTTP, in threads of their own.

Nobody logs in here, so by default only this machine can reach it. One request a connection; at most
``_MOST`` at a time, each with ``_REQUEST_SECONDS`` to be told.
"""

import contextlib
import errno
import ipaddress
import os
import socket
import socketserver
import stat
import threading
from collections.abc import Callable, Iterable
from importlib import import_module
from pathlib import Path
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from chatroom.errors import SettingError, StartError
from chatroom.ops.sources import Sources
from chatroom.ops.wellness import Wellness

UNIX = "unix:"
_MISSING = (
    "--metrics needs the package prometheus-client: run 'pip install -r requirements-metrics.txt'."
)
_MOST = 8
_REQUEST_SECONDS = 3.0

App = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def check_metrics(address: str, is_public: bool) -> None:
    """Look whether metrics can be told at an address; nothing is opened.

    :param address: ``HOST:PORT`` or ``unix:PATH``, as the setting takes it; empty: they are not.
    :param is_public: other machines may reach it.
    :raises StartError: it may not be that address, or a package is missing.
    """
    if not address:
        return
    try:
        import_module("prometheus_client")
    except ImportError:
        raise StartError(_MISSING) from None
    if not is_public and not address.startswith(UNIX):
        _, (host, *_) = _resolve(address)
        if not ipaddress.ip_address(host.partition("%")[0]).is_loopback:
            raise SettingError(
                f"--metrics is '{address}', which other machines may reach: choose an address of "
                "this machine alone, such as 127.0.0.1:9798, or add --metrics-public."
            )


class Probes:
    """Answers who asks how the server is.

    :param address: ``HOST:PORT`` or ``unix:PATH``.
    :param is_public: a Unix socket may be used by everybody on this machine.
    :param sources: what the metrics are read from.
    :raises StartError: the address cannot be listened on, or a package is missing.
    """

    def __init__(self, address: str, is_public: bool, wellness: Wellness, sources: Sources) -> None:
        check_metrics(address, is_public)
        from chatroom.ops.metrics import application  # needs a package that is not there always

        metrics: App = application(sources)
        self._file = Path(address.removeprefix(UNIX)) if address.startswith(UNIX) else None
        try:
            self._server = _open(address, self._file, is_public)
        except OSError as error:
            raise StartError(
                f"--metrics is '{address}'; it cannot be listened on: {error.strerror}. Choose "
                "another address, or stop what uses it."
            ) from None
        self._server.set_app(_application(metrics, wellness))
        self._thread = threading.Thread(target=self._server.serve_forever, name="metrics")

    @property
    def address(self) -> str:
        """Where it listens."""
        if self._file is not None:
            return f"{UNIX}{self._file}"
        host, port = self._server.server_address[:2]
        return f"http://[{host!s}]:{port}" if ":" in str(host) else f"http://{host!s}:{port}"

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def close(self) -> None:
        """End the thread, close the socket. Idempotent."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()
        if self._file is not None:
            self._file.unlink(missing_ok=True)


def _application(metrics: App, wellness: Wellness) -> App:
    looks = {"/healthz": wellness.alive, "/readyz": wellness.ready}

    def answer(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if path == "/metrics":
            return metrics(environ, start)
        if look := looks.get(path):
            word = look()
            status, text = ("503 Service Unavailable", word) if word else ("200 OK", "ok")
        else:
            status, text = "404 Not Found", "Ask for /metrics, /healthz or /readyz."
        start(status, [("Content-Type", "text/plain; charset=utf-8")])
        return [text.encode() + b"\n"]

    return answer


class _Handler(WSGIRequestHandler):
    timeout = _REQUEST_SECONDS

    def log_message(self, *args: Any) -> None:
        pass  # who asks each second would fill the log

    def address_string(self) -> str:
        return str(self.client_address[0])


class _Server(socketserver.ThreadingMixIn, WSGIServer):
    daemon_threads = True  # nothing is lost with them
    block_on_close = False

    def __init__(self, family: socket.AddressFamily, address: Any) -> None:
        self.address_family = family
        self._places = threading.BoundedSemaphore(_MOST)
        super().__init__(address, _Handler)

    def server_bind(self) -> None:
        socketserver.TCPServer.server_bind(self)  # HTTPServer's asks the DNS for a name
        self.server_name, self.server_port = "chatroom", 0
        self.setup_environ()

    def get_request(self) -> tuple[Any, Any]:
        sock, peer = super().get_request()
        return sock, peer or ("", 0)  # who comes by a Unix socket has no address

    def process_request(self, request: Any, client_address: Any) -> None:
        if not self._places.acquire(blocking=False):
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        threading.current_thread().name = "metrics request"
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._places.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # who asked has left


def _open(address: str, file: Path | None, is_public: bool) -> _Server:
    if file is None:
        return _Server(*_resolve(address))
    _remove_left_over(file)
    server = _Server(socket.AF_UNIX, str(file))
    file.chmod(0o666 if is_public else 0o600)
    return server


def _remove_left_over(file: Path) -> None:
    """Remove the socket of a server that has ended. :raises OSError: somebody listens there."""
    with contextlib.suppress(FileNotFoundError):
        if not stat.S_ISSOCK(file.lstat().st_mode):
            raise OSError(errno.EEXIST, os.strerror(errno.EEXIST))
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
            try:
                sock.connect(str(file))
            except ConnectionRefusedError:
                file.unlink()
                return
        raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))


def _resolve(address: str) -> tuple[socket.AddressFamily, Any]:
    host, _, port = address.rpartition(":")
    try:
        found = socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise SettingError(
            f"--metrics is '{address}'; its host is not an address of this machine: {error}."
        ) from None
    return found[0][0], found[0][4]
