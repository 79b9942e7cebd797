"""What a session is shown of its own: one that shows its lines itself gets them as it asks for."""

import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pytest

from chatroom.errors import Refusal
from chatroom.net.outbox import Outbox
from chatroom.net.stripe import Stripe
from chatroom.rooms.room import LOBBY, Member, Room
from chatroom.session.faces import EVENTS
from chatroom.storage.records import JOIN, LEAVE, TEXT, Post
from chatroom.storage.rules.receipts import ORDINARY, Receipt
from tests.rooms.house import SHOWING, House, Paper, lines


@dataclass(frozen=True)
class Labelled:
    """Who posts and wants to see the own line in another way."""

    member: Member
    label: str
    """Empty: it is not shown at all."""

    @property
    def own(self) -> "Labelled":
        return self

    def render(self, post: Post, names: Mapping[str, str]) -> bytes:
        if not self.label:
            return b""
        return EVENTS.notice(self.label, post.text, room=names[post.log])

    def accepted(self, post: Post, names: Mapping[str, str]) -> None:
        self.member.outbox.offer(EVENTS.notice("accepted", post.text))

    def returned(self, post: Post, refusal: Refusal | None) -> None:
        sentence = refusal.sentence if refusal else "had it"
        self.member.outbox.offer(EVENTS.notice("returned", sentence))


def texts(paper: Paper) -> list[str]:
    return [one["text"] for one in lines(paper.text) if one.get("text")]


def room_of(house: House, name: str = LOBBY) -> Room:
    found = house.rooms.roster.room_named(name, next(iter(house.accounts.values())).id)
    assert found is not None
    return found


def test_who_shows_own_lines_itself_is_shown_those_of_others_only(house: House) -> None:
    ann, paper, _ = house.come_as(SHOWING, "ann")
    _, other, _ = house.come_as(SHOWING, "ann")
    _, plain_paper, _ = house.come("bob")
    account, bob = house.accounts["ann"], house.accounts["bob"]
    house.settle()
    for one in (paper, other, plain_paper):
        one.text = ""
    lobby = room_of(house)
    lobby.post(TEXT, bob, "one")
    lobby.post(TEXT, account, "two", origin=Labelled(ann, ""))
    lobby.post(TEXT, account, "three", origin=Labelled(ann, "my-label"))
    lobby.post(TEXT, bob, "four")
    house.settle()
    assert texts(paper) == ["one", "three", "four"]
    assert "my-label" in paper.text
    for seen in (other, plain_paper):
        assert texts(seen) == ["one", "two", "three", "four"]
        assert "my-label" not in seen.text


def test_own_lines_stay_own_for_who_ignores_somebody(house: House) -> None:
    ann, paper, _ = house.come_as(SHOWING, "ann")
    house.come("bob")
    house.come("carl")
    house.settle()
    ann.ignores = frozenset({house.accounts["bob"].id})
    lobby = room_of(house)
    lobby.invalidate_snapshot()
    paper.text = ""
    lobby.post(TEXT, house.accounts["bob"], "unseen")
    lobby.post(TEXT, house.accounts["ann"], "mine", origin=Labelled(ann, ""))
    lobby.post(TEXT, house.accounts["carl"], "seen")
    house.settle()
    assert texts(paper) == ["seen"]


def test_a_session_that_shows_rooms_is_told_of_others_coming_and_not_of_its_own(
    house: House,
) -> None:
    _, paper, _ = house.come_as(SHOWING, "ann")
    house.settle()
    bob, other, _ = house.come_as(SHOWING, "bob")
    house.settle()
    house.directory.depart(bob)
    _, again, _ = house.come_as(SHOWING, "bob")
    house.settle()
    assert paper.kinds(JOIN) == ["bob", "bob"]
    assert paper.kinds(LEAVE) == ["bob"]
    assert "ann" not in paper.kinds(JOIN)
    assert other.kinds(JOIN) == again.kinds(JOIN) == []


def test_who_has_left_a_room_says_itself_that_a_line_was_kept(house: House) -> None:
    ann, paper, _ = house.come_as(SHOWING, "ann")
    house.come("bob")
    person, account = house.person("ann"), house.accounts["ann"]
    den = house.rooms.ownership.create(person, ann, "den", private=False)
    house.rooms.memberships.leave(person, ann, "den")
    house.settle()
    paper.text = ""
    den.post(TEXT, account, "late", origin=Labelled(ann, "my-label"))
    house.settle()
    assert "accepted" in paper.text
    assert "my-label" not in paper.text


