"""The file of a backup: nothing in it is read without the master secret, no byte changes unseen."""

import json
import os
import random
import signal
import stat
import subprocess
from pathlib import Path

import pytest

from chatroom.errors import StartError, StoreError, VaultError
from chatroom.ops.backup import making, reading
from chatroom.storage.keys.vault import MASTER_VARIABLE
from chatroom.storage.records import TEXT, Post
from chatroom.storage.sqlite import SqliteEngine
from tests.harness import PATIENCE, PROGRAM, ROOT, run_server

pytestmark = pytest.mark.sqlite

WORDS = "words that nobody may read"
PIECE = 1 << 20


def fill(data_dir: Path, messages: int = 20, size: int = 0) -> None:
    """Make a store with messages in the lobby, and the files of a certificate."""
    engine = SqliteEngine(data_dir, "none")
    engine.start(lambda *_: None, lambda *_: None, lambda *_: None)
    dice = random.Random(7)
    for number in range(messages):
        text = f"{WORDS} {number} {dice.randbytes(size // 2).hex()}"
        engine.append(Post("lobby", TEXT, "a1", "ann", text))
        engine.settle(PATIENCE)
    engine.close()
    (data_dir / "tls").mkdir(mode=0o700)
    for name in ("cert.pem", "key.pem"):
        (data_dir / "tls" / name).write_text(f"-----BEGIN {name}-----\n")


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("full") / "data"
    fill(data)
    return data


@pytest.fixture(scope="module")
def backup(data_dir: Path) -> Path:
    file = data_dir.parent / "a.backup"
    making.make(data_dir, file, has_store=True)
    return file


def test_it_is_for_its_owner_alone_and_shows_nothing(backup: Path, data_dir: Path) -> None:
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    content = backup.read_bytes()
    for word in (WORDS, "CREATE TABLE", "BEGIN key.pem", "chatroom.db", "ann"):
        assert word.encode() not in content
    assert (data_dir / "master.key").read_bytes().strip() not in content
    assert [one.name for one in backup.parent.iterdir() if one.name.startswith(".")] == []


def test_each_byte_that_changes_is_found(backup: Path, data_dir: Path, tmp_path: Path) -> None:
    whole = backup.read_bytes()
    head = 18 + 32 + 32 + 4
    keyring = len((data_dir / "keyring").read_bytes())
    regions = {
        "magic": range(18),
        "hash": range(18, 50),
        "random bytes": range(50, 82),
        "length": range(82, head),
        "keyring": range(head, head + keyring),
        "tag": range(head + keyring, head + keyring + 16),
        "manifest": range(head + keyring + 16, head + keyring + 400),
        "store": range(head + keyring + 400, len(whole) - 400),
        "end": range(len(whole) - 400, len(whole)),
    }
    dice = random.Random(20)
    damaged = tmp_path / "damaged.backup"
    for turn in range(200):
        at = dice.choice(list(regions.values())[turn % len(regions)])
        flipped = bytearray(whole)
        flipped[at] ^= 1 << dice.randrange(8)
        damaged.write_bytes(flipped)
        with pytest.raises(StartError, match=r"damaged\.backup"):
            reading.verify(damaged, data_dir)


