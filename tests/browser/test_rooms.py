"""Several rooms at the page: what is unread, new and missed there, and what is written wildly."""

from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import NewPerson
from tests.browser.person import Person
from tests.conftest import StartServer
from tests.harness import ServerProcess
from tests.irc.peer import irc
from tests.system.test_terminal_safety import EVILS, harm_in, lines_of_a_person

PHONE = {"width": 360, "height": 740}


def button(person: Person, name: str) -> Any:
    """Return the button of a room or a person beside the messages."""
    return person.page.get_by_role("navigation").locator("button", has_text=name)


def go(person: Person, room: str) -> None:
    button(person, room).click()
    person.page.get_by_role("heading", name=room).wait_for()


def test_what_is_unread_is_counted_marked_as_new_and_read_on_all_devices(
    room: ServerProcess, new_person: NewPerson
) -> None:
    ivy, jon = new_person(room).come_in("ivy"), room.join("jon")
    ivy.say("/create pantry")
    ivy.page.get_by_role("heading", name="#pantry").wait_for()
    jon.send("/join pantry")
    ivy.log.get_by_text("has joined").wait_for()
    go(ivy, "#lobby")
    jon.send("flour", "sugar for @ivy", "/msg ivy psst")
    button(ivy, "#pantry").get_by_text("2", exact=True).wait_for()
    button(ivy, "jon").get_by_text("1", exact=True).wait_for()
    assert "1 for you" in button(ivy, "#pantry").inner_text()
    assert ivy.page.title().startswith("(2)")
    other = new_person(room).log_in("ivy")
    button(other, "#pantry").get_by_text("2", exact=True).wait_for()
    go(other, "#pantry")
    other.sees("flour")
    assert other.log.locator(".new + .line .body").inner_text() == "flour"
    button(ivy, "#pantry").get_by_text("2", exact=True).wait_for(state="hidden")
    go(ivy, "jon")
    ivy.sees("psst")
    ivy.page.reload()
    button(ivy, "jon").wait_for()
    button(ivy, "jon").get_by_text("1", exact=True).wait_for(state="hidden")


def test_a_draft_stays_in_its_room(room: ServerProcess, new_person: NewPerson) -> None:
    kit = new_person(room).come_in("kit")
    kit.say("/create attic")
    kit.page.get_by_role("heading", name="#attic").wait_for()
    kit.box.fill("for the attic")
    go(kit, "#lobby")
    assert kit.box.input_value() == ""
    kit.page.keyboard.press("Alt+ArrowDown")
    kit.page.get_by_role("heading", name="#attic").wait_for()
    assert kit.box.input_value() == "for the attic"


def test_who_is_busy_is_shown_what_was_missed_when_free(
    room: ServerProcess, new_person: NewPerson
) -> None:
    lou, max_ = new_person(room).come_in("lou"), room.join("max")
    lou.say("/busy cooking")
    lou.log.get_by_text("You are busy", exact=False).wait_for()
    max_.send("held back", "/msg lou this too")
    max_.until("private to lou")
    assert lou.log.get_by_text("held back").count() == 0
    lou.say("/free")
    lou.sees("held back")
    button(lou, "max").get_by_text("1", exact=True).wait_for()
    assert lou.said().count("held back") == 1


def test_the_operators_word_is_shown_once_a_visit_and_rules_on_joining(
    start_server: StartServer, new_person: NewPerson, tmp_path: Path
) -> None:
    words = tmp_path / "words.txt"
    words.write_text("Mind the step.\nTwice.", encoding="utf-8")
    server = start_server(motd_file=words)
    boss = server.join_superuser("boss")
    boss.send("/create yard", "/rules no running")
    boss.until("no running")
    nan = new_person(server)
    nan.open().fill_in_as_new("nan")
    nan.page.get_by_role("dialog").get_by_text("Mind the step.").wait_for()
    nan.page.keyboard.press("Escape")
    nan.say("/join yard")
    nan.log.get_by_text("no running").wait_for()
    nan.page.reload()
    nan.page.get_by_role("heading", name="#yard").wait_for()
    nan.say("once more")
    nan.sees("once more")
    assert nan.page.get_by_role("dialog").count() == 0


@pytest.mark.parametrize("evil", EVILS.values(), ids=EVILS)
def test_the_noise_that_disturbs_terminals_is_text_in_the_page(
    room: ServerProcess, new_person: NewPerson, evil: str
) -> None:
    name = f"w{[*EVILS.values()].index(evil)}"
    watcher = new_person(room).come_in(name)
    boss, program = room.join("boss"), room.program_peer(f"p{name}")
    victim = room.join("victim")
    for line in lines_of_a_person(evil):
        said = line.replace("watcher", name)
        if not said.startswith(("/leave", "/kickuser")):
            boss.send(said)
        program.send_event("command", line=said)
    program.send_event("post", text=evil + "\n" + evil)
    watcher.say(*[line for line in lines_of_a_person(evil) if line.startswith("/")][:12])
    victim.close()
    boss.send("/room lobby", f"all done {name}")
    boss.until(f"all done {name}")
    shown = "document.body.innerText"
    assert harm_in(watcher.page.evaluate(shown)) == ""
    watcher.page.reload()  # answers stand in front
    go(watcher, "#lobby")
    watcher.sees(f"all done {name}")
    assert harm_in(watcher.page.evaluate(shown)) == ""
    assert all(url.startswith((watcher.origin, "data:")) for url in watcher.requests)


MARKUP = (
    "<img src=https://evil.example/x onerror=alert(1)>",
    '"><svg/onload=alert(1)>',
    "javascript:alert(1)//https://evil.example/",
)


