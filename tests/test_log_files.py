"""The log as files: a full one gives way, and no line is lost on the way."""

import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from chatroom import log_files
from tests.harness import ROOT


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr(log_files, "_FILE_BYTES", 2000)
    root = logging.getLogger("chatroom")
    before = root.handlers, root.propagate, root.level, logging.raiseExceptions
    log_files.open_log(tmp_path, "chatroom_server.log", console=False)
    yield tmp_path
    log_files.close_log()
    root.handlers, root.propagate, root.level, logging.raiseExceptions = before


def test_a_full_file_gives_way_and_each_line_stands_in_one_file(folder: Path) -> None:
    for number in range(100):
        logging.getLogger("chatroom.test").info("something happened number=%03d", number)
    files = sorted(folder.glob("chatroom_server.log*"), reverse=True)  # the oldest first
    lines = [line for file in files for line in file.read_text().splitlines()]
    assert [line[-3:] for line in lines] == [f"{number:03d}" for number in range(100)]
    assert len(files) > 1
    longest = max(map(len, lines)) + 1
    assert all(file.stat().st_size <= 2000 + longest for file in files)


WITHOUT_DESCRIPTORS = """
import logging, os, pathlib, resource, sys
from chatroom import log_files
log_files.open_log(pathlib.Path(sys.argv[1]), "chatroom_server.log", False, sys.argv[2])
used = max(map(int, os.listdir("/proc/self/fd")))
resource.setrlimit(resource.RLIMIT_NOFILE, (used, used))
try:
    os.open("/", os.O_RDONLY)
except OSError:
    logging.getLogger("chatroom.test").exception("it failed name=\\0")
"""


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_fault_is_written_down_although_no_descriptor_is_left(tmp_path: Path, form: str) -> None:
    subprocess.run(
        (sys.executable, "-c", WITHOUT_DESCRIPTORS, str(tmp_path), form), cwd=ROOT, check=True
    )
    (line,) = (tmp_path / "chatroom_server.log").read_text().splitlines()
    assert "it failed" in line
    assert "Too many open files" in line
