"""Sealing, the keyring, and starts with keys that are wrong."""

import base64
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import simplecrypt
from Crypto.Hash import HMAC, SHA256
from Crypto.Protocol.KDF import PBKDF2

from chatroom.client.credentials import password_from_file
from chatroom.errors import Damaged, SettingError, UserError, VaultError
from chatroom.storage.keys.vault import Vault, open_vault, read_private
from chatroom.storage.redis.url import connect
from tests.conftest import StartServer
from tests.harness import PASSWORD, ServerProcess, run_server

# Made once with simple-crypt 4.1.7 as it is published, without any change to it.
OLD_FILE = base64.b64decode(
    "c2MAAg4IntdF+sPDiuQCmYxpgdR7v7nNcctz0/7dBxOeweQZZAMMrUxlW5/Aix0akZb6Dnxo4mqUYl1QmMhV4cFMgW2L"
    "8rr78wUyuG1j5GdnRphvlqq/8rM/"
)
# PBKDF2 of b"secret", b"0123456789abcdef", 64 bytes, 7 rounds, by the same.
OLD_KEY = base64.b64decode(
    "uJEJ1iOSM2r5chXAVPwGTiM2MfL7zjTPNCfJN9a93d5sEmLjuMJY8qdU3uDI0T9uebTk4NU8wmNMopXB/u1lDg=="
)


