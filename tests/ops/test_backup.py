"""The backup and the way back of docs/operating.md, as they stand there."""

import re
import stat
import subprocess

import pytest

from tests.conftest import StartServer
from tests.harness import PATIENCE, ROOT, ServerProcess
from tests.session.test_resume import hello, register, say

pytestmark = pytest.mark.sqlite


def documented() -> list[str]:
    """Return the blocks of commands of the section, in their order."""
    text = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")
    section = text.partition("\n## Backup\n")[2].partition("\n## ")[0]
    return [re.sub("(?m)^    ", "", block) for block in re.findall(r"(?:    .*\n)+", section)]


def carry_out(server: ServerProcess, lines: str) -> None:
    done = subprocess.run(
        ["sh", "-eu", "-c", lines],
        cwd=server.folder,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_documented_backup_is_put_back_as_documented(start_server: StartServer) -> None:
    backup, restore = documented()
    server = start_server(is_new=True)
    server.wait_for_line("^Fingerprint ")
    fingerprint = server.match(r"^Fingerprint (.*)").group(1)
    ann, ticket = register(server, "ann")
    say(ann, "before the backup")
    carry_out(server, backup)
    say(ann, "behind the backup")
    server.stop()
    carry_out(server, restore)
    server.start()
    server.wait_for_line("^Fingerprint ")
    assert server.match(r"^Fingerprint (.*)").group(1) == fingerprint
    assert "certificate made" not in "".join(server.lines)
    back = hello(server)
    back.send_event("resume", ticket=ticket, cursors={"lobby": "2000-01-01T00:00:00Z"})
    back.until_event("message", text="before the backup")
    back.until_event("notice", kind="resumed")
    assert "behind the backup" not in back.seen
    server.join("ann")
    folders = ("data", "copy", "safe")
    for file in (file for folder in folders for file in (server.folder / folder).rglob("*")):
        assert not stat.S_IMODE(file.stat().st_mode) & 0o077, file
