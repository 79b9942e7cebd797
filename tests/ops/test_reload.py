"""Settings that are read anew while the server runs: all that may change then, or nothing."""

import json
import signal
from pathlib import Path

import pexpect
import pytest

from chatroom.config import RELOADABLE
from tests.conftest import StartServer
from tests.harness import PASSWORD, PATIENCE, ServerProcess


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "chatroom.toml"
    path.write_text('name = "Before"\n')
    return path


@pytest.fixture
def lab(start_server: StartServer, file: Path) -> ServerProcess:
    """A server whose settings stand in a file."""
    server = start_server("--config", str(file))
    server.join("ann")
    return server


def reload(server: ServerProcess) -> dict[str, object]:
    """Let the server read its settings anew, and return its answer."""
    done = server.operate("reload", "--json")
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def greeting(server: ServerProcess) -> str:
    peer = server.peer()
    text = peer.until("a chat room.")
    peer.close()
    return text


def test_what_may_change_counts_at_once_and_is_told(lab: ServerProcess, file: Path) -> None:
    file.write_text('name = "After"\nrooms = 1\nroom_creators = "superusers"\nkick_minutes = 7\n')
    done = lab.operate("reload")
    assert done.returncode == 0
    assert done.stdout.splitlines() == [
        "name is After (was Before).",
        "kick_minutes is 7 (was 5).",
        "rooms is 1 (was 1000).",
        "room_creators is superusers (was all).",
    ]
    assert "This is After, a chat room." in greeting(lab)
    ann = lab.join("ann")
    assert "only superusers make rooms" in ann.answer_to("/create cave")
    assert "settings reloaded by=operator changed=name,kick_minutes,rooms,room" in lab.log()
    assert lab.operate("reload").stdout == "Nothing has changed.\n"


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ("connections = 0", "connections in "),
        ("rooms = many", "it is not valid TOML"),
        ("romms = 5", "'romms' in "),
        ('tls_certificate = "no.pem"\ntls_key = "no.pem"', "The certificate no.pem cannot be used"),
        ('tls_certificate = "no.pem"', "--tls-certificate and --tls-key belong together"),
    ],
    ids=["value", "syntax", "name", "file", "half"],
)
def test_one_bad_line_changes_nothing_and_is_named(
    lab: ServerProcess, file: Path, wrong: str, named: str
) -> None:
    file.write_text(f'name = "After"\nregistration = "closed"\n{wrong}\n')
    lab.process.send_signal(signal.SIGHUP)
    lab.wait_for_line("settings not reloaded by=signal reason=")
    (line,) = (line for line in lab.log().splitlines() if "settings not reloaded" in line)
    assert named in line
    assert "This is Before, a chat room." in greeting(lab)
    lab.join("bob")  # a new account: registration is open as before
    done = lab.operate("reload")
    assert done.returncode in (1, 2)  # the sub-command itself reads that file, too
    assert named in done.stderr
    assert lab.process.poll() is None


def test_what_needs_a_restart_is_named_and_waits(lab: ServerProcess, file: Path) -> None:
    file.write_text('name = "After"\nlogin_seconds = 60\nscrypt_n = 4\n')
    lab.settings.pop("CHATROOM_SCRYPT_N", None)
    told = reload(lab)
    assert told["waiting"] == ["login_seconds"]  # scrypt_n is set by the environment
    assert "Changed, but only a restart takes it: login_seconds." in str(told["text"])
    assert told["changed"] == {"name": {"was": "Before", "now": "After"}}
    assert reload(lab)["waiting"] == ["login_seconds"]


def test_a_signal_reloads_where_there_is_no_terminal(lab: ServerProcess, file: Path) -> None:
    file.write_text('name = "After"\n')
    lab.process.send_signal(signal.SIGHUP)
    lab.wait_for_line("settings reloaded by=signal changed=name")
    assert "This is After, a chat room." in greeting(lab)
    assert lab.stop() == 0


