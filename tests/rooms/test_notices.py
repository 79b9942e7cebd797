"""A NOTICE of an IRC client: to everybody else it is a text, or a private message."""

from chatroom.rooms.room import LOBBY
from chatroom.session.faces import PLAIN
from chatroom.storage.records import NOTICE, Post
from tests.rooms.house import House, lines


def test_in_a_room_it_is_a_text(house: House) -> None:
    house.come("ann")
    _, paper, _ = house.come("bob")
    lobby = house.rooms.roster.of_log(LOBBY)
    assert lobby is not None
    lobby.post(NOTICE, house.accounts["ann"], "bob, dinner is ready")
    house.settle()
    [shown] = [one for one in lines(paper.text) if one.get("kind") in ("text", "notice")]
    assert (shown["kind"], shown["text"], shown["mentions"]) == (
        "text",
        "bob, dinner is ready",
        True,
    )


def test_to_a_person_it_is_a_private_message(house: House) -> None:
    house.come("ann")
    _, paper, _ = house.come("bob")
    ann, bob = house.accounts["ann"], house.accounts["bob"]
    person = house.person("ann")
    house.directory.send_private(person, bob, "beep", "", person.members[0], kind=NOTICE)
    house.settle()
    [shown] = [one for one in lines(paper.text) if one.get("text") == "beep"]
    assert (shown["kind"], shown["room"], shown["to"]) == ("private", "", "bob")
    assert shown["private_id"]
    post = Post("@id-bob", NOTICE, ann.id, "ann", "beep", to="bob", to_id=bob.id)
    assert b"private from ann: beep" in PLAIN.messages([post], {})
