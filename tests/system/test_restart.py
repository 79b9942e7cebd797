"""A restart that nobody notices: who was here is here, and comes back without a word."""

import json
import resource
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from chatroom.ops.hand_over import STATE_FD
from tests.conftest import StartServer
from tests.harness import PASSWORD, PATIENCE, PROGRAM, ROOT, Peer, ServerProcess

Say = Callable[[str, dict[str, Any]], None]
SLOW = {"message_rate": 10}


def restart(server: ServerProcess, times: int = 2) -> None:
    """Restart by a signal, and wait until it listens for the ``times``-th time."""
    server.process.send_signal(signal.SIGUSR2)
    server.wait_for_line(r"^Listening on", times)


def device(server: ServerProcess, name: str) -> tuple[Peer, str]:
    """Return a program that has registered, and its ticket."""
    peer = server.sealed_peer()
    peer.send('>hello {"v":1}')
    peer.send_event("register", name=name, password=PASSWORD, ticket=True)
    peer.until_event("notice", kind="here")
    ticket: str = peer.until_event("ticket")["ticket"]
    return peer, ticket


def resume(server: ServerProcess, ticket: str) -> Peer:
    peer = server.sealed_peer()
    peer.send('>hello {"v":1}')
    peer.send_event("resume", ticket=ticket, cursors={})
    peer.until_event("notice", kind="resumed")
    return peer


def after(peer: Peer, text: str) -> str:
    """Say something, and return all that came up to it."""
    peer.send_event("post", text=text, cid=text)
    peer.until_event("message", cid=text)
    return peer.seen


def joined(peer: Peer, name: str) -> None:
    """Wait until somebody's coming is told."""
    peer.until_event("message", kind="join", **{"from": name})


def test_a_signal_restarts_and_the_returns_are_not_announced(server: ServerProcess) -> None:
    number = server.process.pid
    (ann, first), (bob, second) = device(server, "ann"), device(server, "bob")
    joined(ann, "bob")
    restart(server)
    assert ann.is_closed()
    assert bob.is_closed()
    assert server.process.pid == number
    ann, bob = resume(server, first), resume(server, second)
    after(bob, "here again")
    after(ann, "me too")
    ann.send_event("command", line="/who")
    assert "bob" in ann.until_event("result", command="who")["text"]
    for peer in (ann, bob):
        assert '"kind":"join"' not in peer.seen
        assert '"kind":"leave"' not in peer.seen
    assert "restart wanted by=signal" in server.log()


def test_who_is_not_back_yet_is_here(server: ServerProcess) -> None:
    (_, ticket), _ = device(server, "ann"), device(server, "bob")
    restart(server)
    ann = resume(server, ticket)
    ann.send_event("command", line="/who")
    assert "bob" in ann.until_event("result", command="who")["text"]
    server.join("carl")
    joined(ann, "carl")
    assert '"from":"bob"' not in ann.seen


def test_many_signals_at_once_do_not_end_it(server: ServerProcess) -> None:
    _, ticket = device(server, "ann")
    for _ in range(50):
        server.process.send_signal(signal.SIGUSR2)
    server.wait_for_line(r"^Listening on", times=2)
    server.process.send_signal(signal.SIGUSR2)
    server.wait_for_line(r"^Listening on", times=3)
    resume(server, ticket)
    assert server.stop() == 0


def test_busy_and_the_time_since_the_last_line_go_on(server: ServerProcess) -> None:
    (ann, ticket), (bob, other) = device(server, "ann"), device(server, "bob")
    ann.send_event("command", line="/busy in a meeting", cid="busy")
    ann.until_event("result", cid="busy", ok=True)
    after(bob, "missed")
    restart(server)
    ann, bob = resume(server, ticket), resume(server, other)
    ann.until_event("control", do="busy", reason="in a meeting")
    after(bob, "missed, too")
    bob.send_event("command", line="/whois ann")
    assert "in a meeting" in bob.until_event("result", command="whois")["text"]
    ann.send_event("command", line="/free", cid="free")
    assert "2 missed" in ann.until_event("control", do="free")["text"]