def test_at_a_terminal_the_signal_stops_as_ever(server: ServerProcess) -> None:
    server.stop()
    command = [*server.command(), "--host", "127.0.0.1", "--port", "0", "--data-dir"]
    command += [str(server.data_dir), "--log-dir", str(server.log_dir)]
    terminal = pexpect.spawn(
        command[0], command[1:], env=server.environment(), timeout=PATIENCE, encoding="utf-8"
    )
    terminal.expect("Fingerprint .*\n")
    terminal.kill(signal.SIGHUP)
    terminal.expect("stopped")
    terminal.expect(pexpect.EOF)
    terminal.wait()
    assert terminal.exitstatus == 0


def test_rates_and_limits_change_for_those_who_are_here(
    start_server: StartServer, file: Path
) -> None:
    server = start_server("--config", str(file))
    for name in ("MESSAGE_RATE", "LOGIN_RATE", "REGISTRATIONS_PER_ADDRESS"):
        server.settings["CHATROOM_" + name] = ""
    server.stop()
    settings = server.environment()
    for name in ("MESSAGE_RATE", "LOGIN_RATE", "REGISTRATIONS_PER_ADDRESS"):
        del settings["CHATROOM_" + name]
    server.environment = lambda: settings  # type: ignore[method-assign]
    file.write_text("message_rate = 0\nregistrations_per_address = 0\nconnections = 3\n")
    server.start()
    ann, bob = server.join("ann"), server.join("bob")
    ann.answer_to("/me is here")
    file.write_text(
        "message_rate = 10\nmessage_lines = 2\nregistrations_per_address = 1\nconnections = 2\n"
    )
    reload(server)
    server.peer().until("The room is full just now.")
    bob.close()
    file.write_text("message_rate = 10\nmessage_lines = 2\nregistrations_per_address = 1\n")
    reload(server)
    device = server.device("ann")
    device.send_event("post", text="1\n2\n3")
    assert device.until_event("result", ok=False)["code"] == "too-long"
    for name, answer in (("carl", "Welcome"), ("dora", "Too many new accounts")):
        peer = server.peer()
        peer.send("y", name, PASSWORD, PASSWORD)
        peer.until(answer)
    file.write_text("message_rate = 0\n")
    reload(server)
    device.send_event("post", text="1\n2\n3")
    ann.until("ann: 1")


def test_doors_open_and_close_at_once(lab: ServerProcess, file: Path) -> None:
    file.write_text('registration = "closed"\nhere_mentions = "everybody"\nreserve_days = 5\n')
    reload(lab)
    peer = lab.peer()
    peer.send("y", "bob", PASSWORD, PASSWORD)
    peer.until("New accounts cannot be made here")
    file.write_text('registration = "invite"\nproxy_from = "127.0.0.1/32"\n')
    reload(lab)
    peer = lab.peer()
    peer.send("hello")  # a connection from there must begin with a header
    assert "y/n" not in peer.until_end()


def test_the_certificate_is_read_anew(lab: ServerProcess, file: Path, tmp_path: Path) -> None:
    other = ServerProcess(tmp_path / "other", is_new=True, engine="")
    other.stop()
    pair = other.data_dir / "tls"
    file.write_text(f'tls_certificate = "{pair}/cert.pem"\ntls_key = "{pair}/key.pem"\n')
    told = reload(lab)
    assert set(dict(told["changed"])) == {  # type: ignore[call-overload]
        *("name", "tls_certificate", "tls_key", "certificate"),
    }
    shown = other.match(r"Fingerprint (\S+)").group(1)
    assert dict(told["changed"])["certificate"]["now"] == shown  # type: ignore[call-overload]


def test_every_setting_that_may_change_is_used_when_it_has() -> None:
    """Guards the list: who adds a setting to it says here how it is shown to count."""
    assert {
        *("name", "motd_file", "message_rate", "message_lines", "kick_minutes", "rooms"),
        *("room_creators", "registration", "here_mentions", "login_rate", "reserve_days"),
        *("registrations_per_address", "connections", "connections_per_address", "keep_days"),
        *("unauthenticated", "unauthenticated_per_address", "keep_mb", "allow_plain"),
        *(
            "irc",
            "irc_name",
            "irc_join_creates",
            "irc_sts_days",
            "web",
            "web_origins",
            "web_proxy_from",
        ),
        *("proxy_from", "public_host", "log_level", "tls_certificate", "tls_key"),
    } == RELOADABLE
