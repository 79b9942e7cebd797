"""The client at a real terminal, with a real server."""

import fcntl
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pexpect
import pytest

from chatroom.client.kept_files import write_whole
from chatroom.client.reconnect import QUIET_SECONDS
from tests.conftest import StartServer
from tests.harness import PASSWORD, PATIENCE, ROOT, ServerProcess, started

CLIENT = ROOT / "chatroom_client.py"


class Person:
    """Somebody who has started the client in a terminal of their own."""

    def __init__(
        self, folder: Path, port: int, *flags: str, host: str = "127.0.0.1", **environment: str
    ) -> None:
        kept = {k: v for k, v in os.environ.items() if not k.startswith("CHATROOM_")}
        self.log = folder / "logs" / "chatroom_client.log"
        self.terminal = pexpect.spawn(
            sys.executable,
            [str(CLIENT), host, str(port), "--log-dir", str(self.log.parent), *flags],
            env={**kept, "TERM": "dumb", "XDG_CONFIG_HOME": str(folder), **environment},
            encoding="utf-8",
            timeout=PATIENCE,
            dimensions=(40, 200),
        )
        # Its own pauses are not needed: we wait for what is seen.
        self.terminal.delaybeforesend = None
        self.terminal.ptyproc.delayafterclose = self.terminal.ptyproc.delayafterterminate = 0
        self.screen = ""

    def see(self, text: str) -> None:
        """Wait until the screen shows a text behind what was seen before."""
        self.terminal.expect_exact(text)
        self.screen += self.terminal.before + self.terminal.after

    def type(self, *lines: str) -> None:
        """Type lines at once."""
        for line in lines:
            self.terminal.sendline(line)

    def answer(self, question: str, line: str) -> None:
        """Wait for a question, then type."""
        self.see(question)
        self.type(line)

    def register(self, name: str) -> None:
        """Make an account by hand."""
        self.answer("[y/n] ", "y")
        self.answer("user name: ", name)
        self.answer("(8 bytes or more): ", PASSWORD)
        self.answer("again: ", PASSWORD)
        self.see("Here now")

    def log_in(self, name: str) -> None:
        """Log in by hand."""
        self.answer("[y/n] ", "n")
        self.answer("user name: ", name)
        self.answer("password: ", PASSWORD)
        self.see("Here now")

    def threads(self) -> int:
        """Return how many threads the program has."""
        return len(list(Path(f"/proc/{self.terminal.pid}/task").iterdir()))

    def end(self) -> int:
        """Wait until the program has ended, and return its exit status."""
        self.terminal.expect(pexpect.EOF)
        self.screen += self.terminal.before
        self.terminal.wait()
        self.terminal.close()
        assert "Traceback" not in self.screen
        assert "rror:" not in self.screen
        assert self.terminal.exitstatus is not None, f"ended by {self.terminal.signalstatus}"
        return int(self.terminal.exitstatus)


Sit = Callable[..., Person]


@pytest.fixture
def sit(tmp_path: Path) -> Iterator[Sit]:
    """Start clients; all end with the test."""
    people: list[Person] = []

    def start(port: int, *flags: str, **environment: str) -> Person:
        people.append(Person(tmp_path, port, *flags, **environment))
        return people[-1]

    yield start
    for person in people:
        if person.terminal.isalive():
            person.terminal.kill(signal.SIGKILL)
            person.terminal.wait()
        person.terminal.close()


def test_two_people_register_and_talk(room: ServerProcess, sit: Sit) -> None:
    carl, dora = sit(room.port), sit(room.port)
    carl.see("This is Chatroom, a chat room.\r\n")
    carl.register("carl")
    dora.register("dora")
    carl.see("dora has joined.")
    carl.type("hello, dora", "", "//slash")
    for person in (carl, dora):
        person.see(" | carl: hello, dora\r\n")
        person.see(" | carl: /slash\r\n")
    dora.type("/messageto carl psst")
    dora.see(" | private to carl: psst\r\n")
    carl.see(" | private from dora: psst\r\n")
    dora.type("/nosuchcommand")
    dora.see("There is no command /nosuchcommand.")
    assert (carl.threads(), dora.threads()) == (2, 2)
    dora.type("/disconnect")
    assert dora.end() == 0
    assert "Goodbye, dora." in dora.screen
    carl.see("dora has left.")
    carl.terminal.sendeof()
    carl.see("Goodbye, carl.")
    assert carl.end() == 0
    log = carl.log.read_text()
    assert "logged in name=carl" in log
    for secret in (PASSWORD, "psst", "hello, dora"):
        assert secret not in log
    for person in (carl, dora):
        assert PASSWORD not in person.screen


