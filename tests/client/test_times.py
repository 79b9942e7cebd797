"""Times as the reader has them: in the own zone, with 12 or 24 hours, days named."""

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from wcwidth import wcswidth

from chatroom import protocol
from chatroom.client.render import Renderer
from chatroom.client.said import Said
from chatroom.client.ui.reader_clock import ReaderClock
from chatroom.commands import table
from chatroom.sentences import SERVER
from tests.conftest import StartServer
from tests.harness import PASSWORD, PATIENCE, Peer, ServerProcess
from tests.typist import Typist

TOKYO = ZoneInfo("Asia/Tokyo")
ENDING = ("disconnect", "restart", "deleteaccount", "changepassword")
SAYING = ("me", "messageto", "reply", "announce")
"""The message that comes back is their answer."""
READ_BACK = ("history", "context", "search", "mail")
LINES = {
    "ban": "/ban 192.0.2.0/24 2h noise",
    "busy": "/busy 2h lunch",
    "changegrant": "/changegrant bob 1",
    "claim": "/claim x",
    "context": "/context 2 3",
    "create": "/create den",
    "history": "/history 7",
    "join": "/join den",
    "leave": "/leave den",
    "lockdown": "/lockdown off",
    "me": "/me waves",
    "messageto": "/messageto bob psst",
    "mute": "/mute bob 1h shouting",
    "purge": "/purge carl 10m",
    "reply": "/reply well",
    "revoke-code": "/revoke-code 99",
    "room": "/room lobby",
    "search": "/search tea",
    "talk": "/talk bob",
    "unban": "/unban 99",
    "announce": "/announce hear",
    "kickuser": "/kickuser carl late",
    "invite-code": "/invite-code 2h 3",
}


@pytest.fixture
def server(start_server: StartServer, monkeypatch: pytest.MonkeyPatch) -> ServerProcess:
    monkeypatch.setenv("TZ", "UTC")
    return start_server(message_rate=0, kick_minutes=60)


