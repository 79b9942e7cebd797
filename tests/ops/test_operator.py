"""The operator's sub-commands, alone and beside a running server."""

import os
import re
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import simplecrypt

from chatroom.storage.keys import legacy_import as legacy
from tests.conftest import StartServer
from tests.harness import PASSWORD, PATIENCE, STRETCH, ServerProcess, run_server

SOON = 2.0 * STRETCH


def test_an_operator_changes_accounts_beside_a_running_server(server: ServerProcess) -> None:
    server.add_user("ann")
    ann = server.join("ann")
    assert "superusers only" in ann.answer_to("/viewkickusers")
    done = server.operate("grant", "ANN", "0")
    assert (done.returncode, done.stdout) == (0, "ann is a superuser now.\n")
    begun = time.monotonic()
    ann.until("You are a superuser now")
    assert time.monotonic() - begun < SOON
    assert "superusers only" not in ann.answer_to("/viewkickusers")
    done = server.operate("reset-password", "ann", "--password-stdin", given="new password\n")
    assert (done.returncode, done.stdout) == (
        0,
        "ann has a new password. All sessions of ann end.\n",
    )
    peer = server.peer()
    peer.send("n", "ann", PASSWORD, "ann", "new password")
    peer.until("Unknown name or wrong password")
    peer.until("Welcome, ann")


def test_all_accounts_are_listed(server: ServerProcess) -> None:
    server.add_user("Ann", superuser=True)
    server.add_user("bob")
    lines = server.operate("list-users").stdout.splitlines()
    assert re.split(" {2,}", lines[0]) == ["user", "grant", "since", "last here", "id"]
    when = r"\d{4}-\d\d-\d\d \d\d:\d\d"
    ann = re.fullmatch(rf"Ann +0 +{when} +never +([0-9a-f]{{32}})", lines[1])
    assert ann
    assert re.fullmatch(rf"bob +1 +{when} +never +[0-9a-f]{{32}}", lines[2])
    assert not any(PASSWORD in line for line in [*lines, server.log()])
    server.join("Ann")
    server.stop()
    assert f"logged in account={ann[1]} name=Ann address=127.0.0.1" in server.log()
    lines = server.operate("list-users").stdout.splitlines()
    assert re.fullmatch(rf"Ann +0 +{when} +{when} +{ann[1]}", lines[1])


def test_flags_may_stand_before_and_after_the_name(tmp_path: Path) -> None:
    flags = ("--data-dir", "here", "--log-dir", "there")
    for words in (
        (*flags, "add-user", "ann", "--password-stdin"),
        ("add-user", "--password-stdin", *flags, "bob"),
        ("add-user", "carl", "--password-stdin", "--superuser", *flags),
    ):
        assert run_server(tmp_path, *words, given=PASSWORD).returncode == 0
    listed = run_server(tmp_path, "--data-dir", "here", "list-users", "--log-dir", "there")
    assert [line.split()[:2] for line in listed.stdout.splitlines()[1:]] == [
        ["ann", "1"],
        ["bob", "1"],
        ["carl", "0"],
    ]
    assert sorted(file.name for file in tmp_path.iterdir()) == ["here", "there"]


def test_a_first_superuser_of_the_operator_needs_no_claim_code(start_server: StartServer) -> None:
    server = start_server()
    server.stop()
    server.add_user("ann", superuser=True)
    server.start()
    assert "Nobody is kicked" in server.join("ann").answer_to("/viewkickusers")
    assert not any("/claim" in line for line in server.lines)