def test_wrong_answers_are_told_and_asked_again(room: ServerProcess, sit: Sit) -> None:
    room.add_user("emil")
    emil = sit(room.port)
    emil.answer("[y/n] ", "perhaps")
    emil.see("Answer y to make a new account")
    emil.answer("[y/n] ", "n")
    emil.answer("user name: ", "emil")
    emil.answer("password: ", "wrong")
    emil.see("Unknown name or wrong password.")
    emil.answer("user name: ", "emil")
    emil.answer("password: ", PASSWORD)
    emil.see("Here now")


def test_changing_the_password_is_not_seen_and_is_remembered(
    start_server: StartServer, sit: Sit
) -> None:
    server = start_server()
    fred = sit(server.port)
    fred.register("fred")
    fred.type("/changepassword")
    fred.answer("old password: ", PASSWORD)
    fred.answer("more): ", "another horse")
    fred.answer("again: ", "another horse")
    fred.see("Your password was changed.")
    fred.type("/changepassword")  # one that goes wrong must not be remembered
    fred.answer("old password: ", "another horse")
    fred.answer("more): ", "a third horse")
    fred.answer("again: ", "a fourth horse")
    fred.see("not the same")
    fred.answer("more): ", "")
    fred.see("Nothing was changed.")
    for _ in range(2):
        server.kill()
        fred.see("is lost")
        server.start()
        fred.see("Here now")
    fred.type("still here")
    fred.see("fred: still here")
    assert "horse" not in fred.screen


def test_a_name_alone_asks_for_the_password_only(room: ServerProcess, sit: Sit) -> None:
    room.add_user("gina")
    gina = sit(room.port, "--name", "gina")
    gina.answer("password: ", "wrong")
    gina.answer("password: ", PASSWORD)
    gina.see("Here now")
    assert "[y/n]" not in gina.screen
    assert "user name" not in gina.screen


def test_name_and_password_log_in_without_a_question(
    room: ServerProcess, sit: Sit, tmp_path: Path
) -> None:
    room.add_user("hugo")
    file = tmp_path / "password"
    file.touch(mode=0o600)
    file.write_text(PASSWORD + "\n")
    for hugo in (
        sit(room.port, "--name", "hugo", CHATROOM_PASSWORD=PASSWORD),
        sit(room.port, "--name", "HUGO", "--password-file", str(file)),
    ):
        hugo.see("Here now")
        assert "password" not in hugo.screen
        hugo.type("/disconnect")
        assert hugo.end() == 0


def test_a_given_password_that_is_wrong_ends_the_program(room: ServerProcess, sit: Sit) -> None:
    nobody = sit(room.port, "--name", "nobody", CHATROOM_PASSWORD=PASSWORD)
    assert nobody.end() == 3
    assert "Unknown name or wrong password." in nobody.screen


# -- leaving ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["c", "d"])
@pytest.mark.parametrize("steps", [0, 1, 2, 3])
def test_leaving_while_something_is_asked(
    room: ServerProcess, sit: Sit, key: str, steps: int
) -> None:
    person = sit(room.port)
    questions = ["[y/n] ", "user name: ", "more): ", "again: "]
    for question, line in zip(questions[:steps], ["y", f"ina{key}", PASSWORD], strict=False):
        person.answer(question, line)
    person.see(questions[steps])
    person.terminal.sendcontrol(key)
    assert person.end() == 0


@pytest.mark.parametrize("key", ["c", "d"])
def test_leaving_while_talking(room: ServerProcess, sit: Sit, key: str) -> None:
    room.join("jim").close()
    jim = sit(room.port, "--name", "jim", CHATROOM_PASSWORD=PASSWORD)
    jim.see("Here now")
    jim.terminal.sendcontrol(key)
    jim.see("Goodbye, jim.")
    assert jim.end() == 0


def test_leaving_within_a_command(room: ServerProcess, sit: Sit) -> None:
    room.join("jim").close()
    jim = sit(room.port, "--name", "jim", CHATROOM_PASSWORD=PASSWORD)
    jim.see("Here now")
    jim.type("/changepassword")
    jim.see("old password: ")
    jim.terminal.sendcontrol("c")  # gives up the command
    jim.see("Nothing was changed.")
    jim.type("/changepassword")
    jim.see("old password: ")
    jim.terminal.sendcontrol("d")
    assert jim.end() == 0


