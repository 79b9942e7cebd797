"""Taking the keyring to another data directory, as an operator types it."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pexpect
import pytest

from chatroom.storage.keys.vault import open_vault
from chatroom.storage.sqlite import SqliteEngine
from tests.harness import PATIENCE, PROGRAM, QUICK, ServerProcess
from tests.storage.contract.conftest import account

PASSPHRASE = "a horse that is correct"
OTHER_SECRET = "the secret of another node"
Operate = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with a store that knows ann."""
    folder = tmp_path_factory.mktemp("original") / "data"
    engine = SqliteEngine(folder)
    engine.start(lambda *_: None, lambda _: None, lambda *_: None)
    engine.accounts.save(account("ann"))
    engine.close()
    return folder


@pytest.fixture
def first(original: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(original, tmp_path / "first"))


@pytest.fixture
def operate(tmp_path: Path) -> Operate:
    def run(
        folder: Path, *words: str, passphrase: str | None = PASSPHRASE, **more: str
    ) -> subprocess.CompletedProcess[str]:
        given = {} if passphrase is None else {"CHATROOM_KEYRING_PASSPHRASE": passphrase}
        return subprocess.run(
            [*PROGRAM, *words, "--data-dir", str(folder), "--log-dir", str(tmp_path / "logs")],
            env={**QUICK, **given, **more},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
            start_new_session=True,  # no terminal to ask at
        )

    return run


def exported(operate: Operate, folder: Path, file: Path) -> Path:
    done = operate(folder, "keyring", "export", str(file))
    assert (done.returncode, done.stderr) == (0, "")
    return file


def refused(done: subprocess.CompletedProcess[str], sentence: str) -> None:
    assert done.returncode == 1, done
    assert sentence in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert done.stdout == ""


def contents(folder: Path) -> dict[str, bytes]:
    return {f.name: f.read_bytes() for f in folder.iterdir() if not f.name.endswith(".lock")}


