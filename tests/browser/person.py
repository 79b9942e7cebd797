"""Somebody who looks at the page."""

from pathlib import Path
from typing import Any

from tests.harness import PASSWORD, ServerProcess


class Person:
    """A page of its own: what is typed, what is seen, and what went wrong on the way.

    :param context: of playwright.
    """

    def __init__(self, context: Any, server: ServerProcess) -> None:
        self.context = context
        self.server = server
        self.origin = f"https://127.0.0.1:{server.port}"
        self.requests: list[str] = []
        self.troubles: list[str] = []
        self.page = self._opened()

    def _opened(self) -> Any:
        page = self.context.new_page()
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("pageerror", lambda error: self.troubles.append(str(error)))
        page.on("console", self._hear)
        return page

    def _hear(self, message: Any) -> None:
        if message.type == "error" and "WebSocket" not in message.text:
            self.troubles.append(message.text)

    def open(self, path: str = "/") -> "Person":
        """Open the page."""
        self.page.goto(self.origin + path)
        return self

    def come_in(self, name: str, path: str = "/") -> "Person":
        """Open the page and make an account."""
        self.open(path)
        if self.page.get_by_role("button", name="I am new here").is_visible():
            self.page.get_by_role("button", name="I am new here").click()
        self.page.get_by_label("Name").fill(name)
        self.page.get_by_label("Password", exact=True).fill(PASSWORD)
        self.page.get_by_label("The same password again").fill(PASSWORD)
        self.page.get_by_role("button", name="Make an account").click()
        self.box.wait_for()
        return self

    def log_in(self, name: str, password: str = PASSWORD) -> "Person":
        """Open the page and log in."""
        self.open()
        self.page.get_by_label("Name").fill(name)
        self.page.get_by_label("Password", exact=True).fill(password)
        self.page.get_by_role("button", name="Log in").click()
        return self

    @property
    def box(self) -> Any:
        """Where one writes."""
        return self.page.get_by_label("Message", exact=True)

    @property
    def log(self) -> Any:
        """What is said in the room that is shown."""
        return self.page.get_by_role("log")

    def say(self, *texts: str) -> None:
        """Write messages or commands."""
        for text in texts:
            self.box.fill(text)
            self.box.press("Enter")

    def sees(self, text: str) -> Any:
        """Wait until a text stands in the room; return its place."""
        found = self.log.get_by_text(text, exact=True).last
        found.wait_for()
        return found

    def said(self) -> list[str]:
        """Return the bodies of all messages that are shown, in order."""
        bodies: list[str] = self.log.locator(".line.text .body").all_inner_texts()
        return bodies

    def picture(self, file: Path) -> None:
        """Take a picture of the page."""
        self.page.screenshot(path=str(file))