@pytest.mark.parametrize("key", ["c", "d"])
def test_leaving_while_the_server_is_gone(start_server: StartServer, sit: Sit, key: str) -> None:
    server = start_server()
    kim = sit(server.port)
    kim.register("kim")
    server.kill()
    kim.see("is lost")
    kim.type("too late")
    kim.see("this will be sent when it is back.")
    kim.terminal.sendcontrol(key)
    assert kim.end() == 0
    assert "1 message may not have arrived." in kim.screen


# -- coming back -----------------------------------------------------------------------------------


def test_what_comes_while_a_question_is_open_does_not_stand_behind_it(
    room: ServerProcess, sit: Sit
) -> None:
    other = room.join("ulla")
    tina = sit(room.port)
    tina.register("tina")
    tina.type("/changepassword")
    tina.see("old password: ")
    other.send("meanwhile")
    tina.see("\r\n")
    tina.see("ulla: meanwhile\r\n")
    tina.type(PASSWORD)
    tina.see("\r\nChoose a password")


def test_a_killed_server_is_found_again_and_nothing_is_asked(
    start_server: StartServer, sit: Sit
) -> None:
    server = start_server()
    lea = sit(server.port)
    lea.register("lea")
    lea.type("before")
    lea.see("lea: before")
    server.kill()
    lea.see(f"The connection to 127.0.0.1 port {server.port} is lost")
    lea.type("meanwhile")
    lea.see("this will be sent when it is back.")
    lea.type("/viewusers")
    lea.see("the command was not sent")
    server.start()
    lea.see("Connected again.")
    lea.see("Here now")
    lea.see("lea: meanwhile")
    lea.type("after")
    lea.see("lea: after")
    assert lea.screen.count("[y/n]") == 1
    assert lea.threads() == 2


def test_a_restart_brings_everybody_back_and_shows_nothing_of_it(
    start_server: StartServer, sit: Sit
) -> None:
    server = start_server()
    server.join("mia").close()
    mia = sit(server.port, "--name", "mia", CHATROOM_PASSWORD=PASSWORD)
    mia.see("Here now")
    mia.type(f"/claim {server.claim_code()}")
    mia.see("first superuser")
    mia.type("once")
    mia.see("mia: once")
    before, begun = mia.screen, time.monotonic()
    mia.type("/restart")
    mia.see("The server restarts.")
    server.wait_for_line(r"^Listening on", times=2)
    mia.type("here again")
    mia.see("mia: here again")
    assert mia.screen.count("mia: once") == 1
    if time.monotonic() - begun > QUIET_SECONDS:
        return  # on a machine that is so slow it is told
    rest = mia.screen.removeprefix(before)
    for word in ("Come back in a moment", "Connected", "is lost", "Here now", "You are back"):
        assert word not in rest


@pytest.mark.sqlite
def test_a_restart_that_takes_long_is_told(start_server: StartServer, sit: Sit) -> None:
    server = start_server()
    server.join("mia").close()
    mia = sit(server.port, "--name", "mia", CHATROOM_PASSWORD=PASSWORD)
    mia.see("Here now")
    mia.type(f"/claim {server.claim_code()}")
    mia.see("first superuser")
    (server.data_dir / "open.lock").touch()
    with (server.data_dir / "open.lock").open("r+b") as held:
        fcntl.flock(held, fcntl.LOCK_EX)  # the successor waits for it before it opens the store
        mia.type("/restart")
        mia.see("Come back in a moment.")
        mia.see("Reconnecting as soon as it is up ...")
    mia.see("Connected again.")
    mia.type("here again")
    mia.see("mia: here again")


def test_a_password_that_was_changed_elsewhere_is_asked_for(
    start_server: StartServer, sit: Sit
) -> None:
    server = start_server()
    nora = sit(server.port)
    nora.register("nora")
    server.kill()
    nora.see("is lost")
    done = server.operate("reset-password", "nora", "--password-stdin", given="new password\n")
    assert done.returncode == 0, done.stderr
    server.start()
    nora.see("Connected again.")
    nora.see("Unknown name or wrong password.")
    nora.answer("password: ", "new password")
    nora.see("Here now")
    nora.type("in again")
    nora.see("nora: in again")
    assert "new password" not in nora.screen