def test_wrong_passwords_from_before_count(start_server: StartServer) -> None:
    server = start_server(login_rate=1)
    server.add_user("ann")

    def guess() -> str:
        peer = server.peer()
        peer.send("n", "ann", "a wrong password")
        said = peer.until("Unknown name", "Too many wrong passwords")
        peer.close()
        return said

    for _ in range(6):
        assert "Unknown name" in guess()
    assert "Too many" in guess()
    restart(server)
    assert "Too many" in guess()


def test_a_room_that_is_slowed_stays_so_for_everybody(server: ServerProcess) -> None:
    boss = server.join_superuser("boss")
    boss.send("/create garden", "/slow 1m")
    boss.answer_to("/rooms")
    ann, ticket = device(server, "ann")
    ann.send_event("command", line="/join garden", cid="join")
    ann.until_event("result", cid="join", ok=True)
    ann.send_event("post", text="the first in this minute", cid="1", room="garden")
    ann.until_event("message", cid="1")
    restart(server)
    ann = resume(server, ticket)
    ann.send_event("post", text="too soon", cid="2", room="garden")
    assert "is slowed to one message" in ann.until_event("result", cid="2", ok=False)["text"]


@pytest.mark.sqlite
def test_who_was_banned_or_got_another_password_meanwhile_is_not_here(
    start_server: StartServer, tmp_path: Path
) -> None:
    """The successor looks accounts up again; it begins behind a command that changes them."""
    changed = tmp_path / "changed"
    words = [*PROGRAM, "reset-password", "ann", "--password-stdin", "--data-dir"]
    script = tmp_path / "program.py"
    script.write_text(
        "import os, pathlib, runpy, subprocess, sys\n"
        f"if {STATE_FD!r} in os.environ:\n"
        f"    words = {words!r} + [{str(tmp_path / 'one' / 'data')!r}]\n"
        "    words += ['--log-dir', sys.argv[sys.argv.index('--log-dir') + 1]]\n"
        "    kept = {k: v for k, v in os.environ.items() if not k.endswith('_FD')}\n"
        "    subprocess.run(words, input=b'new password\\n', check=True, env=kept)\n"
        f"    pathlib.Path({str(changed)!r}).touch()\n"
        f"sys.path.insert(0, {str(ROOT)!r})\n"
        f"runpy.run_path({PROGRAM[1]!r}, run_name='__main__')\n"
    )
    server = start_server(program=(sys.executable, str(script)))
    device(server, "ann")
    _, ticket = device(server, "bob")
    restart(server)
    assert changed.exists()
    bob = resume(server, ticket)
    bob.send_event("command", line="/who")
    assert "ann" not in bob.until_event("result", command="who")["text"]


# -- what cannot be used ------------------------------------------------------------------------


def spoiling(tmp_path: Path, spoil: str) -> tuple[str, ...]:
    """Return a program that does something to the state before it starts as usual.

    :param spoil: Python; ``fd`` is the number of the state.
    """
    script = tmp_path / "program.py"
    script.write_text(
        "import os, runpy, sys\n"
        f"if {STATE_FD!r} in os.environ:\n"
        f"    fd = int(os.environ[{STATE_FD!r}])\n"
        f"    {spoil}\n"
        f"sys.path.insert(0, {str(ROOT)!r})\n"
        f"runpy.run_path({PROGRAM[1]!r}, run_name='__main__')\n"
    )
    return sys.executable, str(script)


@pytest.mark.parametrize(
    "spoil",
    [
        "os.truncate(fd, 20)",
        "os.pwrite(fd, b'{\"v\":2} ', 0); os.truncate(fd, 8)",
        "os.pwrite(fd, b'[1,2,3]', 0); os.truncate(fd, 7)",
        "os.truncate(fd, 0)",
        "os.close(fd)",
        "del os.environ['CHATROOM_STATE_FD']",
        "os.environ['CHATROOM_STATE_FD'] = 'many'",
    ],
)
def test_a_state_that_cannot_be_used_makes_an_ordinary_start(
    start_server: StartServer, tmp_path: Path, spoil: str
) -> None:
    server = start_server(program=spoiling(tmp_path, spoil))
    _, ticket = device(server, "ann")
    restart(server)
    ann = resume(server, ticket)
    device(server, "bob")
    joined(ann, "bob")
    restart(server, times=3)
    assert server.stop() == 0


