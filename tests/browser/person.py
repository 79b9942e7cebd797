"""Somebody who looks at the page."""

from collections.abc import Callable
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
        is_network = "WebSocket" in message.text or "ERR_NETWORK_CHANGED" in message.text
        if message.type == "error" and not is_network:
            self.troubles.append(message.text)

    def open(self, path: str = "/") -> "Person":
        """Open the page."""
        self.page.goto(self.origin + path)
        return self

    def another_tab(self) -> "Person":
        """Open the page in another tab of the same browser."""
        return Person(self.context, self.server).open()

    def sleep_later(self) -> Callable[[], None]:
        """Return what makes the connections of this page that are open then dead, without a word.

        Call it before the page is opened.
        """
        calls: list[list[bool]] = []

        def relay(call: Any) -> None:
            server = call.connect_to_server()
            is_awake = [True]
            calls.append(is_awake)
            call.on_message(lambda text: is_awake[0] and server.send(text))
            server.on_message(lambda text: is_awake[0] and call.send(text))

        def sleep() -> None:
            for is_awake in calls:
                is_awake[0] = False

        self.page.route_web_socket("**/ws", relay)
        return sleep

    def come_in(self, name: str, path: str = "/") -> "Person":
        """Open the page and make an account."""
        if not self.page.url.startswith(self.origin):
            self.open(path)
        self.fill_in_as_new(name)
        self.box.wait_for()
        return self

    def fill_in_as_new(self, name: str) -> None:
        """Say at the door that one is new."""
        if self.page.get_by_role("button", name="I am new here").is_visible():
            self.page.get_by_role("button", name="I am new here").click()
        self.page.get_by_label("Name").fill(name)
        self.page.get_by_label("Password", exact=True).fill(PASSWORD)
        self.page.get_by_label("The same password again").fill(PASSWORD)
        self.page.get_by_role("button", name="Make an account").click()

    def log_in(self, name: str, password: str = PASSWORD, reload: bool = True) -> "Person":
        """Open the page, or stay at its door, and log in."""
        if reload and not self.page.get_by_role("button", name="Log in").is_visible():
            self.open()
        self.page.get_by_label("Name").fill(name)
        self.page.get_by_label("Password", exact=True).fill(password)
        self.page.get_by_role("button", name="Log in").click()
        return self

    @property
    def box(self) -> Any:
        """Where one writes."""
        return self.page.get_by_label("Message", exact=True)

    def problem(self, text: str) -> None:
        """Wait until the door says what was wrong."""
        self.page.locator(".problem", has_text=text).wait_for()

    def asked(self) -> Any:
        """Return the question that is open."""
        dialog = self.page.get_by_role("dialog")
        dialog.wait_for()
        return dialog

    def answer(self, text: str) -> None:
        """Answer the question that is open."""
        question = self.asked()
        before = question.locator("form").element_handle()
        question.locator("input").fill(text)
        question.locator("input").press("Enter")
        before.wait_for_element_state("hidden")

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
