"""The client with a script on its standard input, with a real server."""

import json
import os
import re
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from tests.conftest import StartServer
from tests.harness import PASSWORD, PATIENCE, ROOT, Peer, ServerProcess, started

CLIENT = ROOT / "chatroom_client.py"


class Script:
    """The client with pipes at its three streams."""

    def __init__(
        self,
        folder: Path,
        port: object,
        *flags: str,
        python: Sequence[str] = (),
        environment: Mapping[str, str],
    ) -> None:
        kept = {k: v for k, v in os.environ.items() if not k.startswith("CHATROOM_")}
        self.log_dir = folder / "logs"
        logs = ("--log-dir", str(self.log_dir))
        self.process = started(
            [sys.executable, *python, str(CLIENT), "127.0.0.1", str(port), *logs, *flags],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,  # what was read ahead here would be lost to the final communicate()
            env={**kept, "XDG_CONFIG_HOME": str(folder), **environment},
        )
        self.errors = ""

    def give(self, *lines: str) -> None:
        """Write lines to its standard input."""
        assert self.process.stdin
        self.process.stdin.write("".join(line + "\n" for line in lines).encode())
        self.process.stdin.flush()

    def give_no_more(self) -> None:
        """Close its standard input."""
        assert self.process.stdin
        self.process.stdin.close()
        self.process.stdin = None

    def see(self, text: str) -> None:
        """Read its messages until one holds a text."""
        assert self.process.stdout
        for line in self.process.stdout:
            if text in line.decode():
                return
        raise AssertionError(f"{text!r} did not come")

    def see_error(self, text: str) -> None:
        """Read what it says beside the messages until a line holds a text."""
        assert self.process.stderr
        for line in self.process.stderr:
            self.errors += line.decode()
            if text in line.decode():
                return
        raise AssertionError(f"{text!r} did not come: {self.errors}")

    def end(self, given: bytes | None = None) -> tuple[int, str]:
        """Close its standard input; return the exit status and what it wrote until its end."""
        out, errors = self.process.communicate(given, PATIENCE)
        self.errors += errors.decode()
        assert "Traceback" not in self.errors
        return self.process.returncode, out.decode()


Pipe = Callable[..., Script]


@pytest.fixture
def pipe(tmp_path: Path) -> Iterator[Pipe]:
    """Start clients; all end with the test."""
    scripts: list[Script] = []

    def start(port: object, *flags: str, **settings: str) -> Script:
        scripts.append(Script(tmp_path, port, *flags, environment=settings))
        return scripts[-1]

    yield start
    for script in scripts:
        if script.process.poll() is None:
            script.process.kill()
            script.process.communicate()


@pytest.fixture
def robot(room: ServerProcess, pipe: Pipe) -> Callable[..., Script]:
    """Start clients of one account that exists."""
    room.join("robot").close()
    return lambda *flags, **settings: pipe(
        room.port, "--name", "robot", *flags, **{"CHATROOM_PASSWORD": PASSWORD, **settings}
    )


@pytest.fixture
def reader(room: ServerProcess) -> Iterator[Peer]:
    """Somebody who sees what arrives; everything before this line is older than the test."""
    peer = room.join("reader")
    mark = f"reading {uuid.uuid4()}"  # the history shows what earlier tests said
    peer.send(mark)
    peer.until(f": {mark}")
    yield peer
    peer.send("/disconnect")
    peer.until_end()


def news(reader: Peer) -> str:
    """Return what the reader has seen in this test."""
    return re.split(r": reading [-0-9a-f]{36}\n", reader.seen)[-1]


Robot = Callable[..., Script]


def said(out: str, name: str = "robot") -> list[str]:
    """Return the texts of one person's messages."""
    return re.findall(rf"^(?:\w\S+ )?\d\d:\d\d(?: [AP]M)? \| {name}: (.*)$", out, re.MULTILINE)


def test_many_lines_arrive_once_and_in_order(reader: Peer, robot: Robot) -> None:
    lines = [f"many {i}" for i in range(500)]
    script = robot()
    status, out = script.end("\n".join(lines).encode())  # the last one without a line end
    assert (status, [text for text in said(out) if text.startswith("many")]) == (0, lines)
    reader.until(": many 499")
    assert said(news(reader)) == lines
    assert "Welcome, robot." in script.errors
    assert "many" not in script.errors
    assert "many" not in (script.log_dir / "chatroom_client.log").read_text()


