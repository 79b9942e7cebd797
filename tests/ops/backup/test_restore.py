"""The way back: beside writers, into an empty place, to clients that know what is gone."""

import shutil
import signal
import subprocess
import threading
from pathlib import Path

import pytest

from chatroom.storage.keys.vault import MASTER_VARIABLE
from chatroom.storage.records import Post
from chatroom.storage.sqlite import SqliteEngine
from tests.conftest import StartServer
from tests.harness import PASSWORD, PATIENCE, Peer, ServerProcess, run_server
from tests.ops.backup.test_backup_file import fill, limited, secret
from tests.session.test_resume import resume, texts

pytestmark = pytest.mark.sqlite


def posts(data_dir: Path) -> list[Post]:
    """Return what an engine reads of the lobby."""
    engine = SqliteEngine(data_dir)
    engine.start(lambda *_: None, lambda *_: None, lambda *_: None)
    try:
        last = engine.logs.span("lobby").last
        return engine.logs.read("lobby", 0, last, last)
    finally:
        engine.close()


def write(peer: Peer, name: str, until: threading.Event, enough: threading.Semaphore) -> None:
    number = 0
    while not until.is_set():
        number += 1
        peer.send_event("post", text=f"{name} {number}", cid=f"{number}")
        peer.until_event("message", cid=f"{number}")
        enough.release()


def login(server: ServerProcess, name: str) -> str:
    """Log in by password; return the new ticket."""
    peer = server.program_start()
    peer.send_event("login", name=name, password=PASSWORD, ticket=True)
    ticket = peer.until_event("ticket")["ticket"]
    peer.close()
    return str(ticket)


