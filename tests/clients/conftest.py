"""One server, all programs logged in at it, and two people: by our library, and by nc."""

import contextlib
import itertools
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from chatroom.client import Client, NotDelivered
from tests import harness
from tests.clients.bots import Framework, Limnoria, Pydle, Robots
from tests.clients.irssi import Irssi
from tests.clients.program import Address, Program
from tests.clients.small import Ii, Sic
from tests.clients.weechat import Weechat
from tests.harness import PASSWORD, Peer, ServerProcess

PROGRAMS: dict[str, type[Program]] = {
    "weechat": Weechat,
    "irssi": Irssi,
    "ii": Ii,
    "sic": Sic,
    "framework": Framework,
    "robots": Robots,
    "pydle": Pydle,
    "limnoria": Limnoria,
}
_numbers = itertools.count(1)


def fresh(word: str) -> str:
    """Return a word that nobody has said before."""
    return f"{word}-{next(_numbers)}."


@dataclass
class House:
    """A server and who is there.

    :param lib: somebody by our library, by TLS.
    :param nc: somebody with nc.
    :param up: the programs that run.
    :param heirs: who may get the last room that ``lib`` has made.
    """

    server: ServerProcess
    folder: Path
    lib: Client
    nc: Peer
    up: dict[str, Program] = field(default_factory=dict)
    heirs: list[str] = field(default_factory=list)

    def programs(self, *names: str) -> list[Program]:
        """Return programs that are logged in; those that do not run yet begin side by side."""
        new = [self._start(name) for name in names if name not in self.up]
        for program in new:
            program.wait_until_in()
        return [self.up[name] for name in names]

    def _start(self, name: str) -> Program:
        kind = PROGRAMS[name]
        missing = [word for word in kind.needs if shutil.which(word) is None]
        missing = [word for word in missing if not Path(word).is_dir()]
        if missing:
            pytest.skip(f"{', '.join(missing)} is missing: see CONTRIBUTING.md")
        register(self.server, name, kind.password)
        self.up[name] = kind(name, Address.of(self.server), self.folder / name)
        return self.up[name]

    def room(self, *programs: Program, runs: Program | None = None) -> str:
        """Let ``lib`` make a room, and all join it; return its name with ``#``.

        :param runs: the program that is made a moderator.
        """
        for heir in self.heirs:  # nobody may own more than 50
            with contextlib.suppress(NotDelivered):
                self.lib.command(f"/transfer {heir}")
                break
        self.heirs = [*(one.name for one in programs), "nc"]
        name = f"#room{next(_numbers)}"
        self.lib.command(f"/create {name}")
        self.nc.send(f"/join {name}")
        self.nc.until(f"You talk in {name} now")
        for one in programs:
            one.join(name)
        if runs:
            self.lib.command(f"/moderator {runs.name}")
        return name

    def lib_hears(self, sender: str, text: str, room: str = "") -> str:
        """Wait until ``lib`` gets a message; return its whole text."""
        while True:
            message = self.lib.receive(harness.PATIENCE)
            assert message is not None, f"{sender}: {text!r} did not come"
            if message.sender == sender and text in message.text:
                assert message.room == room.removeprefix("#")
                return message.text


def register(server: ServerProcess, name: str, password: str) -> None:
    """Make an account."""
    peer = server.peer()
    peer.send("y", name, password, password)
    peer.until("Here now")
    peer.close()


@contextlib.contextmanager
def house_in(folder: Path) -> Iterator[House]:
    """Start a server with its files below a folder, and people at it; all ends with this."""
    before = len(harness.at_end)
    server = ServerProcess(folder / "server")
    try:
        register(server, "lib", PASSWORD)
        pin = "sha256:" + Address.of(server).digest("sha256")
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("XDG_CONFIG_HOME", str(folder))
            with Client(
                "127.0.0.1", server.port, name="lib", password=PASSWORD, fingerprint=pin
            ) as lib:
                yield House(server, folder, lib, server.join("nc"))
    finally:
        while len(harness.at_end) > before:
            harness.at_end.pop()()
        server.close()


@pytest.fixture(scope="package")
def house(tmp_path_factory: pytest.TempPathFactory, made: None) -> Iterator[House]:
    """Return the server that most of these tests share, with the programs that they need."""
    with house_in(tmp_path_factory.mktemp("clients")) as found:
        yield found


# These are of the package, as what a test itself starts ends with it. Where one program takes the
# place of another, both go on.
@pytest.fixture(scope="package", params=PROGRAMS)
def program(request: pytest.FixtureRequest, house: House) -> Program:
    """Return each program in turn."""
    return house.programs(request.param)[0]


@pytest.fixture(scope="package")
def everybody(house: House) -> list[Program]:
    """Return all programs."""
    return house.programs(*PROGRAMS)