SUB_COMMANDS = [
    ("grant", "ann", "0"),
    ("reset-password", "ann", "--password-stdin"),
    ("reset-code", "ann"),
    ("rename-user", "ann", "bob"),
    ("free-name", "ann"),
    ("delete-user", "ann", "--yes"),
    ("list-users",),
    ("rooms",),
    ("migrate", "--to", "redis://127.0.0.1:1/0"),
    ("audit",),
    ("lockdown", "on"),
    ("invite",),
    ("invites",),
    ("revoke-invite", "1"),
    ("fingerprint",),
    ("rotate-keys",),
    ("rewrap",),
    ("keyring", "export", "copy"),
    ("add-user", "a b", "--password-stdin"),
    ("import-legacy", "missing", "--passphrase", "x"),
    ("keyring", "import", "missing"),
    ("kick", "ann"),
    ("ban", "ann"),
    ("unban", "ann"),
    ("lift", "1"),
    ("sanctions",),
    ("room", "delete", "cave", "--yes"),
    ("export-room", "cave"),
    ("backup", "copy"),
    ("restore", "missing"),
    ("drill", "missing"),
]
OF_A_FILE = ("restore", "drill", "add-user", "import-legacy")
"""These begin one, or say first what is wrong with the file, or with the name."""
ASKING = [("status",), ("health",), ("sessions",), ("say", "hello"), ("stop",)]
ASKING += [("restart",), ("reload",)]


def test_a_sub_command_where_there_is_no_room_says_so_and_makes_nothing(tmp_path: Path) -> None:
    helped = run_server(tmp_path, "--help").stdout.partition("for the operator:")[2]
    known = set(re.findall(r"(?m)^    ([a-z-]+)", helped))
    assert known - {"config"} == {words[0] for words in (*SUB_COMMANDS, *ASKING)} | {"doctor"}

    def run(words: tuple[str, ...]) -> None:
        done = run_server(tmp_path, *words, given=PASSWORD, keyring_passphrase="a long passphrase")
        assert done.returncode == (3 if words in ASKING else 1), words
        assert done.stdout == ""
        assert len(done.stderr.splitlines()) == 1, done.stderr
        if words in ASKING:
            assert f"No server runs on {tmp_path / 'data'}." in done.stderr
        elif words[0] not in OF_A_FILE and words[1:2] != ("import",):
            assert f"There is no room in {tmp_path / 'data'}." in done.stderr
            assert "--data-dir" in done.stderr

    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(run, [*SUB_COMMANDS, *ASKING]))
    assert list(tmp_path.iterdir()) == []


def test_who_makes_a_room_is_told_where(tmp_path: Path) -> None:
    words = ("add-user", "--password-stdin", "--data-dir", "here")
    done = run_server(tmp_path, *words, "ann", given=PASSWORD)
    assert done.stdout == f"Made the account ann.\nThis is a new room: {tmp_path}/here was made.\n"
    assert run_server(tmp_path, *words, "bob", given=PASSWORD).stdout == "Made the account bob.\n"


def test_the_help_of_a_sub_command_is_about_itself(tmp_path: Path) -> None:
    for words in (*SUB_COMMANDS, *ASKING):
        told = run_server(tmp_path, words[0], "--help").stdout
        assert len(told.splitlines()) < 45, told
        assert "--data-dir" in told
        assert "--login-rate" not in told
        own = [word for word in re.findall(r"(?m)^  (--[a-z-]+)", told) if word != "--data-dir"]
        assert told.index("-h, --help") < told.index("settings of the server")
        if words[0] in ("add-user", "import-legacy", "invite", "migrate", "audit", "delete-user"):
            assert told.index(own[0]) < told.index("settings of the server")
    told = run_server(tmp_path, "--help").stdout
    assert "--connections-per-address N" in told
    assert "--port PORT" in told


