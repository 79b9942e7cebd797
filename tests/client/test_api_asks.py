"""What a program asks by the library: messages read back, rooms, its own data, refusals."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from chatroom.client import Client, Ended, NotDelivered
from tests.client.test_strange import Call, Stranger, stranger
from tests.harness import PASSWORD, PATIENCE, Peer, ServerProcess

__all__ = ["stranger"]  # the fixture

SOON = PATIENCE / 2
"""Less than the patience of a client: what comes by then was not waited for in vain."""


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep pins and tickets with the test."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))


def client_of(room: ServerProcess, name: str) -> Client:
    """Log in by the library; the account is made if it has to be."""
    room.join(name).close()
    return Client("127.0.0.1", room.port, name=name, password=PASSWORD, bot=True)


@pytest.fixture
def robot(room: ServerProcess) -> Iterator[Client]:
    """Somebody who talks by the library."""
    with client_of(room, "robot") as client:
        yield client


@pytest.fixture
def ann(room: ServerProcess) -> Iterator[Peer]:
    """Somebody else, who talks in the lobby."""
    peer = room.join("ann")
    peer.answer_to("/room lobby")
    yield peer
    peer.close()


@pytest.fixture
def own_room(robot: Client, request: pytest.FixtureRequest) -> str:
    """A room of the robot's own, where it talks."""
    name = f"own{abs(hash(request.node.name)) % 10**8}"
    robot.command("create", room=name)
    return name


def test_a_message_is_found_shown_with_its_context_and_deleted(
    robot: Client, own_room: str
) -> None:
    ids = [robot.send(f"{word} of {own_room}", room=own_room) for word in "abcdefg"]
    (hit,) = robot.search(f'"d of {own_room}"')
    assert (hit.id, hit.room, hit.sender) == (ids[3], own_room, "robot")
    assert abs(datetime.now(UTC) - hit.at) < timedelta(minutes=5)
    around = robot.context(hit.id, 3)
    assert [message.id for message in around] == ids[2:5]
    assert [message.seq for message in around] == sorted(message.seq for message in around)
    robot.command("delete", id=hit.id)
    assert robot.context(hit.id, 1)[0].kind == "removed"
    assert len(robot.search(f'"d of {own_room}"')) == 0


def test_history_is_read_page_by_page_in_both_directions(robot: Client, own_room: str) -> None:
    ids = [robot.send(f"line {n}", room=own_room) for n in range(7)]
    page = robot.history(3, room=own_room)
    assert [message.id for message in page] == ids[4:]
    assert (page.room, page.first, page.last, page.more) == (own_room, ids[4], ids[6], True)
    page = robot.history(3, room=own_room, before=page.first)
    assert [message.id for message in page] == ids[1:4]
    page = robot.history(3, room=own_room, before=page.first)
    assert ([message.id for message in page], page.more) == (ids[:1], False)
    page = robot.history(3, room=own_room, from_=ids[1])
    assert [message.id for message in page] == ids[1:4]
    page = robot.history(3, room=own_room, around=ids[3])
    assert [message.id for message in page] == ids[2:5]


def test_history_means_the_room_where_the_visit_talks(robot: Client, own_room: str) -> None:
    robot.command("/room lobby")
    said = robot.send(f"in the lobby for {own_room}")
    assert robot.history(1)[0].id == said
    robot.command(f"/room {own_room}")
    assert len(robot.history()) == 0


def test_asking_takes_nothing_from_what_is_received(robot: Client, ann: Peer) -> None:
    ann.send("one that is read twice")
    ann.until("ann: one that is read twice")
    assert robot.history(1)[0].text == "one that is read twice"
    assert robot.history(1)[0].text == "one that is read twice"
    texts = []
    while message := robot.receive(0.3):
        texts.append(message.text)
    assert texts.count("one that is read twice") == 1


def test_private_messages_are_read_back(robot: Client, ann: Peer) -> None:
    robot.send("psst", to="ann")
    ann.until("private from robot: psst")
    ann.send("/messageto robot what is it?")
    ann.until("private to robot: what is it?")
    for page in (robot.history(2, with_="ann"), robot.mail(2)):
        assert [m.text for m in page] == ["psst", "what is it?"]
        assert [m.room for m in page] == ["", ""]
        assert [m.kind for m in page] == ["private", "private"]
    question = page[1].private_id
    assert robot.context(question, 1)[0].text == "what is it?"
    ann.send(f"/delete {question}")
    ann.until(f"The private message {question} is removed for good")
    assert [m.kind for m in robot.history(2, with_="ann")] == ["private", "removed"]


def test_rooms_are_records(robot: Client, own_room: str) -> None:
    found = {room.name: room for room in robot.rooms()}
    assert (found[own_room].owner, found[own_room].joined, found[own_room].private) == (
        True,
        True,
        False,
    )
    assert found[own_room].people == 1
    assert (found[own_room].role, found[own_room].archived) == ("owner", False)
    assert (found["lobby"].owner, found["lobby"].role) == (False, "")


