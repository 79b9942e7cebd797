"""Many IRC clients who talk at once: one order, every line once, and one's own as asked for."""

import re
import threading

from chatroom.irc.grammar import Line, parse
from tests.conftest import StartServer
from tests.irc.peer import IrcPeer, irc

LINES = 40
ECHO = ("echo-message", "labeled-response", "message-tags", "batch")
CAPS: tuple[tuple[str, ...], ...] = ((), ("server-time",), ECHO, (*ECHO, "server-time"))
"""What the clients have asked for, in turn."""


class Talker:
    """A client that says many lines, and what it has asked for."""

    def __init__(self, peer: IrcPeer, name: str, caps: tuple[str, ...]) -> None:
        self.peer, self.name = peer, name
        self.has_echo = "echo-message" in caps

    def texts(self) -> list[str]:
        return [f"{self.name} says {number}" for number in range(LINES)]

    def talk(self) -> None:
        for number, text in enumerate(self.texts()):
            label = f"@label=l{number} " if self.has_echo else ""
            self.peer.send(f"{label}PRIVMSG #lobby :{text}")

    def seen(self) -> list[Line]:
        """Return what it has seen of what all of them say."""
        lines = [parse(text) for text in self.peer.seen.split("\r\n") if " PRIVMSG #lobby " in text]
        return [line for line in lines if " says " in line.params[-1]]


def test_every_line_comes_once_in_one_order_and_ones_own_as_asked_for(
    start_server: StartServer,
) -> None:
    server = start_server(message_rate=0, connections_per_address=0)
    talkers = []
    for number in range(8):
        name, caps = f"one{number}", CAPS[number % len(CAPS)]
        talkers.append(Talker(irc(server, name, *caps), name, caps))
    watcher = server.join("watcher")
    threads = [threading.Thread(target=one.talk) for one in talkers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for last in [one.texts()[-1] for one in talkers]:
        if last not in watcher.seen:
            watcher.until(last)
    watcher.send("the end")
    watcher.until("watcher: the end")
    order = re.findall(r"(?m): (one\d says \d+)$", watcher.seen)
    assert sorted(order) == sorted(text for one in talkers for text in one.texts())
    for one in talkers:
        one.peer.until_line("PRIVMSG", "#lobby", "the end")
        shown = [text for text in order if one.has_echo or not text.startswith(f"{one.name} ")]
        assert [line.params[-1] for line in one.seen()] == shown
        labels = {
            line.params[-1]: line.tags["label"] for line in one.seen() if "label" in line.tags
        }
        mine = {text: f"l{number}" for number, text in enumerate(one.texts())}
        assert labels == (mine if one.has_echo else {})