@pytest.mark.parametrize("part", ["people", "throttles", "rates"])
def test_a_part_that_cannot_be_used_spoils_no_other(
    start_server: StartServer, tmp_path: Path, part: str
) -> None:
    spoil = (
        "import json; state = json.loads(os.pread(fd, 1 << 20, 0)); "
        f"assert {part!r} in state; state[{part!r}] = [['strange']]; "
        "os.truncate(fd, 0); os.pwrite(fd, json.dumps(state).encode(), 0)"
    )
    server = start_server(program=spoiling(tmp_path, spoil), **SLOW)
    _, ticket = device(server, "ann")
    restart(server)
    resume(server, ticket)
    assert f"handed-over state not used part={part}" in server.log()


def test_a_kill_in_the_middle_of_the_hand_over_is_an_ordinary_crash(
    start_server: StartServer, tmp_path: Path
) -> None:
    server = start_server(program=spoiling(tmp_path, "os.kill(os.getpid(), 9)"))
    ann, ticket = device(server, "ann")
    after(ann, "kept")
    server.process.send_signal(signal.SIGUSR2)
    assert server.process.wait(PATIENCE) == -signal.SIGKILL
    server._end()
    server.start()
    peer = server.program_start()
    peer.send_event("login", name="ann", password=PASSWORD)
    peer.until("kept")
    resume(server, ticket)


@pytest.mark.parametrize("how", ["broken", "settings"])
def test_a_version_that_would_not_come_up_is_not_begun(
    start_server: StartServer, tmp_path: Path, how: str
) -> None:
    script = tmp_path / "program.py"
    sound = (
        f"import runpy, sys\nsys.path.insert(0, {str(ROOT)!r})\n"
        f"runpy.run_path({PROGRAM[1]!r}, run_name='__main__')\n"
    )
    script.write_text(sound)
    config = tmp_path / "room.toml"
    config.write_text("")
    server = start_server("--config", str(config), program=(sys.executable, str(script)))
    boss = server.join_superuser("boss")
    if how == "broken":
        script.write_text("def (:\n")
        reason = "SyntaxError"
    else:
        config.write_text("rooms = 'many'\n")
        reason = "rooms in"
    assert reason in boss.answer_to("/restart")
    server.process.send_signal(signal.SIGUSR2)
    while "restart refused by=signal" not in server.log():  # the look goes on beside this
        boss.answer_to("/who")
    script.write_text(sound)
    config.write_text("")
    boss.send("/restart")
    server.wait_for_line(r"^Listening on", times=2)
    assert "boss: the same connection" in boss.answer_to("the same connection")


def test_what_the_store_has_lost_since_is_told_as_a_gap(
    start_server: StartServer, tmp_path: Path
) -> None:
    """As when it was set back while nobody was there."""
    more = "d.update((log, place + 5) for log, place in d.items())"
    spoil = (
        "import json; s = json.loads(os.pread(fd, 1 << 24, 0)); d = s['sessions']['delivered']; "
        f"{more}; b = json.dumps(s).encode(); os.truncate(fd, 0); os.pwrite(fd, b, 0)"
    )
    server = start_server(program=spoiling(tmp_path, spoil))
    program = server.program_peer("program")
    after(program, "before")
    restart(server)
    assert "is not known here" in program.until_event("notice", kind="gap")["text"]
    assert "and on" in after(program, "and on")


