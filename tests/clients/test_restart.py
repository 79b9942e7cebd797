"""A server that ends and comes again: who comes back has every line once."""

import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.clients.conftest import PROGRAMS, House, house_in
from tests.clients.program import Door, Program

pytestmark = pytest.mark.clients
ROOM = "#tea"


@contextmanager
def said_around(tmp_path_factory: pytest.TempPathFactory, how: str) -> Iterator[House]:
    """Let all talk, end the server and start it again, and talk on before they are back."""
    with house_in(tmp_path_factory.mktemp(how)) as house:
        house.lib.command(f"/create {ROOM}")
        for program in house.programs(*PROGRAMS):
            program.join(ROOM)
        for number in range(5):
            house.lib.send(f"line {number}.", room=ROOM)
        for program in house.up.values():
            program.hears("lib", "line 4.")
            program.wait_until_steady()
        if how == "restart":
            house.server.process.send_signal(signal.SIGUSR2)
            house.server.wait_for_line("^Listening on", 2)
        else:
            assert house.server.stop() == 0
            house.server.start()
        for number in range(5, 10):
            house.lib.send(f"line {number}.", room=ROOM)
        for program in house.up.values():
            is_kept = how == "restart" and program.can.door is Door.PLAIN
            if not program.can.returns and not is_kept:
                program.come_back()
        yield house


@pytest.fixture(scope="module")
def restarted(tmp_path_factory: pytest.TempPathFactory, made: None) -> Iterator[House]:
    """Return what was talked in around a restart, which keeps connections in plain text."""
    with said_around(tmp_path_factory, "restart") as house:
        yield house


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory, made: None) -> Iterator[House]:
    """Return what was talked in around a stop and a start."""
    with said_around(tmp_path_factory, "stop") as house:
        yield house


def has_every_line_once(house: House, program: Program) -> None:
    program.hears("lib", "line 9.")
    assert [program.count(f"line {number}.") for number in range(10)] == [1] * 10
    with program.news:
        order = re.findall(r"\bline (\d)\.", "\n".join(program.lines()))
    # What is asked for may come behind what is said at that moment; it has the time of each.
    assert program.can.history or order == [str(number) for number in range(10)]
    program.say(ROOM, said := f"back {program.name}.")
    house.lib_hears(program.name, said, ROOM)


@pytest.mark.parametrize("name", PROGRAMS)
def test_every_line_is_there_once_after_a_restart(restarted: House, name: str) -> None:
    has_every_line_once(restarted, restarted.up[name])


@pytest.mark.parametrize("name", PROGRAMS)
def test_every_line_is_there_once_after_a_stop_and_a_start(stopped: House, name: str) -> None:
    has_every_line_once(stopped, stopped.up[name])
