"""The client as a library, its examples and its one-file form, with a real server."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from chatroom.client import Client, Ended, NotDelivered
from tests.conftest import StartServer
from tests.harness import PASSWORD, PATIENCE, ROOT, Peer, ServerProcess, started


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep pins and tickets with the test."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("CHATROOM_PASSWORD", PASSWORD)


@pytest.fixture
def robot(room: ServerProcess) -> Iterator[Client]:
    """Somebody who talks by the library."""
    room.join("robot").close()
    with Client("127.0.0.1", room.port, name="robot", password=PASSWORD, bot=True) as client:
        yield client


@pytest.fixture
def reader(room: ServerProcess) -> Iterator[Peer]:
    """Somebody who sees what arrives."""
    peer = room.join("reader")
    yield peer
    peer.close()


def test_what_is_sent_was_kept_and_comes_back_as_a_record(robot: Client) -> None:
    robot.send("hello\nthere")
    found = next(m for m in robot if m.kind == "text")
    assert (found.sender, found.text, found.room, found.old) == (
        "robot",
        "hello\nthere",
        "lobby",
        False,
    )
    assert json.loads(json.dumps(found.record()))["v"] == 1


def test_a_refused_message_raises_and_the_next_one_goes_on(robot: Client, reader: Peer) -> None:
    with pytest.raises(NotDelivered):
        robot.send("hello", room="nowhere")
    with pytest.raises(NotDelivered):
        robot.send("hello", to="nobody-here")
    robot.send("still here")
    reader.until("robot: still here")


def test_nothing_comes_in_time(robot: Client) -> None:
    while robot.receive(0.2) is not None:
        pass
    assert robot.end is None


def test_a_wrong_password_is_told(room: ServerProcess) -> None:
    room.join("robot").close()
    with pytest.raises(Ended) as raised:
        Client("127.0.0.1", room.port, name="robot", password="wrong password")
    assert raised.value.end.code == 3


def test_a_slow_program_loses_nothing(
    robot: Client, room: ServerProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chatroom.client.api.client.QUEUE_MOST", 50)
    program = room.program_peer("flooder")
    lines = [f"flood {i}" for i in range(5000)]
    with program.reading():
        for i, line in enumerate(lines):
            program.send_event("post", text=line, cid=f"floodflood-{i + 1}")
        texts: list[str] = []
        while len(texts) < len(lines):
            message = robot.receive(PATIENCE)
            assert message is not None, len(texts)
            if message.sender == "flooder" and message.kind == "text":
                texts.append(message.text)
    program.close()
    assert texts == lines


def test_what_was_said_while_the_server_restarted_comes_once(start_server: StartServer) -> None:
    server = start_server(message_rate=0)
    server.join("robot").close()
    with Client("127.0.0.1", server.port, name="robot", password=PASSWORD, bot=True) as client:
        client.send("before")
        server.kill()
        server.start()
        client.send("after")
        texts = []
        for message in client:
            if message.kind == "text":
                texts.append(message.text)
            if texts[-1:] == ["after"]:
                break
    assert texts == ["before", "after"]


def example(name: str, *words: str) -> subprocess.Popen[str]:
    return started(
        [sys.executable, str(ROOT / "examples" / name), *words],
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ,
    )


def test_the_dice_roller_answers(room: ServerProcess, reader: Peer) -> None:
    room.join("dice").close()
    dice = example("dice.py", "127.0.0.1", str(room.port), "dice")
    try:
        assert dice.stderr
        assert any("Rolling as dice" in line for line in dice.stderr)
        reader.send("roll 3d1")
        reader.until("dice: reader: 3 [1, 1, 1]")
    finally:
        dice.kill()
        dice.communicate()


def test_the_finder_tells_who_was_seen_and_finds_what_was_said(
    room: ServerProcess, reader: Peer
) -> None:
    room.join("finder").close()
    ann = room.join("annie")
    ann.send("the milk is in the fridge", "the milk is sour")
    reader.until("annie: the milk is sour")
    finder = example("finder.py", "127.0.0.1", str(room.port), "finder")
    try:
        assert finder.stderr
        assert any("Finding as finder" in line for line in finder.stderr)
        reader.send("!seen annie")
        reader.until("finder: annie is here now.")
        ann.close()
        reader.until("annie has left.")
        reader.send(
            "!seen Annie", "!find milk fridge", "!find", "!find nothing of that", "!seen bo"
        )
        reader.until("finder: Annie said something on 20")
        reader.until_match(r"finder: on \d+-\d+-\d+ at \S+ UTC annie: the milk is in the fridge \[")
        reader.until("finder: Nothing was found.")
        reader.until("finder: bo was not here lately.")
    finally:
        finder.kill()
        finder.communicate()


def test_the_feed_announcer_says_each_entry_once(
    room: ServerProcess, reader: Peer, tmp_path: Path
) -> None:
    room.join("news").close()
    feed, seen = tmp_path / "feed.xml", tmp_path / "seen"
    items = "<item><title>Two</title><link>http://e/2</link></item><item><title>One</title></item>"
    feed.write_text(f"<rss><channel><title>News</title>{items}</channel></rss>")
    words = ("127.0.0.1", str(room.port), "news", str(feed), str(seen))
    for _ in range(2):
        process = example("feed.py", *words)
        _, told = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0, told
    reader.send("that was all")
    came = reader.until("reader: that was all")
    assert came.count("news: One") == came.count("news: Two http://e/2") == 1
    assert came.index("news: One") < came.index("news: Two")


def test_an_entry_that_cannot_be_said_holds_up_none_behind_it(
    room: ServerProcess, reader: Peer, tmp_path: Path
) -> None:
    room.join("news").close()
    feed, seen = tmp_path / "feed.xml", tmp_path / "seen"
    long = f"<item><title>long</title><link>http://e/{'x' * 9000}</link></item>"
    items = f"<item><title>Behind it</title></item>{long}<item><title>{'y' * 9000}</title></item>"
    feed.write_text(f"<rss><channel>{items}</channel></rss>")
    words = ("127.0.0.1", str(room.port), "news", str(feed), str(seen))
    for told_of in ("Left out: long", ""):
        process = example("feed.py", *words)
        _, told = process.communicate(timeout=PATIENCE)
        assert (process.returncode, told.partition(" http")[0]) == (0, told_of), told
    reader.send("no more entries")
    came = reader.until("reader: no more entries")
    assert came.count("news: y") == came.count("news: Behind it") == 1


def test_many_lines_survive_two_restarts(start_server: StartServer, tmp_path: Path) -> None:
    server = start_server(message_rate=0)
    server.join("robot").close()
    lines = [f"line {i}" for i in range(10_000)]
    words = ("127.0.0.1", str(server.port), "--name", "robot", "--log-dir", str(tmp_path / "logs"))
    script = started(
        [sys.executable, str(ROOT / "chatroom_client.py"), *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )

    def feed() -> None:
        assert script.stdin
        script.stdin.writelines(f"{line}\n" for line in lines)
        script.stdin.close()

    feeder = threading.Thread(target=feed)
    feeder.start()
    assert script.stdout
    for line in script.stdout:
        if line.endswith((": line 2000\n", ": line 6000\n")):
            server.kill()
            server.start()
    feeder.join()
    assert script.wait(PATIENCE) == 0
    reader = server.join("robot")
    answer = reader.answer_to("/export")
    kept = [json.loads(line) for line in answer.splitlines() if line.startswith("{")]
    texts = [r["text"] for r in kept if r["part"] == "message" and r["text"].startswith("line ")]
    assert texts == lines


def test_one_file_is_the_whole_client(room: ServerProcess, reader: Peer, tmp_path: Path) -> None:
    room.join("robot").close()
    file = tmp_path / "chatroom-client.pyz"
    build = [sys.executable, str(ROOT / "packaging" / "client_zipapp.py"), str(file)]
    subprocess.run(build, check=True, timeout=PATIENCE)
    words = ["send", "127.0.0.1", str(room.port), "by one file", "--name", "robot"]
    done = subprocess.run(
        # -S: without site-packages, as on a friend's machine
        [sys.executable, "-S", str(file), *words],
        cwd=tmp_path,
        check=False,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stderr
    reader.until("robot: by one file")
