"""One connection of a browser: a file of the page, or a WebSocket that speaks events."""

import ipaddress
import logging
import time

from websockets.http11 import Request

from chatroom.commands.registry import Registry
from chatroom.commands.services import Services
from chatroom.counts import COUNTS
from chatroom.errors import Disconnected, EndReason
from chatroom.log_files import FEW
from chatroom.net.admission import Admission, NotAdmitted
from chatroom.net.connection import Connection
from chatroom.net.proxy import is_balancer
from chatroom.net.speech import Speech
from chatroom.session import visit
from chatroom.web import hosts, pages
from chatroom.web.face import WEB
from chatroom.web.framing import WebFraming

_log = logging.getLogger(__name__)

_REQUEST_SECONDS = 10.0
"""Time for a whole request."""
SOCKET_PATH = "/ws"


def serve(
    connection: Connection,
    services: Services,
    registry: Registry,
    own_names: tuple[str, ...],
    admission: Admission,
) -> None:
    """Serve a browser's connection until it ends; runs in the connection's own thread.

    :param own_names: names of this server, such as the certificate has.
    :param admission: lets in whom a proxy speaks for.
    :raises Disconnected: there is no request, or it has left.
    """
    settings = services.settings
    framing = WebFraming(settings.line_bytes, connection.outbox.offer)
    connection.turn(Speech.WEB, framing)
    _hear_request(connection, framing)
    request = framing.request
    assert request is not None
    if origin := _origin(connection, services, request):
        try:
            admission.resolve_proxied(connection, origin)
        except NotAdmitted as refused:
            COUNTS.refused.add(refused.word)
            connection.say_last(str(refused))
            raise Disconnected(refused.why) from None
    told = request.headers.get_all("Host")
    host = told[0] if len(told) == 1 else ""
    names = (*own_names, settings.public_host, *map(_host_of, settings.web_origins))
    is_sealed = connection.is_sealed or any(_is_https(host, one) for one in settings.web_origins)
    scheme = "wss" if is_sealed else "ws"
    path = request.path.partition("?")[0]
    if not host or not hosts.is_ours(host, names):
        sentence = "This server has no such name. Its operator can allow it by web_origins."
        framing.respond(pages.said(421, "Misdirected Request", sentence))
    elif request.method != "GET":
        response = pages.said(405, "Method Not Allowed", "The page takes GET only.")
        response.headers["Allow"] = "GET"
        framing.respond(response)
    elif path == SOCKET_PATH:
        if framing.accept(hosts.origins_of(host, connection.is_sealed, settings.web_origins)):
            connection.turn(Speech.SOCKET)
            visit.serve(connection, services, registry, face=WEB)
            return
    elif (file := pages.files().get(path)) is None:
        framing.respond(pages.said(404, "Not Found", "There is no such page here. See /"))
    elif _has_it(request, file.tag):
        framing.respond(pages.answer(304, "Not Modified", b"", file.kind, host, scheme, file.tag))
    else:
        framing.respond(pages.answer(200, "OK", file.body, file.kind, host, scheme, file.tag))
    connection.outbox.finish()


def _origin(connection: Connection, services: Services, request: Request) -> str:
    """Return the address that a proxy speaks for; empty: nobody speaks for another one.

    Only the last entry is the proxy's own word; what stands in front of it, anybody may have sent.
    """
    if not is_balancer(connection.address, services.settings.web_proxy_from):
        return ""
    told = request.headers.get_all("X-Forwarded-For")
    last = told[-1].rpartition(",")[2].strip().strip("[]") if told else ""
    try:
        return str(ipaddress.ip_address(last))
    except ValueError:
        return ""


def _has_it(request: Request, tag: str) -> bool:
    """Tell whether the browser has this version of a file (RFC 9110, section 13.1.2)."""
    told = ",".join(request.headers.get_all("If-None-Match"))
    return any(one.strip().removeprefix("W/") in (tag, "*") for one in told.split(","))


def _hear_request(connection: Connection, framing: WebFraming) -> None:
    end = time.monotonic() + _REQUEST_SECONDS
    while framing.request is None:
        left = end - time.monotonic()
        if left <= 0:
            COUNTS.refused.add("slow request")
            raise Disconnected(reason=EndReason.LOGIN_TIMEOUT)
        connection.hurry(left)
        connection.read()
    connection.hurry(_REQUEST_SECONDS)
    _log.debug("request path=%s", framing.request.path[:80], extra=FEW)


def _host_of(origin: str) -> str:
    return hosts.name_of(origin.partition("://")[2])


def _is_https(host: str, origin: str) -> bool:
    return origin.startswith("https://") and _host_of(origin) == hosts.name_of(host)
