"""The picture in the README: `CHATROOM_PICTURES=docs make test-web ARGS="-k picture"`."""

from pathlib import Path

from tests.browser.conftest import NewPerson
from tests.harness import ServerProcess


def test_the_picture_of_a_talk_is_small(
    server: ServerProcess, new_person: NewPerson, pictures: Path
) -> None:
    size = {"width": 780, "height": 440}
    maya = new_person(server, viewport=size, color_scheme="light").come_in("maya")
    maya.say("/create harvest")
    maya.page.get_by_role("heading", name="#harvest").wait_for()
    maya.say("/topic Saturday's market: who brings what")
    maya.log.get_by_text("has set the topic", exact=False).wait_for()
    others = {name: server.join(name) for name in ("otto", "lin", "sam")}
    for name, peer in others.items():
        peer.send("/join harvest")
        maya.log.get_by_text(name).first.wait_for()
    for name, text in (
        ("otto", "The van is free from six. Forty crates fit in."),
        ("lin", "I have the apples sorted, the early ones are gone:"),
        ("lin", "https://example.org/orchard/list"),
        ("sam", "@maya do we still need change for the till?"),
    ):
        others[name].send(text)
        maya.sees(text) if "://" not in text else maya.log.get_by_role("link").wait_for()
    maya.say("Yes, two rolls of coins please.\nAnd the blue awning, it may rain.")
    others["otto"].send("/me packs the awning", "/msg maya Shall I fetch you at half past five?")
    others["lin"].send("/room lobby", "Good evening, everybody")
    maya.page.get_by_role("navigation").get_by_text("1", exact=True).nth(1).wait_for()
    maya.page.get_by_role("complementary").get_by_text("sam").wait_for()
    maya.box.fill("See you on Sat")
    picture = pictures / "page.png"
    maya.page.mouse.move(0, 0)
    maya.picture(picture)
    assert picture.stat().st_size < 80_000  # elsewhere letters are drawn otherwise
