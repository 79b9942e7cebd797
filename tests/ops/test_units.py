"""The unit files for systemd: what they say is understood, and shuts the server in."""

import re
import subprocess
from pathlib import Path

import pytest

UNITS = Path(__file__).parent.parent.parent / "packaging" / "systemd"
MOST_EXPOSED = 2.0


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """The units, as they would be with a program that is there."""
    for file in UNITS.iterdir():
        if file.suffix in (".service", ".timer"):
            text = file.read_text(encoding="utf-8")
            started = re.sub(r"(?m)^ExecStart=\S+", "ExecStart=/bin/true", text)
            (tmp_path / file.name).write_text(started, encoding="utf-8")
    return tmp_path


def analyze(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["systemd-analyze", *words], capture_output=True, text=True, check=False, timeout=60
    )


def test_the_units_are_understood_to_the_last_word(units: Path) -> None:
    done = analyze("verify", *map(str, sorted(units.iterdir())))
    assert (done.stdout, done.stderr, done.returncode) == ("", "", 0)


@pytest.mark.parametrize("name", ["chatroom.service", "chatroom-backup.service"])
def test_what_runs_can_do_little_else(units: Path, name: str) -> None:
    done = analyze("security", "--offline=true", "--no-pager", str(units / name))
    found = re.search(r"exposure level for \S+: ([0-9.]+)", done.stdout)
    assert found, done.stderr
    assert float(found[1]) <= MOST_EXPOSED