def test_a_backup_beside_writers_is_restored_elsewhere(
    start_server: StartServer, tmp_path: Path
) -> None:
    server = start_server()
    until, said = threading.Event(), threading.Semaphore(0)
    names = [f"writer{number}" for number in range(10)]
    peers = [server.program_peer(name) for name in names]
    old = login(server, "writer0")
    writers = [
        threading.Thread(target=write, args=(peer, name, until, said))
        for peer, name in zip(peers, names, strict=True)
    ]
    for writer in writers:
        writer.start()
    try:
        for _ in range(100):
            assert said.acquire(timeout=PATIENCE)
        file = tmp_path / "a.backup"
        done = server.operate("backup", str(file))
        assert (done.returncode, done.stderr) == (0, "")
        for _ in range(100):
            assert said.acquire(timeout=PATIENCE)
    finally:
        until.set()
        for writer in writers:
            writer.join()
    server.stop()
    other = tmp_path / "other"
    other.mkdir()
    (other / "data").mkdir(mode=0o700)
    shutil.copy(server.data_dir / "master.key", other / "data")
    done = run_server(other, "restore", str(file))
    assert (done.returncode, done.stderr) == (0, "")

    before, after = posts(server.data_dir), posts(other / "data")
    assert 100 <= len(after) < len(before)
    assert after == before[: len(after)]

    restored = start_server(folder="other")
    refused = restored.program_start()
    refused.send_event("resume", ticket=old)
    refused.until_event("result", command="login", ok=False)
    refused.close()
    ticket = login(restored, "writer0")
    speaker = restored.device("writer1")
    for number in range(len(before) - len(after) + 1):  # past the last number of before
        speaker.send_event("post", text=f"new {number}", cid=f"new {number}")
        speaker.until_event("message", cid=f"new {number}")
    middle, lost = after[len(after) // 2], before[-1]
    peer, shown = resume(restored, ticket, {"lobby": f"{middle.epoch}-{middle.seq}"})
    assert '"kind":"gap"' not in shown
    new = [f"new {number}" for number in range(len(before) - len(after) + 1)]
    assert texts(shown) == [post.text for post in after[middle.seq :]] + new
    ticket = last_ticket(peer.seen)
    peer.close()
    _, shown = resume(restored, ticket, {"lobby": f"{lost.epoch}-{lost.seq}"})
    assert '"kind":"gap"' in shown
    assert "restored everything from the backup of" in restored.operate("audit").stdout


def last_ticket(seen: str) -> str:
    return seen.rpartition('>ticket {"ticket":"')[2].partition('"')[0]


def test_only_an_empty_place_is_restored_into(tmp_path: Path) -> None:
    fill(tmp_path / "data", 1)
    assert run_server(tmp_path, "backup", "a.backup").returncode == 0
    before = (tmp_path / "data" / "chatroom.db").read_bytes()
    done = run_server(tmp_path, "restore", "a.backup")
    assert done.returncode == 1
    assert "is not empty" in done.stderr
    assert (tmp_path / "data" / "chatroom.db").read_bytes() == before


@pytest.mark.parametrize("fault", ["secret", "damage", "missing", "full disk"])
def test_what_cannot_be_restored_leaves_nothing(
    fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path / "data", 1)
    assert run_server(tmp_path, "backup", "a.backup").returncode == 0
    file = tmp_path / "a.backup"
    known = secret(tmp_path / "data")
    if fault == "secret":
        known = {"master_secret": "another one"}
    elif fault == "damage":
        content = bytearray(file.read_bytes())
        content[-9] ^= 1
        file.write_bytes(content)
    elif fault == "missing":
        file.unlink()
    words = ("restore", "a.backup", "--data-dir", "new")
    if fault == "full disk":
        monkeypatch.setenv(MASTER_VARIABLE, known["master_secret"])
        done = limited(tmp_path, 10_000, *words)
    else:
        done = run_server(tmp_path, *words, **known)
    assert (done.returncode, done.stdout) == (1, "")
    assert ("cannot be written" if fault == "full disk" else "a.backup") in done.stderr
    assert not (tmp_path / "new").exists()


def test_a_restore_that_was_killed_is_done_again(tmp_path: Path) -> None:
    fill(tmp_path / "data", 40, 100_000)
    assert run_server(tmp_path, "backup", "a.backup").returncode == 0
    new = tmp_path / "new"
    new.mkdir(mode=0o700)
    shutil.copy(tmp_path / "data" / "master.key", new)
    words = ("restore", "a.backup", "--data-dir", "new")
    done = limited(tmp_path, 2_000_000, *words, is_killed=True)
    assert done.returncode == -signal.SIGXFSZ
    assert (new / ".restoring" / "chatroom.db").exists()
    (new / "keyring").write_bytes(b"of the one that was killed later")
    started = run_server(tmp_path, "--data-dir", "new", "--port", "0")
    assert started.returncode == 1
    assert "put it back from a backup" in started.stderr
    done = run_server(tmp_path, *words)
    assert (done.returncode, done.stderr) == (0, "")
    assert posts(new) == posts(tmp_path / "data")
    assert not (new / ".restoring").exists()


def test_the_way_back_is_rehearsed_beside_the_server(
    start_server: StartServer, tmp_path: Path
) -> None:
    server = start_server()
    peer = server.join("ann")
    peer.send("something to read")
    peer.until("something to read")
    server.operate("lockdown", "on")
    folder = tmp_path / "backups"
    folder.mkdir()
    assert server.operate("backup", "--to-dir", str(folder)).returncode == 0
    done = subprocess.run(
        server.command("drill", "--to-dir", str(folder)),
        env=server.environment(),
        capture_output=True,
        text=True,
        timeout=3 * PATIENCE,  # several programs, one after the other
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "1 messages read" in done.stdout or "1 message read" in done.stdout
    (file,) = folder.iterdir()
    assert (server.data_dir / "last-drill").read_text().rstrip("\n").endswith(f" {file}")
    assert "drill-" not in server.operate("list-users").stdout
    file.write_bytes(file.read_bytes()[:-1])
    done = server.operate("drill", str(file))
    assert (done.returncode, "is damaged" in done.stderr) == (1, True)
    assert "is damaged" in (server.data_dir / "last-drill-failed").read_text()