def test_nothing_is_held_back_from_who_shows_rooms_while_busy(house: House) -> None:
    ann, paper, _ = house.come_as(SHOWING, "ann")
    _, held, _ = house.come("ann")
    house.come("bob")
    house.settle()
    person, lobby = house.person("ann"), room_of(house)
    house.rooms.busy.begin(person, "lunch")
    house.say("bob", "meanwhile")
    bob = house.rooms.roster.person(house.accounts["bob"].id)
    assert bob is not None
    house.directory.depart(bob.members[0])
    lobby.post(TEXT, house.accounts["ann"], "mine", origin=Labelled(ann, "my-label"))
    house.settle()
    assert "meanwhile" in paper.text
    assert paper.kinds(LEAVE) == ["bob"]
    assert "my-label" in paper.text
    assert "meanwhile" not in held.text
    assert "mine" in held.text  # who is busy is shown what was said by oneself
    house.rooms.busy.end(person)
    assert held.told()[-1] == "You are free. 1 missed:"
    assert paper.told()[-1] == "You are free."
    house.come("carl")
    house.settle()
    assert held.kinds(JOIN)[-1] == paper.kinds(JOIN)[-1] == "carl"


def test_who_comes_while_busy_is_shown_what_was_missed_if_it_shows_rooms(house: House) -> None:
    ann, _, _ = house.come("ann")
    house.rooms.busy.begin(house.person("ann"), "lunch")
    house.directory.depart(ann, is_away=True)
    house.come("bob")
    house.say("bob", "meanwhile")
    again, paper, shown = house.come_as(SHOWING, "ann")
    assert "meanwhile" in [one["text"] for one in shown]
    assert again.cursors is None
    house.say("bob", "and now")
    assert "and now" in paper.text


def test_the_echo_of_a_private_message_is_an_own_line_of_who_has_sent_it(house: House) -> None:
    ann, paper, _ = house.come_as(SHOWING, "ann")
    _, other, _ = house.come_as(SHOWING, "ann")
    _, to, _ = house.come_as(SHOWING, "bob")
    house.settle()
    for text, whom in (("psst", "bob"), ("note", "ann")):
        for one in (paper, other, to):
            one.text = ""
        origin = Labelled(ann, "my-label")
        send = house.rooms.directory.send_private
        send(house.person("ann"), house.accounts[whom], text, "", origin)
        house.settle()
        assert [one["kind"] for one in lines(paper.text)] == ["my-label"]
        assert texts(other) == [text]
        assert "my-label" not in other.text
        assert texts(to) == ([text] if whom == "bob" else [])


@pytest.fixture
def pair() -> Iterator[list[tuple[Outbox, socket.socket]]]:
    stripe, made = Stripe(), []
    ours: list[socket.socket] = []
    for _ in range(3):
        here, there = socket.socketpair()
        here.setblocking(False)
        there.settimeout(10)
        ours.append(here)
        made.append((Outbox(here, stripe, 1 << 20, Nobody(), b""), there))
    yield made
    for outbox, there in made:
        outbox.close()
        there.close()


class Nobody:
    """A flusher that is not needed: all fits into the sockets."""

    def watch(self, outbox: Outbox) -> None:
        raise AssertionError("a socket was full")


def test_who_shares_a_stripe_with_own_lines_is_shown_every_line_once(
    house: House, pair: list[tuple[Outbox, socket.socket]]
) -> None:
    house.register("ann")
    lobby = room_of(house)
    members = []
    for number, (outbox, _) in enumerate(pair):
        member = Member(f"id-{number}", SHOWING, outbox, lambda last: None)
        member.name, member.room = f"one{number}", lobby
        lobby.enter(member.account_id, (member,))
        members.append(member)
    posts, receipts = [], []
    for seq, member in enumerate(members, 1):
        post = Post(LOBBY, TEXT, member.account_id, member.name, f"text {seq}", seq=seq, epoch="a")
        posts.append(post)
        if seq < 3:
            receipts.append(Receipt(post, Labelled(member, f"label{seq}"), ORDINARY))
        else:
            receipts.append(Receipt(post, member, ORDINARY))
    lobby.deliver(posts, receipts)
    for number, (_, there) in enumerate(pair, 1):
        found = lines(there.recv(65536).decode())
        assert [one["text"] for one in found] == ["text 1", "text 2", "text 3"]
        told = [one["kind"] for one in found if one["kind"] != TEXT]
        assert told == ([f"label{number}"] if number < 3 else [])