def test_a_kick_ends_the_program_while_it_reads(room: ServerProcess, sit: Sit) -> None:
    boss = room.join("boss")
    olaf = sit(room.port)
    olaf.register("olaf")
    olaf.terminal.send("half a li")
    olaf.see("half a li")
    boss.send("/kickuser olaf bad manners")
    assert olaf.end() == 6
    assert "You were kicked by boss: bad manners" in olaf.screen


def test_a_planned_stop_is_waited_out(start_server: StartServer, sit: Sit) -> None:
    server = start_server()
    pia = sit(server.port)
    pia.register("pia")
    server.stop()
    pia.see("The server stops.")
    pia.see("Reconnecting as soon as it is up")
    server.start()
    pia.see("Connected again.")
    pia.see("Here now")
    pia.type("good morning")
    pia.see("pia: good morning")


def test_nobody_listens(room: ServerProcess, start_server: StartServer, sit: Sit) -> None:
    server = start_server()
    server.stop()
    person = sit(server.port)
    assert person.end() == 4
    assert f"Cannot reach 127.0.0.1 port {server.port}: Connection refused." in person.screen


@pytest.mark.parametrize("kind", [{"TERM": "dumb"}, {"TERM": "xterm"}])
def test_plain_terminals_ring_and_fold_and_take_a_space_before_a_command(
    room: ServerProcess, sit: Sit, kind: dict[str, str]
) -> None:
    name = f"tom{kind['TERM']}"
    other = room.join(f"other{kind['TERM']}")
    tom = sit(room.port, "--linear", "--bell", "all", **kind)
    tom.register(name)
    other.send("x" * 194 + " boss: send him the code (01:41 AM)")
    tom.see("\r\n    boss: send him the code (01:41 AM)")
    tom.see("\a")
    tom.type("/bell Off", f" /messageto other{kind['TERM']} psst")
    tom.see("The bell is set to off.")
    other.until(f"private from {name}: psst")
    other.send(f"/messageto {name} hi", "the end")
    tom.see("(private): hi")
    tom.see("the end")
    assert tom.screen.count("\a") == 1


def test_busy_and_free_and_a_message_of_several_lines(room: ServerProcess, sit: Sit) -> None:
    other = room.program_peer("quinn")
    rosa = sit(room.port)
    rosa.register("rosa")
    rosa.type("/busy lunch")
    rosa.see("Messages are held until you type /free.")
    other.send_event("post", text="one\n09:00 AM | boss: two", cid="1")
    other.until_event("message", cid="1")
    rosa.type("/free")
    rosa.see("1 missed:")
    rosa.see(" | quinn: one\r\n    09:00 AM | boss: two\r\n")


def test_who_loses_the_connection_comes_back_with_a_ticket_and_sees_each_line_once(
    start_server: StartServer, sit: Sit
) -> None:
    server = start_server()
    ann = sit(server.port)
    ann.register("ann")
    ann.type("/create dev")
    ann.see("#dev is yours, and you talk there now.")
    ann.type("in dev")
    ann.see("| ann: in dev")
    server.kill()
    ann.see("Trying again")
    server.start()
    ann.see("You are back; nothing was missed.")
    server.wait_for_line(" by=resume")
    bob = server.join("bob")
    bob.send("hello, lobby")
    ann.see("| #lobby | bob: hello, lobby")
    ann.type("/room lobby", "here again")
    ann.see("You talk in #lobby now")
    ann.see("| ann: here again")
    bob.until("ann: here again")
    ann.type("/disconnect")
    assert ann.end() == 0
    assert ann.screen.count("in dev\r\n") == 2  # as typed, and as it came back


def test_small_files_leave_nothing_behind_and_lose_nothing(tmp_path: Path) -> None:
    """Many programs keep a line at once; and one that cannot write leaves the file as it was."""
    file = tmp_path / "kept"
    code = (
        "import sys, pathlib\n"
        "from chatroom.client.kept_files import in_turn, write_whole\n"
        "file = pathlib.Path(sys.argv[1])\n"
        "for number in range(20):\n"
        "    with in_turn(file.parent):\n"
        "        old = file.read_text() if file.exists() else ''\n"
        "        write_whole(file, f'{old}{sys.argv[2]} {number}\\n')\n"
    )
    words = [sys.executable, "-c", code, str(file)]
    programs = [started([*words, str(one)], cwd=ROOT) for one in range(4)]
    assert [program.wait(PATIENCE) for program in programs] == [0] * 4
    assert len(set(file.read_text().splitlines())) == 80
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError):
        write_whole(tmp_path / "folder", "x")
    assert sorted(one.name for one in tmp_path.iterdir()) == ["folder", "kept"]
