"""One browser for all tests; each person has a context of its own."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.person import Person
from tests.harness import PATIENCE, ServerProcess

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
_FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
NewPerson = Callable[..., Person]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.parent == Path(__file__).parent:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api")
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        pytest.skip("there is no Chromium here")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=list(_FLAGS))
        yield browser
        browser.close()


@pytest.fixture
def new_person(chromium: Any) -> Iterator[NewPerson]:
    """Return a function that opens the page for somebody: server, options of the context."""
    contexts = []
    people: list[Person] = []

    def open_page(server: ServerProcess, **options: Any) -> Person:
        options = {"viewport": {"width": 1200, "height": 800}, **options}
        context = chromium.new_context(ignore_https_errors=True, **options)
        context.set_default_timeout(PATIENCE * 1000)
        contexts.append(context)
        people.append(Person(context, server))
        return people[-1]

    yield open_page
    troubles = [trouble for one in people for trouble in one.troubles]
    for context in contexts:
        context.close()
    assert troubles == []


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for what the page looks like; CHATROOM_PICTURES names one that stays."""
    kept = os.environ.get("CHATROOM_PICTURES")
    folder = Path(kept) if kept else tmp_path_factory.mktemp("pictures")
    folder.mkdir(parents=True, exist_ok=True)
    return folder
