"""What a browser gets at the one port, and what pages of others do not get."""

import re

import pytest
from websockets.exceptions import InvalidStatus

from chatroom.web import pages
from tests.conftest import StartServer
from tests.harness import Peer, ServerProcess
from tests.redis_server import free_port
from tests.system.test_restart import restart
from tests.web.browser import Tab, get, request


def status(answer: str) -> int:
    return int(answer.split(" ", 2)[1])


def test_a_browser_gets_the_page_by_plain_text_and_by_tls(room: ServerProcess) -> None:
    plain = get(room)
    sealed = request(room, f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{room.port}\r\n\r\n", sealed=True)
    assert status(plain) == status(sealed) == 200
    assert plain.partition("\r\n\r\n")[2] == sealed.partition("\r\n\r\n")[2]
    assert "<!doctype html>" in plain


def test_every_file_that_the_page_names_is_there_and_nothing_else(room: ServerProcess) -> None:
    waiting, seen = ["/"], set()
    while waiting:
        path = waiting.pop()
        seen.add(path)
        answer = get(room, path)
        assert status(answer) == 200, path
        named = re.findall(r'(?:src|href)="(/[^"]+)"|from "\.(/[^"]+)"', answer)
        waiting += {one or other for one, other in named} - seen - set(waiting)
    assert {"/app.js", "/wire.js", "/style.css", "/icon.svg"} <= seen
    for path in ("/x", "/../config.py", "/%2e%2e/config.py", "/page/app.js", "/app.js/", "//"):
        assert status(get(room, path)) == 404, path


def test_a_file_that_has_not_changed_is_not_sent_again(room: ServerProcess) -> None:
    tag = re.search(r"ETag: (\S+)", get(room))
    assert tag
    again = get(room, If_None_Match=tag[1])
    assert status(again) == 304
    for told in (f"W/{tag[1]}", "*", f'"other", {tag[1]}'):
        assert status(get(room, If_None_Match=told)) == 304
    assert status(get(room, If_None_Match='"other"')) == 200
    assert again.endswith("\r\n\r\n")


def test_the_page_may_load_nothing_from_elsewhere_and_stand_in_no_frame(
    room: ServerProcess,
) -> None:
    for path in ("/", "/app.js", "/style.css"):
        head = get(room, path).partition("\r\n\r\n")[0]
        policy = re.search(r"Content-Security-Policy: (.*)", head)
        assert policy
        rules = dict(one.strip().split(" ", 1) for one in policy[1].split(";"))
        assert rules["default-src"] == rules["frame-ancestors"] == rules["form-action"] == "'none'"
        assert rules["base-uri"] == rules["trusted-types"] == "'none'"
        assert rules["script-src"] == rules["style-src"] == "'self'"
        assert rules["connect-src"] == f"'self' ws://127.0.0.1:{room.port}"
        assert "require-trusted-types-for" in rules
        assert "nosniff" in head
        assert "Access-Control" not in head


@pytest.mark.parametrize("host", ["evil.example", "evil.example:9797", "localhost.evil.example"])
def test_a_name_that_was_rebound_to_this_machine_is_no_name_of_the_server(
    room: ServerProcess, host: str
) -> None:
    assert status(get(room, host=host)) == 421
    assert status(get(room, "/ws", host=host)) == 421


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:9797", "[::1]:9797", "192.0.2.7"])
def test_a_name_that_nobody_can_rebind_is_taken(room: ServerProcess, host: str) -> None:
    assert status(get(room, host=host)) == 200


def test_an_operator_names_the_address_behind_a_proxy(start_server: StartServer) -> None:
    server = start_server(web_origins="https://chat.example.org")
    answer = get(server, host="chat.example.org")
    assert status(answer) == 200
    assert "connect-src 'self' wss://chat.example.org;" in answer
    refused = get(
        server,
        "/ws",
        host="chat.example.org",
        Origin="http://chat.example.org",
        Upgrade="websocket",
        Connection="Upgrade",
        Sec_WebSocket_Key="AAAAAAAAAAAAAAAAAAAAAA==",
        Sec_WebSocket_Version="13",
    )
    assert status(refused) == 403
    tab = Tab(server, origin="https://chat.example.org").come_in("ann")
    tab.send("post", text="through the proxy")
    tab.until("message", text="through the proxy")


@pytest.mark.parametrize("origin", ["https://evil.example", "http://127.0.0.1:1", "null", None])
def test_a_page_of_another_origin_opens_no_socket(room: ServerProcess, origin: str | None) -> None:
    with pytest.raises(InvalidStatus) as error:
        Tab(room, origin=origin)
    assert error.value.response.status_code == 403


@pytest.mark.parametrize("method", ["POST", "PUT", "OPTIONS", "DELETE", "HEAD", "CONNECT"])
def test_a_form_of_another_page_that_sends_chat_lines_says_nothing(
    room: ServerProcess, method: str
) -> None:
    ann = room.join("ann")
    lines = f"n\nann\n{'x' * 20}\nhacked\n"
    head = f"{method} / HTTP/1.1\r\nHost: x\r\nContent-Length: {len(lines)}\r\n\r\n"
    assert request(room, head + lines) == ""
    assert "hacked" not in ann.answer_to("/history")


def test_where_no_browsers_may_come_none_gets_a_word(start_server: StartServer) -> None:
    server = start_server(web="off")
    assert get(server) == ""
    assert "Welcome" in server.join("ann").seen


def test_an_address_for_browsers_takes_nobody_else(start_server: StartServer) -> None:
    port = free_port()
    server = start_server(web="off", web_listen=f"127.0.0.1:{port}")
    assert get(server) == ""
    assert status(request(server, "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", port=port)) == 200
    assert Peer(port).until_end() == ""
    restart(server, 2)
    assert status(request(server, "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", port=port)) == 200


def test_bans_and_limits_go_by_the_address_that_a_proxy_speaks_for(
    start_server: StartServer,
) -> None:
    server = start_server(web_proxy_from="127.0.0.1/32")
    boss = server.join_superuser("boss")
    boss.send("/ban 203.0.113.0/24")
    boss.until("/unban")
    answer = get(server, X_Forwarded_For="198.51.100.1, 203.0.113.9")
    assert status(answer) == 503
    assert "banned" in answer
    assert status(get(server, X_Forwarded_For="203.0.113.9, 198.51.100.1")) == 200
    tab = Tab(server, additional_headers={"X-Forwarded-For": "198.51.100.7"}).come_in("ann")
    assert "198.51.100.7" in boss.answer_to("/whois ann")
    boss.send("/ban 198.51.100.0/24")
    assert tab.until("control", do="kick")["text"]


def test_who_is_no_proxy_speaks_for_nobody(room: ServerProcess) -> None:
    Tab(room, additional_headers={"X-Forwarded-For": "198.51.100.7"}).come_in("bob")
    boss = room.device("boss")
    boss.send_event("command", name="whois", args={"user": "bob"}, cid="w")
    assert "198.51.100.7" not in str(boss.until_event("result", cid="w"))


def test_a_request_that_does_not_end_is_cut_off(room: ServerProcess) -> None:
    answer = request(room, "GET / HTTP/1.1\r\nX: " + "y" * 100_000 + "\r\n\r\n")
    assert status(answer) in (400, 431)


@pytest.mark.parametrize(
    "text",
    [
        "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello",
        "GET / HTTP/2.0\r\nHost: x\r\n\r\n",
        "GET / HTTP/1.1\r\nHost x\r\n\r\n",
        "GET /\r\n\r\n",
    ],
)
def test_a_wrong_request_is_told_so(room: ServerProcess, text: str) -> None:
    assert status(request(room, text)) in (400, 505)


def test_the_whole_page_has_less_than_100_kb() -> None:
    files = {path: file for path, file in pages.files().items() if "." in path}
    assert len(files) > 10
    assert sum(len(file.body) for path, file in files.items() if "favicon" not in path) < 102_400