def test_another_directory_with_another_secret_opens_the_same_records(
    first: Path, tmp_path: Path, operate: Operate, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, second = tmp_path / "copy", tmp_path / "second"
    done = operate(first, "keyring", "export", str(file))
    assert "holds the keyring with 1 data key." in done.stdout
    assert PASSPHRASE not in done.stdout
    assert file.stat().st_mode & 0o777 == 0o600
    done = operate(second, "keyring", "import", str(file), CHATROOM_MASTER_SECRET=OTHER_SECRET)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{second}/keyring is made, with 1 data key.\n"
    assert (second / "keyring").stat().st_mode & 0o777 == 0o600
    assert not (second / "master.key").exists()
    shutil.copy(first / "chatroom.db", second)
    monkeypatch.setenv("CHATROOM_MASTER_SECRET", OTHER_SECRET)
    engine = SqliteEngine(second)
    assert [one.name for one in engine.accounts.load_all()] == ["ann"]
    engine.close()


def test_without_a_secret_the_other_directory_gets_a_fresh_one(
    first: Path, tmp_path: Path, operate: Operate
) -> None:
    file, second = exported(operate, first, tmp_path / "copy"), tmp_path / "second"
    assert operate(second, "keyring", "import", str(file)).returncode == 0
    assert (second / "master.key").read_bytes() != (first / "master.key").read_bytes()
    assert (second / "master.key").stat().st_mode & 0o777 == 0o600
    sealed = open_vault(first, store_exists=True).seal(b"word", "place")
    assert open_vault(second, store_exists=True).unseal(sealed, "place") == b"word"


def test_it_works_beside_a_running_server(
    room: ServerProcess, tmp_path: Path, operate: Operate
) -> None:
    file = exported(operate, room.data_dir, tmp_path / "copy")
    done = operate(room.data_dir, "keyring", "import", str(file))
    assert done.returncode == 0
    assert "has all that is in" in done.stdout
    assert "nothing was changed" in done.stdout
    room.join("ann")


def test_new_data_keys_come_by_a_second_export(
    first: Path, tmp_path: Path, operate: Operate
) -> None:
    second = tmp_path / "second"
    old = exported(operate, first, tmp_path / "old")
    assert operate(second, "keyring", "import", str(old)).returncode == 0
    assert operate(first, "rotate-keys").returncode == 0
    new = exported(operate, first, tmp_path / "new")
    done = operate(second, "keyring", "import", str(new))
    assert "has 2 data keys now, 1 of them new." in done.stdout
    sealed = open_vault(first, store_exists=True).seal(b"word", "place")
    assert sealed[:2] == b"\0\2"
    assert open_vault(second, store_exists=True).unseal(sealed, "place") == b"word"
    # The old copy takes nothing away.
    done = operate(second, "keyring", "import", str(old))
    assert done.returncode == 0
    assert "nothing was changed" in done.stdout
    assert open_vault(second, store_exists=True).unseal(sealed, "place") == b"word"


def test_another_keyring_is_never_replaced(first: Path, tmp_path: Path, operate: Operate) -> None:
    second = tmp_path / "second"
    SqliteEngine(second).close()
    file = exported(operate, first, tmp_path / "copy")
    before = contents(second)
    refused(operate(second, "keyring", "import", str(file)), "has another keyring than the one in")
    assert contents(second) == before


def test_keys_that_were_added_on_both_sides_are_another_keyring(
    first: Path, tmp_path: Path, operate: Operate
) -> None:
    second = Path(shutil.copytree(first, tmp_path / "second"))
    for folder in (first, second):
        assert operate(folder, "rotate-keys").returncode == 0
    file = exported(operate, first, tmp_path / "copy")
    before = contents(second)
    refused(operate(second, "keyring", "import", str(file)), "has another keyring than the one in")
    assert contents(second) == before


def test_a_wrong_passphrase_imports_nothing(first: Path, tmp_path: Path, operate: Operate) -> None:
    file, second = exported(operate, first, tmp_path / "copy"), tmp_path / "second"
    done = operate(second, "keyring", "import", str(file), passphrase="not the right one")
    refused(done, "does not open with this passphrase")
    assert not (second / "keyring").exists()


@pytest.mark.parametrize("place", [0, 30, 90, 120, -1])
def test_a_damaged_file_imports_nothing(
    first: Path, tmp_path: Path, operate: Operate, place: int
) -> None:
    file, second = exported(operate, first, tmp_path / "copy"), tmp_path / "second"
    content = bytearray(file.read_bytes())
    content[place] ^= 1
    file.write_bytes(content)
    sentence = "is not a keyring that" if place == 0 else "is damaged: copy it again"
    refused(operate(second, "keyring", "import", str(file)), sentence)
    assert not (second / "keyring").exists()


@pytest.mark.parametrize("kept", [0, 10, 100, 200])
def test_half_a_file_imports_nothing(
    first: Path, tmp_path: Path, operate: Operate, kept: int
) -> None:
    file = exported(operate, first, tmp_path / "copy")
    file.write_bytes(file.read_bytes()[:kept])
    done = operate(tmp_path / "second", "keyring", "import", str(file))
    refused(done, "is damaged" if kept > 50 else "is not a keyring")


def test_a_missing_file_is_told(tmp_path: Path, operate: Operate) -> None:
    done = operate(tmp_path / "second", "keyring", "import", str(tmp_path / "none"))
    refused(done, "none cannot be read: No such file")


def test_a_directory_without_a_keyring_exports_nothing(tmp_path: Path, operate: Operate) -> None:
    done = operate(tmp_path / "empty", "keyring", "export", str(tmp_path / "copy"))
    refused(done, "There is no room in ")
    assert not (tmp_path / "copy").exists()
    assert not (tmp_path / "empty").exists()


def test_what_is_there_is_not_written_over(first: Path, tmp_path: Path, operate: Operate) -> None:
    file, link = tmp_path / "copy", tmp_path / "link"
    file.write_text("mine")
    link.symlink_to(tmp_path / "elsewhere")
    for name in (file, link):
        refused(operate(first, "keyring", "export", str(name)), "is there already")
    assert file.read_text() == "mine"
    assert not (tmp_path / "elsewhere").exists()


def test_where_nobody_may_write_one_sentence_says_so(
    first: Path, tmp_path: Path, operate: Operate
) -> None:
    done = operate(first, "keyring", "export", str(tmp_path / "none" / "copy"))
    refused(done, "is no folder that you may write")
    (tmp_path / "file").touch()
    done = operate(first, "keyring", "export", str(tmp_path / "file" / "copy"))
    refused(done, "is no folder that you may write")
    # A folder of the kernel's that takes no files, also from root.
    refused(operate(first, "keyring", "export", "/proc/copy"), "cannot be made")
    file = exported(operate, first, tmp_path / "copy")
    done = operate(Path("/proc/nowhere"), "keyring", "import", str(file))
    refused(done, "The data directory /proc/nowhere cannot be used")


def test_a_full_disk_leaves_no_half_file(first: Path, tmp_path: Path) -> None:
    copy, logs = tmp_path / "copy", tmp_path / "logs"
    no_bytes = ("sh", "-c", 'ulimit -f 0; trap "" XFSZ; exec "$@"', "sh")
    places = ("--data-dir", str(first), "--log-dir", str(logs))
    done = subprocess.run(
        [*no_bytes, *PROGRAM, "keyring", "export", str(copy), *places],
        env={**QUICK, "CHATROOM_KEYRING_PASSPHRASE": PASSPHRASE},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    refused(done, "copy cannot be written: File too large.")
    assert not copy.exists()


@pytest.mark.parametrize("passphrase", ["", "short", "x" * 1025, "\udcff" * 20])
def test_a_passphrase_has_a_length(
    first: Path, tmp_path: Path, operate: Operate, passphrase: str
) -> None:
    done = operate(
        first, "keyring", "export", str(tmp_path / "copy"), passphrase=os.fsdecode(passphrase)
    )
    refused(done, "CHATROOM_KEYRING_PASSPHRASE must have 12 to 1024 bytes of UTF-8")
    assert not (tmp_path / "copy").exists()


def test_the_passphrase_may_come_from_a_file_that_is_closed_to_others(
    first: Path, tmp_path: Path, operate: Operate
) -> None:
    file, copy = tmp_path / "passphrase", tmp_path / "copy"
    file.write_text(PASSPHRASE + "\n")
    file.chmod(0o644)
    words = ("keyring", "export", str(copy), "--passphrase-file", str(file))
    refused(operate(first, *words, passphrase=None), f"run 'chmod 600 {file}'")
    file.chmod(0o600)
    assert operate(first, *words, passphrase=None).returncode == 0
    assert operate(tmp_path / "second", "keyring", "import", str(copy)).returncode == 0


def test_without_a_terminal_it_says_how_to_give_one(
    first: Path, tmp_path: Path, operate: Operate
) -> None:
    done = operate(first, "keyring", "export", str(tmp_path / "copy"), passphrase=None)
    assert done.returncode == 1
    assert "No passphrase was given: put one into CHATROOM_KEYRING_PASSPHRASE" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "copy").exists()


@pytest.mark.parametrize("again", [PASSPHRASE, "something else"])
def test_at_a_terminal_it_is_asked_for_twice(first: Path, tmp_path: Path, again: str) -> None:
    file = tmp_path / "copy"
    places = ["--data-dir", str(first), "--log-dir", str(tmp_path / "logs")]
    words = [*PROGRAM[1:], "keyring", "export", str(file), *places]
    child = pexpect.spawn(
        PROGRAM[0],
        words,
        env={**os.environ, **QUICK},
        timeout=PATIENCE,
        encoding="utf-8",
    )
    child.expect_exact("Passphrase of the copy: ")
    child.sendline(PASSPHRASE)
    child.expect_exact("The same again: ")
    child.sendline(again)
    child.expect(pexpect.EOF)
    said = child.before or ""
    child.close()
    assert PASSPHRASE not in said
    is_same = again == PASSPHRASE
    assert (child.exitstatus, file.exists()) == ((0, True) if is_same else (1, False))
    assert is_same or "The two are not the same; nothing was written." in said


def test_other_words_than_export_and_import_are_refused(first: Path, operate: Operate) -> None:
    done = operate(first, "keyring", "move", "copy")
    assert done.returncode == 2
    assert "there is no 'move': type export or import" in done.stderr
