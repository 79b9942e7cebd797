"""`doctor` finds what was planted, says what to do, and finds nothing on what is sound."""

import datetime
import json
import secrets
import shutil
import socket
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from chatroom.ops.doctor import files, limits
from tests.harness import PASSWORD, run_server
from tests.redis_server import RedisServer

Report = dict[str, list[tuple[str, str]]]
"""Level and text of each finding, by what it is about."""


class Patient:
    """A room that is sound, whose server does not run. A plant makes it ill."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.settings: dict[str, Any] = {
            "master_secret": secrets.token_urlsafe(),
            "connections": 100,
            "port": 0,
        }

    def make(self) -> None:
        """Make the room: an account, a certificate, a backup."""
        done = run_server(
            *(self.folder, "add-user", "ann", "--superuser", "--password-stdin"),
            given=PASSWORD + "\n",
            **self.settings,
        )
        assert done.returncode == 0, done.stderr
        assert run_server(self.folder, "fingerprint", **self.settings).returncode == 0
        self.backed_up(time.time())

    def backed_up(self, moment: float) -> None:
        (self.data / "last-backup").write_text(f"{moment} /backups/one\n")

    def look(self, *words: str) -> tuple[int, Report]:
        """Return the exit status of the doctor, and what it found that is not ok."""
        before = self._state()
        done = run_server(self.folder, "doctor", "--json", *words, **self.settings)
        assert done.stderr == ""
        for secret in filter(None, (self.settings["master_secret"], "geheim")):
            assert str(secret) not in done.stdout
        assert self._state() == before, "it only reads"
        report: Report = {}
        for line in done.stdout.splitlines():
            found = json.loads(line)
            if found["level"] != "ok":
                assert found["do"] or found["level"] == "error"
                text = f"{found['found']} {found['do']}"
                report.setdefault(found["about"], []).append((found["level"], text))
        return done.returncode, report

    def sql(self, *statements: str) -> None:
        db = sqlite3.connect(self.data / "chatroom.db")
        with db:
            for one in statements:
                db.execute(one)
        db.close()

    def _state(self) -> dict[str, tuple[float, int]]:
        return {
            str(file): (file.lstat().st_mtime, file.lstat().st_mode)
            for file in sorted(self.data.rglob("*"))
        }


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Patient:
    """A sound room, which is copied for each test."""
    patient = Patient(tmp_path_factory.mktemp("sound"))
    patient.make()
    return patient


@pytest.fixture
def patient(sound: Patient, tmp_path: Path) -> Patient:
    one = Patient(tmp_path / "room")
    shutil.copytree(sound.folder, one.folder)
    one.settings = {**sound.settings}
    return one


@pytest.mark.sqlite
def test_it_finds_nothing_on_a_sound_room(patient: Patient) -> None:
    assert patient.look("--deep") == (0, {})
    done = run_server(patient.folder, "doctor", **patient.settings)
    assert done.returncode == 0
    assert all(line.startswith("ok  ") for line in done.stdout.splitlines())


Plant = Callable[[Patient], Any]


def pair(patient: Patient, begin: float, end: float, name: str = "chatroom", by: str = "") -> None:
    """Put a certificate there, valid from and until so many days from now."""
    key, ca = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    now = datetime.datetime.now(datetime.UTC)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, by or name)])
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now + datetime.timedelta(begin))
        .not_valid_after(now + datetime.timedelta(end))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(ca if by else key, hashes.SHA256())
    )
    folder = patient.data / "tls"
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8)
    (folder / "key.pem").write_bytes(key.private_bytes(*form, serialization.NoEncryption()))


def no_key_of_it(patient: Patient) -> None:
    certificate = (patient.data / "tls/cert.pem").read_bytes()
    pair(patient, -1, 100)
    (patient.data / "tls/cert.pem").write_bytes(certificate)


def link(patient: Patient) -> None:
    keyring = patient.data / "keyring"
    keyring.rename(patient.folder / "elsewhere")
    keyring.symlink_to(patient.folder / "elsewhere")


def key_of_another_store(patient: Patient) -> None:
    other = Patient(patient.folder / "other")
    other.folder.mkdir()
    other.settings = {**patient.settings}
    other.make()
    shutil.copy(other.data / "keyring", patient.data / "keyring")


def another_secret(patient: Patient) -> None:
    patient.settings["master_secret"] = secrets.token_urlsafe()


def no_secret(patient: Patient) -> None:
    patient.settings["master_secret"] = ""


def secret_beside(patient: Patient) -> None:
    file = patient.data / "master.key"
    file.write_text(str(patient.settings["master_secret"]))
    file.chmod(0o600)
    patient.settings["master_secret"] = ""


def secret_for_others(patient: Patient) -> None:
    secret_beside(patient)
    (patient.data / "master.key").chmod(0o644)


def left_over(patient: Patient) -> None:
    file = patient.data / "master.key.new"
    file.write_text("another")
    file.chmod(0o600)


def torn(patient: Patient) -> None:
    file = patient.data / "chatroom.db"
    content = bytearray(file.read_bytes())
    content[4096 * 3 : 4096 * 3 + 200] = secrets.token_bytes(200)
    file.write_bytes(content)


def message(patient: Patient, moment: float) -> None:
    patient.sql(
        "INSERT INTO logs (key, epoch, last) VALUES (x'00', 'aa', 1)",
        "INSERT INTO segments (log, first, last, until, sealed) "
        f"VALUES (1, 1, 1, {moment}, x'0001020304')",
    )


def from_now_on(patient: Patient) -> None:
    message(patient, time.time() + 3600)


def set_to(name: str, value: object) -> Plant:
    return lambda patient: patient.settings.update({name: value})


FAULTS: dict[str, tuple[Plant, str, str, str]] = {
    "a data directory for others": (
        *(lambda p: p.data.chmod(0o755), "files", "warning"),
        "chmod 700",
    ),
    "a keyring for others": (
        *(lambda p: (p.data / "keyring").chmod(0o640), "files", "error"),
        "chmod 600",
    ),
    "a master secret for others": (secret_for_others, "files", "error", "chmod 600"),
    "a key of TLS for others": (
        *(lambda p: (p.data / "tls/key.pem").chmod(0o644), "certificate", "error"),
        "chmod 600",
    ),
    "a store for others": (
        *(lambda p: (p.data / "chatroom.db").chmod(0o644), "files", "warning"),
        "chmod 600",
    ),
    "a keyring that is a link": (link, "files", "error", "is a link"),
    "a master secret beside the data": (secret_beside, "keys", "warning", "beside the data"),
    "no master secret": (no_secret, "keys", "error", "is missing"),
    "another master secret": (another_secret, "keys", "error", "another master secret"),
    "the keyring of another store": (
        *(key_of_another_store, "store", "error"),
        "does not belong to the store",
    ),
    "no keyring": (lambda p: (p.data / "keyring").unlink(), "keys", "error", "There is no keyring"),
    "what a rewrap left": (left_over, "keys", "warning", "was cut off"),
    "a certificate that has expired": (
        *(lambda p: pair(p, -20, -1), "certificate", "error"),
        "expired on",
    ),
    "one that is near its end": (lambda p: pair(p, -20, 3), "certificate", "warning", "expires on"),
    "one that does not hold yet": (
        *(lambda p: pair(p, 1, 20), "certificate", "error"),
        "not valid before",
    ),
    "a key that belongs to another one": (no_key_of_it, "certificate", "error", "does not belong"),
    "half a pair": (
        *(lambda p: (p.data / "tls/key.pem").unlink(), "certificate", "error"),
        "without its other half",
    ),
    "a record that was changed": (
        *(lambda p: p.sql("UPDATE accounts SET sealed=zeroblob(99)"), "store", "error"),
        "accounts 1",
    ),
    "a page that was torn": (torn, "store", "error", "is damaged"),
    "a store of a newer version": (
        *(lambda p: p.sql("PRAGMA user_version=99"), "store", "error"),
        "newer version",
    ),
    "no store": (
        lambda p: (p.data / "chatroom.db").unlink(),
        "store",
        "error",
        "There is no store",
    ),
    "no superuser": (
        *(lambda p: p.sql("DELETE FROM accounts"), "people", "warning"),
        "add-user NAME --superuser",
    ),
    "a clock before the newest message": (from_now_on, "clock", "error", "Put the clock right"),
    "no backup": (
        *(lambda p: (p.data / "last-backup").unlink(), "backup", "warning"),
        "no backup yet",
    ),
    "an old backup": (
        *(lambda p: p.backed_up(time.time() - 8 * 86400), "backup", "warning"),
        "The last backup is of",
    ),
    "a trial of a restore that failed": (
        *(lambda p: (p.data / "last-drill-failed").write_text(f"{time.time()} why\n"), "backup"),
        *("error", "last-drill-failed says why"),
    ),
    "a name that is no setting": (set_to("prot", 7000), "settings", "warning", "did you mean"),
    "an address of another machine": (
        *(set_to("host", "192.0.2.1"), "settings", "error"),
        "Give --host an address of this machine",
    ),
    "a text for everybody that is missing": (
        *(set_to("motd_file", "nowhere.txt"), "settings", "warning"),
        "nowhere.txt",
    ),
    "a name that nobody knows": (
        *(set_to("public_host", "nobody.invalid"), "network", "warning"),
        "no resolver knows",
    ),
    "more connections than files": (
        *(set_to("connections", 900_000_000), "limits", "warning"),
        "LimitNOFILE",
    ),
}


@pytest.mark.sqlite
@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_found(patient: Patient, name: str) -> None:
    plant, about, level, text = FAULTS[name]
    plant(patient)
    status, report = patient.look()
    found = [one for one in report.get(about, []) if one[0] == level and text in one[1]]
    assert found, report
    assert status >= {"warning": 1, "error": 2}[level]


@pytest.mark.sqlite
def test_a_store_of_an_older_version_is_no_fault(patient: Patient) -> None:
    patient.sql("DROP TABLE departed", "PRAGMA user_version=6")
    assert patient.look("--deep") == (0, {})


def test_where_there_is_no_room_it_says_so_and_makes_nothing(tmp_path: Path) -> None:
    done = run_server(tmp_path, "doctor")
    assert done.returncode == 2
    assert f"There is no data directory {tmp_path / 'data'}." in done.stdout
    assert list(tmp_path.iterdir()) == []
    assert len(run_server(tmp_path, "doctor", "--help").stdout.splitlines()) < 45


@pytest.mark.sqlite
def test_a_setting_that_cannot_be_read_is_named(patient: Patient) -> None:
    done = run_server(patient.folder, "doctor", **patient.settings | {"port": "many"})
    assert done.returncode == 2
    assert done.stderr.startswith("CHATROOM_PORT is 'many'; it must be")


@pytest.mark.sqlite
def test_a_damaged_message_is_found_by_a_deep_look_alone(patient: Patient) -> None:
    message(patient, time.time() - 60)
    assert patient.look() == (0, {})
    status, report = patient.look("--deep")
    assert status == 2
    assert "segments 1" in report["store"][0][1]


@pytest.mark.sqlite
def test_a_port_that_another_program_has_is_found(patient: Patient) -> None:
    with socket.create_server(("", 0)) as sock:
        patient.settings["port"] = sock.getsockname()[1]
        status, report = patient.look()
    assert (status, report["network"][0][0]) == (2, "error")
    assert "Choose another port with --port" in report["network"][0][1]


def test_a_disk_that_is_nearly_full_is_found() -> None:
    store = 100 * 2**20
    assert [one.level for one in files.room(10 * 2**20, store)] == ["error"]
    assert [one.level for one in files.room(110 * 2**20, store)] == ["warning"]
    assert [one.level for one in files.room(200 * 2**20, store)] == []


def test_small_limits_are_found() -> None:
    found = list(limits.files_for(1000, 256))
    assert "LimitNOFILE" in found[0].do
    assert list(limits.files_for(100, 256)) == []
    assert "ulimit -v" in next(limits.memory_for(1000, 2**26)).do
    assert list(limits.memory_for(1000, limits.UNLIMITED)) == []


@pytest.mark.sqlite
def test_beside_a_running_server_it_needs_no_address_of_it(
    start_server: Any, patient: Patient
) -> None:
    server = start_server()
    server.add_user("ann", superuser=True)
    (server.data_dir / "last-backup").write_text(f"{time.time()} /backups/one\n")
    done = server.operate("doctor", "--json", "--deep")
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [one["found"] for one in found if one["about"] == "network"] == [
        f"The server answers on 127.0.0.1:{server.port}."
    ]
    levels = {one["about"] for one in found if one["level"] != "ok"}
    assert levels <= {"keys", "limits"}, done.stdout


@pytest.fixture
def redis_patient(patient: Patient, tmp_path: Path) -> Iterator[tuple[Patient, RedisServer]]:
    """A sound room on a Redis that is set up well."""
    store = RedisServer(tmp_path / "store")
    store.client.acl_setuser(
        *("chat", True),
        passwords=["+geheim"],
        commands=["+@all"],
        keys=["*"],
        channels=["*"],
    )
    secret = tmp_path / "password"
    secret.write_text("geheim")
    secret.chmod(0o600)
    patient.settings |= {
        "engine": store.url,
        "engine_user": "chat",
        "engine_password_file": secret,
    }
    (patient.data / "chatroom.db").unlink()
    done = run_server(
        *(patient.folder, "add-user", "ann", "--superuser", "--password-stdin"),
        given=PASSWORD + "\n",
        **patient.settings,
    )
    assert done.returncode == 0, done.stderr
    yield patient, store
    store.close()


def test_it_finds_nothing_on_a_redis_that_is_set_up_well(
    redis_patient: tuple[Patient, RedisServer],
) -> None:
    assert redis_patient[0].look("--deep") == (0, {})


REDIS_FAULTS: dict[str, tuple[Callable[[Patient, RedisServer], Any], str, str]] = {
    "everysec": (
        *(lambda p, s: s.client.config_set("appendfsync", "everysec"), "warning"),
        "appendfsync is everysec",
    ),
    "no appendonly": (
        *(lambda p, s: s.client.config_set("appendonly", "no"), "error"),
        "Set appendonly yes",
    ),
    "a policy that throws away": (
        *(lambda p, s: s.client.config_set("maxmemory-policy", "allkeys-lru"), "error"),
        "noeviction",
    ),
    "the default user": (
        *(
            lambda p, s: p.settings.update({"engine_user": "", "engine_password_file": ""}),
            "warning",
        ),
        "engine_user",
    ),
    "replicas that are not there": (
        *(lambda p, s: p.settings.update({"engine_replicas": 1}), "error"),
        "nothing is confirmed",
    ),
    "too few replicas for itself": (
        *(lambda p, s: s.client.config_set("min-replicas-to-write", 2), "error"),
        "it refuses writes",
    ),
    "away": (lambda p, s: s.kill(), "error", "cannot be used"),
    "empty": (lambda p, s: s.client.flushall(), "error", "no room in it"),
    "a wrong password": (
        *(lambda p, s: Path(str(p.settings["engine_password_file"])).write_text("x"), "error"),
        "rejected the user name or password",
    ),
}


@pytest.mark.parametrize("name", REDIS_FAULTS)
def test_a_fault_of_a_redis_is_found(redis_patient: tuple[Patient, RedisServer], name: str) -> None:
    patient, store = redis_patient
    plant, level, text = REDIS_FAULTS[name]
    plant(patient, store)
    if "engine_password_file" in patient.settings and not patient.settings["engine_password_file"]:
        del patient.settings["engine_password_file"]
    status, report = patient.look()
    found = [one for one in report.get("redis", []) if one[0] == level and text in one[1]]
    assert found, report
    assert status >= {"warning": 1, "error": 2}[level]
