"""``send``, ``tail`` and ``wait`` as scripts run them, with a real server."""

import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from chatroom.client.cli.options import own_log_dir
from chatroom.client.kept_files import known_hosts
from chatroom.client.trust import KnownHosts
from tests.harness import PASSWORD, PATIENCE, ROOT, Peer, ServerProcess, started

CLIENT = str(ROOT / "chatroom_client.py")


class Shell:
    """Runs the client as a script does, for one person with a home of its own."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.port = port

    def command(self, *words: str) -> list[str]:
        """Return its command line."""
        end = words.index("--") if "--" in words else len(words)
        own = ("--log-dir", str(self.folder / "logs"))
        return [sys.executable, CLIENT, *words[:end], *own, *words[end:]]

    def environment(self, password: str = "") -> dict[str, str]:
        """Return its environment."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith("CHATROOM_")}
        given = {"CHATROOM_PASSWORD": password} if password else {}
        return {**kept, **given, "XDG_CONFIG_HOME": str(self.folder)}

    def start(self, *words: str, password: str = "") -> subprocess.Popen[str]:
        """Start it with pipes at its three streams."""
        return started(
            self.command(*words),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self.environment(password),
        )

    def run(self, *words: str, password: str = "") -> tuple[int, str, str]:
        """Run it to its end; return exit status, output and what it told."""
        process = self.start(*words, password=password)
        out, told = process.communicate(timeout=PATIENCE)
        assert "Traceback" not in told, told
        return process.returncode, out, told

    def send(self, *words: str, password: str = "") -> tuple[int, str, str]:
        """Send as robot, to the server by address and port."""
        where = ("127.0.0.1", str(self.port))
        return self.run("send", "--name", "robot", *where, *words, password=password)


def listening(process: subprocess.Popen[str]) -> None:
    """Wait until it hears what is said from now on."""
    assert process.stderr
    assert any("Listening as" in line for line in process.stderr)


@pytest.fixture
def shell(room: ServerProcess, tmp_path: Path) -> Shell:
    """A script's shell; the account robot exists."""
    room.join("robot").close()
    return Shell(tmp_path, room.port)


@pytest.fixture
def reader(room: ServerProcess) -> Iterator[Peer]:
    """Somebody who sees what arrives."""
    peer = room.join("reader")
    yield peer
    peer.close()


def test_a_sent_message_arrives_and_nothing_is_printed(shell: Shell, reader: Peer) -> None:
    status, out, _ = shell.send("the", "build", "is", "green", password=PASSWORD)
    assert (status, out) == (0, "")
    reader.until("robot: the build is green")


def test_after_the_first_login_no_password_is_needed(shell: Shell, reader: Peer) -> None:
    assert shell.send("first", password=PASSWORD)[0] == 0
    for number in range(3):
        assert shell.send(f"again {number}")[0] == 0
        reader.until(f"robot: again {number}")


def test_the_ticket_is_for_its_owner_only(shell: Shell) -> None:
    shell.send("first", password=PASSWORD)
    (ticket,) = (shell.folder / "chatroom" / "tickets").iterdir()
    assert stat.S_IMODE(ticket.stat().st_mode) == 0o600
    ticket.chmod(0o644)
    status, _, told = shell.send("second")
    assert status == 2
    assert "Others can read the ticket" in told


def test_several_scripts_at_once_share_a_ticket(shell: Shell, reader: Peer) -> None:
    shell.send("first", password=PASSWORD)
    where = ("127.0.0.1", str(shell.port), "--name", "robot")
    scripts = [shell.start("send", *where, f"at once {i}") for i in range(4)]
    assert [(s.communicate(timeout=PATIENCE), s.returncode)[1] for s in scripts] == [0] * 4
    assert shell.send("afterwards")[0] == 0
    seen = reader.until("robot: afterwards")
    assert all(f"robot: at once {i}" in seen for i in range(4))


def test_without_password_and_ticket_it_is_an_authentication_error(shell: Shell) -> None:
    status, _, told = shell.send("hello")
    assert status == 3
    assert "no ticket of an earlier login" in told


def test_a_wrong_password_is_an_authentication_error(shell: Shell) -> None:
    assert shell.send("hello", password="wrong password")[0] == 3


def test_a_server_that_is_not_there_is_unreachable(shell: Shell) -> None:
    words = ("send", "--name", "robot", "--at", "127.0.0.1:1", "hello")
    assert shell.run(*words, password=PASSWORD)[0] == 4


def test_a_refused_message_is_not_acknowledged(shell: Shell) -> None:
    status, _, told = shell.send("--room", "nowhere", "hello", password=PASSWORD)
    assert status == 5
    assert told.strip()


def test_a_private_message_reaches_its_reader_only(shell: Shell, reader: Peer) -> None:
    assert shell.send("--to", "reader", "just you", password=PASSWORD)[0] == 0
    reader.until("private from robot: just you")
    assert shell.send("--to", "nobody-here", "lost", password=PASSWORD)[0] == 5


def test_with_at_every_word_is_text(shell: Shell, reader: Peer) -> None:
    at = ("send", "--name", "robot", "--at", f"127.0.0.1:{shell.port}")
    assert shell.run(*at, "42", "is", "it", password=PASSWORD)[0] == 0
    reader.until("robot: 42 is it")
    for words in (("--", "-1", "--", "is", "it"), ("--bot", "--", "--to", "nobody")):
        assert shell.run(*at, *words, password=PASSWORD)[0] == 0
    reader.until_match(r"robot: -1 -- is it$")
    reader.until_match(r"robot: --to nobody$")
    assert shell.send("--", "-x", "is", password=PASSWORD)[0] == 0
    reader.until_match(r"robot: -x is$")
    assert shell.run(*at, "--", password=PASSWORD)[0] == 2