def test_lines_with_a_slash_are_text(reader: Peer, robot: Robot) -> None:
    status, _ = robot().end("/help\r\n//x\n\n  \n\ttab \x1b[31mred\nlast ä€🙂\n".encode())
    assert status == 0
    reader.until("last")
    assert said(news(reader)) == ["/help", "//x", "\ttab [31mred", "last ä€🙂"]


def test_lines_with_a_slash_are_commands_when_asked_for(reader: Peer, robot: Robot) -> None:
    script = robot("--commands")
    status, out = script.end(
        b"/viewusers\none\n/away out\n/back\n/w reader psst\n//x\n/quit\nnot this\n"
    )
    assert status == 5
    assert "1 line was not delivered." in script.errors
    assert said(out)[-2:] == ["one", "/x"]
    assert "| private to reader: psst\n" in out
    for text in ("sessions", "Messages are held", "You missed nothing"):
        assert text in out  # it was asked for
    assert "Goodbye, robot." in script.errors
    reader.until("robot: /x")
    assert said(news(reader)) == ["one", "/x"]


def test_a_command_may_ask_for_the_next_lines(room: ServerProcess, pipe: Pipe) -> None:
    room.join("sue").close()
    script = pipe(room.port, "--name", "sue", "--commands", CHATROOM_PASSWORD=PASSWORD)
    status, out = script.end(
        f"/changepassword\n{PASSWORD}\nanother horse\nanother horse\ndone\n".encode()
    )
    assert (status, said(out, "sue")) == (0, ["done"])
    assert "Your password was changed." in out
    script = pipe(room.port, "--name", "sue", "--commands", CHATROOM_PASSWORD="another horse")
    status, _ = script.end(b"/changepassword\n")
    assert status == 5
    assert "ended before the answer to: Your old password:" in script.errors


@pytest.mark.parametrize("command", ["/changepassword no such argument", "/changepasword"])
def test_passwords_behind_a_command_that_did_not_ask_for_them_are_not_said(
    reader: Peer, robot: Robot, command: str
) -> None:
    script = robot("--commands")
    status, _ = script.end(f"before\n{command}\n{PASSWORD}\nanother horse\n".encode())
    assert status == 5
    assert "The lines behind that command may be answers to it" in script.errors
    assert "3 lines were not delivered." in script.errors
    reader.until("robot has left")
    assert said(news(reader)) == ["before"]


def test_what_a_command_asks_for_goes_to_standard_output_and_what_was_said_before_does_not(
    reader: Peer, robot: Robot
) -> None:
    reader.send("an older line")
    reader.until("an older line")
    script = robot("--commands")
    status, out = script.end(b"/export\n/me waves\n /messageto reader psst\n")
    assert status == 0
    assert [json.loads(line) for line in out.splitlines() if line.startswith("{")]
    assert "* robot waves" in out
    assert "private to reader: psst" in out
    assert "an older line" not in out
    assert "an older line" in script.errors
    script = robot("--commands")
    status, out = script.end(b"/history\n")
    assert "an older line" in out


def test_what_is_refused_is_told_and_counted(room: ServerProcess, robot: Robot) -> None:
    script = robot("--commands")
    given = b"good\n/nosuch\nbad \xff\n" + b"x" * 9000 + b"\n" + b"y" * 3_000_000 + b"\nlast\n"
    status, out = script.end(given)
    assert (status, said(out)[-2:]) == (5, ["good", "last"])
    assert "Line 2 was not sent: There is no command /nosuch." in script.errors
    assert "Line 3 was not sent: it is not UTF-8." in script.errors
    assert "Line 4 was not sent: That line is longer than 8192 bytes" in script.errors
    assert "Line 5 was not sent: it is longer than" in script.errors
    assert "4 lines were not delivered." in script.errors


def test_messages_of_others_go_to_standard_output(reader: Peer, robot: Robot) -> None:
    script = robot()
    script.see_error("Here now")
    reader.send("for you")
    script.see("| reader: for you")
    reader.send("/disconnect")
    script.see_error("reader has left")
    assert script.end()[0] == 0


