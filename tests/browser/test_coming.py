"""Coming in by the page, coming back, and being kept out: what somebody is told at the door."""

import re

from tests.browser.conftest import NewPerson
from tests.browser.person import Person
from tests.conftest import StartServer
from tests.harness import PASSWORD, ServerProcess

NEW_PASSWORD = "another horse"


def stay_signed_in(person: Person, name: str) -> None:
    person.open()
    person.page.get_by_label("Stay signed in").check()
    person.come_in(name)


def test_a_wrong_password_may_be_typed_again_until_the_server_hangs_up_and_then_again(
    room: ServerProcess, new_person: NewPerson
) -> None:
    room.join("una").close()
    una = new_person(room)
    for _ in range(7):
        una.log_in("una", "not the password")
        una.problem("Unknown name or wrong password")
        una.page.get_by_label("Password", exact=True).fill("")
    una.page.get_by_label("Password", exact=True).fill(PASSWORD)
    una.page.get_by_role("button", name="Log in").click()
    una.box.wait_for()
    una.say("in at last")
    una.sees("in at last")


def test_an_invitation_stands_in_the_address_and_is_in_no_request(
    start_server: StartServer, new_person: NewPerson
) -> None:
    server = start_server(registration="invite")
    code = server.operate("invite").stdout.split("code=")[1].split("&")[0]
    vic = new_person(server).come_in("vic", f"/#code={code}")
    vic.say("invited")
    vic.sees("invited")
    assert code not in vic.page.url
    assert not any(code in url.partition("#")[0] for url in vic.requests)
    wes = new_person(server).open("/#code=wrong")
    wes.fill_in_as_new("wes")
    wes.problem("invitation")


def test_who_is_kicked_is_told_at_the_door_and_comes_in_when_that_is_over(
    room: ServerProcess, new_person: NewPerson
) -> None:
    xia, boss = new_person(room).come_in("xia"), room.join("boss")
    boss.send("/kickuser xia spam")
    xia.problem("You were kicked by boss: spam")
    xia.log_in("xia")
    xia.problem("You were kicked")
    boss.send("/unkickuser xia")
    boss.until("xia may log in again")
    xia.page.get_by_role("button", name="Log in").click()
    xia.box.wait_for()
    xia.page.reload()
    xia.box.wait_for()
    boss.send("/ban xia")
    xia.problem("banned")


def test_who_logs_out_or_whose_session_is_ended_elsewhere_is_out_for_the_next_one_too(
    room: ServerProcess, new_person: NewPerson
) -> None:
    yan, device = new_person(room).come_in("yan"), room.device("yan")
    yan.say("/create yansown")
    yan.page.get_by_role("heading", name="#yansown").wait_for()
    yan.say("a secret of mine")
    yan.sees("a secret of mine")
    yan.box.fill("a draft of mine")
    device.send_event("command", line="/sessions end others")
    yan.problem("ended")
    yan.page.reload()
    yan.page.get_by_role("button", name="Log in").wait_for()
    yan.log_in("yan").box.wait_for()
    yan.page.get_by_role("button", name=re.compile("settings, busy, log out")).click()
    yan.page.get_by_role("button", name="Log out", exact=True).click()
    yan.problem("You have logged out")
    room.join("zoe").close()
    yan.log_in("zoe", reload=False).box.wait_for()
    yan.sees("zoe")
    assert yan.page.get_by_text("yansown").count() == 0
    assert "mine" not in yan.box.input_value()
    assert yan.page.evaluate("JSON.stringify(sessionStorage)").count("mine") == 0


def test_a_new_password_elsewhere_is_told_and_a_reset_code_lets_one_choose_another(
    room: ServerProcess, new_person: NewPerson
) -> None:
    abe, boss = new_person(room).come_in("abe"), room.join("boss")
    boss.send("/reset-code abe")
    code = re.search(r"log in with (\S+)", boss.until("instead of the password"))
    assert code
    other = new_person(room).log_in("abe", code[1])
    other.answer("short")
    other.page.get_by_role("dialog").get_by_text("8").first.wait_for()
    other.answer(NEW_PASSWORD)
    other.answer(NEW_PASSWORD)
    other.box.wait_for()
    abe.page.get_by_role("button", name="Log in").wait_for()
    abe.log_in("abe", NEW_PASSWORD).box.wait_for()


