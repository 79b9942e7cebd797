"""The message of the day: who is shown it, when it changes, and what is wrong with its file."""

import os
from pathlib import Path

import pytest

from chatroom.motd import BYTES_MOST, LINES_MOST, Motd
from tests.conftest import StartServer
from tests.harness import PASSWORD, run_server


def test_it_is_shown_after_the_login_and_by_motd(start_server: StartServer, tmp_path: Path) -> None:
    file = tmp_path / "motd.txt"
    file.write_text("Be kind.\n\x1b[2JBackups at \u202enoon.\n\n")
    server = start_server(motd_file=file)
    ann = server.join("ann")
    ann.until("[2JBackups at noon.")
    assert "Be kind.\n[2JBackups at noon." in ann.answer_to("/motd")
    program = server.program_start()
    program.send_event("login", name="ann", password=PASSWORD)
    shown = program.until_event("notice", kind="motd")
    assert shown["text"] == "Be kind.\n[2JBackups at noon."
    program.send_event("command", name="motd", args={}, cid="m")
    assert program.until_event("result", cid="m")["rows"] == [{"text": shown["text"]}]


def test_who_comes_back_is_not_shown_it_again(start_server: StartServer, tmp_path: Path) -> None:
    file = tmp_path / "motd.txt"
    file.write_text("Be kind.")
    server = start_server(motd_file=file)
    server.add_user("ann")
    first = server.program_start()
    first.send_event("login", name="ann", password=PASSWORD, ticket=True)
    ticket = first.until_event("ticket")["ticket"]
    first.until_event("notice", kind="motd")
    again = server.program_start()
    again.send_event("resume", ticket=ticket, cursors={})
    again.until_event("notice", kind="resumed")
    assert '"motd"' not in again.seen


def test_a_changed_file_counts_from_the_next_look_on(
    start_server: StartServer, tmp_path: Path
) -> None:
    file = tmp_path / "motd.txt"
    server = start_server(motd_file=file)
    sentence = f"motd_file is '{file}'; it cannot be read: No such file or directory."
    server.wait_for_line(sentence)
    ann = server.join("ann")
    assert "The operator has no message for you." in ann.answer_to("/motd")
    file.write_text("There is one now.")
    assert "There is one now." in ann.answer_to("/motd")
    server.join("bob").until("There is one now.")
    file.write_text("Another one.")
    assert "Another one." in ann.answer_to("/motd")
    file.unlink()
    assert "The operator has no message for you." in ann.answer_to("/motd")
    server.join("cem")  # comes in all the same
    assert server.log().count("No such file or directory") == 2  # once each time


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"x" * (BYTES_MOST + 1), "it has more than 8192 bytes"),
        (b"x\n" * (LINES_MOST + 1), "it has more than 50 lines"),
        (b"caf\xe9", "it is not text in UTF-8"),
    ],
)
def test_a_file_that_cannot_be_shown_is_told(tmp_path: Path, content: bytes, why: str) -> None:
    file = tmp_path / "motd.txt"
    file.write_bytes(content)
    motd = Motd(file)
    assert motd.text() == ""
    assert motd.problem() == f"motd_file is '{file}'; {why}. Nothing is shown after the login."
    file.write_text("\ufeffGood.\r\nBetter.\n")
    assert (motd.text(), motd.problem()) == ("Good.\nBetter.", "")


def test_as_much_as_is_allowed_is_shown(tmp_path: Path) -> None:
    file = tmp_path / "motd.txt"
    file.write_text("x\n" * LINES_MOST)
    assert Motd(file).text().count("\n") == LINES_MOST - 1
    file.write_text("x" * BYTES_MOST)
    assert len(Motd(file).text()) == BYTES_MOST
    file.write_text(" \n\t\n")
    assert (Motd(file).text(), Motd(file).problem()) == ("", "")
    assert Motd(None).text() == ""


def test_what_is_no_file_keeps_nobody_waiting(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    assert "it is not a file" in Motd(pipe).problem()
    assert "it is not a file" in Motd(tmp_path).problem()


def test_a_check_says_it_and_would_start(tmp_path: Path) -> None:
    file = tmp_path / "motd.txt"
    done = run_server(tmp_path, "--check", "--motd-file", str(file))
    assert (done.returncode, done.stdout) == (0, "The other settings are right.\n")
    assert done.stderr == (
        f"motd_file is '{file}'; it cannot be read: No such file or directory. "
        "Nothing is shown after the login.\n"
    )
    file.write_text("Be kind.")
    done = run_server(tmp_path, "--check", "--motd-file", str(file))
    assert (done.stdout, done.stderr) == ("The settings are right.\n", "")
