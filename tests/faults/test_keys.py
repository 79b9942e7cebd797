"""New keys: a new data key, a new master secret, and kill -9 between any two steps."""

import shutil
import subprocess
from pathlib import Path

import pytest

from chatroom.errors import ChatroomError, VaultError
from chatroom.storage.sqlite import SqliteEngine
from tests.faults.disk import ANY, KILL, Disk
from tests.harness import PASSWORD, PATIENCE, PROGRAM, QUICK, ServerProcess
from tests.storage.contract.conftest import account, post

OLD, NEW = "the old secret", "the new secret"


def use(folder: Path, name: str) -> None:
    """Read what is there, and write something more."""
    engine = SqliteEngine(folder)
    engine.start(lambda *_: None, lambda _: None, lambda *_: None)
    try:
        for i, seen in enumerate(engine.accounts.load_all()):
            assert seen.id == f"id-{seen.name}"
            assert engine.logs.read("lobby", i, i + 1, 1)[0].text == f"said by {seen.name}"
        engine.accounts.save(account(name))
        engine.logs.append(post(f"said by {name}"))
        assert engine.settle(PATIENCE)
    finally:
        engine.close()


def names(folder: Path) -> list[str]:
    engine = SqliteEngine(folder)
    try:
        assert len(engine.logs.read("lobby", 0, 99, 99)) == engine.logs.span("lobby").last
        return [seen.name for seen in engine.accounts.load_all()]
    finally:
        engine.close()


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory whose secret is in its own file, with an account and a post."""
    folder = tmp_path_factory.mktemp("used") / "data"
    use(folder, "ann")
    return folder


@pytest.fixture(scope="module")
def used_by_variable(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with the secret ``OLD`` from the environment."""
    folder = tmp_path_factory.mktemp("variable") / "data"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CHATROOM_MASTER_SECRET", OLD)
        use(folder, "ann")
    return folder


