"""What cannot run says why in one sentence, at a start and before a restart."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import StartServer
from tests.harness import PASSWORD, PATIENCE, ROOT, ServerProcess, run_server

PROGRAMS = ("chatroom_server.py", "chatroom_client.py")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of both programs that a test may spoil; what lies beside them is imported first."""
    folder = tmp_path / "program"
    leave = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "chatroom", folder / "chatroom", ignore=leave)
    for program in PROGRAMS:
        shutil.copy(ROOT / program, folder)
    return folder


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *words], capture_output=True, text=True, timeout=PATIENCE, check=False
    )


@pytest.mark.parametrize(
    ("file", "content", "sentence"),
    [
        (
            "Crypto.py",
            "raise ModuleNotFoundError(\"No module named 'Crypto'\", name='Crypto')",
            "A package is missing or cannot be loaded (No module named 'Crypto').",
        ),
        (
            "simplecrypt.py",
            "raise OSError('cannot load\\nnative module')",
            "A package is missing or cannot be loaded (cannot load native module).",
        ),
        (
            "precis_i18n.py",
            "this is no Python",
            "A package is missing or cannot be loaded (invalid",
        ),
        ("chatroom/text.py", "<<<<<<< HEAD", "is damaged, or only half of it is new (SyntaxError:"),
        ("chatroom/errors.py", "", "is damaged, or only half of it is new (ImportError: cannot"),
    ],
    ids=["missing package", "broken library", "broken package", "conflict", "half an update"],
)
def test_a_program_that_cannot_be_loaded_says_why(
    copy: Path, file: str, content: str, sentence: str
) -> None:
    (copy / file).write_text(content)
    # The client needs no package, and so it starts where only those are missing.
    for program in PROGRAMS if file.startswith("chatroom/") else PROGRAMS[:1]:
        done = run(str(copy / program), "--help")
        assert (done.returncode, done.stdout) == (1, "")
        assert sentence in done.stderr
        assert done.stderr.count("\n") == 1
        if "package" in sentence:
            where = f"In {copy} run: {sys.executable} -m pip install -r requirements.txt"
            assert where in done.stderr


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_python_that_is_too_old_is_told(program: str) -> None:
    old = "sys.version_info = (3, 10, 2, 'final', 0)"
    start = f"runpy.run_path({str(ROOT / program)!r}, run_name='__main__')"
    done = run("-c", f"import sys, runpy; {old}; {start}")
    assert (done.returncode, done.stdout) == (1, "")
    assert "needs Python 3.11 or newer; " in done.stderr
    assert "is 3.10.2" in done.stderr
    assert done.stderr.count("\n") == 1


# -- /restart --------------------------------------------------------------------------------


def refuses_to_restart(server: ServerProcess) -> str:
    boss = server.join("boss")
    answer = boss.answer_to("/restart")
    assert "The server was not restarted, because it would not start again: " in answer
    boss.send("/audit")
    assert "restarted the server" not in boss.answer_to("/help busy")
    boss.close()
    return answer


def test_a_restart_that_would_not_come_up_is_refused_and_told(
    copy: Path, start_server: StartServer, tmp_path: Path
) -> None:
    file = tmp_path / "my.toml"
    file.write_text('registration = "open"')
    program = (sys.executable, str(copy / "chatroom_server.py"))
    server = start_server("--config", str(file), program=program)
    server.add_user("boss", superuser=True)
    bob = server.join("bob")
    file.write_text('registration = "invit"')
    assert "registration in" in refuses_to_restart(server)
    assert "it must be one of open, invite, closed" in server.log()
    file.write_text("")
    (copy / "Crypto.py").write_text("import not_there")
    assert "A package is missing" in refuses_to_restart(server)
    (copy / "Crypto.py").unlink()
    (server.data_dir / "tls" / "key.pem").chmod(0o644)
    assert "Others can read or change the key" in refuses_to_restart(server)
    (server.data_dir / "tls" / "key.pem").chmod(0o600)
    assert "/busy" in bob.answer_to("/help busy")  # was never disturbed
    server.join("boss").send("/restart")
    server.wait_for_line(r"^Listening on", times=2)
    assert "/busy" in bob.answer_to("/help busy")


@pytest.mark.parametrize("engine", ["redis", "redis+cluster"])
def test_a_check_reads_the_file_with_the_password_of_the_store(tmp_path: Path, engine: str) -> None:
    file = tmp_path / "password"
    address = f"{engine}://127.0.0.1:1"  # nobody is there: a start would wait for it
    words = ("--check", "--engine", address, "--engine-password-file", str(file))
    done = run_server(tmp_path, *words)
    assert done.returncode == 2
    named = f"--engine-password-file is '{file}'; it "
    assert done.stderr == f"{named}cannot be read: No such file or directory.\n"
    file.write_bytes(b"\xff")
    file.chmod(0o600)
    assert run_server(tmp_path, *words).stderr == f"{named}is not text in UTF-8.\n"
    file.write_text("secret\n")
    file.chmod(0o644)
    assert f"run 'chmod 600 {file}'" in run_server(tmp_path, *words).stderr
    file.chmod(0o600)
    assert run_server(tmp_path, *words).stdout == "The settings are right.\n"


def test_an_operator_may_check_before_a_start_and_nothing_is_made(tmp_path: Path) -> None:
    done = run_server(tmp_path, "--check")
    assert (done.returncode, done.stdout, done.stderr) == (0, "The settings are right.\n", "")
    done = run_server(tmp_path, "--check", given=PASSWORD, registration="invit")
    assert (done.returncode, done.stdout) == (2, "")
    assert "CHATROOM_REGISTRATION is 'invit'" in done.stderr
    done = run_server(tmp_path, "--check", given=PASSWORD, host="192.0.2.1")
    assert done.returncode == 1
    assert "Give --host an address of this machine" in done.stderr
    assert list(tmp_path.iterdir()) == []