@pytest.mark.parametrize("change", ["cut", "empty", "longer", "half a head", "pieces swapped"])
def test_what_is_missing_or_too_much_is_found(
    change: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path / "data"
    fill(data, 40, 100_000)
    file = tmp_path / "a.backup"
    making.make(data, file, has_store=True)
    whole = file.read_bytes()
    assert len(whole) > 3 * PIECE
    begin = 86 + len((data / "keyring").read_bytes())
    first, second = begin + PIECE + 16, begin + 2 * (PIECE + 16)
    file.write_bytes(
        {
            "cut": whole[:first],
            "empty": b"",
            "longer": whole + b"\0",
            "half a head": whole[:60],
            "pieces swapped": whole[:begin] + whole[first:second] + whole[begin:first]
            + whole[second:],
        }[change]
    )  # fmt: skip
    with pytest.raises(StoreError, match=r"a\.backup is (damaged|no backup)"):
        reading.verify(file, data)


def test_another_master_secret_is_named(
    backup: Path, data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(VaultError, match="only with the master secret of its server"):
        reading.verify(backup, tmp_path)
    monkeypatch.setenv(MASTER_VARIABLE, "another one")
    with pytest.raises(VaultError, match=f"from {MASTER_VARIABLE}: it was made under another one"):
        reading.verify(backup, data_dir)


def test_it_counts_what_is_in_it(backup: Path, data_dir: Path) -> None:
    manifest, records = reading.verify(backup, data_dir)
    assert manifest.counts == records.counts
    assert records.counts["messages"] == 20
    assert records.damaged == ()


def test_nothing_is_written_over(backup: Path, data_dir: Path) -> None:
    before = backup.read_bytes()
    with pytest.raises(StoreError, match="is there already and stays as it is"):
        making.make(data_dir, backup, has_store=True)
    assert backup.read_bytes() == before


@pytest.mark.parametrize("missing", ["keyring", "chatroom.db", "tls/key.pem"])
def test_a_missing_part_is_named_and_nothing_is_left(missing: str, tmp_path: Path) -> None:
    data = tmp_path / "data"
    fill(data, 1)
    (data / missing).unlink()
    with pytest.raises(StartError, match=f"{missing} is missing"):
        making.make(data, tmp_path / "a.backup", has_store=True)
    assert [one.name for one in tmp_path.iterdir()] == ["data"]


def test_a_damaged_record_of_the_store_is_named_and_the_backup_kept(tmp_path: Path) -> None:
    data = tmp_path / "data"
    fill(data, 3)
    engine = SqliteEngine(data, "none")
    engine._store.read(
        lambda db: db.execute("UPDATE segments SET sealed=zeroblob(80) WHERE first=2")
    )
    engine.close()
    old = tmp_path / "chatroom-20200101T000000Z.backup"
    old.touch()
    done = run_server(tmp_path, "backup", "--to-dir", ".", "--keep", "1", "--json")
    assert done.returncode == 1, done.stderr
    answer = json.loads(done.stdout)
    assert (answer["ok"], answer["damaged"], answer["deleted"]) == (False, ["segments 2"], [])
    assert old.exists()
    done = run_server(tmp_path, "backup", "--verify", answer["file"])
    assert (done.returncode, "damaged: segments 2" in done.stdout) == (1, True), done.stdout
    done = run_server(tmp_path, "restore", answer["file"], "--data-dir", "new", **secret(data))
    assert (done.returncode, "1 record was damaged already" in done.stdout) == (0, True), done


def secret(data_dir: Path) -> dict[str, str]:
    return {"master_secret": (data_dir / "master.key").read_text().strip()}


def test_the_newest_are_kept(tmp_path: Path) -> None:
    fill(tmp_path / "data", 1)
    folder = tmp_path / "backups"
    folder.mkdir()
    (folder / "mine").touch()
    for day in ("01", "02", "03"):
        (folder / f"chatroom-202001{day}T000000Z.backup").touch()
    done = run_server(tmp_path, "backup", "--to-dir", str(folder), "--keep", "2")
    assert (done.returncode, done.stderr) == (0, "")
    left = sorted(one.name for one in folder.iterdir())
    assert len(left) == 3
    assert left[0] == "chatroom-20200103T000000Z.backup"
    assert left[2] == "mine"
    seconds, _, file = (tmp_path / "data" / "last-backup").read_text().rstrip("\n").partition(" ")
    assert float(seconds) > 0
    assert Path(file) == folder / left[1]


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("a", "--to-dir", "."),
        ("a", "--keep", "3"),
        ("--to-dir", ".", "--keep", "0"),
        ("--verify", "--to-dir", "."),
    ],
)
def test_words_that_do_not_go_together_end_with_two(words: tuple[str, ...], tmp_path: Path) -> None:
    done = run_server(tmp_path, "backup", *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def limited(
    folder: Path, most: int, *words: str, is_killed: bool = False
) -> "subprocess.CompletedProcess[str]":
    """Run a sub-command that can write so many bytes into a file; then the disk is full for it.

    :param is_killed: the kernel ends it at that byte, in the middle of what it does.
    """
    code = (
        "import resource, signal, sys; from chatroom.server import main; "
        f"signal.signal(signal.SIGXFSZ, signal.{'SIG_DFL' if is_killed else 'SIG_IGN'}); "
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({most}, resource.RLIM_INFINITY)); "
        "sys.exit(main())"
    )
    return subprocess.run(
        [PROGRAM[0], "-c", code, *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


@pytest.fixture
def room_for(tmp_path: Path) -> dict[str, int]:
    """A store of some 4 MB; bytes with which something is cut off in the middle, by what it is."""
    data = tmp_path / "data"
    fill(data, 40, 100_000)
    first = making.make(data, tmp_path / "first", has_store=True)
    return {"nothing": 1000, "half": 2_000_000, "copy": first.manifest.parts[0].size + 64}


@pytest.mark.parametrize("most", ["nothing", "half", "copy"])
def test_a_full_disk_leaves_nothing(most: str, room_for: dict[str, int], tmp_path: Path) -> None:
    before = {one.name for one in tmp_path.iterdir()} | {"logs"}
    done = limited(tmp_path, room_for[most], "backup", "a.backup")
    assert done.returncode == 1, done.stdout
    assert "a.backup cannot be" in done.stderr
    assert "Nothing is left of it" in done.stderr
    assert done.stderr.count("\n") == 1
    assert {one.name for one in tmp_path.iterdir()} == before


@pytest.mark.parametrize("most", ["half", "copy"])
def test_who_is_killed_leaves_no_half_file_and_the_next_one_clears_up(
    most: str, room_for: dict[str, int], tmp_path: Path
) -> None:
    done = limited(tmp_path, room_for[most], "backup", "a.backup", is_killed=True)
    assert done.returncode == -signal.SIGXFSZ
    assert (tmp_path / ".a.backup.part").is_dir()
    assert not (tmp_path / "a.backup").exists()
    assert run_server(tmp_path, "backup", "a.backup").returncode == 0
    assert not (tmp_path / ".a.backup.part").exists()
    assert run_server(tmp_path, "backup", "--verify", "a.backup").returncode == 0
