"""The backup, the drill and the way back of docs/operating.md, as they stand there."""

import re
import shlex
import stat
import subprocess

import pytest

from tests.conftest import StartServer
from tests.harness import PATIENCE, PROGRAM, ROOT, ServerProcess
from tests.session.test_resume import register, say

pytestmark = pytest.mark.sqlite


def documented() -> list[str]:
    """Return the blocks of commands of the section, in their order."""
    text = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")
    section = text.partition("\n## Backups\n")[2].partition("\n## ")[0]
    return [re.sub("(?m)^    ", "", block) for block in re.findall(r"(?:    .*\n)+", section)]


def carry_out(server: ServerProcess, lines: str) -> None:
    """Run commands in the folder where the server is started."""
    done = subprocess.run(
        ["sh", "-eu", "-c", lines.replace("python chatroom_server.py", shlex.join(PROGRAM))],
        cwd=server.folder,
        env=server.environment(),
        capture_output=True,
        text=True,
        timeout=3 * PATIENCE,  # several programs, one after the other
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout


def test_the_documented_backup_is_put_back_as_documented(start_server: StartServer) -> None:
    backup, restore, drill = documented()
    server = start_server(is_new=True)
    server.wait_for_line("^Fingerprint ")
    fingerprint = server.match(r"^Fingerprint (.*)").group(1)
    ann, _ = register(server, "ann")
    say(ann, "before the backup")
    carry_out(server, backup)
    say(ann, "behind the backup")
    server.stop()
    carry_out(server, restore)
    server.start()
    server.wait_for_line("^Fingerprint ")
    assert server.match(r"^Fingerprint (.*)").group(1) == fingerprint
    assert "certificate made" not in "".join(server.lines)
    back = server.join("ann")
    assert "before the backup" in back.answer_to("/history 20")
    assert "behind the backup" not in back.seen
    carry_out(server, drill)
    for folder in ("data", "data.before", "room.backup"):
        whole = server.folder / folder
        for file in (whole, *whole.rglob("*")):
            assert not stat.S_IMODE(file.stat().st_mode) & 0o077, file