@pytest.mark.parametrize("evil", MARKUP)
def test_markup_in_every_field_that_a_person_fills_is_text(
    room: ServerProcess, new_person: NewPerson, evil: str
) -> None:
    number = MARKUP.index(evil)
    mod, eve = new_person(room).come_in(f"mod{number}"), room.program_peer(f"eve{number}")
    bob = irc(room, f"irc{number}")
    shown: list[str] = []

    def dismiss(dialog: Any) -> None:
        shown.append(dialog.message)
        dialog.dismiss()

    mod.page.on("dialog", dismiss)
    mod.say(f"/create den{number}")
    mod.page.get_by_role("heading", name=f"#den{number}").wait_for()
    eve.send_event("command", name="join", args={"room": f"den{number}"})
    for name, args in (
        ("busy", {"reason": evil}),
        ("free", {}),
        ("create", {"room": evil}),
        ("messageto", {"user": f"mod{number}", "text": evil}),
    ):
        eve.send_event("command", name=name, args=args)
    mod.say(f"/topic {evil}", f"/rules {evil}", f"/mute {evil}", evil, f"/me {evil}")
    eve.send_event("post", text=evil, room=f"den{number}", cid="the one")
    said = eve.until_event("message", cid="the one")
    eve.send_event("command", name="report", args={"id": said["id"], "reason": evil})
    bob.send(f"JOIN #den{number}", f"NOTICE #den{number} :{evil}", f"PART #den{number} :{evil}")
    mod.log.get_by_text("has left", exact=False).last.wait_for()
    mod.page.get_by_role("banner").or_(mod.page.locator("header")).get_by_text(evil).wait_for()
    mod.say(f"/search {evil}")
    mod.page.get_by_role("dialog").wait_for()
    mod.page.keyboard.press("Escape")
    go(mod, f"eve{number}")
    mod.sees(evil)
    assert mod.page.locator("img, svg, iframe, object, embed").count() == 0
    assert shown == []
    assert all(url.startswith((mod.origin, "data:")) for url in mod.requests), mod.requests


def test_on_a_phone_nothing_is_wider_than_it_and_the_drawers_open_and_shut(
    room: ServerProcess, new_person: NewPerson
) -> None:
    options = {"viewport": PHONE, "has_touch": True, "is_mobile": True}
    ora = new_person(room, **options).come_in("ora")
    ora.say("/create cellar")
    ora.page.get_by_role("heading", name="#cellar").wait_for()
    ora.say("/topic " + "a topic that is long " * 8, "x" * 300)
    ora.sees("x" * 300)
    width = "[innerWidth, document.documentElement.scrollWidth]"
    assert ora.page.evaluate(width) == [360, 360]
    ora.page.get_by_role("button", name="Rooms", exact=True).click()
    button(ora, "#lobby").click()
    ora.page.get_by_role("heading", name="#lobby").wait_for()
    assert not button(ora, "#lobby").is_visible()
    ora.page.get_by_role("button", name="People here").click()
    ora.page.get_by_role("complementary").get_by_text("ora").wait_for()
    ora.page.mouse.click(20, 400)
    ora.page.get_by_role("complementary").wait_for(state="hidden")
    ora.box.fill("\n".join(f"line {number} of a long draft" for number in range(12)))
    ora.page.get_by_role("button", name="Send").click()
    ora.asked().get_by_role("button", name="Send").click()
    ora.log.locator(".line.kept", has_text="line 11 of a long draft").wait_for()
    assert ora.page.evaluate(width) == [360, 360]


def test_a_message_that_was_found_is_shown_where_it_stands(
    room: ServerProcess, new_person: NewPerson
) -> None:
    kim = room.join("kimsearch")
    kim.send(*[f"searched {number}" for number in range(900)])
    kim.until("searched 899")
    max_ = new_person(room).come_in("maxsearch")
    max_.sees("searched 899")
    max_.say('/search "searched 77"')
    max_.page.get_by_role("dialog").get_by_role(
        "button", name="searched 77", exact=False
    ).last.click()
    found = max_.log.locator(".line.found")
    found.wait_for()
    assert "searched 77" in found.inner_text()
    max_.page.get_by_role("button", name="To the newest").wait_for()
    assert found.is_visible()
    max_.page.get_by_role("button", name="To the newest").click()
    max_.sees("searched 899")


def test_on_a_phone_the_button_of_the_rooms_tells_of_a_private_message(
    room: ServerProcess, new_person: NewPerson
) -> None:
    tom = new_person(room, viewport={"width": 360, "height": 740}).come_in("tomphone")
    room.join("annphone").send("/messageto tomphone psst")
    button = tom.page.get_by_role("button", name="Rooms, 1 for you")
    button.wait_for()
    assert button.evaluate("(node) => getComputedStyle(node, '::after').content") == '"1"'
    assert tom.page.evaluate("document.documentElement.scrollWidth") <= 360


def test_who_begins_a_private_talk_may_write_at_once(
    room: ServerProcess, new_person: NewPerson
) -> None:
    room.join("patprivate").send("here I am")
    sue = new_person(room).come_in("sueprivate")
    sue.sees("here I am")
    sue.log.get_by_role("button", name="patprivate", exact=True).first.click()
    sue.page.get_by_role("button", name="Write privately").click()
    sue.page.get_by_role("heading", name="patprivate").wait_for()
    sue.page.get_by_role("dialog").wait_for(state="detached")
    sue.page.keyboard.type("a word in private")
    sue.page.keyboard.press("Enter")
    sue.sees("a word in private")
