"""``python -m tests.captures``: make the captures of docs/captures and the picture of the README.

Real programs at real terminals; what the screens show is written down. Not a test.
"""

import os
import re
import select
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from tests.harness import PASSWORD, ROOT, ServerProcess
from tests.typist import Typist

PLACE = ROOT / "docs" / "captures"
_TERMINAL = {"TZ": "UTC"}


class Scene:
    """A room, and who sits in it."""

    def __init__(self, folder: Path, server: ServerProcess) -> None:
        self.server = server
        self._folder = folder

    def seat(self, name: str, *flags: str, columns: int = 64) -> Typist:
        """Seat somebody who has been here before, at a terminal."""
        given = {**_TERMINAL, "CHATROOM_PASSWORD": PASSWORD}
        folder = self._folder / name
        person = Typist(folder, self.server.port, "--name", name, *flags, environment=given)
        person.resize(22, columns)
        person.sees("Here now")
        if "--linear" not in flags:
            person.waits_for(lambda rows: rows[-1] == "#lobby>")
            person.type("\x0c")
            person.waits_for(lambda rows: rows == ["#lobby>"])
        return person


def talking(scene: Scene) -> list[tuple[str, Typist]]:
    ann = scene.seat("ann")
    bob = scene.seat("bob")
    ann.sees("bob has joined")
    _says(ann, "ann", "hello bob, is the build green?", bob)
    _says(bob, "bob", "since a minute ago, @ann 🎉", ann)
    _says(ann, "ann", "then I tag it", bob)
    bob.type("/messageto ann lunch? 漢字\r")
    ann.sees("private from bob")
    _says(ann, "ann", "/me claps", bob, shown="ann claps")
    bob.type("may I write the ")
    bob.sees("may I write the")
    return [("ann", ann), ("bob", bob)]


def digest(scene: Scene) -> list[tuple[str, Typist]]:
    ann = scene.seat("ann", columns=90)
    bob = scene.server.join("bob")
    ann.type("/busy 45m in a meeting\r")
    ann.waits_for(lambda rows: rows[-1] == "#lobby [busy]>")
    bob.send("lunch at noon?", "the canteen has soup", "/messageto ann call me, please")
    bob.until("in a meeting")
    ann.type("/free\r")
    ann.sees("call me, please")
    ann.waits_for(lambda rows: rows[-1] == "#lobby>")
    bob.close()
    return [("ann", ann)]


def lost_connection(scene: Scene) -> list[tuple[str, Typist]]:
    ann = scene.seat("ann", columns=90)
    bob = scene.seat("bob")
    _says(bob, "bob", "the switch is replaced now", ann)
    scene.server.kill()
    ann.sees("is lost")
    ann.type("good luck!\rand tell us whe")
    ann.sees("… good luck!")
    first = ann.waits_for(lambda rows: "next try in" in rows[-1])
    scene.server.start()
    ann.sees("ann: good luck!")
    bob.sees("ann: good luck!")
    ann.waits_for(lambda rows: rows[-1] == "#lobby> and tell us whe")
    _write("lost-connection-1", [("ann, while the server is away", first)])
    return [("ann, when it is back", ann)]


def linear(scene: Scene) -> list[tuple[str, Typist]]:
    ann = scene.seat("ann", "--linear", columns=90)
    bob = scene.server.join("bob")
    ann.sees("bob has joined")
    bob.send("hello ann", "/messageto ann psst")
    ann.sees("psst")
    ann.type("hello bob\r")
    ann.sees("ann: hello bob")
    bob.close()
    return [("ann, with --linear", ann)]


SCENES: dict[str, Callable[[Scene], list[tuple[str, Typist]]]] = {
    "talking": talking,
    "digest": digest,
    "lost-connection": lost_connection,
    "linear": linear,
}


def bare(scene: Scene) -> None:
    """Two sessions without our client: the ten commands by nc, and openssl."""
    server = scene.server
    server.join("bob").close()
    boss = server.join_superuser("ann")
    boss.send("/disconnect")
    boss.until_end()
    bob = server.join("bob")
    lines = [
        *("n", "ann", PASSWORD, "/help", "/viewusers", "hello from nc", "/messageto bob psst"),
        *("/busy", "/free", "/changegrant bob 0", "/changegrant bob 1", "/kickuser bob noise"),
        *("/viewkickusers", "/unkickuser bob", "/disconnect"),
    ]
    _session("nc", ["nc", "127.0.0.1", str(server.port)], lines)
    bob.close()
    tls = ["openssl", "s_client", "-quiet", "-connect", f"127.0.0.1:{server.port}"]
    _session("openssl", tls, ["n", "ann", PASSWORD, "hello through TLS", "/disconnect"])


def _session(name: str, command: list[str], lines: Sequence[str]) -> None:
    """Write down a dialogue: each line is sent when the server has answered the one before."""
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        assert process.stdin and process.stdout
        shown = f"$ {' '.join(command)}\n"
        for line in (*lines, None):
            while select.select([process.stdout], [], [], 0.7)[0]:
                data = os.read(process.stdout.fileno(), 65536)
                if not data:
                    break
                shown += data.decode()
            if line is not None:
                shown += ("*" * 8 if line == PASSWORD else line) + "\n"
                process.stdin.write(f"{line}\n".encode())
                process.stdin.flush()
    (PLACE / f"{name}.txt").write_text(re.sub(r"(127\.0\.0\.1[: ])\d+", r"\g<1>9797", shown))


def _says(person: Typist, name: str, text: str, other: Typist, shown: str = "") -> None:
    person.type(text + "\r")
    for reader in (person, other):
        reader.sees(shown or f"{name}: {text}")


def _write(name: str, seats: Sequence[tuple[str, list[str]]]) -> None:
    parts = [f"--- {title}\n\n" + "\n".join(rows) + "\n" for title, rows in seats]
    (PLACE / f"{name}.txt").write_text("\n".join(parts))


def picture(seats: Sequence[tuple[str, Typist]], file: Path) -> None:
    """Draw the screens side by side, in their colours."""
    grid = Table.grid(padding=(0, 1))
    panels = []
    for title, person in seats:
        text = Text()
        for row in person.styled():
            for part, style in row:
                text.append(part, style)
            text.append("\n")
        panels.append(Panel(text, title=title, width=68, height=12))
    grid.add_row(*panels)
    with open("/dev/null", "w") as nowhere:  # noqa: PTH123
        console = Console(
            record=True, width=70 * len(seats), file=nowhere, color_system="truecolor"
        )
        console.print(grid)
    svg = console.export_svg(title="Chatroom")
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)
    file.write_text(svg.replace("Fira Code", "DejaVu Sans Mono, Menlo, Consolas"))


def main() -> int:
    """Make them all."""
    PLACE.mkdir(exist_ok=True)
    for name, play in SCENES.items():
        with tempfile.TemporaryDirectory() as folder:
            server = ServerProcess(Path(folder))
            try:
                for guest in ("ann", "bob"):
                    server.join(guest).close()
                seats = play(Scene(Path(folder), server))
                _write(name, [(title, person.rows()) for title, person in seats])
                if name == "talking":
                    picture(seats, ROOT / "docs" / "talking.svg")
                for _, person in seats:
                    person.close()
            finally:
                server.close()
    with tempfile.TemporaryDirectory() as folder:
        server = ServerProcess(Path(folder))
        try:
            bare(Scene(Path(folder), server))
        finally:
            server.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
