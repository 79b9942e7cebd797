"""Sub-commands that ask the server that runs: status, sessions, say, stop, restart."""

import contextlib
import json
import signal
import socket
import stat
from pathlib import Path

import pytest

from chatroom import __version__
from tests.conftest import StartServer
from tests.harness import PATIENCE, ServerProcess, run_server

COMMANDS = (["status"], ["sessions"], ["say", "hello"], ["stop"], ["restart"])


def connected(server: ServerProcess) -> socket.socket:
    """Return a bare connection to the operator's socket."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.settimeout(PATIENCE)
    sock.connect(str(server.data_dir / "control.sock"))
    return sock


def asked(server: ServerProcess, line: bytes) -> dict[str, object]:
    with connected(server) as sock:
        sock.sendall(line)
        return dict(json.loads(sock.makefile("rb").readline()))


def test_the_status_of_the_running_server_is_told(server: ServerProcess) -> None:
    ann = server.join("ann")
    server.device("ann")
    ann.answer_to("/create cave private")
    done = server.operate("status")
    assert done.returncode == 0
    assert f"address  127.0.0.1:{server.port}\n" in done.stdout
    assert "people   1 in 2 sessions\n" in done.stdout
    told = json.loads(server.operate("status", "--json").stdout)
    assert (told["people"], told["sessions"], told["rooms"]) == (1, 2, 2)
    assert told["version"] == __version__
    assert told["address"] == f"127.0.0.1:{server.port}"
    assert told["pid"] == server.process.pid
    assert told["engine"] in ("sqlite", "redis", "unix")
    assert [one["here"] for one in told["nodes"]] == [True]


def test_a_server_that_is_well_says_so_by_its_exit_status(server: ServerProcess) -> None:
    done = server.operate("health")
    assert (done.returncode, done.stdout) == (0, "well\n")
    told = json.loads(server.operate("health", "--json").stdout)
    assert (told["well"], told["why"]) == (True, "")
    server.stop()
    assert server.operate("health").returncode == 3


def test_who_is_connected_is_listed_with_address_and_room(server: ServerProcess) -> None:
    assert server.operate("sessions").stdout == "Nobody is connected.\n"
    ann = server.join("ann")
    ann.answer_to("/create cave private")
    server.device("bob")
    head, *lines = server.operate("sessions").stdout.splitlines()
    assert head.split() == ["user", "from", "face", "room", "since", "node"]
    assert [line.split()[:4] for line in lines] == [
        ["ann", "127.0.0.1", "plain", "cave"],
        ["bob", "127.0.0.1", "events", "lobby"],
    ]
    told = json.loads(server.operate("sessions", "--json").stdout)["sessions"]
    assert [(one["user"], one["room"]) for one in told] == [("ann", "cave"), ("bob", "lobby")]


def test_the_operator_says_something_to_everybody(server: ServerProcess) -> None:
    ann, bob = server.join("ann"), server.device("bob")
    ann.answer_to("/create cave private")
    ann.answer_to("/busy")
    done = server.operate("say", "The machine moves\x1b[31m at ten.")
    assert (done.returncode, done.stdout) == (0, "Everybody was told.\n")
    ann.until("Announcement from operator: The machine moves")
    told = bob.until_event("message", kind="announce")
    assert told["from"] == "operator"
    assert "\x1b" not in told["text"]
    assert "made an announcement" in server.operate("audit").stdout
    carl = server.join("carl")
    carl.until("Announcement from operator: The machine moves")  # it is kept


@pytest.mark.parametrize("text", ["", " \n", "x" * 8193], ids=["empty", "blank", "long"])
def test_what_cannot_be_said_is_refused(room: ServerProcess, text: str) -> None:
    done = room.operate("say", text)
    assert (done.returncode, done.stdout) == (1, "")
    assert "nothing to say" in done.stderr or "longer than 8192 bytes" in done.stderr


def test_the_operator_stops_the_server_and_waits_for_its_end(server: ServerProcess) -> None:
    ann = server.join("ann")
    done = server.operate("stop")
    assert (done.returncode, done.stdout) == (0, "The server has stopped.\n")
    assert server.process.wait(0) == 0
    ann.until("The server stops.")
    assert not (server.data_dir / "control.sock").exists()


def test_the_operator_restarts_the_server(server: ServerProcess) -> None:
    server.join("ann")
    before = json.loads(server.operate("status", "--json").stdout)
    done = server.operate("restart")
    assert done.returncode == 0
    assert done.stdout.startswith("The server has restarted in ")
    now = json.loads(server.operate("status", "--json").stdout)
    assert (now["pid"], now["address"]) == (before["pid"], before["address"])
    assert now["started"] > before["started"]
    assert "restarted the server" in server.operate("audit").stdout


def test_metrics_whose_address_is_taken_do_not_end_a_server_that_restarts(
    start_server: StartServer, tmp_path: Path
) -> None:
    file = tmp_path / "chatroom.toml"
    file.write_text('name = "Lab"\n')
    server = start_server("--config", str(file))
    ann = server.join("ann")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        file.write_text(f'metrics = "127.0.0.1:{taken.getsockname()[1]}"\n')
        done = server.operate("restart")
        assert done.stdout.startswith("The server has restarted in "), done.stderr
    assert "metrics not told reason=--metrics is" in server.log()
    assert "ann" in ann.answer_to("/viewusers")


def test_a_log_folder_that_cannot_be_used_is_told_before_a_restart(tmp_path: Path) -> None:
    done = run_server(tmp_path, "--check", "--data-dir", "data", "--log-dir", "/proc/nolog")
    assert done.returncode == 1
    assert "The log folder /proc/nolog cannot be used" in done.stderr
    assert run_server(tmp_path, "--check", "--log-dir", "some/new/logs").returncode == 0
    assert list(tmp_path.iterdir()) == []


def test_a_restart_that_would_not_come_up_is_refused_with_the_reason(
    start_server: StartServer, tmp_path: Path
) -> None:
    file = tmp_path / "chatroom.toml"
    file.write_text('name = "Lab"\n')
    server = start_server("--config", str(file))
    ann = server.join("ann")
    file.write_text("line_bytes = 1\n")
    done = server.operate("restart")
    # The sub-command itself takes its settings from that file, too: it says the same.
    assert done.returncode in (1, 2)
    assert "line_bytes in" in done.stderr
    assert "it must be a whole number from 256" in done.stderr
    answer = asked(server, b'{"do":"restart"}\n')
    assert answer["ok"] is False
    assert str(answer["text"]).startswith("The server was not restarted, because it would not")
    assert "has joined" not in ann.answer_to("/viewusers")


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: words[0])
def test_without_a_server_one_sentence_says_so(server: ServerProcess, words: list[str]) -> None:
    server.stop()
    done = server.operate(*words, "--json")
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == (
        f"No server runs on {server.data_dir}. Start one, or name the data directory of the one "
        "that runs with --data-dir.\n"
    )


def test_a_socket_that_was_left_behind_is_replaced(server: ServerProcess) -> None:
    server.process.send_signal(signal.SIGKILL)
    server._end()
    assert (server.data_dir / "control.sock").exists()
    assert server.operate("status").returncode == 3
    server.start()
    assert server.operate("status").returncode == 0


def test_only_who_runs_the_server_can_reach_its_socket(server: ServerProcess) -> None:
    found = (server.data_dir / "control.sock").stat()
    assert stat.S_ISSOCK(found.st_mode)
    assert stat.S_IMODE(found.st_mode) == 0o600


def test_a_data_directory_may_have_a_path_of_any_length(start_server: StartServer) -> None:
    server = start_server(folder="/".join(["x" * 60] * 5))
    assert len(str(server.data_dir)) > 300
    assert server.operate("status").returncode == 0
    assert server.operate("stop").returncode == 0
    assert not (server.data_dir / "control.sock").exists()


def test_nonsense_on_the_socket_harms_nothing(server: ServerProcess) -> None:
    for line, code in (
        (b"\n", "not-understood"),
        (b"\xff\xfe\n", "not-understood"),
        (b"[]\n", "not-understood"),
        (b"{}\n", "not-understood"),
        (b"[" * 60000 + b"\n", "not-understood"),
        (b'{"do":[]}\n', "not-understood"),
        (b'{"do":"dance"}\n', "no-such-command"),
        (b'{"do":"say"}\n', "empty"),
        (b'{"do":"say","text":7}\n' * 2, "not-understood"),
    ):
        assert asked(server, line).get("code") == code
    with connected(server) as sock, contextlib.suppress(OSError):
        sock.sendall(b"x" * 70000)
        assert sock.recv(1) == b""
    idle = [connected(server) for _ in range(3)]  # they say nothing, and keep nobody waiting
    assert server.operate("status").returncode == 0
    server.join("ann")
    assert server.stop() == 0
    for one in idle:
        one.close()
