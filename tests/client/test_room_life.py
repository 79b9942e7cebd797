"""Programs and people while rooms are renamed, handed on and deleted, with a real server."""

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from chatroom.client import Client, Event, Message, NotDelivered
from tests.client.test_send import Shell, listening
from tests.harness import PASSWORD, PATIENCE, Peer, ServerProcess
from tests.tools.partition import Partition
from tests.typist import Typist


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep pins and tickets with the test."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))


Login = Callable[..., Client]


@pytest.fixture
def login(room: ServerProcess) -> Iterator[Login]:
    """Let people log in by the library, each with an account that is made if it has to be."""
    with contextlib.ExitStack() as people:

        def log_in(name: str, port: int = 0, **more: object) -> Client:
            room.device(name).close()
            where = ("127.0.0.1", port or room.port)
            return people.enter_context(
                Client(*where, name=name, password=PASSWORD, bot=True, **more)  # type: ignore[arg-type]
            )

        yield log_in


@pytest.fixture
def network(room: ServerProcess) -> Iterator[Partition]:
    """A network that can fail."""
    between = Partition(("127.0.0.1", room.port))
    yield between
    between.close()


def until(client: Client, kind: str) -> Event:
    """Return the next event of a kind."""
    while True:
        found = client.receive_any(PATIENCE)
        assert found is not None, f"waited for {kind}"
        if isinstance(found, Event) and found.kind == kind:
            return found


def delete(room: ServerProcess, name: str) -> None:
    """Let olivia delete a room of hers, which asks a question."""
    peer = room.device("olivia")
    peer.send_event("command", line=f"/room {name}", cid="r")
    assert peer.until_event("result", cid="r")["ok"]
    peer.send_event("command", line="/deleteroom", cid="d")
    peer.until_event("prompt", ask="confirm-room")
    peer.send_event("answer", text=name)
    assert peer.until_event("result", cid="d")["ok"]
    peer.close()


def said(client: Client, text: str) -> Message:
    """Return the next message with a text."""
    while True:
        found = client.receive(PATIENCE)
        assert found is not None, f"waited for {text}"
        if found.text == text:
            return found


# -- programs --------------------------------------------------------------------------------------


def test_a_program_follows_the_life_of_a_room(login: Login) -> None:
    olivia, robot = login("olivia"), login("robot")
    olivia.command("/create garden private")
    room_id = olivia.room_id("garden")
    olivia.command("invite", user="robot")
    invited = until(robot, "invited")
    assert (invited.room, invited.room_id, invited.by) == ("garden", room_id, "olivia")
    robot.command("join", room="garden")
    assert until(robot, "room").room_id == room_id
    olivia.command("topic", text="roses")
    assert until(robot, "topic").fields["topic"] == "roses"
    olivia.command("renameroom", new="orchard")
    renamed = until(robot, "renameroom")
    assert (renamed.room, renamed.room_id, renamed.by) == ("orchard", room_id, "olivia")
    assert renamed.fields["was"] == "garden"
    assert robot.joined is not None and "orchard" in robot.joined and "garden" not in robot.joined
    assert robot.room_ids["orchard"] == room_id
    for command, kind in (("public", "public"), ("archive", "archived"), ("private", "private")):
        olivia.command(command)
        assert until(robot, kind).room_id == room_id
    olivia.command("unarchive")
    olivia.command("/slow 10s")
    assert until(robot, "slow").fields["seconds"] == 10
    for command, kind in (("/roommute robot 10m", "roommute"), ("/unroommute robot", "unroommute")):
        olivia.command(command)
        told = until(robot, kind)
        assert (told.room, told.room_id) == ("orchard", room_id)
    olivia.command("/roomban robot 10m too loud")
    left = until(robot, "left")
    assert (left.room_id, left.by, left.fields["sanction"]) == (room_id, "olivia", "roomban")
    assert robot.joined is not None and "orchard" not in robot.joined
    olivia.command("/unroomban robot")
    olivia.command("invite", user="robot")
    until(robot, "invited")
    robot.command("join", room=room_id)
    olivia.command("moderator", user="robot")
    assert until(robot, "moderator").user == "robot"
    olivia.command("transfer", user="robot")
    assert until(robot, "owner").user == "robot"
    robot.command("remove", user="olivia")
    left = until(olivia, "left")
    assert (left.room, left.room_id, left.by) == ("orchard", room_id, "robot")
    assert olivia.joined is not None and "orchard" not in olivia.joined
    record = json.loads(json.dumps(renamed.record()))
    assert (record["type"], record["kind"], record["was"]) == ("event", "renameroom", "garden")