def test_a_stop_amid_a_restart_is_told_to_those_who_were_to_stay(
    start_server: StartServer,
) -> None:
    server = start_server(message_rate=0, outbox_bytes=99_999_999)
    ann, program = server.join("ann"), server.program_peer("program")
    asked, deaf = server.join("asked"), server.join("deaf")
    for peer in (asked, deaf):
        peer.send("/changepassword")  # who is asked something does not stay
        peer.until("Your old password")
    ann.send(*["x" * 7_000] * 1_000, "that is all")
    for peer in (ann, program, asked):  # who does not read makes the stop take long
        peer.until("that is all")
    server.process.send_signal(signal.SIGUSR2)
    assert "The server restarts" in asked.until_end()
    server.process.send_signal(signal.SIGTERM)
    assert program.until_event("control", do="disconnect")["code"] == "stopping"
    assert ann.until_end().endswith("Come back when it runs again.\n")
    deaf.close()
    assert server.process.wait(PATIENCE) == 0


def test_a_restart_without_descriptors_is_refused_and_the_next_one_is_done(
    server: ServerProcess,
) -> None:
    boss = server.join_superuser("boss")
    before = resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE)
    taken = {int(one.name) for one in Path(f"/proc/{server.process.pid}/fd").iterdir()}
    full = (min(set(range(len(taken) + 1)) - taken), before[1])  # the next one is one too many
    resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, full)
    try:
        assert "would not start again" in boss.answer_to("/restart")
        server.process.send_signal(signal.SIGUSR2)
        refused = r"restart refused by=signal reason=.* cannot be run for a check: Too many open"
        server.wait_for_line(refused)
    finally:
        resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, before)
    restart(server)
    assert "boss: the same connection" in boss.answer_to("the same connection")


@pytest.mark.sqlite
def test_a_version_that_is_older_than_the_store_is_not_begun(
    start_server: StartServer, tmp_path: Path
) -> None:
    script = tmp_path / "program.py"
    script.write_text(
        "import runpy, sys\n"
        f"sys.path.insert(0, {str(ROOT)!r})\n"
        "from chatroom.storage.sqlite import schema\n"
        "schema.VERSION = schema.VERSION - ('--check' in sys.argv)\n"
        f"runpy.run_path({PROGRAM[1]!r}, run_name='__main__')\n"
    )
    server = start_server(program=(sys.executable, str(script)))
    boss = server.join_superuser("boss")
    assert "made by a newer version of this program" in boss.answer_to("/restart")


def test_the_data_directory_is_never_free_meanwhile(
    start_server: StartServer, tmp_path: Path
) -> None:
    """The lock goes over: a second server finds it taken at any moment."""
    spoil = (
        "import fcntl; other = os.open(sys.argv[sys.argv.index('--data-dir') + 1] + "
        "'/server.lock', os.O_RDWR); free = True\n"
        "    try: fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)\n"
        "    except BlockingIOError: free = False\n"
        "    print('FREE' if free else 'TAKEN', flush=True); os.close(other)"
    )
    server = start_server(program=spoiling(tmp_path, spoil))
    restart(server)
    server.wait_for_line("^TAKEN$")
    restart(server, times=3)
    server.wait_for_line("^TAKEN$", times=2)
    assert server.stop() == 0


def descriptors(process: int) -> int:
    return sum(1 for _ in Path(f"/proc/{process}/fd").iterdir())


@pytest.mark.sqlite  # with Redis their number depends on how many threads ask it at once
def test_no_descriptor_is_left_over(server: ServerProcess) -> None:
    boss = server.join_superuser("boss")
    boss.close()
    number: list[int] = []
    for times in (2, 3, 4):
        restart(server, times)
        server.join("boss").close()
        end = time.monotonic() + PATIENCE
        while number and descriptors(server.process.pid) > number[0]:
            server.join("boss").close()
            assert time.monotonic() < end
        number.append(descriptors(server.process.pid))


def test_the_state_is_no_argument_and_no_file(server: ServerProcess) -> None:
    device(server, "ann")
    restart(server)
    environment = Path(f"/proc/{server.process.pid}/environ").read_bytes()
    assert b"ann" not in environment
    assert json.dumps("ann") not in "".join(server.lines)