def test_rooms_tell_what_is_unread(robot: Client, ann: Peer, own_room: str) -> None:
    ann.send(f"/join {own_room}", "one", "two")
    ann.until("ann: two")
    ann.send("/room lobby")
    ann.until("You talk in #lobby now")
    assert {room.name: room.unread for room in robot.rooms()}[own_room] == 2


def test_who_is_there_is_told_in_records(robot: Client, ann: Peer, own_room: str) -> None:
    ann.send("/busy lunch")
    ann.until("You are busy")
    found = {person.name: person for person in robot.who("lobby")}
    assert (found["ann"].busy, found["ann"].reason, found["ann"].sessions) == (True, "lunch", 1)
    assert (found["robot"].busy, found["robot"].grant) == (False, 1)
    ann.send("/free")  # others of this module write to her
    ann.until("You are free")
    for moment in (found["robot"].since, found["robot"].active):
        assert moment is not None
        assert abs(datetime.now(UTC) - moment) < timedelta(minutes=5)
    robot.command(f"/room {own_room}")
    assert [(person.name, person.role) for person in robot.who()] == [("robot", "owner")]
    with pytest.raises(NotDelivered) as raised:
        robot.who("nowhere")
    assert raised.value.code == "no-such-room"


def test_a_room_is_marked_as_read_at_all_devices(
    robot: Client, room: ServerProcess, own_room: str, ann: Peer
) -> None:
    def unread(client: Client) -> int:
        return sum(one.number for one in client.unread() if one.room == own_room)

    ann.send(f"/join {own_room}")
    ann.until(f"You talk in #{own_room}")
    with Client("127.0.0.1", room.port, name="robot", password=PASSWORD, bot=True) as other:
        for number in range(3):
            ann.send(f"unread {number}")
        ann.until("ann: unread 2")
        page = robot.history(3, room=own_room)
        assert (unread(robot), unread(other)) == (3, 3)
        robot.mark_read(page[1].id, own_room)
        assert (unread(robot), unread(other)) == (1, 1)
        other.mark_read(page[2].id, own_room)
        other.mark_read(page[0].id, own_room)
        assert (unread(robot), unread(other)) == (0, 0)


def test_unread_private_messages_tell_from_whom_and_are_marked(robot: Client, ann: Peer) -> None:
    def unread() -> list[tuple[str, str, int]]:
        return [(one.room, one.user, one.number) for one in robot.unread() if one.user]

    if robot.mail():
        robot.mark_read(robot.mail(1)[0].id, "")
    assert unread() == []
    ann.send("/messageto robot psst", "/messageto robot are you there?")
    ann.until("private to robot: are you there?")
    assert unread() == [("", "ann", 2)]
    robot.mark_read(robot.mail(1)[0].id, "")
    assert unread() == []


def test_what_cannot_be_marked_as_read_is_refused(robot: Client, own_room: str) -> None:
    said = robot.send("something", room=own_room)
    for message_id, name in ((said, "nowhere"), ("0000aaaa-1", own_room), ("", own_room)):
        with pytest.raises(NotDelivered) as raised:
            robot.mark_read(message_id, name)
        assert raised.value.code
    robot.mark_read(said, own_room)


def test_a_command_that_a_message_answers_is_over_with_it(robot: Client, own_room: str) -> None:
    robot.command(f"/room {own_room}")
    assert robot.command("me", text="waves").messages[0].text == "waves"
    assert robot.history(1, room=own_room)[0].text == "waves"
    assert robot.rooms()


def test_a_command_returns_its_answer_by_line_and_by_name(robot: Client) -> None:
    for answer in (robot.command("/whois robot"), robot.command("whois", user="robot")):
        assert (answer.code, [row["user"] for row in answer.rows]) == ("ok", ["robot"])
        assert "robot" in answer.text
    said = robot.send("a needle of the api")
    for answer in (
        robot.command('/search "needle of the api"'),
        robot.command("search", words='"needle of the api"'),
    ):
        assert [message.id for message in answer.messages] == [said]
        assert answer.text == "1 found."
    (own,) = robot.command("/me waves").messages
    assert (own.kind, own.text) == ("action", "waves")
    assert robot.command("busy", reason="lunch").fields["command"] == "busy"
    robot.command("free")


