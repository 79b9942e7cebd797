"""People at the page: one room with everybody else, and nothing lost or doubled."""

from pathlib import Path

from tests.browser.conftest import NewPerson
from tests.harness import ServerProcess, at_end
from tests.irc.peer import irc
from tests.system.test_restart import restart
from tests.typist import Typist


def test_two_tabs_a_terminal_nc_and_irc_see_one_order(
    server: ServerProcess, new_person: NewPerson, tmp_path: Path
) -> None:
    room = server
    pin = server.match(r"Fingerprint (\S+)").group(1)
    tess = Typist(tmp_path / "tess", room.port, "--fingerprint", pin)
    at_end.append(tess.close)
    tess.register("tess")
    ann, bob = new_person(room).come_in("ann"), new_person(room).come_in("bob")
    cyd, dan = room.join("cyd"), irc(room, "dan")
    for number in range(5):
        ann.say(f"ann {number}")
        cyd.send(f"cyd {number}")
        dan.send(f"PRIVMSG #lobby :dan {number}")
        bob.say(f"bob {number}")
        tess.type(f"tess {number}\r")
    for number in range(5):
        for name in ("ann", "bob", "cyd", "dan", "tess"):
            ann.sees(f"{name} {number}")
            bob.sees(f"{name} {number}")
    assert ann.said() == bob.said()
    assert len(set(ann.said())) == len(ann.said()) == 25
    # What the terminal has room for stands there in the same order.
    last = ann.said()[-10:]
    rows = tess.waits_for(lambda rows: any(row.endswith(f": {last[-1]}") for row in rows))
    seen = [row.partition(": ")[2].strip() for row in rows if ": " in row]
    assert [text for text in seen if text in last] == last


def test_a_reload_keeps_the_visit_and_shows_each_message_once(
    room: ServerProcess, new_person: NewPerson
) -> None:
    eve, fay = new_person(room).come_in("eve"), room.join("fay")
    eve.say("before")
    eve.sees("before")
    eve.box.fill("a draft")
    eve.page.reload()
    eve.box.wait_for()
    fay.send("after the reload")
    eve.sees("after the reload")
    eve.sees("before")
    assert eve.said().count("before") == 1
    assert eve.box.input_value() == "a draft"


def test_a_lost_network_loses_nothing_of_either_side(
    room: ServerProcess, new_person: NewPerson
) -> None:
    gil, hal = new_person(room).come_in("gil"), room.join("hal")
    gil.say("still here")
    gil.sees("still here")
    gil.context.set_offline(True)
    gil.page.evaluate("window.dispatchEvent(new Event('offline'))")
    hal.send("said meanwhile")
    hal.until("hal: said meanwhile")
    gil.context.set_offline(False)
    gil.sees("said meanwhile")
    gil.say("and back")
    hal.until("gil: and back")
    assert gil.said().count("said meanwhile") == 1


def test_a_restart_goes_unnoticed(server: ServerProcess, new_person: NewPerson) -> None:
    ida = new_person(server).come_in("ida")
    ida.say("before the restart")
    ida.sees("before the restart")
    restart(server)
    ida.say("during the restart")
    jim = server.join("jim")
    jim.send("after the restart")
    ida.sees("after the restart")
    ida.sees("during the restart")
    assert ida.said().count("during the restart") == 1
    assert not ida.page.get_by_text("connection is lost").is_visible()


def test_five_thousand_messages_are_scrolled_back_in_order_in_bounded_memory(
    room: ServerProcess, new_person: NewPerson
) -> None:
    kim = room.join("kim")
    for first in range(0, 5000, 500):
        kim.send(*[f"line {number}" for number in range(first, first + 500)])
        kim.until(f"kim: line {first + 499}")
    lea = new_person(room).come_in("lea")
    lea.sees("line 4999")
    lea.page.keyboard.press("Escape")
    for first in (4800, 4700, 4600, 4500, 4400):
        lea.log.locator(".line").first.evaluate("line => line.scrollIntoView()")
        lea.page.get_by_text(f"line {first}", exact=True).wait_for(state="attached")
    bodies = [text for text in lea.said() if text.startswith("line ")]
    assert bodies == sorted(bodies, key=lambda text: int(text.split()[1]))
    assert lea.log.locator(".line").count() < 600