@pytest.mark.parametrize(
    ("flags", "settings", "sentence"),
    [
        ((), {}, "give --name"),
        ((), {"CHATROOM_PASSWORD": "x"}, "give --name"),
        (("--name", "ann"), {}, "The password of ann is missing"),
        (("--password-file", "x"), {}, "needs --name"),
        (("--name", "ann", "--password-file", "/nowhere/x"), {}, "cannot be read"),
        (("--name", " "), {"CHATROOM_PASSWORD": "x"}, "--name is empty"),
        (("--name", "ann"), {"CHATROOM_PASSWORD": "\udcff"}, "not UTF-8"),
    ],
)
def test_what_is_missing_is_said(
    pipe: Pipe, flags: tuple[str, ...], settings: dict[str, str], sentence: str
) -> None:
    script = pipe(1, *flags, **settings)
    assert script.end() == (2, "")
    assert sentence in script.errors
    assert script.errors.count("\n") == 1


@pytest.mark.parametrize("port", ["0", "65536", "x", "-1", "²"])
def test_a_wrong_port_is_said(pipe: Pipe, port: str) -> None:
    script = pipe(port)
    assert script.end()[0] == 2


@pytest.mark.parametrize(
    ("mode", "text", "sentence"),
    [
        (0o640, PASSWORD, "Others can read the password file"),
        (0o604, PASSWORD, "chmod 600"),
        (0o600, "", "is empty"),
        (0o600, "\n" + PASSWORD, "is empty"),
    ],
)
def test_a_password_file_that_cannot_be_used_is_refused(
    tmp_path: Path, pipe: Pipe, mode: int, text: str, sentence: str
) -> None:
    file = tmp_path / "password"
    file.write_text(text)
    file.chmod(mode)
    script = pipe(1, "--name", "ann", "--password-file", str(file))
    assert script.end() == (2, "")
    assert sentence in script.errors