WRONG = [
    (("add-user", "a b"), PASSWORD, 1, "A name has 1 to 32 letters"),
    (("add-user", "BOSS"), PASSWORD, 1, "There is an account 'BOSS' already."),
    (("add-user", "ann"), "short", 1, "A password has 8 to 1024 bytes"),
    (("reset-password", "nobody"), PASSWORD, 1, "There is no account 'nobody'. See list-users"),
    (("reset-password", "boss"), "short", 1, "A password has 8 to 1024 bytes"),
    (("grant", "a\x1b[31m\udcff", "0"), "", 1, r"There is no account 'a\x1b[31m\udcff'"),
    (("grant", "boss", "0"), "", 1, "boss is a superuser already."),
    (("grant", "boss", "1"), "", 1, "boss is the last superuser."),
    (("grant", "boss", "2"), "", 2, "there is no '2': type 0 or 1. See chatroom_server.py grant"),
    (("grant", "boss", "x"), "", 2, "argument 0|1: 'x' is not a whole number"),
    (("revoke-invite", "x"), "", 2, "argument N: 'x' is not a whole number. See"),
    (("invite", "--days", "x"), "", 2, "argument --days: 'x' is not a number. See"),
    (("rename-user", "boss", "boss"), "", 1, "boss is called that already."),
    (("rename-user", "boss", "claim"), "", 1, "That name is reserved. Choose another one."),
    (("grant", "boss"), "", 2, "the following arguments are required: 0|1"),
    (("list-user",), "", 2, "there is no 'list-user'; did you mean list-users?"),
    (
        ("list-users", "--datadir=x"),
        "",
        2,
        "there is no '--datadir=x'; did you mean --data-dir",
    ),
    (("--prot", "7"), "", 2, "server.py: there is no '--prot'; did you mean --port? See "),
    (("invite", "--use", "x"), "", 2, "argument --uses: 'x' is not a whole number"),
    (("rename-user", "boss", "a b"), "", 1, "A name has 1 to 32 letters"),
    (("rename-user", "nobody", "bob"), "", 1, "There is no account 'nobody'"),
    (("delete-user", "nobody", "--yes"), "", 1, "There is no account 'nobody'"),
    (("delete-user", "boss", "--yes"), "", 1, "last superuser"),
    (("reset-code", "x" * 5000), "", 1, "There is no account 'xxx"),
    (("invite", "--uses", "0"), "", 1, "--uses is 0; it must be from 1 to 10000."),
    (("invite", "--days", "nan"), "", 1, "An invitation can be valid for 1s to 365d"),
    (("revoke-invite", "7" * 30), "", 1, "There is no invitation 777"),
    (("revoke-invite", "-1"), "", 1, "There is no invitation -1"),
    (("audit", "--last", "0"), "", 1, "--last is 0; it must be 1 or more."),
    (("list-users", "--port", "x"), "", 2, "--port is 'x'; it must be a whole number"),
    (("import-legacy", "missing", "--passphrase", "x"), "", 1, "missing cannot be read"),
]


def test_what_cannot_be_done_is_told_in_one_sentence(room: ServerProcess) -> None:
    def run(case: tuple[tuple[str, ...], str, int, str]) -> None:
        words, given, status, sentence = case
        flags = ("--password-stdin",) if words[0] in ("add-user", "reset-password") else ()
        done = room.operate(*words, *flags, given=given)
        assert done.returncode == status, case
        assert sentence in done.stderr
        assert done.stdout == ""
        assert len(done.stderr.splitlines()) == 1, done.stderr

    with ThreadPoolExecutor(3) as pool:
        assert len(list(pool.map(run, WRONG))) == len(WRONG)


def test_a_password_that_is_not_given_is_asked_for_and_may_be_refused(
    room: ServerProcess,
) -> None:
    done = room.operate("add-user", "ann", given="")
    assert done.returncode == 1
    assert "No password was given; nothing was changed." in done.stderr
    assert "Traceback" not in done.stderr
    assert "ann" not in room.operate("list-users").stdout


# -- import-legacy ---------------------------------------------------------------------------


def old_file(*records: str | bytes, passphrase: str = "old secret") -> bytes:
    """Make a file of the predecessor; bytes are records that are damaged already."""
    sealed = [
        record if isinstance(record, bytes) else simplecrypt.encrypt(passphrase, record)
        for record in records
    ]
    return b"+$&$&+".join(sealed)


def ids_of(server: ServerProcess) -> list[str]:
    return [line.split()[-1] for line in server.operate("list-users").stdout.splitlines()]