@pytest.fixture
def zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Set the zone of this process."""

    def set_zone(name: str) -> None:
        monkeypatch.setenv("TZ", name)
        time.tzset()

    yield set_zone
    monkeypatch.undo()
    time.tzset()


def masked(text: str) -> str:
    """Return a text without what a second more or less changes."""
    return re.sub(r" +", " ", re.sub(r"\b\d+(s|m|h)\b|\b\d+ ms", "LENGTH", text))


def answer(peer: Peer, line: str) -> dict[str, Any]:
    peer.send_event("command", line=line, cid=line)
    return peer.until_event("result", cid=line)


def test_the_clients_text_of_every_answer_is_the_servers_but_for_the_clock(
    server: ServerProcess, zone: Callable[[str], None]
) -> None:
    zone("UTC")
    boss = server.program_peer("boss")
    assert answer(boss, f"/claim {server.claim_code()}")["ok"]
    bob, carl = server.program_peer("bob"), server.program_peer("carl")
    for peer, text in ((bob, "tea, anyone?"), (carl, "漢字 and tea"), (bob, "two\nlines")):
        peer.send_event("post", text=text)
        boss.until_event("message", text=text)
    bob.send_event("command", line="/messageto boss tea is ready", cid="m")
    boss.until_event("message", kind="private")
    reader = server.peer()
    reader.send('>hello {"v":1,"answers":1}')
    reader.until_event("hello")
    reader.send_event("login", name="boss", password=PASSWORD)
    reader.until_event("notice", kind="here")
    names = [one.name for one in table.build().all() if one.name not in ENDING]
    # Those that only look come last: then there is something to see.
    lookers = [one for one in names if one not in LINES or one in READ_BACK]
    told = 0
    changing = (one for one in names if one not in lookers)
    for name in [*changing, "room", *lookers, "history with"]:
        name, _, more = name.partition(" ")
        usage = next(one.usage for one in table.build().all() if one.name == name)
        line = LINES.get(name, f"/{name} bob" if usage.startswith("USER") else f"/{name}")
        line = "/history with bob" if more else line
        if name in SAYING:
            boss.send_event("command", line=line, cid=name)
            boss.until_event("message", cid=name)
            continue
        result = answer(boss, line)
        renderer = Renderer(SERVER)
        if name in READ_BACK:
            reader.send_event("command", line=line, cid=f"r-{name}")
            came = reader.until_match(rf'^>result .*"cid": ?"r-{name}"')
            for word, fields in map(protocol.decode, came.splitlines()):
                if word == "message" and fields.get("re") == f"r-{name}":
                    assert renderer.render(Said(word, fields), "boss") == ""
            shown = renderer.render(Said(word, fields), "boss")
            assert fields["text"] != result["text"]
        else:
            shown = renderer.render(Said("result", result), "boss")
        assert masked(shown.rstrip("\n")) == masked(result["text"]), line
        if name not in READ_BACK and re.search(r"\b\d\d:\d\d\b", result["text"]):
            own = Renderer(ReaderClock(12)).render(Said("result", result), "boss")
            assert re.search(r"\d\d:\d\d [AP]M", own), f"{line}: not on the reader's clock"
        told += bool(result.get("rows"))
    assert told >= 10


def test_every_time_on_the_screen_is_the_readers(server: ServerProcess, tmp_path: Path) -> None:
    began = datetime.now(TOKYO)
    server.join_superuser("boss").close()
    tokyo = Typist(
        tmp_path / "boss", server.port, "--clock", "24", environment={"TZ": "Asia/Tokyo"}
    )
    try:
        tokyo.answer("[y/n]", "n")
        tokyo.answer("user name:", "boss")
        tokyo.answer("password:", PASSWORD)
        tokyo.sees("Here now")
        bob = server.join("bob")
        bob.send("tea?", "/messageto boss psst")
        tokyo.sees("private from bob: psst")
        carl = server.join("carl")
        for line, seen in (
            ("/kickuser carl late", "carl was kicked"),
            ("/ban 192.0.2.0/24 2h noise", "is banned for 2h"),
            ("/mute bob 1h shouting", "may read but not write"),
            ("/invite-code 2h", "The line to send"),
            ("/history", "bob: tea?"),
            ("/search tea", "bob: tea?"),
            ("/mail", "private from bob: psst"),
            ("/whois bob", "Muted by boss"),
            ("/who", "In #lobby: 2"),
            ("/bans", "192.0.2.0/24"),
            ("/roommute bob 2h louder", "may read but not write in #lobby"),
            ("/sanctions", "lift it with"),
            ("/viewkickusers", "kicked by"),
            ("/invite-codes", "uses left"),
            ("/audit", "did what"),
            ("/nodes", "health"),
            ("/busy 2h", "Messages are held"),
            ("/free", "You missed nothing"),
            ("/clear", "#lobby>"),
        ):
            tokyo.type(f"{line}\r")
            tokyo.sees(seen)
            rows = tokyo.waits_for(lambda rows: rows[-1].endswith(">"))
            times = [time for row in rows for time in re.findall(r"\b(\d\d):\d\d\b", row)]
            assert times or line in ("/clear",)
            hours = range(int((datetime.now(TOKYO) - began).total_seconds()) // 3600 + 4)
            right = {f"{began + timedelta(hours=more):%H}" for more in hours}
            assert set(times) <= right, rows
        carl.close()
    finally:
        tokyo.close()


def test_whoever_is_muted_reads_until_when_in_the_own_zone(
    server: ServerProcess, tmp_path: Path
) -> None:
    boss = server.join_superuser("boss")
    tokyo = Typist(tmp_path / "bob", server.port, "--clock", "12", environment={"TZ": "Asia/Tokyo"})
    try:
        tokyo.register("bob")
        until = datetime.now(TOKYO) + timedelta(hours=1)
        boss.send("/mute bob 1h shouting")
        tokyo.sees("You were muted by boss: shouting. You may read, but not write, until")
        tokyo.sees(f"{until:%I:}")
        tokyo.type("may I?\r")
        tokyo.sees("You were muted by boss: shouting. You may read, but not write, until")
        tokyo.sees(f"{until:%I:}")
        boss.answer_to("/unmute bob")
        boss.send("/roommute bob 1h still")
        tokyo.sees(
            "You were muted in #lobby by boss: still. You may read, but not write there, until"
        )
        tokyo.sees(f"{until:%I:}")
    finally:
        tokyo.close()


def test_days_have_names_where_they_are_near(zone: Callable[[str], None]) -> None:
    zone("Pacific/Auckland")
    clock = ReaderClock(24)
    today = datetime.now().replace(hour=12, minute=5)

    def at(days: int) -> float:
        return (today + timedelta(days=days)).timestamp()

    assert clock.when(at(0)) == "12:05"
    assert clock.dated(at(0)) == "today 12:05"
    assert clock.when(at(-1)) == "yesterday 12:05"
    assert clock.minute(at(1)) == "tomorrow 12:05"
    assert clock.when(at(-6)) == f"{today + timedelta(days=-6):%A} 12:05"
    assert clock.when(at(-7)) == f"{today + timedelta(days=-7):%Y-%m-%d} 12:05"
    assert clock.minute(float("inf")) == "forever"
    assert clock.day(at(-1)) == "yesterday"
    assert clock.day(at(-30)).startswith(f"{today + timedelta(days=-30):%A}, ")
    assert ReaderClock(12).time(at(0)) == "12:05 PM"
    for strange in (float("nan"), 1e30, -1e30):
        assert clock.time(strange) == "--:--"
        assert "--:--" in clock.dated(strange)


@pytest.mark.parametrize(("name", "hours"), [("en_US", 12), ("en_GB", 24), ("de_DE", 24)])
def test_the_locale_says_how_many_hours_a_clock_has(tmp_path: Path, name: str, hours: int) -> None:
    if shutil.which("localedef") is None:
        pytest.skip("localedef makes the locales of this test")
    made = subprocess.run(
        ["localedef", "-i", name, "-f", "UTF-8", str(tmp_path / f"{name}.UTF-8")],
        capture_output=True,
        timeout=PATIENCE,
        check=False,
    )
    if not (tmp_path / f"{name}.UTF-8").exists():
        pytest.skip(made.stderr.decode())
    environment = {**os.environ, "LOCPATH": str(tmp_path), "LC_ALL": f"{name}.UTF-8"}
    code = "from chatroom.client.ui import reader_clock as r; print(r.hours_of_locale())"
    assert hours_in(environment, code) == hours
    for none in ("C", "POSIX", "xx_XX.UTF-8"):
        assert hours_in({**os.environ, "LC_ALL": none}, code) == 24


def hours_in(environment: dict[str, str], code: str) -> int:
    words = [sys.executable, "-c", code]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=PATIENCE)
    return int(done.stdout)


def test_a_draft_outlives_an_answer_of_20_hits_and_wide_columns_stand_straight(
    server: ServerProcess, tmp_path: Path
) -> None:
    boss = server.join_superuser("boss")
    for name in ("漢字漢字", "한글", "e\u0301mile"):
        server.join(name).close()
    for number in range(25):
        boss.send(f"漢字 hit {number}")
    boss.until("hit 24")
    for name in ("漢字漢字", "한글", "e\u0301mile"):
        boss.send(f"/kickuser {name} 漢")
    ann = Typist(tmp_path / "boss", server.port, "--clock", "24", environment={"TZ": "Asia/Tokyo"})
    try:
        ann.answer("[y/n]", "n")
        ann.answer("user name:", "boss")
        ann.answer("password:", PASSWORD)
        ann.sees("Here now")
        ann.waits_for(lambda rows: rows[-1] == "#lobby>")
        ann.type("/search hit\ra draft that 漢字 goes on")
        ann.sees("boss: 漢字 hit 5")
        ann.waits_for(lambda rows: rows[-1] == "#lobby> a draft that 漢字 goes on")
        ann.type("\x03/viewkickusers\r")
        rows = ann.waits_for(lambda rows: any("émile" in row for row in rows[-5:]))
        table_rows = [row for row in rows if row.endswith(("reason", "漢"))][-4:]
        columns = {
            column_of(row, " boss " if "until" not in row else " kicked by") for row in table_rows
        }
        assert len(table_rows) == 4
        assert len(columns) == 1, rows
    finally:
        ann.close()


def column_of(row: str, text: str) -> int:
    """Return the column of a terminal where a text begins in a row."""
    return int(wcswidth(row[: row.index(text)].removesuffix(" ")))


@pytest.mark.parametrize(
    ("flags", "environment"),
    [(("--linear",), {}), ((), {"NO_COLOR": "1"})],
    ids=["linear", "NO_COLOR"],
)
def test_answers_read_the_same_for_screen_readers_and_without_colours(
    server: ServerProcess, tmp_path: Path, flags: tuple[str, ...], environment: dict[str, str]
) -> None:
    server.join_superuser("boss").close()
    zone = {"TZ": "Asia/Tokyo", **environment}
    ann = Typist(tmp_path / "boss", server.port, "--clock", "24", *flags, environment=zone)
    try:
        ann.answer("[y/n]", "n")
        ann.answer("user name:", "boss")
        ann.answer("password:", PASSWORD)
        ann.sees("Here now")
        ann.waits_for(lambda rows: any("boss has joined" in row for row in rows))
        ann.type("tea?\r")
        ann.sees("boss: tea?")
        ann.type("/search tea\r/history\r/whois boss\r")
        ann.sees("The account was made ")
        hour = rf"{datetime.now(TOKYO):%H}|{datetime.now(TOKYO) - timedelta(hours=1):%H}"
        text = "\n".join(ann.waits_for(lambda rows: any("127.0.0.1  events" in r for r in rows)))
        for form in (
            r" (%s):\d\d \| #lobby \[1\] \| boss: tea\?",
            r"\[1\] (%s):\d\d \| boss: tea\?",
        ):
            assert re.search(form % hour, text), text
        assert re.search(rf"The account was made \w+ ({hour}):\d\d\.", text), text
        assert not re.search(r"\x1b\[[0-9;]*(3[0-7]|9[0-7]|38;)[0-9;]*m", ann.raw)
    finally:
        ann.close()