def test_a_place_stands_for_address_port_and_name(shell: Shell, reader: Peer) -> None:
    file = shell.folder / "chatroom" / "client.toml"
    file.parent.mkdir(exist_ok=True)
    file.write_text(f'[places.work]\naddress = "127.0.0.1"\nport = {shell.port}\nname = "robot"\n')
    assert shell.run("send", "work", "7", "lights", password=PASSWORD)[0] == 0
    reader.until("robot: 7 lights")


def test_no_text_is_a_usage_error(shell: Shell) -> None:
    assert shell.send(password=PASSWORD)[0] == 2


def test_tail_prints_versioned_json(shell: Shell, reader: Peer) -> None:
    where = ("127.0.0.1", str(shell.port), "--name", "robot")
    tail = shell.start("tail", *where, "--json", "--bot", password=PASSWORD)
    try:
        assert tail.stdout
        listening(tail)
        reader.send("to the tail")
        texts = []
        for line in tail.stdout:
            record = json.loads(line)
            assert (record["v"], record["type"]) == (1, "message")
            texts.append(record["text"])
            if record["sender"] == "reader" and record["kind"] == "text":
                break
        assert texts[-1] == "to the tail"
    finally:
        tail.kill()
        tail.communicate()


@pytest.mark.parametrize("mark", ["id", "time"])
def test_tail_goes_on_from_a_message(
    shell: Shell, reader: Peer, room: ServerProcess, mark: str
) -> None:
    program = room.program_peer(f"clerk-{mark}")
    program.send_event("post", text="before")
    before = program.until_event("message", text="before")
    found = before
    while found["time"] == before["time"]:
        program.send_event("post", text="here")
        found = program.until_event("message", text="here")
    for text in ("after 1", "after 2"):
        program.send_event("post", text=text)
    program.until_event("message", text="after 2")
    program.close()
    where = ("127.0.0.1", str(shell.port), "--name", "robot")
    since = ("--since", found[mark], "--json")
    tail = shell.start("tail", *where, *since, password=PASSWORD)
    try:
        assert tail.stdout
        texts = []
        for line in tail.stdout:
            record = json.loads(line)
            if record["kind"] == "text":
                texts.append(record["text"])
            if texts[-1:] == ["after 2"]:
                break
        assert texts == [*(["here"] if mark == "time" else []), "after 1", "after 2"]
    finally:
        tail.kill()
        tail.communicate()


def test_since_is_an_id_or_a_time(shell: Shell) -> None:
    where = ("127.0.0.1", str(shell.port), "--name", "robot")
    code, _, told = shell.run("tail", *where, "--since", "tomorrow", password=PASSWORD)
    assert (code, told.count("\n")) == (2, 1)
    assert "'tomorrow' is not the id of a message, nor a time" in told


def test_wait_ends_at_a_mention(shell: Shell, reader: Peer) -> None:
    where = ("127.0.0.1", str(shell.port), "--name", "robot")
    wait = shell.start("wait", *where, "--mention", password=PASSWORD)
    listening(wait)
    reader.send("robotics is no mention", "@robot wake up")
    out, _ = wait.communicate(timeout=PATIENCE)
    assert wait.returncode == 0
    assert out.endswith("reader: @robot wake up\n")
    assert out.count("\n") == 1


def test_wait_gives_up_when_the_time_is_over(shell: Shell) -> None:
    where = ("127.0.0.1", str(shell.port), "--name", "robot")
    status, out, _ = shell.run(
        "wait", *where, "--match", "never", "--timeout", "0.2", password=PASSWORD
    )
    assert (status, out) == (124, "")


def test_a_kick_is_told_by_the_exit_status(shell: Shell, reader: Peer, boss: Peer) -> None:
    where = ("127.0.0.1", str(shell.port), "--name", "robot")
    wait = shell.start("wait", *where, "--match", "never", password=PASSWORD)
    listening(wait)
    boss.send("/kickuser robot")
    wait.communicate(timeout=PATIENCE)
    assert wait.returncode == 6
    boss.answer_to("/unkickuser robot")


def test_no_folder_is_littered_and_no_link_in_it_is_followed(shell: Shell, tmp_path: Path) -> None:
    folder, victim = tmp_path / "elsewhere", tmp_path / "victim"
    (folder / "logs").mkdir(parents=True)
    victim.write_text("precious")
    (folder / "logs" / "chatroom_client.log").symlink_to(victim)
    for words in (("send", "--at", "127.0.0.1:1", "hi"), ("127.0.0.1", "1")):
        subprocess.run(
            [sys.executable, CLIENT, *words, "--name", "robot"],
            check=False,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env={
                **os.environ,
                "CHATROOM_PASSWORD": PASSWORD,
                "XDG_CONFIG_HOME": str(tmp_path),
                "XDG_STATE_HOME": str(tmp_path / "state"),
            },
            timeout=PATIENCE,
        )
    assert victim.read_text() == "precious"
    assert [path.name for path in folder.iterdir()] == ["logs"]
    log = tmp_path / "state" / "chatroom" / "chatroom_client.log"
    assert log.read_text().count("\n") >= 1


def test_an_account_without_a_home_goes_on_without_files(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 4_242_424)  # nobody's
    hosts = KnownHosts(known_hosts())
    assert hosts.pin("chat.example", 9797) == ""
    assert own_log_dir() == Path("logs")  # the tests run in the program's own folder