def test_a_flood_through_a_reload_and_a_slow_reader_is_one_order_without_loss(
    room: ServerProcess, new_person: NewPerson
) -> None:
    amy, bix = new_person(room).come_in("amy"), new_person(room).come_in("bix")
    slow = bix.context.new_cdp_session(bix.page)
    slow.send("Network.enable")
    slow.send(
        "Network.emulateNetworkConditions",
        {"offline": False, "latency": 200, "downloadThroughput": 3e5, "uploadThroughput": 3e5},
    )
    slow.send("Emulation.setCPUThrottlingRate", {"rate": 4})
    cas = room.join("cas")
    with cas.reading():
        cas.send(*[f"flood {number}" for number in range(5000)])
        for number in range(10):
            amy.say(f"amy {number}")
        amy.page.reload()
        amy.box.wait_for()
        amy.say("amy after")
        amy.log.locator(".line.kept", has_text="amy after").wait_for()
        cas.until("cas: flood 4999")
    cas.send("the end")
    for one in (amy, bix):
        one.sees("the end")
        one.log.locator(".line.sent").first.wait_for(state="hidden")
    newest = min(len(amy.said()), len(bix.said())) - 20
    assert newest > 50
    assert amy.said()[-newest:] == bix.said()[-newest:]
    for one in (amy, bix):
        flood = [int(text.split()[1]) for text in one.said() if text.startswith("flood")]
        assert flood == list(range(flood[0], 5000))
    program = room.program_peer("dot")
    own = [f"amy {number}" for number in range(10)] + ["amy after"]
    program.send_event("command", name="search", args={"words": "amy", "from": "amy"}, cid="all")
    program.until_event("result", cid="all")
    found = [line for line in program.seen.splitlines() if '"re":"all"' in line]
    assert [sum(f'"text":"{text}"' in line for line in found) for text in own] == [1] * len(own)


def test_reading_further_up_is_not_disturbed_by_what_comes(
    room: ServerProcess, new_person: NewPerson
) -> None:
    eda, fin = new_person(room).come_in("eda"), room.join("fin")
    fin.send(*[f"older {number}" for number in range(150)])
    eda.sees("older 149")
    place = eda.log.get_by_text("older 60", exact=True)
    place.evaluate("line => line.scrollIntoView()")
    before = place.bounding_box()
    fin.send("newer 1", "newer 2")
    eda.page.get_by_role("button", name="2 new messages").wait_for()
    assert place.bounding_box() == before
    eda.page.get_by_role("button", name="2 new messages").click()
    eda.sees("newer 2")
    eda.say("/search older 10")
    eda.asked().get_by_role("button", name="older 10").first.click()
    eda.log.locator(".line.found", has_text="older 10").wait_for()
    fin.send("newer 3")
    eda.page.get_by_role("button", name="↓").click()
    eda.sees("newer 3")
    bodies = eda.said()
    assert len(set(bodies)) == len(bodies)


def test_a_message_that_is_deleted_elsewhere_goes_where_it_is_shown(
    room: ServerProcess, new_person: NewPerson
) -> None:
    gia, program = new_person(room).come_in("gia"), room.program_peer("hob")
    program.send_event("post", text="regretted", cid="r")
    said = program.until_event("message", cid="r")
    gia.sees("regretted")
    program.send_event("command", name="delete", args={"id": said["id"]})
    gia.sees("(removed)")
    assert gia.log.get_by_text("regretted").count() == 0


def test_what_people_write_is_text_and_no_request_leaves_the_origin(
    room: ServerProcess, new_person: NewPerson
) -> None:
    mia, ned = new_person(room).come_in("mia"), room.join("ned")
    tricks = [
        "<img src=x onerror=alert(1)>",
        "<script>alert(1)</script>",
        "<svg onload=alert(1)>",
        "javascript:alert(1)",
        "data:text/html,<script>alert(1)</script>",
        'https://evil.example/"onmouseover=alert(1)',
        "[x](javascript:alert(1))",
        "${alert(1)} {{7*7}}",
        "\u202egnp.exe",
        "&lt;b&gt;",
    ]
    ned.send(*tricks)
    for trick in tricks:
        mia.sees(trick.replace("\u202e", ""))
    assert mia.page.locator("img, svg, iframe, script:not([type=module])").count() == 0
    links = mia.log.locator(".line", has_text="evil.example").get_by_role("link").all()
    assert [link.get_attribute("href").split("/")[2] for link in links] == ["evil.example"]
    assert all(link.get_attribute("rel") == "noopener noreferrer" for link in links)
    assert all(url.startswith((mia.origin, "data:")) for url in mia.requests), mia.requests


def test_how_the_page_looks(room: ServerProcess, new_person: NewPerson, pictures: Path) -> None:
    olaf = new_person(room).come_in("olaf")
    olaf.say("Good morning! The build is green: https://example.org/build/7")
    olaf.sees("olaf")
    olaf.picture(pictures / "light.png")
    phone = {"width": 360, "height": 740}
    pia = new_person(room, viewport=phone, color_scheme="dark").come_in("pia")
    pia.say("and by phone")
    pia.sees("and by phone")
    pia.picture(pictures / "phone.png")
    assert pia.page.evaluate("document.documentElement.scrollWidth") <= phone["width"]
