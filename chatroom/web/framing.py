"""What a browser sends, taken apart: a request of HTTP, then the messages of a WebSocket."""

from collections.abc import Callable

from websockets.exceptions import InvalidHandshake
from websockets.frames import Frame, Opcode
from websockets.http11 import Request, Response
from websockets.protocol import State
from websockets.server import ServerProtocol
from websockets.typing import Origin

from chatroom.errors import Disconnected, EndReason

_BAD_REQUEST = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class WebFraming:
    """Bytes in, lines out, as ``LineSplitter``; what the protocol itself answers is offered.

    It belongs to the connection's thread alone.

    :param line_bytes: longest line.
    :param offer: sends bytes.

    The library keeps the rules of RFC 6455 and of HTTP (https://websockets.readthedocs.io, "Bring
    your own I/O"); frames of ours never pass it, as nothing is compressed or fragmented.
    """

    def __init__(self, line_bytes: int, offer: Callable[[bytes], None]) -> None:
        # One byte more for a line break.
        self._protocol = ServerProtocol(max_size=line_bytes + 2)
        self._offer = offer
        self._parts: list[bytes] = []
        self.request: Request | None = None
        """What was asked for; ``None``: it is not whole yet."""
        self.discarded = 0
        self._has_answered = False

    def feed(self, data: bytes) -> list[bytes | None]:
        """Return the lines that have come whole.

        :raises Disconnected: what came is no HTTP or no WebSocket, or it was closed.
        """
        protocol = self._protocol
        protocol.receive_data(data)
        lines: list[bytes | None] = []
        for event in protocol.events_received():
            if isinstance(event, Request):
                self.request = event
            elif not isinstance(event, Frame):
                continue
            elif event.opcode in (Opcode.TEXT, Opcode.CONT):
                self._parts.append(bytes(event.data))
                if event.fin:
                    whole, self._parts = b"".join(self._parts), []
                    if not _is_text(whole):
                        protocol.fail(1007, "that is not UTF-8")
                        break
                    lines += whole.rstrip(b"\r\n").split(b"\n")
            elif event.opcode is Opcode.BINARY:
                protocol.fail(1003, "send text")
        self._answer()
        if protocol.handshake_exc is not None and not self._has_answered:
            self._offer(_BAD_REQUEST)
        if isinstance(protocol.handshake_exc, InvalidHandshake) or protocol.parser_exc:
            raise Disconnected("no HTTP, or a wrong frame")
        if protocol.state in (State.CLOSING, State.CLOSED) and not lines:
            raise Disconnected(reason=EndReason.LEFT)
        return lines

    def accept(self, origins: list[str]) -> bool:
        """Open the WebSocket that was asked for, or refuse it; False: it was refused.

        :param origins: the pages that may open one.
        """
        assert self.request is not None
        self._protocol.origins = [Origin(one) for one in origins]
        response = self._protocol.accept(self.request)
        self.respond(response)
        return response.status_code == 101

    def respond(self, response: Response) -> None:
        """Answer the request."""
        self._protocol.send_response(response)
        self._answer()

    def hand_over(self) -> tuple[bytes, bool, int]:
        """Never asked for: a browser comes back by its ticket."""
        return b"", False, 0

    def take_over(self, rest: bytes, is_skipping: bool, discarded: int) -> None:
        """Never asked for."""

    def _answer(self) -> None:
        if chunk := b"".join(self._protocol.data_to_send()):
            self._has_answered = True
            self._offer(chunk)


def _is_text(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