def test_messages_and_events_come_in_their_order(login: Login) -> None:
    olivia, robot = login("olivia"), login("robot")
    olivia.command("/create river")
    robot.command("/join river")
    olivia.send("before", room="river")
    olivia.command("renameroom", new="stream")
    olivia.send("after", room="river")
    seen = []
    for found in robot.follow():
        if isinstance(found, Message) and found.kind == "text":
            seen.append((found.text, found.room))
        elif isinstance(found, Event) and found.kind == "renameroom":
            seen.append(("renamed", found.room))
        if seen and seen[-1][0] == "after":
            break
    assert seen == [("before", "river"), ("renamed", "stream"), ("after", "stream")]


def test_what_a_program_asks_of_a_room_goes_on_under_each_of_its_names(login: Login) -> None:
    olivia = login("olivia")
    olivia.command("/create quarry")
    room_id = olivia.room_id("#Quarry")
    first = olivia.send("first", room="quarry")
    olivia.command("renameroom", new="pit")
    for name in ("quarry", "pit", room_id):
        assert olivia.room_id(name) == room_id
        page = olivia.history(room=name)
        assert (page.room, page.room_id, page[0].id) == ("pit", room_id, first)
        assert [one.role for one in olivia.who(name)] == ["owner"]
        olivia.mark_read(first, name)
    assert olivia.history()[0].room_id == room_id  # where the visit talks
    (row,) = (one for one in olivia.rooms() if one.room_id == room_id)
    assert (row.name, row.joined, row.role) == ("pit", True, "owner")
    with pytest.raises(NotDelivered) as refused:
        olivia.room_id("no-such-pit")
    assert refused.value.code == "no-such-room"


def test_a_line_that_was_sent_without_a_connection_arrives_in_the_renamed_room(
    login: Login, network: Partition
) -> None:
    lost = threading.Event()
    olivia = login("olivia")
    robot = login("robot", port=network.address[1], tell=lambda _: lost.set())
    olivia.command("/create shed")
    robot.command("/join shed")
    lost.clear()
    network.refuse()
    network.drop()
    assert lost.wait(PATIENCE)
    sending = threading.Thread(target=robot.send, args=("typed meanwhile",))
    sending.start()
    olivia.command("renameroom", new="barn")
    olivia.command("/create shed")  # the old name means another room by now
    network.heal()
    sending.join(PATIENCE)
    assert said(olivia, "typed meanwhile").room == "barn"
    assert robot.joined is not None and "barn" in robot.joined and "shed" not in robot.joined


def test_a_line_that_was_sent_without_a_connection_into_a_room_that_is_gone_is_refused(
    room: ServerProcess, login: Login, network: Partition
) -> None:
    lost = threading.Event()
    olivia = login("olivia")
    robot = login("robot", port=network.address[1], tell=lambda _: lost.set())
    olivia.command("/create tent")
    robot.command("/join tent")
    lost.clear()
    network.refuse()
    network.drop()
    assert lost.wait(PATIENCE)
    refused: list[NotDelivered] = []

    def send() -> None:
        try:
            robot.send("too late")
        except NotDelivered as why:
            refused.append(why)

    sending = threading.Thread(target=send)
    sending.start()
    delete(room, "tent")
    olivia.command("/create tent")  # nothing that was meant for the old one may get there
    network.heal()
    sending.join(PATIENCE)
    assert [why.code for why in refused] == ["no-such-room"]
    assert "!" not in str(refused[0])
    assert robot.joined is not None and "tent" not in robot.joined


# -- scripts and people ----------------------------------------------------------------------------


@pytest.fixture
def shell(room: ServerProcess, tmp_path: Path) -> Shell:
    """A script's shell; the account robot exists."""
    room.device("robot").close()
    return Shell(tmp_path, room.port)