@pytest.fixture
def vault() -> Vault:
    return Vault({1: bytes(range(32))}, 1, b"i" * 32)


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a server that has stopped, with one account in its store."""
    server = ServerProcess(tmp_path_factory.mktemp("original"))
    server.join("ann")
    assert server.stop() == 0
    return server.folder


@pytest.fixture
def store(original: Path, tmp_path: Path) -> Path:
    """A copy of it that may be spoiled."""
    return Path(shutil.copytree(original, tmp_path / "store"))


def refusal(folder: Path, **settings: Any) -> str:
    """Start a server that must not start; return its one sentence."""
    done = run_server(folder, "--port", "0", **settings)
    assert done.returncode == 1
    assert done.stdout == ""
    (sentence,) = [line for line in done.stderr.splitlines() if "WARNING" not in line]
    return sentence


# -- records ---------------------------------------------------------------------------------


def test_what_was_sealed_opens_at_its_place(vault: Vault) -> None:
    sealed = vault.seal(b"secret", "account 1")
    assert b"secret" not in sealed
    assert vault.unseal(sealed, "account 1") == b"secret"


def test_the_same_is_never_sealed_to_the_same_bytes(vault: Vault) -> None:
    assert vault.seal(b"secret", "a") != vault.seal(b"secret", "a")


def test_a_record_that_was_moved_does_not_open(vault: Vault) -> None:
    with pytest.raises(Damaged, match="account 2"):
        vault.unseal(vault.seal(b"secret", "account 1"), "account 2")


def test_a_record_with_any_bit_changed_does_not_open(vault: Vault) -> None:
    sealed = vault.seal(b"secret", "a")
    for i in range(len(sealed) * 8):
        changed = bytearray(sealed)
        changed[i // 8] ^= 1 << i % 8
        with pytest.raises(Damaged):
            vault.unseal(bytes(changed), "a")


def test_a_record_that_was_cut_does_not_open(vault: Vault) -> None:
    sealed = vault.seal(b"secret", "a")
    for length in range(len(sealed)):
        with pytest.raises(Damaged):
            vault.unseal(sealed[:length], "a")


def test_a_record_of_an_older_key_of_the_ring_opens(vault: Vault) -> None:
    newer = Vault({1: bytes(range(32)), 2: b"n" * 32}, 2, b"i" * 32)
    assert newer.unseal(vault.seal(b"secret", "a"), "a") == b"secret"
    with pytest.raises(Damaged):
        vault.unseal(newer.seal(b"secret", "a"), "a")


def test_names_are_found_by_a_keyed_hash(vault: Vault) -> None:
    other = Vault({1: bytes(range(32))}, 1, b"j" * 32)
    assert vault.index("ann") == vault.index("ann")
    assert len({vault.index("ann"), vault.index("bob"), other.index("ann")}) == 3


# -- simple-crypt ----------------------------------------------------------------------------


def test_the_fast_key_derivation_gives_the_bytes_of_the_original() -> None:
    def as_published(password: bytes, salt: bytes, size: int, count: int) -> bytes:
        def prf(key: bytes, data: bytes) -> bytes:
            return HMAC.new(key, data, SHA256).digest()

        return bytes(PBKDF2(password, salt, dkLen=size, count=count, prf=prf))

    assert simplecrypt._pbkdf2(b"secret", b"0123456789abcdef", 64, 7) == OLD_KEY
    for password, salt, size, count in (
        (b"secret", b"0123456789abcdef", 64, 7),
        (b"x" * 100, b"s" * 32, 64, 3),
        ("pässword".encode(), b"", 20, 1),
    ):
        expected = as_published(password, salt, size, count)
        assert simplecrypt._pbkdf2(password, salt, size, count) == expected


def test_a_file_of_the_unchanged_simple_crypt_opens() -> None:
    assert simplecrypt.decrypt("an old passphrase", OLD_FILE) == b"ann;her old password#1"


def test_the_keyring_is_in_the_format_of_simple_crypt(tmp_path: Path) -> None:
    open_vault(tmp_path, store_exists=False)
    secret = (tmp_path / "master.key").read_text().strip()
    plain = simplecrypt.decrypt(secret, (tmp_path / "keyring").read_bytes())
    assert json.loads(plain).keys() == {"active", "keys", "index"}


# -- starts ----------------------------------------------------------------------------------


@pytest.mark.sqlite
def test_everything_in_the_data_directory_is_for_the_owner_only(start_server: StartServer) -> None:
    before = os.umask(0)
    try:
        server = start_server(is_new=True)
    finally:
        os.umask(before)
    server.join("ann")
    files = [file for file in server.data_dir.rglob("*") if file.is_file()]
    assert all(f.stat().st_mode & 0o77 == 0 for f in server.data_dir.rglob("*"))
    assert {"master.key", "keyring", "chatroom.db"} < {file.name for file in files}
    assert {file.name: oct(file.stat().st_mode & 0o777) for file in files} == {
        file.name: "0o600" for file in files
    }
    assert server.data_dir.stat().st_mode & 0o777 == 0o700
    assert server.log_dir.stat().st_mode & 0o777 == 0o700
    assert (server.log_dir / "chatroom_server.log").stat().st_mode & 0o777 == 0o600


def test_a_data_directory_that_was_open_to_others_is_closed(start_server: StartServer) -> None:
    server = start_server()
    server.stop()
    server.data_dir.chmod(0o755)
    server.start()
    assert server.data_dir.stat().st_mode & 0o777 == 0o700


@pytest.mark.sqlite
def test_a_missing_keyring_is_not_replaced(store: Path) -> None:
    keyring = store / "data" / "keyring"
    keyring.unlink()
    assert "keyring is missing, but the store beside it needs it" in refusal(store)
    assert not keyring.exists()


@pytest.mark.sqlite
@pytest.mark.parametrize("is_there", [True, False])
def test_a_lost_store_is_not_taken_for_a_new_one(store: Path, is_there: bool) -> None:
    file = store / "data" / "chatroom.db"
    file.write_bytes(b"") if is_there else file.unlink()
    assert "is missing or empty, but its keyring is there" in refusal(store)


@pytest.mark.sqlite
def test_a_missing_master_secret_is_not_replaced(store: Path) -> None:
    (store / "data" / "master.key").unlink()
    assert "master.key is missing" in refusal(store)
    assert not (store / "data" / "master.key").exists()


@pytest.mark.sqlite
@pytest.mark.parametrize(("name", "mode"), [("keyring", 0o604), ("master.key", 0o640)])
def test_a_key_that_others_can_read_is_refused(store: Path, name: str, mode: int) -> None:
    file = store / "data" / name
    file.chmod(mode)
    assert f"data/{name} can be read by others: run 'chmod 600" in refusal(store)


@pytest.mark.sqlite
def test_a_folder_in_place_of_a_key_is_told(store: Path) -> None:
    (store / "data" / "master.key").unlink()
    (store / "data" / "master.key").mkdir()
    assert "master.key cannot be read: Is a directory." in refusal(store)


@pytest.mark.sqlite
def test_a_key_is_not_read_through_a_link(store: Path) -> None:
    file = store / "data" / "master.key"
    file.rename(store / "elsewhere")
    file.symlink_to(store / "elsewhere")
    assert "master.key cannot be read" in refusal(store)


@pytest.mark.sqlite
@pytest.mark.parametrize(
    "content", [b"", b"sc\x00\x02", b"x" * 300, None], ids=["empty", "head", "noise", "flipped"]
)
def test_a_damaged_keyring_is_told(store: Path, content: bytes | None) -> None:
    keyring = store / "data" / "keyring"
    if content is None:
        flipped = bytearray(keyring.read_bytes())
        flipped[60] ^= 1
        content = bytes(flipped)
    keyring.write_bytes(content)
    assert "keyring does not open: it is damaged or belongs to another" in refusal(store)


@pytest.mark.sqlite
@pytest.mark.parametrize("content", [b"", b"\n", b"\xff\xfe"])
def test_an_empty_or_unreadable_master_secret_is_told(store: Path, content: bytes) -> None:
    (store / "data" / "master.key").write_bytes(content)
    assert "master.key holds no secret" in refusal(store)


@pytest.mark.sqlite
def test_another_master_secret_does_not_open_the_keyring(store: Path) -> None:
    sentence = refusal(store, master_secret="not the one")
    assert "belongs to another master secret" in sentence


@pytest.mark.sqlite
def test_the_keyring_of_another_store_is_refused(store: Path, start_server: StartServer) -> None:
    other = start_server(folder="other", is_new=True)
    other.stop()
    for name in ("keyring", "master.key"):
        shutil.copy(other.data_dir / name, store / "data" / name)
    assert "The keyring does not belong to the store" in refusal(store)


@pytest.mark.sqlite
@pytest.mark.parametrize("where", ["head", "page", "all"])
def test_a_damaged_store_is_told_and_not_overwritten(store: Path, where: str) -> None:
    file = store / "data" / "chatroom.db"
    content = bytearray(file.read_bytes())
    start, end = {"head": (0, 100), "page": (4096, len(content)), "all": (0, len(content))}[where]
    content[start:end] = b"\x5a" * (end - start)
    file.write_bytes(bytes(content))
    assert "chatroom.db cannot be used" in refusal(store)
    assert file.read_bytes() == bytes(content)


@pytest.mark.sqlite
def test_the_store_that_these_tests_spoil_does_start(store: Path) -> None:
    server = ServerProcess(store)
    server.join("ann")
    server.close()
    assert "registered" not in server.log().partition(" stopped")[2]


def test_the_secret_may_come_from_the_environment(start_server: StartServer) -> None:
    server = start_server(master_secret="from the environment", is_new=True)
    server.join("ann")
    assert not (server.data_dir / "master.key").exists()
    server.stop()
    server.start()
    peer = server.peer()
    peer.send("n", "ann", PASSWORD)
    peer.until("Welcome")


@pytest.mark.parametrize("mode", [0o400, 0o440])
def test_the_secret_may_come_from_a_credentials_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int
) -> None:
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    secret = credentials / "chatroom-master"
    secret.write_text("from systemd\n")
    secret.chmod(mode)
    if mode == 0o440 and shutil.which("setfacl"):  # as systemd does it for services with User=
        secret.chmod(0o400)
        subprocess.run(["setfacl", "-m", "u:nobody:r", str(secret)], check=False)
        secret.chmod(secret.stat().st_mode | 0o040)  # where the file system knows no access lists
        assert secret.stat().st_mode & 0o777 == 0o440
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(credentials))
    data = tmp_path / "data"
    data.mkdir()
    sealed = open_vault(data, store_exists=False).seal(b"x", "p")
    assert sorted(file.name for file in data.iterdir()) == ["keyring"]
    monkeypatch.delenv("CREDENTIALS_DIRECTORY")
    monkeypatch.setenv("CHATROOM_MASTER_SECRET", "from systemd")
    assert open_vault(data, store_exists=True).unseal(sealed, "p") == b"x"


@pytest.mark.parametrize(
    ("is_inside", "mode", "is_taken"),
    [(True, 0o440, True), (True, 0o460, False), (True, 0o444, False), (False, 0o440, False)],
)
def test_only_a_credential_may_be_read_by_its_group(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_inside: bool, mode: int, is_taken: bool
) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path / "credentials"))
    (tmp_path / "credentials").mkdir()
    file = tmp_path / "credentials" / ("secret" if is_inside else "../secret")
    file.write_text("a good secret\n")
    file.chmod(mode)
    readers: tuple[tuple[Callable[[], object], type[Exception]], ...] = (
        (lambda: read_private(file), VaultError),
        (lambda: connect("redis://127.0.0.1:1", "", file), SettingError),
        (lambda: password_from_file(file), UserError),
    )
    for read, refusal in readers:
        if is_taken:
            read()
        else:
            with pytest.raises(refusal, match=r"thers can read|can be read by others"):
                read()