def test_a_password_file_is_used(room: ServerProcess, robot: Robot, tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.touch(mode=0o600)
    file.write_text(PASSWORD + "\nnot this\n")
    status, out = robot("--password-file", str(file), CHATROOM_PASSWORD="wrong").end(b"file\n")
    assert (status, said(out)[-1]) == (0, "file")


def test_a_wrong_password(room: ServerProcess, robot: Robot) -> None:
    script = robot(CHATROOM_PASSWORD="wrong")
    assert script.end(b"never\n") == (3, "")
    assert "Unknown name or wrong password." in script.errors


def test_nobody_listens(start_server: StartServer, pipe: Pipe) -> None:
    server = start_server()
    server.stop()
    script = pipe(server.port, "--name", "ann", CHATROOM_PASSWORD=PASSWORD)
    assert script.end(b"never\n") == (4, "")
    assert "Cannot reach 127.0.0.1 port" in script.errors


def test_a_kick_ends_the_script_while_it_waits_for_input(room: ServerProcess, pipe: Pipe) -> None:
    boss = room.join("boss")
    room.add_user("tim")
    script = pipe(room.port, "--name", "tim", CHATROOM_PASSWORD=PASSWORD)
    script.give("one")
    script.see("| tim: one")
    boss.send("/kickuser tim")
    assert script.process.wait(PATIENCE) == 6  # its input is still open
    script.see_error("You were kicked by boss.")
    script = pipe(room.port, "--name", "tim", CHATROOM_PASSWORD=PASSWORD)
    assert script.end(b"two\n")[0] == 6
    assert "You were kicked by boss" in script.errors


def test_a_killed_server_is_waited_for(start_server: StartServer, pipe: Pipe) -> None:
    server = start_server()
    server.join("uma").close()
    script = pipe(server.port, "--name", "uma", CHATROOM_PASSWORD=PASSWORD)
    script.give("one", "two")
    script.see("two")
    server.kill()
    script.see_error("is lost")
    script.give(*(f"meanwhile {i}" for i in range(50)))
    server.start()
    script.see("| uma: meanwhile 0")
    status, out = script.end(b"three\n")
    rest = [f"meanwhile {i}" for i in range(1, 50)]
    assert (status, said(out, "uma")) == (0, [*rest, "three"])


@pytest.mark.parametrize("is_all", [True, False])
def test_a_server_that_is_gone_for_good(
    start_server: StartServer, pipe: Pipe, is_all: bool
) -> None:
    server = start_server(message_rate=0)
    server.join("una").close()
    script = pipe(server.port, "--name", "una", "--patience", "1", CHATROOM_PASSWORD=PASSWORD)
    script.give("one", "two")
    script.see("| una: two")
    server.process.send_signal(signal.SIGSTOP)
    given = "".join(f"line {i}\n" for i in range(2000)).encode()
    assert script.process.stdin
    script.process.stdin.write(given)
    if is_all:
        script.give_no_more()
    server.kill()
    status = script.process.wait(PATIENCE)
    script.see_error("not delivered")
    assert status == 5
    rest = "" if is_all else " The rest of the input was not read."
    assert f"2000 lines were not delivered.{rest}\n" in script.errors


def test_a_restart_in_the_middle(start_server: StartServer, pipe: Pipe) -> None:
    server = start_server(message_rate=0)
    reader = server.join_superuser("reader")
    lines = [f"line {i}" for i in range(300)]
    server.join("vic").close()
    script = pipe(server.port, "--name", "vic", CHATROOM_PASSWORD=PASSWORD)
    script.give(*lines[:200])
    reader.until(": line 100")
    reader.send("/restart")
    status, out = script.end("\n".join(lines[200:]).encode())
    assert (status, said(out, "vic")) == (0, lines)


def test_nobody_reads_the_output(room: ServerProcess, robot: Robot) -> None:
    script = robot()
    script.see_error("Here now")
    assert script.process.stdout
    script.process.stdout.close()
    script.process.stdout = None
    script.give("one")
    assert script.process.wait(PATIENCE) in (0, 5)
    assert script.process.stderr
    assert b"rror" not in script.process.stderr.read()


def test_without_a_place_for_the_log(room: ServerProcess, robot: Robot) -> None:
    script = robot("--log-dir", "/dev/null/logs")
    assert script.end(b"no log\n")[0] == 0
    assert "log" not in script.errors.replace("no log", "")


def test_streams_that_are_closed(room: ServerProcess, tmp_path: Path) -> None:
    room.join("xan").close()
    command = '"$@" --name xan --log-dir /dev/null <&- >&- 2>&-'
    done = subprocess.run(
        ["sh", "-c", command, "sh", sys.executable, str(CLIENT), "127.0.0.1", str(room.port)],
        env={**os.environ, "CHATROOM_PASSWORD": PASSWORD, "XDG_CONFIG_HOME": str(tmp_path)},
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0


def test_only_the_standard_library_is_needed(room: ServerProcess, tmp_path: Path) -> None:
    room.join("yan").close()
    # Isolated and without site-packages: nothing that was installed can be found.
    script = Script(
        tmp_path,
        room.port,
        "--name",
        "yan",
        python=("-S", "-s", "-X", "importtime"),
        environment={"CHATROOM_PASSWORD": PASSWORD},
    )
    status, out = script.end(b"bare\n")
    assert (status, said(out, "yan")) == (0, ["bare"])
    loaded = set(re.findall(r"\|\s+(\S+)$", script.errors, re.MULTILINE))
    assert "chatroom.client.connection" in loaded
    assert not {m for m in loaded if m.split(".")[0] in ("Crypto", "simplecrypt", "sqlite3")}
    server_parts = ("net", "session", "storage", "rooms", "accounts", "commands", "config")
    assert not {m for m in loaded if m.startswith(tuple(f"chatroom.{p}" for p in server_parts))}


def test_ctrl_c_ends_a_script_whose_output_nobody_reads(
    start_server: StartServer, pipe: Pipe
) -> None:
    # A server of its own: nobody could read so much history on standard error.
    server = start_server(message_rate=0)
    reader = server.join("reader")
    server.join("robot").close()
    script = pipe(server.port, "--name", "robot", CHATROOM_PASSWORD=PASSWORD)
    script.see_error("Here now")
    for number in range(100):
        reader.send(f"{number:04} " + "x" * 4000)
        reader.until(f"reader: {number:04}")
    # Its standard output is full now, and the server's lines wait in its socket.
    script.process.send_signal(signal.SIGINT)
    script.see_error("Interrupted.")
    assert script.process.wait(PATIENCE) == 130


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a disk that is full")
def test_a_full_disk_behind_standard_output_is_told_in_one_sentence(
    room: ServerProcess, tmp_path: Path
) -> None:
    room.join("hugo").close()
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, str(CLIENT), "127.0.0.1", str(room.port), "--name", "hugo"],
            input=b"one\n",
            stdout=full,
            stderr=subprocess.PIPE,
            env={**os.environ, "XDG_CONFIG_HOME": str(tmp_path), "CHATROOM_PASSWORD": PASSWORD},
            cwd=tmp_path,
            timeout=PATIENCE,
            check=False,
        )
    assert done.returncode == 1
    assert b"Standard output cannot be written: No space left on device." in done.stderr
    assert b"Traceback" not in done.stderr
    assert b"rror" not in done.stderr