def test_a_script_goes_on_in_a_room_that_is_renamed(login: Login, shell: Shell) -> None:
    olivia, where = login("olivia"), ("127.0.0.1", str(shell.port), "--name", "robot")
    olivia.command("/create works")
    here = (*where, "--room", "works")
    wait = shell.start("wait", *here, "--join", "--match", "^done$", password=PASSWORD)
    listening(wait)
    tail = shell.start("tail", *here, "--json", "--events", "--bot", password=PASSWORD)
    listening(tail)
    olivia.command("renameroom", new="plant")
    olivia.send("elsewhere", room="lobby")
    olivia.send("done")
    assert wait.communicate(timeout=PATIENCE)[0].endswith("#plant | olivia: done\n")
    assert tail.stdout
    rows = map(json.loads, tail.stdout)
    seen = []
    for row in rows:
        seen.append((row["type"], row["kind"], row["room"]))
        if row["type"] == "message" and row["text"] == "done":
            break
    tail.kill()
    tail.communicate()
    assert ("event", "renameroom", "plant") in seen
    assert seen[-1] == ("message", "text", "plant")
    assert {room for _, _, room in seen} <= {"works", "plant"}
    for name in ("works", "plant"):  # also by the name that it had
        words = ("send", "--at", f"127.0.0.1:{shell.port}", "--name", "robot", "--room", name)
        assert shell.run(*words, f"by {name}", password=PASSWORD)[0] == 0
        assert said(olivia, f"by {name}").room == "plant"
        history = shell.run("history", *where, "--room", name, password=PASSWORD)
        assert "olivia: done" in history[1]


def test_a_script_ends_with_the_room_that_it_is_about(
    room: ServerProcess, login: Login, shell: Shell
) -> None:
    olivia, where = login("olivia"), ("127.0.0.1", str(shell.port), "--name", "robot", "--join")
    olivia.command("/create hut")
    here = (*where, "--room", "hut", "--json", "--bot")
    scripts = [
        shell.start("wait", *here, "--match", "^done$", password=PASSWORD),
        shell.start("tail", *here, "--events", password=PASSWORD),
    ]
    for script in scripts:
        listening(script)
    delete(room, "hut")
    (nothing, why), (rows, _) = [script.communicate(timeout=PATIENCE) for script in scripts]
    assert [script.returncode for script in scripts] == [5, 5]
    assert (nothing, why.strip()) == ("", "olivia has deleted #hut for good.")
    assert json.loads(rows.splitlines()[-1])["kind"] == "roomgone"


def test_events_of_a_script_are_json(shell: Shell) -> None:
    status, _, told = shell.run("tail", "127.0.0.1", str(shell.port), "--events")
    assert (status, "--json" in told) == (2, True)


def test_the_prompt_shows_the_name_of_now_at_once(
    room: ServerProcess, login: Login, tmp_path: Path
) -> None:
    olivia = login("olivia")
    olivia.command("/create attic")
    ann = Typist(tmp_path / "ann", room.port)
    ann.register("ann")
    ann.type("/join attic\r")
    ann.waits_for(lambda rows: rows[-1] == "#attic>")
    olivia.command("renameroom", new="loft")
    ann.waits_for(lambda rows: rows[-1] == "#loft>")
    ann.type("/room lobby\r")
    ann.waits_for(lambda rows: rows[-1] == "#lobby>")
    olivia.send("one", room="attic")
    ann.waits_for(lambda rows: rows[-1] == "#lobby [#loft 1]>")
    olivia.command("renameroom", new="garret")
    ann.waits_for(lambda rows: rows[-1] == "#lobby [#garret 1]>")
    ann.type("/room gar\t")
    ann.waits_for(lambda rows: rows[-1].endswith("> /room garret"))
    ann.close()


@pytest.mark.parametrize("flags", [(), ("--linear",)])
@pytest.mark.parametrize("end", ["archive", "delete"])
def test_what_was_typed_without_a_connection_and_is_refused_is_shown_again(
    room: ServerProcess,
    login: Login,
    network: Partition,
    tmp_path: Path,
    end: str,
    flags: tuple[str, ...],
) -> None:
    name, who = f"tower-{end}{len(flags)}", f"typist-{end}{len(flags)}"
    olivia = login("olivia")
    olivia.command(f"/create {name}")
    person = Typist(tmp_path / who, network.address[1], *flags)
    person.answer("[y/n]", "y")
    person.answer("user name:", who)
    person.answer("(8 bytes or more):", PASSWORD)
    person.answer("again:", PASSWORD)
    person.sees("Here now")
    person.type(f"/join {name}\r")
    person.sees(f"You talk in #{name} now")
    network.refuse()
    network.drop()
    person.sees("lost" if flags else "no connection")
    for line in ("too late", "by far"):
        person.type(f"{line}\r")
    person.sees("by far")
    if end == "archive":
        olivia.command("archive")
    else:
        delete(room, name)
    network.heal()
    person.sees("is archived" if end == "archive" else "That room is not there any more.")
    person.sees(f"Not sent to #{name}: too late")
    person.sees(f"Not sent to #{name}: by far")
    person.close()


