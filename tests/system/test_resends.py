"""Refused, lost, sent again: what is confirmed is kept, and everything is there once in the end."""

import json
import random
import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.conftest import StartServer
from tests.harness import PASSWORD, Peer, ServerProcess

ROUNDS = 6
NAMES = ("ann", "bea", "cid")


class Sender:
    """Somebody who sends until all is confirmed, over as many connections as that takes."""

    def __init__(self, server: ServerProcess, name: str) -> None:
        self.server = server
        self.name = name
        self.peer = server.program_peer(name)
        self.open: dict[str, dict[str, str]] = {}
        self.confirmed: set[str] = set()
        self.codes: set[str] = set()
        self._session = f"{name}session"
        self._number = 0
        self._start = 0

    def new(self, word: str, **fields: str) -> None:
        """Note a new line to be sent."""
        self._number += 1
        cid = f"{self._session}-{self._number}"
        text = f"<{self.name} {self._number}>"
        if word == "post":
            self.open[cid] = {"word": word, "text": text, "cid": cid, **fields}
        else:
            self.open[cid] = {"word": word, "line": f"{fields['line']} {text}", "cid": cid}

    def send_all(self) -> None:
        """Send all that is not confirmed, in the old order."""
        for fields in self.open.values():
            rest = {key: value for key, value in fields.items() if key != "word"}
            self.peer.send_event(fields["word"], **rest)

    def answers(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield the answers to one's own lines that this connection has got."""
        for line in self.peer.seen[self._start :].split("\n")[:-1]:
            word, _, rest = line.partition(" ")
            if word in (">message", ">result"):
                fields = json.loads(rest)
                if fields.get("cid") in self.open or fields.get("cid") in self.confirmed:
                    yield word, fields

    def read_all(self) -> None:
        """Wait until everything that was sent over this connection is answered."""
        for cid in list(self.open):
            pattern = rf'^>(message|result) (?!.*"old":true).*"cid":"{cid}"'
            if not re.search(pattern, self.peer.seen[self._start :], re.MULTILINE):
                self.peer.until_match(pattern)

    def settle(self) -> None:
        """Take what was answered, whether all was waited for or not."""
        for word, fields in self.answers():
            if word == ">message" or fields["ok"]:
                self.confirmed.add(fields["cid"])
                self.open.pop(fields["cid"], None)
            else:
                assert fields["code"] != "unconfirmed", fields
                self.codes.add(fields["code"])

    def come_back(self) -> None:
        """Lose the connection and log in again."""
        self.settle()
        self.peer.vanish()
        self.peer = self.server.peer()
        self.peer.send('>hello {"v":1}')
        self.peer.send_event("login", name=self.name, password=PASSWORD)
        self.peer.until_event("notice", kind="here")


def test_what_is_confirmed_is_kept_and_everything_is_there_once_in_the_end(
    start_server: StartServer,
) -> None:
    chance = random.Random(11)
    server = start_server(message_rate=0)
    boss = server.join_superuser("boss")
    boss.answer_to("/create dev")
    senders = [Sender(server, name) for name in NAMES]
    for number in range(ROUNDS):
        muted = chance.choice(NAMES)
        boss.answer_to(f"/mute {muted} 1h")
        for one in senders:
            if chance.random() < 0.5:
                one.peer.send_event("command", line=f"/{chance.choice(('join', 'leave'))} dev")
            for _ in range(8):
                kind = chance.randrange(3)
                if kind == 2:
                    one.new("command", line=f"/messageto {chance.choice(NAMES)}")
                else:
                    one.new("post", room=("lobby", "dev")[kind])
            one.send_all()
            if chance.random() < 0.6:
                one.read_all()
        if number == ROUNDS // 2:
            server.kill()
            server.start()
            boss = server.join("boss")
        for one in senders:
            one.come_back()
        boss.answer_to(f"/unmute {muted}")
    for one in senders:
        one.peer.send_event("command", line="/join dev", cid="join")
        one.peer.until_event("result", cid="join")
        one.send_all()
        one.read_all()
        one.settle()
        assert not one.open
    assert {"muted", "not-inside"} <= set().union(*(one.codes for one in senders))
    boss.answer_to("/join dev")
    boss.answer_to("/room lobby")
    kept = boss.answer_to("/history 500")
    boss.answer_to("/room dev")
    boss.send("/history 500", "all is shown")
    kept += boss.until(": all is shown")
    for one in senders:
        one.peer.send_event("command", line="/mail 500", cid="mail")
        kept += one.peer.until_event("result", cid="mail")["text"]
    for one in senders:
        for cid in one.confirmed:
            text = f"<{one.name} {cid.partition('-')[2]}>"
            found = [line for line in re.split(r"\n(?! )", kept) if text in line]
            copies = [line for line in found if "private" in line]
            to_self = f"private to {one.name}:"
            most = 1 if not copies or any(to_self in line for line in copies) else 2
            assert len(found) == most, (text, found)


@pytest.mark.parametrize("refusal", ["muted", "not-inside"])
def test_a_refusal_that_was_lost_with_the_connection_costs_nothing(
    room: ServerProcess, boss: Peer, refusal: str
) -> None:
    name = f"lost{refusal[:3]}"
    one = Sender(room, name)
    boss.answer_to(f"/create of-{name}")
    target = "lobby" if refusal == "muted" else f"of-{name}"
    one.new("post", room="lobby")
    one.send_all()
    one.read_all()
    one.settle()
    if refusal == "muted":
        boss.answer_to(f"/mute {name} 1h")
    one.new("post", room=target)
    one.send_all()
    one.read_all()
    if refusal == "muted":
        boss.answer_to(f"/unmute {name}")
    else:
        one.peer.send_event("command", line=f"/join {target}", cid="join")
        one.peer.until_event("result", cid="join")
    (refused,) = one.open
    waiting = one.open.pop(refused)
    one.new("post", room=target)
    one.send_all()
    one.read_all()
    one.open = {refused: waiting}
    one.come_back()
    one.send_all()
    one.peer.until_event("message", cid=refused, kind="text")
    one.send_all()
    assert one.peer.until_event("result", cid=refused)["ok"]


@pytest.mark.parametrize("refusal", ["muted", "not-inside"])
def test_what_was_kept_is_confirmed_again_also_to_who_may_not_say_it_any_more(
    room: ServerProcess, boss: Peer, refusal: str
) -> None:
    name = f"had{refusal[:3]}"
    one = Sender(room, name)
    boss.answer_to(f"/create {name}-room")
    one.peer.send_event("command", line=f"/join {name}-room", cid="join")
    one.peer.until_event("result", cid="join")
    is_muted = refusal == "muted"
    one.new("post", room=f"{name}-room")
    if is_muted:
        _friend = room.join(f"{name}-friend")
        one.new("command", line=f"/messageto {name}-friend")
    one.send_all()
    one.read_all()
    kept = list(one.open)
    if is_muted:
        boss.answer_to(f"/mute {name} 1h")
    else:
        one.peer.send_event("command", line=f"/leave {name}-room", cid="leave")
        one.peer.until_event("result", cid="leave")
    one.new("post", room=f"{name}-room")
    if is_muted:
        one.new("command", line=f"/messageto {name}-friend")
    one.send_all()
    told: dict[str, Any] = {}
    while len(told) < len(one.open):
        answer = one.peer.until_event("result")
        told[answer["cid"]] = answer
    assert {cid for cid in told if told[cid]["ok"]} == set(kept)
    for cid in told.keys() - set(kept):
        assert told[cid]["code"] == refusal
        assert ("not write, until" if is_muted else "Type /join") in told[cid]["text"]
    one.peer.send_event("post", text="never", cid="1", room="nowhere")
    assert one.peer.until_event("result", cid="1")["code"] in (refusal, "no-such-room")
