"""A full or failing disk: nothing is confirmed that is not kept, and the server comes back."""

import contextlib
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from chatroom.storage.sqlite import SqliteEngine
from tests.faults.conftest import StartOnDisk
from tests.faults.disk import EIO, ENOSPC, SYNC, TRUNCATE, WRITE, ServerOnDisk
from tests.harness import PASSWORD, STRETCH

pytestmark = pytest.mark.sqlite

REFUSED = "That cannot be saved right now, so it was not sent. Try again in a moment."
NO_ACCOUNTS = "The accounts cannot be used just now"
BACK_SECONDS = 5.0 * STRETCH


class Talker:
    """Somebody on the events face who posts one message after the other."""

    def __init__(self, server: ServerOnDisk, name: str) -> None:
        self.name = name
        self.peer = server.program_peer(name)
        self.confirmed: list[str] = []
        self.refused: list[str] = []

    def say(self, text: str, padding: int = 0) -> bool:
        """Post; return True when it came back, False when it was refused with a sentence."""
        self.peer.send_event("post", cid=text, text=text + " " + padding * "x" if padding else text)
        line = self.peer.until(f'"cid":"{text}"').splitlines()[-1]
        if line.startswith(">message "):
            self.confirmed.append(text)
            return True
        assert line.startswith(">result ")
        assert REFUSED in line
        self.refused.append(text)
        return False


def kept(server: ServerOnDisk) -> list[str]:
    """Return the texts in the log of a server that has ended; no place is missing."""
    engine = SqliteEngine(server.data_dir)
    try:
        last = engine.logs.span("lobby").last
        posts = engine.logs.read("lobby", 0, last, last)
    finally:
        engine.close()
    assert [post.seq for post in posts] == list(range(1, last + 1))
    return [post.text.split(" ")[0] for post in posts]


def state_changes(server: ServerOnDisk) -> list[str]:
    """Return the log's lines about the store, in short."""
    return [
        "fails" if "store write failed" in line else "back"
        for line in server.log().splitlines()
        if "store write" in line
    ]


@pytest.mark.parametrize(
    ("error", "calls"),
    [(ENOSPC, WRITE), (EIO, WRITE), (EIO, SYNC), (EIO, WRITE | SYNC | TRUNCATE)],
    ids=["full disk", "no write", "no fsync", "nothing"],
)
def test_a_disk_that_fails_stops_posting_only_and_only_as_long_as_it_fails(
    start_on_disk: StartOnDisk, error: int, calls: int
) -> None:
    server = start_on_disk(message_rate=0)
    ann, bob = Talker(server, "ann"), Talker(server, "bob")
    assert ann.say("before")
    server.disk.fail(error, calls)
    for number in range(20):
        assert not ann.say(f"lost{number}")
        assert not bob.say(f"gone{number}")
    # Reading and the connections go on, and nobody can register.
    reader = server.join("bob")
    assert "ann: before" in reader.seen
    stranger = server.peer()
    stranger.send("y", "carl", PASSWORD, PASSWORD)
    stranger.until(NO_ACCOUNTS)
    assert "Welcome" not in stranger.seen
    assert server.disk.heal() > 0
    begun = time.monotonic()
    while not ann.say(f"after{time.monotonic()}"):
        assert time.monotonic() - begun < BACK_SECONDS
    assert bob.say("too")
    server.join("carl").close()
    assert state_changes(server) == ["fails", "back"]
    server.kill()
    assert kept(server) == ["before", ann.confirmed[-1], "too"]


def test_what_was_refused_does_not_come_back_by_a_crash(start_on_disk: StartOnDisk) -> None:
    # Its frames were written whole; only their fsync failed.
    server = start_on_disk(message_rate=0)
    ann = Talker(server, "ann")
    assert ann.say("before")
    server.disk.fail(EIO, SYNC)
    assert not ann.say("lost")
    server.kill()
    assert server.disk.heal() > 0
    assert kept(server) == ["before"]


def test_a_failing_disk_is_tried_only_now_and_then(start_on_disk: StartOnDisk) -> None:
    server = start_on_disk(message_rate=0)
    ann = Talker(server, "ann")
    server.disk.fail(EIO, WRITE | SYNC)
    begun = time.monotonic()
    while time.monotonic() - begun < 2.0:
        assert not ann.say(f"a{time.monotonic()}")
    # Many posts, but a try only now and then: each try is a handful of calls.
    assert len(ann.refused) > 20
    assert server.disk.failed < 60
    assert state_changes(server) == ["fails"]


