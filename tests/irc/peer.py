"""An IRC client made of a socket: lines out, and waiting for lines."""

import itertools
import ssl
from collections.abc import Iterable

from chatroom.irc.grammar import Line, parse
from tests.harness import PASSWORD, Peer, ServerProcess

_numbers = itertools.count(1)
ALL_CAPS = (
    *("account-tag", "away-notify", "batch", "echo-message", "extended-join", "labeled-response"),
    *("message-tags", "server-time", "setname", "standard-replies"),
)


class IrcPeer(Peer):
    """A connection that speaks IRC."""

    def send(self, *lines: str) -> None:
        """Send lines, each with CR and LF."""
        self.send_bytes("".join(line + "\r\n" for line in lines).encode())

    def come_in(
        self,
        name: str,
        caps: Iterable[str] = (),
        password: str = PASSWORD,
        is_new: bool = True,
    ) -> "IrcPeer":
        """Register a connection, and an account if it is new; wait for the end of the burst.

        :param caps: capabilities that are asked for.
        """
        wanted = " ".join([*caps, *(["draft/account-registration"] if is_new else [])])
        if wanted:
            self.send("CAP LS 302", f"CAP REQ :{wanted}")
        if is_new:
            self.send(f"NICK {name}", f"USER {name} 0 * :{name}", f"REGISTER * * :{password}")
            if "ACCOUNT_EXISTS" in self.until_match("REGISTER (SUCCESS|ACCOUNT_EXISTS)"):
                self.send(f"PASS :{name}:{password}")  # another test of the same room was first
        else:
            self.send(f"PASS :{name}:{password}", f"NICK {name}", f"USER {name} 0 * :{name}")
        if wanted:
            self.send("CAP END")
        self.until_line("001")
        self.sync()
        return self

    def sync(self) -> list[Line]:
        """Wait until all that was sent is answered; return what came since the last wait."""
        token = f"sync{next(_numbers)}"
        self.send(f"PING {token}")
        shown = self._until(lambda line: " PONG " in line and token in line, f"PONG {token}")
        return [parse(line) for line in shown.split("\r\n")[:-2] if line]

    def until_line(self, command: str, *params: str) -> Line:
        """Wait for a line with this command whose parameters hold these; return it."""
        found: list[Line] = []

        def right(text: str) -> bool:
            line = parse(text.rstrip("\r"))
            is_right = line.command == command and set(params) <= set(line.params)
            found[:] = [line] if is_right else []
            return is_right

        self._until(right, f"{command} {params}")
        return found[0]

    def asks(self, *lines: str) -> list[Line]:
        """Send lines; return what came until all of them were answered."""
        self.sync()
        self.send(*lines)
        return self.sync()

    def answers(self, *lines: str) -> list[Line]:
        """Do the same, without those who come and go meanwhile."""
        return [line for line in self.asks(*lines) if line.command not in ("JOIN", "QUIT")]


def irc_peer(server: ServerProcess) -> IrcPeer:
    """Return a new connection to a server, in plain text, that has said nothing yet."""
    return IrcPeer(server.port)


def sealed_irc_peer(server: ServerProcess) -> IrcPeer:
    """Return a new connection by TLS; its certificate is taken as it is."""
    peer = IrcPeer(server.port)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    peer.socket = context.wrap_socket(peer.socket)
    return peer


def irc(server: ServerProcess, name: str, *caps: str, is_new: bool = True) -> IrcPeer:
    """Return a client that has come in."""
    return irc_peer(server).come_in(name, caps, is_new=is_new)
