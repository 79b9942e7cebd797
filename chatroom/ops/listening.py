"""Opens the addresses that the settings name, with their certificates."""

import contextlib

from chatroom.config import Settings
from chatroom.net.admission import Admission
from chatroom.net.listener import Listener, Serve
from chatroom.net.outbox import Flusher
from chatroom.net.sockets import WEB_FD, open_listeners
from chatroom.net.tls import Tls


def listen(
    settings: Settings, serve: Serve, tls: Tls, flusher: Flusher, admission: Admission
) -> Listener:
    """Return a listener that is not started yet; the parameters are as of ``Listener``.

    :raises StartError: an address or a certificate cannot be used.
    """
    web_tls = tls
    if settings.web_certificate or settings.web_key:
        web_tls = Tls(settings.data_dir / "tls", settings.web_certificate, settings.web_key)
        tls.others.append(web_tls)
    with contextlib.ExitStack() as undo:
        socks = open_listeners(settings.endpoints)
        for sock in socks:
            undo.callback(sock.close)
        web_socks = open_listeners(settings.web_listen, WEB_FD)
        undo.pop_all()
    return Listener(
        *(socks, serve, tls, settings.allow_plain, flusher, admission),
        *(settings.line_bytes, settings.outbox_bytes, settings.proxy_from),
        settings.web,
        for_web=(web_socks, web_tls),
    )
