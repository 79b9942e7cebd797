"""Who cannot see the page, or has no mouse, uses it all the same."""

from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import NewPerson
from tests.browser.person import Person
from tests.harness import PASSWORD, ROOT, ServerProcess

AXE = ROOT / ".venv-clients" / "web" / "node_modules" / "axe-core" / "axe.min.js"


def faults(page: Any) -> list[str]:
    """Return what axe-core finds on a page as it is now."""
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{one['id']}: {node['html'][:120]} {node.get('failureSummary', '')[:200]}"
        for one in found["violations"]
        for node in one["nodes"]
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1200, 360])
def test_axe_finds_nothing_wrong(
    room: ServerProcess, new_person: NewPerson, scheme: str, width: int
) -> None:
    person = new_person(room, color_scheme=scheme, viewport={"width": width, "height": 740}).open()
    assert faults(person.page) == []
    name = f"axe{scheme}{width}"
    person.come_in(name)
    peer = room.join(f"{name}peer")
    peer.send("hello", f"@{name} look at https://example.org/", "/me waves", f"/msg {name} psst")
    person.sees("hello")
    person.say("mine", "/nonsense")
    person.page.get_by_text("There is no command").wait_for()
    assert faults(person.page) == []
    if width > 700:
        person.page.get_by_label("This room: topic").click()
        assert faults(person.page) == []
        person.page.keyboard.press("Escape")
        person.page.keyboard.press("Control+k")
        assert faults(person.page) == []
        person.page.keyboard.press("Escape")
        person.page.get_by_role("button", name=f"More about the message of {name}peer").first.click(
            force=True
        )
        assert faults(person.page) == []


def tab_to(person: Person, name: str, role: str = "") -> None:
    """Press Tab until something of this name has the focus."""
    for _ in range(40):
        person.page.keyboard.press("Tab")
        told = person.page.evaluate(
            "(() => { const e = document.activeElement;"
            " return [e.getAttribute('aria-label') || e.labels?.[0]?.textContent || e.textContent,"
            " e.getAttribute('role') || e.tagName.toLowerCase()]; })()"
        )
        if told[0].strip() == name and role in ("", told[1]):
            return
    raise AssertionError(f"{name} is not reached by Tab")


def test_the_first_visit_up_to_the_first_message_takes_a_keyboard_only(
    room: ServerProcess, new_person: NewPerson
) -> None:
    ada = new_person(room).open()
    keys = ada.page.keyboard
    tab_to(ada, "I am new here")
    keys.press("Enter")
    keys.press("Shift+Tab")
    ada.page.get_by_label("Name").focus()
    keys.type("ada")
    keys.press("Tab")
    keys.type(PASSWORD)
    keys.press("Tab")
    keys.type(PASSWORD)
    keys.press("Enter")
    ada.box.wait_for()
    keys.type("my first message")
    keys.press("Enter")
    message = ada.log.locator(".line.kept", has_text="my first message")
    message.wait_for()
    keys.press("Control+F6")
    keys.press("End")
    keys.press("Enter")
    ada.page.get_by_role("dialog").get_by_role("button", name="Delete").press("Enter")
    ada.page.get_by_role("dialog").get_by_role("button", name="Delete").press("Enter")
    ada.sees("(removed)")
    keys.press("Escape")
    keys.type("/cre")
    keys.press("Tab")
    keys.type("den")
    keys.press("Enter")
    ada.page.get_by_role("heading", name="#den").wait_for()
    keys.press("Alt+ArrowUp")
    ada.page.get_by_role("heading", name="#lobby").wait_for()
    keys.press("Control+k")
    keys.type("den")
    keys.press("Enter")
    ada.page.get_by_role("heading", name="#den").wait_for()


def test_what_is_read_aloud_is_what_comes_and_not_what_is_read_back(
    room: ServerProcess, new_person: NewPerson
) -> None:
    bea, cal = new_person(room).come_in("bea"), room.join("cal")
    cal.send("aloud")
    bea.sees("aloud")
    assert bea.log.get_attribute("aria-live") == "polite"
    assert bea.page.get_by_role("log").count() == 1


def test_at_twice_the_size_nothing_is_cut_off(
    room: ServerProcess, new_person: NewPerson, pictures: Path
) -> None:
    dee = new_person(room, viewport={"width": 640, "height": 400}).come_in("dee")
    dee.say("as large as at 200 %")
    dee.sees("as large as at 200 %")
    dee.picture(pictures / "zoom.png")
    assert dee.page.evaluate("document.documentElement.scrollWidth") <= 640
    assert dee.box.is_visible()