def operate(
    folder: Path, command: str, disk: Disk | None = None, **variables: str
) -> subprocess.CompletedProcess[str]:
    flags = ("--data-dir", str(folder), "--log-dir", str(folder.parent / "logs"))
    return subprocess.run(
        [*PROGRAM, command, *flags],
        env={**QUICK, **(disk.environment if disk else {}), **variables},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


@pytest.fixture
def folder(used: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(used, tmp_path / "data"))


def test_a_new_data_key_seals_and_the_old_one_still_opens(folder: Path) -> None:
    done = operate(folder, "rotate-keys")
    assert (done.returncode, done.stderr) == (0, "")
    assert "Data key 2 seals from now on; 1 older still open." in done.stdout
    use(folder, "bob")
    assert "Data key 3 seals" in operate(folder, "rotate-keys").stdout
    use(folder, "carl")
    assert names(folder) == ["ann", "bob", "carl"]
    engine = SqliteEngine(folder)
    rows = engine._store._reader.execute(
        "SELECT substr(sealed, 1, 2) FROM accounts ORDER BY number"
    )
    assert [int.from_bytes(key, "big") for (key,) in rows] == [1, 2, 3]
    engine.close()


def test_a_record_is_sealed_by_the_new_key_when_it_is_written_again(folder: Path) -> None:
    operate(folder, "rotate-keys")
    engine = SqliteEngine(folder)
    engine.start(lambda *_: None, lambda _: None, lambda *_: None)
    ann = engine.accounts.load("ann")
    assert ann is not None
    engine.accounts.save(ann)
    (key,) = engine._store._reader.execute("SELECT substr(sealed, 1, 2) FROM accounts").fetchone()
    assert int.from_bytes(key, "big") == 2
    engine.close()


@pytest.mark.parametrize("command", ["rotate-keys", "rewrap"])
def test_keys_are_not_changed_under_a_running_server(room: ServerProcess, command: str) -> None:
    before = (room.data_dir / "keyring").read_bytes()
    done = room.operate(command)
    assert done.returncode == 1
    assert "Another server uses the data directory" in done.stderr
    assert "stop it first" in done.stderr
    assert (room.data_dir / "keyring").read_bytes() == before


@pytest.mark.parametrize("command", ["rotate-keys", "rewrap"])
def test_without_a_keyring_there_is_nothing_to_change(folder: Path, command: str) -> None:
    (folder / "keyring").unlink()
    done = operate(folder, command)
    assert done.returncode == 1
    assert "There is no keyring" in done.stderr
    assert "start the server once" in done.stderr


def test_a_fresh_master_file_takes_the_place_of_the_old_one(folder: Path) -> None:
    old = (folder / "master.key").read_text()
    done = operate(folder, "rewrap")
    assert (done.returncode, done.stderr) == (0, "")
    assert "new master secret, in " in done.stdout
    assert "nothing else to do" in done.stdout
    assert (folder / "master.key").read_text() != old
    assert (folder / "master.key").stat().st_mode & 0o777 == 0o600
    assert {f.name for f in folder.iterdir() if "master" in f.name} == {"master.key"}
    use(folder, "bob")
    (folder / "master.key").write_text(old)
    with pytest.raises(VaultError, match="another master secret"):
        names(folder)


def test_a_given_master_secret_takes_the_place_of_the_file(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = operate(folder, "rewrap", CHATROOM_NEW_MASTER_SECRET=NEW)
    assert done.returncode == 0
    assert "Start the server with it in CHATROOM_MASTER_SECRET from now on." in done.stdout
    assert NEW not in done.stdout
    assert not (folder / "master.key").exists()
    monkeypatch.setenv("CHATROOM_MASTER_SECRET", NEW)
    use(folder, "bob")


def test_a_secret_of_the_environment_can_give_way_to_a_file(
    used_by_variable: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Path(shutil.copytree(used_by_variable, tmp_path / "data"))
    done = operate(folder, "rewrap", CHATROOM_MASTER_SECRET=OLD)
    assert "Take CHATROOM_MASTER_SECRET out of the server's environment" in done.stdout
    use(folder, "bob")
    monkeypatch.setenv("CHATROOM_MASTER_SECRET", OLD)
    with pytest.raises(VaultError, match="than the one from CHATROOM_MASTER_SECRET"):
        names(folder)


def test_an_empty_new_secret_is_refused(folder: Path) -> None:
    done = operate(folder, "rewrap", CHATROOM_NEW_MASTER_SECRET=" ")
    assert done.returncode == 1
    assert "CHATROOM_NEW_MASTER_SECRET is empty" in done.stderr
    use(folder, "bob")


WAYS: list[tuple[str, dict[str, str]]] = [
    ("rotate-keys", {}),
    ("rewrap", {}),
    ("rewrap", {"CHATROOM_NEW_MASTER_SECRET": NEW}),
    ("rewrap", {"CHATROOM_MASTER_SECRET": OLD}),
]


@pytest.mark.parametrize(
    ("command", "variables", "is_power_cut"),
    [
        pytest.param(*way, is_cut, id=f"{name} {'power cut' if is_cut else 'kill'}", marks=marks)
        for name, way in zip(("rotate", "file", "given", "back"), WAYS, strict=True)
        for is_cut in (False, True)
        for marks in [[pytest.mark.soak] if name in ("given", "back") else []]
    ],
)
def test_keys_open_after_a_crash_between_any_two_steps(
    used: Path,
    used_by_variable: Path,
    tmp_path: Path,
    shim: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: str,
    variables: dict[str, str],
    is_power_cut: bool,
) -> None:
    original = used_by_variable if "CHATROOM_MASTER_SECRET" in variables else used
    step = 0
    while True:
        step += 1
        folder = tmp_path / str(step) / "data"
        shutil.copytree(original, folder)
        shadow = folder.parent / "shadow" if is_power_cut else None
        disk = Disk(shim, folder, shadow)
        disk.fail(KILL, ANY, every=step)
        done = operate(folder, command, disk, **variables)
        killed = disk.heal()
        if is_power_cut:
            disk.cut_power()
        opened: list[str | None] = []
        for secret in (None, OLD, NEW):
            if secret is None:
                monkeypatch.delenv("CHATROOM_MASTER_SECRET", raising=False)
            else:
                monkeypatch.setenv("CHATROOM_MASTER_SECRET", secret)
            try:
                use(folder, f"bob{len(opened)}")
            except ChatroomError:
                continue
            opened.append(secret)
        assert len(opened) == 1, (step, opened)
        if not killed:
            break
    assert done.returncode == 0, done.stderr
    assert step > 4
    after = {"CHATROOM_NEW_MASTER_SECRET": NEW}
    assert opened == [NEW if variables == after else None]


def test_a_password_is_right_after_new_keys(tmp_path: Path) -> None:
    server = ServerProcess(tmp_path / "server")
    try:
        server.join("ann")
        server.stop()
        for command in ("rotate-keys", "rewrap"):
            assert server.operate(command).returncode == 0
        server.start()
        peer = server.peer()
        peer.send("n", "ann", PASSWORD)
        peer.until("Welcome, ann")
    finally:
        server.close()
