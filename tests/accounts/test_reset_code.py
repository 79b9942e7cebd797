"""Reset codes: somebody who lost the password gets in again, once."""

import re

import pytest

from tests.client.test_terminal import Sit, sit
from tests.conftest import StartServer
from tests.harness import PASSWORD, Peer, ServerProcess

__all__ = ["sit"]  # the fixture

NEW = "another good password"


def code_of(told: str) -> str:
    found = re.search(r"log in with ([0-9a-f-]{26}) instead", told)
    assert found is not None
    return found[1]


def with_code(server: ServerProcess, name: str, code: str) -> Peer:
    peer = server.peer()
    peer.send("n", name, code)
    return peer


@pytest.mark.parametrize("by", ["superuser", "operator"])
def test_a_code_lets_its_bearer_set_a_new_password_once(
    room: ServerProcess, boss: Peer, by: str
) -> None:
    name = f"lost-{by}"
    here = room.join(name)
    if by == "superuser":
        code = code_of(boss.answer_to(f"/reset-code {name}"))
    else:
        code = code_of(room.operate("reset-code", name).stdout)
    bearer = with_code(room, name, code.upper().replace("-", ""))
    bearer.until("That code lets you choose a new password.")
    bearer.send("short", NEW, "not the same", NEW, NEW)
    bearer.until("Choose a password")
    bearer.until(f"Welcome, {name}")
    assert "Your password was changed, so this session has ended." in here.until_end()
    with_code(room, name, code).until("Unknown name or wrong password.")
    with_code(room, name, PASSWORD).until("Unknown name or wrong password.")
    with_code(room, name, NEW).until(f"Welcome, {name}")
    audit = boss.answer_to(f"/audit {name}")
    assert f"made a reset code for {name}" in audit
    assert code not in audit


def test_a_program_is_asked_for_the_new_password(room: ServerProcess, boss: Peer) -> None:
    room.join("botty").close()
    code = code_of(boss.answer_to("/reset-code botty"))
    program = room.program_start()
    program.send_event("login", name="botty", password=code)
    for _ in range(2):
        program.until_event("prompt", secret=True)
        program.send_event("answer", text=NEW)
    program.until_event("notice", kind="welcome")


def test_a_newer_code_and_a_new_password_end_an_older_code(room: ServerProcess, boss: Peer) -> None:
    carl = room.join("carl")
    first = code_of(boss.answer_to("/reset-code carl"))
    second = code_of(boss.answer_to("/reset-code carl"))
    with_code(room, "carl", first).until("Unknown name or wrong password.")
    carl.send("/changepassword", PASSWORD, NEW, NEW)
    carl.until("Your password was changed.")
    with_code(room, "carl", second).until("Unknown name or wrong password.")


def test_a_code_is_no_password_for_deleting_the_account(room: ServerProcess, boss: Peer) -> None:
    dora = room.join("dora")
    code = code_of(boss.answer_to("/reset-code dora"))
    dora.send("/deleteaccount", code)
    dora.until("That is not your password.")
    dora.send("")
    dora.until("Nothing was deleted.")


def test_a_banned_person_does_not_come_in_with_a_code(room: ServerProcess, boss: Peer) -> None:
    room.join("erik").close()
    code = code_of(boss.answer_to("/reset-code erik"))
    boss.answer_to("/ban erik")
    assert "You were banned by boss" in with_code(room, "erik", code).until_end()


def test_a_code_survives_a_crash_right_after_it_was_shown(start_server: StartServer) -> None:
    server = start_server()
    boss = server.join_superuser("boss")
    server.join("ann")
    code = code_of(boss.answer_to("/reset-code ann"))
    server.kill()
    server.start()
    ann = with_code(server, "ann", code)
    ann.send(NEW, NEW)
    ann.until("Welcome, ann")


def test_who_is_banned_while_choosing_a_password_does_not_come_in_and_keeps_the_code(
    room: ServerProcess, boss: Peer
) -> None:
    room.join("casper").close()
    code = code_of(boss.answer_to("/reset-code casper"))
    bearer = with_code(room, "casper", code)
    bearer.until("Choose a password")
    number = re.findall(r"/unban (\d+)", boss.answer_to("/ban casper 1h"))[0]
    bearer.send(NEW, NEW)
    assert "You were banned by boss" in bearer.until_end()
    assert "casper has joined" not in boss.answer_to(f"/unban {number}")
    again = with_code(room, "casper", code)
    again.until("Choose a password")
    again.send(NEW, NEW)
    again.until("Welcome, casper")


def test_who_is_renamed_while_choosing_a_password_comes_in(room: ServerProcess, boss: Peer) -> None:
    room.join("dorle").close()
    bearer = with_code(room, "dorle", code_of(boss.answer_to("/reset-code dorle")))
    bearer.until("Choose a password")
    assert room.operate("rename-user", "dorle", "doris").returncode == 0
    bearer.send(NEW, NEW)
    bearer.until("Welcome, doris")


@pytest.mark.parametrize("with_name", [True, False])
def test_the_client_finishes_what_a_code_begins(
    room: ServerProcess, sit: Sit, with_name: bool
) -> None:
    name = f"otto{with_name}"
    room.join(name).close()
    code = code_of(room.operate("reset-code", name).stdout)
    otto = sit(room.port, *(("--name", name) if with_name else ()))
    if not with_name:
        otto.answer("[y/n] ", "n")
        otto.answer("user name: ", name)
    otto.answer("password: ", code)
    otto.see("lets you choose a new password")
    otto.answer("(8 bytes or more): ", "short")
    for again in ("not the same", NEW):
        otto.answer("(8 bytes or more): ", NEW)
        otto.answer("again: ", again)
    otto.see(f"Welcome, {name}")
    with_code(room, name, NEW).until(f"Welcome, {name}")


def test_another_login_in_place_of_the_new_password_is_just_that(
    room: ServerProcess, boss: Peer
) -> None:
    room.join("frida").close()
    code = code_of(boss.answer_to("/reset-code frida"))
    program = room.program_start()
    program.send_event("login", name="frida", password=code)
    program.until_event("prompt", ask="new-password")
    program.send_event("register", name="frida", password=NEW)
    assert "taken" in program.until_event("result", ok=False)["text"]
    program.send_event("login", name="frida", password=PASSWORD)
    program.until_event("notice", kind="welcome")