def test_an_old_file_is_imported_and_its_people_log_in(server: ServerProcess) -> None:
    file = server.folder / "users_credentials.enc"
    file.write_bytes(
        old_file(
            "ann;pw#1",
            "bob;with;semi#colon#0",
            "two words;secret#1",
            "admin;secret#0",
            "nothing",
            "mia;#1",
            b"sc\x00\x02 damaged",
            "zoe;forged#0#1",
        )
    )
    words = ("import-legacy", str(file), "--passphrase", "old secret")
    done = server.operate(*words)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0] == "Imported 3 accounts; 0 were here already; 5 not taken."
    for reason in (
        "'two words': A name has 1 to 32 letters",
        "'admin': That name is reserved",
        "record 5: is not 'name;password#grant'",
        "'mia': its password is empty",
        "does not open with this passphrase, or is damaged",
    ):
        assert f"not taken: {reason}" in re.sub(r"record \d+: does", "does", done.stdout)
    for name, password in (("ann", "pw"), ("bob", "with;semi#colon"), ("zoe", "forged#0")):
        peer = server.peer()
        peer.send("n", name, password)
        peer.until(f"Welcome, {name}")
        assert "superusers only" in peer.answer_to("/viewkickusers")
    before = ids_of(server)
    again = server.operate(*words)
    assert again.stdout.startswith("Imported 0 accounts; 3 were here already; 5 not taken.")
    assert ids_of(server) == before
    assert all(word not in server.log() for word in ("old secret", "with;semi", "forged"))


def test_one_of_the_old_people_can_be_made_superuser(server: ServerProcess) -> None:
    file = server.folder / "old.enc"
    file.write_bytes(old_file("ann;old password#1", "bob;old password#0"))
    words = ("import-legacy", str(file), "--passphrase", "old secret", "--superuser", "ann")
    assert "ann is a superuser now." in server.operate(*words).stdout
    assert "superuser" not in server.operate(*words).stdout
    rows = [line.split()[:2] for line in server.operate("list-users").stdout.splitlines()]
    assert rows[1:] == [["ann", "0"], ["bob", "1"]]


def test_a_wrong_passphrase_imports_nothing_and_says_so(room: ServerProcess) -> None:
    file = room.folder / "old.enc"
    file.write_bytes(old_file("ann;old password#1"))
    done = room.operate("import-legacy", str(file), "--passphrase", "wrong")
    assert done.returncode == 1
    assert "Imported 0 accounts" in done.stdout
    assert "does not open with this passphrase" in done.stdout


def test_a_record_that_holds_the_separator_by_chance_is_imported() -> None:
    sealed = simplecrypt.encrypt("p", "ann;old password#1")
    # A salt with the separator inside, sealed anew by the same format.
    salt = b"+$&$&+".ljust(32, b"s")
    random_bytes = simplecrypt._random_bytes
    simplecrypt._random_bytes = lambda size: salt[:size]
    try:
        unlucky = simplecrypt.encrypt("p", "bob;another one#1")
    finally:
        simplecrypt._random_bytes = random_bytes
    assert b"+$&$&+" in unlucky
    accounts, problems = legacy.read(b"+$&$&+".join([sealed, unlucky, sealed]), "p")
    assert [a.name for a in accounts] == ["ann", "bob", "ann"]
    assert problems == []


@pytest.mark.parametrize("command", ["list-users", "rooms", "audit"])
def test_nobody_has_to_read_a_list_to_its_end(server: ServerProcess, command: str) -> None:
    server.add_user("ann", superuser=True)
    ends = os.pipe()
    os.close(ends[0])  # as "| head" does, at the latest
    with os.fdopen(ends[1], "wb") as nobody_reads:
        done = subprocess.run(
            server.command(command),
            env=server.environment(),
            stdout=nobody_reads,
            stderr=subprocess.PIPE,
            timeout=PATIENCE,
            check=False,
        )
    assert (done.returncode, done.stderr) == (0, b"")
