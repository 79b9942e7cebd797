"""The page's files, and the headers that keep a browser from doing anything else with them."""

import hashlib
from functools import cache
from importlib import resources
from typing import NamedTuple

from websockets.datastructures import Headers
from websockets.http11 import Response

_TYPES = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
_NOT_ASKED_FOR = (
    *("accelerometer", "camera", "display-capture", "geolocation", "gyroscope", "magnetometer"),
    *("microphone", "midi", "payment", "usb"),
)


class File(NamedTuple):
    """A file of the page."""

    body: bytes
    kind: str
    tag: str
    """Tells one version from another (ETag)."""


@cache
def files() -> dict[str, File]:
    """Return all files by their paths; read once. Any thread."""
    found = {}
    for one in (resources.files("chatroom.web") / "page").iterdir():
        ending = one.name.rpartition(".")[2]
        if ending in _TYPES:
            body = one.read_bytes()
            tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
            found[f"/{one.name}"] = File(body, _TYPES[ending], tag)
    found["/"] = found["/index.html"]
    found["/favicon.ico"] = found["/icon.svg"]
    return found


def policy(host: str, scheme: str) -> str:
    """Return the Content-Security-Policy (https://www.w3.org/TR/CSP3/).

    :param host: that the browser has asked, already checked.
    :param scheme: of the WebSocket: older Safari does not count it as 'self'.
    """
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        f"connect-src 'self' {scheme}://{host}; manifest-src 'self'; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; "
        "trusted-types 'none'"
    )


def answer(
    status: int, reason: str, body: bytes, kind: str, host: str, scheme: str, tag: str = ""
) -> Response:
    """Return an answer with all headers; the connection ends with it."""
    headers = Headers(
        {
            "Content-Type": kind,
            "Content-Length": str(len(body)),
            "Connection": "close",
            "Cache-Control": "no-cache" if tag else "no-store",
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
            "Cross-Origin-Opener-Policy": "same-origin",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Permissions-Policy": ", ".join(f"{one}=()" for one in _NOT_ASKED_FOR),
        }
    )
    if host:
        headers["Content-Security-Policy"] = policy(host, scheme)
    if tag:
        headers["ETag"] = tag
    return Response(status, reason, headers, body)


def said(status: int, reason: str, sentence: str) -> Response:
    """Return a sentence as an answer."""
    return answer(status, reason, f"{sentence}\n".encode(), "text/plain; charset=utf-8", "", "")