@pytest.mark.parametrize(
    ("refused", "code", "field"),
    [
        (lambda robot: robot.command("/nonsense"), "no-such-command", ""),
        (lambda robot: robot.command("history", count=5), "usage", "count"),
        (lambda robot: robot.history(room="nowhere"), "no-such-room", ""),
        (lambda robot: robot.history(100_000), "usage", "number"),
        (lambda robot: robot.search("x", from_="nobody-here"), "no-such-user", "from"),
        (lambda robot: robot.context("0000aaaa-1"), "no-such-message", ""),
        (lambda robot: robot.send("x", to="nobody-here"), "no-such-user", ""),
        (lambda robot: robot.send("x", room="nowhere"), "no-such-room", ""),
        (lambda robot: robot.command("ban", user="ann"), "not-allowed", ""),
    ],
)
def test_a_refusal_has_a_code_and_names_the_argument(
    robot: Client, refused: Callable[[Client], object], code: str, field: str
) -> None:
    with pytest.raises(NotDelivered) as raised:
        refused(robot)
    assert (raised.value.code, raised.value.field) == (code, field)
    assert robot.send("and goes on")


@pytest.mark.parametrize("command", ["/changepassword", "changepassword", "/deleteaccount"])
def test_a_command_that_asks_is_given_up_and_the_client_goes_on(
    robot: Client, command: str
) -> None:
    before = datetime.now(UTC)
    with pytest.raises(NotDelivered) as raised:
        robot.command(command)
    assert raised.value.code == "answer-first"
    assert datetime.now(UTC) - before < timedelta(seconds=SOON)
    assert robot.send("still here")
    assert robot.history(1)[0].text == "still here"


def test_an_export_is_whole_and_may_be_left_early(robot: Client, own_room: str) -> None:
    ids = [robot.send(f"{own_room} {n}", room=own_room) for n in range(20)]
    records = list(robot.export())
    assert (records[0]["part"], records[-1]["part"]) == ("account", "end")
    assert records[-1]["messages"] == len(records) - 2
    assert [r["text"] for r in records if r.get("room") == own_room][-20:] == [
        f"{own_room} {n}" for n in range(20)
    ]
    for record in robot.export():
        assert record["part"] == "account"
        break
    assert robot.history(1, room=own_room)[0].id == ids[-1]
    assert len(list(robot.export())) == len(records)


def test_a_slow_program_gets_its_whole_export(
    robot: Client, own_room: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chatroom.client.api.requests.RECORDS_MOST", 2)
    for n in range(10):
        robot.send(f"{own_room} {n}", room=own_room)
    export = robot.export()
    records = [next(export)]
    said = robot.send("something else meanwhile", room=own_room)
    assert robot.history(1, room=own_room)[0].id == said
    records += export
    assert records[-1] == {"part": "end", "messages": len(records) - 2}


def test_a_command_that_was_lost_with_its_connection_is_unconfirmed(stranger: Stranger) -> None:
    def serve() -> None:
        call = stranger.accept()
        call.let_in()
        call.hear_event("command")
        call.close()
        call = stranger.accept()
        call.let_in()
        cid = call.hear_event("command")["cid"]
        call.say_event("result", command="rooms", ok=True, text="lobby  1", cid=cid)
        call.say_goodbye()

    with visiting(stranger, serve) as client:
        with pytest.raises(NotDelivered) as raised:
            client.command("/rooms")
        assert raised.value.code == "unconfirmed"
        assert client.command("/rooms").text == "lobby  1"


def test_an_older_server_is_spoken_to_as_far_as_it_goes(stranger: Stranger) -> None:
    def refuse(call: Call, text: str) -> None:
        cid = call.hear_event("command")["cid"]
        call.say_event("result", command="dance", ok=False, text=text, cid=cid)

    def serve() -> None:
        call = stranger.accept()
        call.let_in()
        asked = call.hear_event("command")
        assert asked == {"line": "/rooms", "cid": asked["cid"]}
        call.say_event("result", command="rooms", ok=True, text="lobby  1", cid=asked["cid"])
        refuse(call, "No such command.")
        call.say_goodbye()

    with visiting(stranger, serve) as client:
        answer = client.command("rooms")
        assert (answer.code, answer.text, answer.rows) == ("ok", "lobby  1", ())
        with pytest.raises(NotDelivered) as raised:
            client.command("/dance")
        assert (raised.value.code, str(raised.value)) == ("refused", "No such command.")
        for ask in (client.rooms, client.history, lambda: client.command("join", room="dev")):
            with pytest.raises(NotDelivered) as raised:
                ask()
            assert raised.value.code == "not-understood"


@contextlib.contextmanager
def visiting(stranger: Stranger, serve: Callable[[], None]) -> Iterator[Client]:
    """Log in to a server of the test's own, which plays its part meanwhile."""
    failed: list[BaseException] = []

    def play() -> None:
        try:
            serve()
        except BaseException as error:
            failed.append(error)

    server = threading.Thread(target=play)
    server.start()
    try:
        with Client(
            "127.0.0.1", stranger.port, name="ann", password=PASSWORD, plain=True
        ) as client:
            yield client
    except Ended:
        if not failed:
            raise
    server.join(PATIENCE)
    assert not failed, failed