def test_an_older_client_goes_on_by_names_alone(room: ServerProcess, login: Login) -> None:
    olivia = login("olivia")
    olivia.command("/create cellar")
    old = room.device("oldtimer")
    old.send_event("command", line="/join cellar")
    old.until_event("control", do="room", room="cellar")
    seen = olivia.send("seen", room="cellar")
    assert old.until_event("message", text="seen")["id"] == seen
    ticket = _ticket(old, room)
    olivia.command("renameroom", new="vault")
    missed = olivia.send("missed", room="vault")
    again = room.program_start()
    again.send_event("resume", ticket=ticket, cursors={"cellar": seen}, room="cellar")
    assert again.until_event("notice", kind="welcome")["room"] == "vault"
    assert again.until_event("message", old=True)["id"] == missed
    again.until_event("notice", kind="resumed")
    again.send_event("post", text="queued", room="cellar", cid="oldclient-1")
    assert again.until_event("message", cid="oldclient-1")["room"] == "vault"
    again.send_event("read", room="cellar", id=missed, cid="r")
    again.send_event("command", line="/history in cellar", cid="h")
    assert again.until_event("result", cid="h")["room"] == "vault"
    again.vanish()
    last = olivia.send("last", room="vault")
    for cursors in ({"cellar": seen, "vault": missed}, {"vault": missed, "cellar": seen}):
        again = room.program_start()  # it has heard of the room under two names
        again.send_event("resume", ticket=ticket, cursors=cursors, room="vault")
        assert again.until_event("message", old=True)["text"] == "queued"
        assert again.until_event("message", old=True)["id"] == last
        again.vanish()


def _ticket(peer: Peer, room: ServerProcess) -> str:
    """Log in once more, with a ticket, and be away; return it."""
    peer.close()
    again = room.program_start()
    again.send_event("login", name="oldtimer", password=PASSWORD, ticket=True)
    ticket = str(again.until_event("ticket")["ticket"])
    again.vanish()
    return ticket


# -- many at once ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("people", "number", "renames"),
    [(4, 120, 4), pytest.param(32, 1024, 7, marks=pytest.mark.soak)],
)
def test_nothing_is_lost_of_what_many_say_while_their_room_is_renamed(
    login: Login, network: Partition, people: int, number: int, renames: int
) -> None:
    """One reader stays, one loses the connection again and again, one reads nothing yet."""
    name = f"market{people}"
    olivia = login("olivia")
    olivia.command(f"/create {name}")
    room_id = olivia.room_id(name)
    stays = login("stays")
    comes_back = login("comesback", port=network.address[1])
    reads_later = login("readslater", receives=False)
    posters = [login(f"poster{at}", receives=False) for at in range(people)]
    for client in (stays, comes_back, reads_later, *posters):
        client.command(f"/join {name}")
    each = number // people
    gate = threading.Barrier(people)

    def post(client: Client, at: int) -> None:
        gate.wait(PATIENCE)
        where = (name, room_id, None)[at % 3]  # as it was called first, by its id, where one talks
        for count in range(each):
            client.send(f"{client.name} {count}", room=where)

    threads = [threading.Thread(target=post, args=(one, at)) for at, one in enumerate(posters)]
    for thread in threads:
        thread.start()
    heard: list[Message] = []
    total = each * people
    called, left = name, total // 4
    while len(heard) < total:
        message = stays.receive(PATIENCE)
        assert message is not None, len(heard)
        if message.kind != "text" or message.room_id != room_id:
            continue
        heard.append(message)
        if len(heard) % (total // (renames + 1)) == 0 and renames:
            renames -= 1
            called = f"{name}-{renames}"
            olivia.command("renameroom", new=called)
            if renames % 2:
                network.drop()
        if len(heard) == total - left:
            reads_later.mark_read(message.id, name)
    for thread in threads:
        thread.join(PATIENCE)
    assert heard[-1].room != name
    seqs = [message.seq for message in heard]
    assert seqs == list(range(seqs[0], seqs[0] + total))
    for client in posters:
        own = [message.text for message in heard if message.sender == client.name]
        assert own == [f"{client.name} {count}" for count in range(each)]
    again: list[Message] = []
    while len(again) < total:
        message = comes_back.receive(PATIENCE)
        assert message is not None, len(again)
        if message.kind == "text" and message.room_id == room_id:
            again.append(message)
    assert [message.id for message in again] == [message.id for message in heard]
    (unread,) = (one for one in reads_later.unread() if one.room_id == room_id)
    assert (unread.room, unread.number) == (called, left)
    page = reads_later.history(left, room=name)
    assert [message.id for message in page] == [message.id for message in heard[-left:]]
