"""A person, a server and a line that breaks at any moment: nothing is lost, doubled or misled.

All in one process: the client's conversation against a few lines that do what the server promises
(a message is kept once, however often it comes).
"""

import random
from collections import deque
from typing import Any

import pytest

from chatroom.client.conversation import Conversation, Prompt, State
from chatroom.client.conversation.actions import Finish, HoldOff, Reconnect, Send, SendAgain
from chatroom.client.credentials import Credentials
from chatroom.client.pending import Sent
from chatroom.client.said import Said
from chatroom.errors import Code, UserError

STEPS = 150


class House:
    """What the server keeps, over one connection after the other."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.kept: dict[str, str] = {}  # cid: text, in the order in which they came first
        self.commands: list[str] = []
        self.secrets_heard: list[tuple[str, str]] = []  # the question, and what was answered
        self._questions = 0
        self.begin()

    def begin(self) -> None:
        """Say hello on a new connection."""
        self.out: deque[Said] = deque()
        self._is_in = False
        self._open: tuple[str, str] | None = None  # what is asked, and its text
        self._command = ""
        self.say("hello", v=1)
        self.ask("account")

    def say(self, word: str, **fields: Any) -> None:
        self.out.append(Said(word, fields))

    def ask(self, ask: str) -> None:
        self._questions += 1
        self._open = (ask, f"Q{self._questions}")
        is_secret = "password" in ask
        self.say("prompt", ask=ask, text=self._open[1], secret=is_secret)

    def take(self, word: str, fields: dict[str, Any]) -> None:
        """Hear one line of the client."""
        if word == "post":
            assert self._is_in
            self.kept.setdefault(fields["cid"], fields["text"])
            self.say("message", room=fields["room"], cid=fields["cid"], **{"from": "ann"})
        elif word == "command":
            assert self._is_in
            self.commands.append(fields["cid"])
            if fields["line"] == "/changepassword":
                self._command = fields["cid"]
                self.ask("old-password")
            else:
                self.say("result", cid=fields["cid"], ok=self.chance.random() < 0.5)
        elif word == "answer":
            self._answered(fields["text"])
        else:
            assert word in ("login", "resume"), word
            assert not self._is_in
            self._log_in(word, fields)

    def _answered(self, text: str) -> None:
        assert self._open is not None, "an answer to nothing"
        (ask, question), self._open = self._open, None
        if "password" in ask:
            self.secrets_heard.append((question, text))
        follows = {"account": "name", "name": "password", "old-password": "new-password"}
        if ask in follows:
            self.ask(follows[ask])
        elif self._is_in:
            self.say("result", cid=self._command, ok=True, command="changepassword")

    def _log_in(self, word: str, fields: dict[str, Any]) -> None:
        asked, self._open = self._open, None
        if asked is not None and asked[0] == "password" and word == "login":
            self.secrets_heard.append((asked[1], fields["password"]))
        chance = self.chance.random()
        if chance < 0.15:
            self.say("notice", kind="error", code=Code.CROWDED, wait=0.1, text="Full.")
            self.ask("account")
        elif chance < 0.25 and word == "resume":
            self.say("notice", kind="error", code=Code.TICKET, text="No.")
            self.ask("account")
        else:
            self._is_in = True
            self.say("ticket", ticket=f"t{self._questions}")
            self.say("notice", kind="welcome", user="ann", room="lobby")


class Person:
    """Types, answers what was seen, and is cut off again and again."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.house = House(self.chance)
        is_known = seed % 2 == 0
        credentials = Credentials("ann", "A-known") if is_known else Credentials()
        credentials.is_given = False
        self.talk = Conversation(credentials, "here")
        self.on_the_way: deque[tuple[str, dict[str, Any]]] = deque()
        self.posted: list[Sent] = []
        self.commanded: list[Sent] = []
        self.seen: list[Prompt] = []

    def step(self) -> None:
        do = self.chance.choices(
            (self.hear, self.arrive, self.post, self.command, self.answer, self.lose),
            (10, 10, 3, 1, 3, 1),
        )[0]
        do()

    def send(self, word: str, fields: Any) -> None:
        self.on_the_way.append((word, dict(fields)))

    def arrive(self) -> None:
        """One line of ours reaches the server."""
        if self.on_the_way:
            self.house.take(*self.on_the_way.popleft())

    def hear(self) -> None:
        """One line of the server reaches us."""
        if not self.house.out:
            return
        for action in self.talk.hear(self.house.out.popleft()):
            assert not isinstance(action, Finish | Reconnect), action
            if isinstance(action, Send):
                self.send(action.word, action.fields)
            elif isinstance(action, SendAgain):
                for sent in self.talk.let_in(action):
                    self.send(sent.word, sent.fields)
                self.talk.sent_again()
            elif isinstance(action, HoldOff):
                assert action.why.code == Code.CROWDED
        if self.talk.prompt is not None and self.talk.prompt not in self.seen:
            self.seen.append(self.talk.prompt)

    def post(self) -> None:
        if not self._may_type():
            return
        sent = self.talk.post(f"m{len(self.posted)}")
        self.posted.append(sent)
        if not sent.is_held:
            self.send(sent.word, sent.fields)

    def command(self) -> None:
        if self.talk.state is not State.TALKING:
            with pytest.raises(UserError):
                self.talk.command("/who")
        elif self._may_type():
            line = self.chance.choice(("/who", "/changepassword"))
            sent = self.talk.command(line)
            self.commanded.append(sent)
            self.send(sent.word, sent.fields)

    def _may_type(self) -> bool:
        """Behind a command the keyboard waits until that is answered, or asks something."""
        talk = self.talk
        return talk.is_open and talk.prompt is None and not talk.awaited.is_open

    def answer(self) -> None:
        """Finish the answer to a question that was seen: the open one, or an older one."""
        if not self.seen:
            return
        prompt = self.chance.choice(self.seen[-3:])
        text = f"A-{prompt.text}" if prompt.secret else "n"
        line = self.talk.answer(prompt, text)
        if line is not None:
            self.send(line.word, line.fields)

    def lose(self) -> None:
        """The line breaks: some of what is on the way still arrives, and the rest never."""
        for _ in range(self.chance.randrange(len(self.on_the_way) + 1)):
            self.arrive()
        for _ in range(self.chance.randrange(len(self.house.out) + 1)):
            self.hear()
        self.on_the_way.clear()
        done = list(self.talk.lost("gone", None, is_cut_short=False))
        if self.talk.state is State.DOWN and not isinstance(done[-1], Finish):
            assert isinstance(done[-1], Reconnect)
            self.house.begin()

    def end(self) -> None:
        """Let all arrive."""
        for _ in range(5000):
            is_quiet = not self.on_the_way and not self.house.out
            if is_quiet and self.talk.prompt is None and self.talk.state is State.TALKING:
                return
            self.hear()
            self.arrive()
            if self.talk.prompt is not None:
                self.seen = [self.talk.prompt]
                self.answer()
        raise AssertionError("it does not come to rest")


@pytest.mark.parametrize("seed", range(300))
def test_whatever_breaks_nothing_is_lost_doubled_or_answered_to_another_question(seed: int) -> None:
    person = Person(seed)
    person.hear()  # the hello: whoever closes before it does not let in
    for _ in range(STEPS):
        person.step()
    person.end()
    house = person.house
    assert list(house.kept.values()) == [sent.text for sent in person.posted]
    assert list(house.kept) == [sent.cid for sent in person.posted]
    assert not person.talk.pending
    assert len(set(house.commands)) == len(house.commands)  # none is ever sent twice
    wrong = [(q, text) for q, text in house.secrets_heard if text not in (f"A-{q}", "A-known")]
    remembered = {f"A-{q}" for q, _ in house.secrets_heard}
    assert [text for _, text in wrong if text not in remembered] == []