@pytest.mark.parametrize("every", [2, 3, 5, 7, 11])
@pytest.mark.parametrize("calls", [WRITE, SYNC], ids=["write", "fsync"])
def test_when_every_kth_call_fails_exactly_the_confirmed_is_kept(
    start_on_disk: StartOnDisk, every: int, calls: int
) -> None:
    server = start_on_disk(message_rate=0)
    ann = Talker(server, "ann")
    server.disk.fail(EIO, calls, every)
    for number in range(40):
        ann.say(f"m{number}")
    names = []
    for number in range(10):
        peer = server.peer()
        peer.send("y", f"user{number}", PASSWORD, PASSWORD)
        if "Welcome" in peer.until("Welcome", NO_ACCOUNTS):
            names.append(f"user{number}")
        peer.close()
    assert server.disk.heal() > 0
    begun = time.monotonic()
    while not ann.say(f"after{time.monotonic()}"):
        assert time.monotonic() - begun < BACK_SECONDS
    assert ann.refused
    server.kill()
    assert kept(server) == ann.confirmed
    server.start()
    listed = server.operate("list-users").stdout.splitlines()[1:]
    assert {line.split()[0] for line in listed} == {"ann", *names}


class SmallDisk:
    """A full disk: a small tmpfs where that can be mounted, else writes that fail by the shim."""

    def __init__(self, server: ServerOnDisk) -> None:
        self.server = server
        self.filler = server.data_dir / "filler"
        self.is_mounted = server.data_dir.is_mount()

    def fill(self) -> None:
        if not self.is_mounted:
            self.server.disk.fail(ENOSPC, WRITE)
            return
        with self.filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while file.write(bytes(4096)) == 4096:
                pass

    def free(self) -> None:
        if self.is_mounted:
            self.filler.unlink()
        else:
            self.server.disk.heal()


@pytest.fixture
def small_disk(start_on_disk: StartOnDisk, tmp_path: Path) -> Iterator[SmallDisk]:
    data = tmp_path / "server0" / "data"
    data.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", "size=2M,mode=0700", "tmpfs", str(data)]
    with contextlib.suppress(FileNotFoundError):
        subprocess.run(mount, capture_output=True, check=False)
    server = start_on_disk(message_rate=0)
    try:
        yield SmallDisk(server)
    finally:
        server.close()
        if data.is_mount():
            subprocess.run(["umount", str(data)], check=True)


def test_a_full_disk_refuses_posts_until_there_is_space_again(small_disk: SmallDisk) -> None:
    server = small_disk.server
    ann = Talker(server, "ann")
    assert ann.say("before")
    small_disk.fill()
    number = 0
    # What the write-ahead log has room for already may still be kept.
    while ann.say(f"m{number}", 2000):
        number += 1
        assert number < 1000
    for again in range(10):
        ann.say(f"n{again}", 2000)
    assert len(ann.refused) > 5
    reader = server.join("ann")
    assert "before" in reader.seen or number > 10
    small_disk.free()
    begun = time.monotonic()
    while not ann.say(f"after{time.monotonic()}"):
        assert time.monotonic() - begun < BACK_SECONDS
    assert state_changes(server) == ["fails", "back"]
    server.kill()
    assert kept(server) == ann.confirmed
    server.start()
    server.join("ann")


@pytest.mark.parametrize("calls", [WRITE, SYNC], ids=["write", "fsync"])
def test_what_was_refused_may_be_sent_again_under_its_number(
    start_on_disk: StartOnDisk, calls: int
) -> None:
    server = start_on_disk(message_rate=0)
    ann = Talker(server, "ann")
    assert ann.say("aaaabbbb-1")
    server.disk.fail(EIO, calls)
    assert not ann.say("aaaabbbb-2")
    assert not ann.say("aaaabbbb-3")
    server.disk.heal()
    begun = time.monotonic()
    while not ann.say("aaaabbbb-2"):
        assert time.monotonic() - begun < BACK_SECONDS
    assert ann.say("aaaabbbb-3")
    # And what is kept is kept once.
    ann.peer.send_event("post", cid="aaaabbbb-3", text="again")
    ann.peer.until_event("result", cid="aaaabbbb-3", ok=True, text="")
    server.kill()
    assert kept(server) == ["aaaabbbb-1", "aaaabbbb-2", "aaaabbbb-3"]
