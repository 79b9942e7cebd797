"""What the project says of itself: one version, one list of packages, pages that are true."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from chatroom import __version__
from tests.harness import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])


def pins(name: str) -> set[str]:
    """Return the packages of a requirements file, without what it includes."""
    lines = (ROOT / name).read_text("utf-8").splitlines()
    return {line for line in lines if line and not line.startswith(("#", "-", "."))}


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *words], cwd=ROOT, capture_output=True, text=True)


def test_the_packages_are_the_same_however_the_project_is_installed() -> None:
    assert set(PROJECT["dependencies"]) == pins("requirements.txt")
    assert set(PROJECT["optional-dependencies"]["cluster"]) == pins("requirements-cluster.txt")
    assert set(PROJECT["optional-dependencies"]["metrics"]) == pins("requirements-metrics.txt")
    assert set(PROJECT["optional-dependencies"]["dev"]) == pins("requirements-dev.txt")


@pytest.mark.parametrize(
    "words",
    [["chatroom_server.py"], ["chatroom_client.py"], ["chatroom_client.py", "tail"]],
    ids=" ".join,
)
def test_every_program_tells_the_one_version(words: list[str]) -> None:
    said = run(*words, "--version")
    assert (said.stdout, said.returncode) == (f"Chatroom {__version__}\n", 0)
    assert f"## {__version__}" in (ROOT / "CHANGELOG.md").read_text("utf-8")


def test_the_page_of_commands_says_what_the_table_says() -> None:
    checked = run("packaging/commands_page.py", "--check")
    assert checked.returncode == 0, checked.stderr


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_is_narrow_enough_to_be_read_and_compared(page: Path) -> None:
    wide = [
        f"{page.name}:{number}: {len(line)}"
        for number, line in enumerate(page.read_text("utf-8").splitlines(), 1)
        if len(line) > (160 if line.startswith(("|", "    ")) else 100)
    ]
    assert not wide, "\n".join(wide)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_a_page_points_to_is_there(page: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text("utf-8"))
    missing = [link for link in links if not (page.parent / link).exists()]
    assert not missing, missing