def test_commands_that_ask_do_so_one_question_after_the_other_and_can_be_given_up(
    room: ServerProcess, new_person: NewPerson
) -> None:
    bee = new_person(room).come_in("bee")
    bee.say("/changepassword")
    assert bee.asked().locator("input").get_attribute("type") == "password"
    bee.asked().get_by_role("button", name="Cancel").click()
    bee.log.get_by_text("nothing was changed", exact=False).last.wait_for()
    bee.say("/changepassword")
    bee.answer("a wrong one")
    bee.page.get_by_role("dialog").get_by_role("alert").wait_for()
    bee.answer(PASSWORD)
    bee.answer(NEW_PASSWORD)
    bee.answer(NEW_PASSWORD)
    bee.log.get_by_text("Your password was changed", exact=False).wait_for()
    bee.say("/create beesroom")
    bee.page.get_by_role("heading", name="#beesroom").wait_for()
    bee.say("/deleteroom")
    bee.answer("beesroom")
    bee.page.get_by_role("heading", name="#lobby").wait_for()
    bee.say("/claim no-such-code")
    bee.log.locator(".bad").last.wait_for()
    bee.say("/deleteaccount")
    bee.answer(NEW_PASSWORD)
    bee.answer("bee")
    bee.problem("deleted")


def test_all_tabs_of_who_stays_signed_in_come_back_each_by_the_newest_ticket(
    server: ServerProcess, new_person: NewPerson
) -> None:
    cat = new_person(server)
    stay_signed_in(cat, "cat")
    others = [cat.another_tab() for _ in range(3)]
    for one in others:
        one.box.wait_for()
    server.stop()
    server.start()
    for number, one in enumerate([cat, *others]):
        one.say(f"tab {number}")
    for number in range(4):
        for one in (cat, *others):
            one.sees(f"tab {number}")
    for one in (cat, *others):
        assert sorted(one.said()) == [f"tab {number}" for number in range(4)]
        assert one.said() == cat.said()


def test_without_staying_signed_in_another_tab_asks_who_one_is(
    room: ServerProcess, new_person: NewPerson
) -> None:
    dov = new_person(room).come_in("dov")
    dov.another_tab().page.get_by_role("button", name="Log in").wait_for()
    assert dov.page.evaluate("localStorage.length") == 0


def test_a_server_that_is_away_is_told_and_come_back_to(
    server: ServerProcess, new_person: NewPerson
) -> None:
    eli = new_person(server).come_in("eli")
    eli.sees("eli")
    server.stop()
    eli.page.get_by_text("The connection is lost").wait_for()
    eli.say("written meanwhile", "and more")
    assert eli.log.locator(".line.sent").count() == 2
    server.start()
    eli.page.evaluate("window.dispatchEvent(new Event('online'))")
    eli.log.locator(".line.kept", has_text="and more").wait_for()
    assert eli.said() == ["written meanwhile", "and more"]
    assert not eli.page.get_by_text("The connection is lost").is_visible()


def test_a_connection_that_died_in_its_sleep_is_found_out_on_waking(
    room: ServerProcess, new_person: NewPerson
) -> None:
    flo = new_person(room)
    fall_asleep = flo.sleep_later()
    flo.page.clock.install()
    flo.come_in("flo").sees("flo")
    fall_asleep()
    peer = room.join("gus")
    peer.send("said while it slept")
    peer.until("gus: said while it slept")
    flo.page.clock.run_for(3600 * 1000)
    flo.page.evaluate("window.dispatchEvent(new Event('online'))")
    flo.page.clock.run_for(30 * 1000)
    flo.sees("said while it slept")
    assert flo.said().count("said while it slept") == 1
