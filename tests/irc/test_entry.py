"""How an IRC client comes to an account: CAP, SASL, PASS, NICK, USER, REGISTER."""

import base64
import itertools

import pytest

from chatroom.irc.grammar import Line
from tests.conftest import StartServer
from tests.harness import PASSWORD, Peer, ServerProcess
from tests.irc.peer import IrcPeer, irc, irc_peer

_numbers = itertools.count(1)


@pytest.fixture
def me() -> str:
    """A name that nobody has had before."""
    return f"ann{next(_numbers)}"


@pytest.fixture
def you() -> str:
    """Another one."""
    return f"bob{next(_numbers)}"


def plain(*parts: str) -> str:
    """Return a message of SASL PLAIN."""
    return base64.b64encode("\0".join(parts).encode()).decode()


def fresh(server: ServerProcess) -> IrcPeer:
    """Return a connection that has said nothing yet but that it speaks IRC."""
    peer = irc_peer(server)
    peer.send("CAP END")
    return peer


def chunks(message: str) -> list[str]:
    """Return it as AUTHENTICATE lines."""
    pieces = [message[at : at + 400] for at in range(0, len(message), 400)]
    if not pieces or len(pieces[-1]) == 400:
        pieces.append("+")
    return [f"AUTHENTICATE {piece}" for piece in pieces]


def is_in(peer: IrcPeer) -> bool:
    """Wait for the end of what was sent; tell whether the peer has come in."""
    return any(line.command == "001" for line in peer.sync())


def answers(peer: IrcPeer, *lines: str) -> list[Line]:
    """Return what is answered to some lines, without what others have done meanwhile."""
    return [line for line in peer.asks(*lines) if "!" not in line.source]


def numbers(lines: list[Line]) -> list[str]:
    return [line.command for line in lines]


def come_by_sasl(server: ServerProcess, name: str, *messages: str, nick: str = "") -> IrcPeer:
    peer = irc_peer(server)
    peer.send("CAP LS 302", f"NICK {nick or name}", f"USER {name} 0 * :{name}", "CAP REQ sasl")
    peer.send("AUTHENTICATE PLAIN")
    peer.until_line("AUTHENTICATE", "+")
    for message in messages or (plain(name, name, PASSWORD),):
        peer.send(*chunks(message))
    return peer


# -- CAP


def test_what_is_offered_stands_in_one_line_for_301_and_with_values_for_302(
    room: ServerProcess,
) -> None:
    old, new = fresh(room), fresh(room)
    (listed,) = [line for line in answers(old, "CAP LS") if line.command == "CAP"]
    assert listed.params[:2] == ("*", "LS")
    assert "sasl" in listed.params[2].split()
    assert "=" not in listed.params[2]
    told = [line for line in answers(new, "CAP LS 302") if line.command == "CAP"]
    words = " ".join(line.params[-1] for line in told).split()
    assert "sasl=PLAIN" in words
    assert all(line.params[2] == "*" for line in told[:-1])
    assert len(told[-1].params) == 3
    assert "cap-notify" in answers(new, "CAP LIST")[0].params[-1].split()


def test_a_request_is_granted_as_a_whole_or_not_at_all(room: ServerProcess, me: str) -> None:
    ann = fresh(room)
    assert answers(ann, "CAP REQ :echo-message nothing-such")[0].params[1:] == (
        "NAK",
        "echo-message nothing-such",
    )
    assert answers(ann, "CAP REQ :echo-message setname")[0].params[1] == "ACK"
    assert answers(ann, "CAP REQ :-setname")[0].params[1:] == ("ACK", "-setname")
    assert answers(ann, "CAP LIST")[0].params[-1] == "echo-message"
    assert answers(ann, "CAP REQ :")[0].params[1:] == ("ACK", "")
    assert answers(ann, "CAP SHOUT")[0].command == "410"
    assert answers(ann, "CAP")[0].command == "461"
    ann.send(f"NICK {me}", f"USER {me} 0 * :{me.title()}", f"REGISTER * * :{PASSWORD}")
    ann.until_line("900")
    assert not is_in(ann)
    ann.send("CAP END")
    assert is_in(ann)
    assert answers(ann, "CAP REQ :-echo-message server-time")[0].params[1] == "ACK"


def test_a_long_request_is_answered_in_lines_that_clients_take_whole(
    room: ServerProcess, me: str
) -> None:
    ann = irc(room, me.ljust(32, "n"))
    words = " ".join(["echo-message", "-echo-message"] * 18)
    told = answers(ann, f"CAP REQ :{words}")
    assert [line.params[1] for line in told] == ["ACK"] * len(told)
    assert " ".join(line.params[2] for line in told) == words
    for line in answers(ann, "CAP REQ :" + "x" * 480):
        assert line.params[1] == "NAK"
    assert max(len(line.encode()) for line in ann.seen.split("\r\n")) <= 510


# -- SASL


@pytest.mark.parametrize("password", [PASSWORD, "pass:word:with:colons", "p" * 400, "é" * 200])
def test_sasl_lets_in_whatever_the_password_is(room: ServerProcess, me: str, password: str) -> None:
    irc_peer(room).come_in(me, password=password)
    for message in (plain("", me, password), plain(me, me, password)):
        peer = come_by_sasl(room, me, message)
        assert peer.until_line("900").params[2] == me
        peer.until_line("903")
        assert not is_in(peer)
        peer.send("CAP END")
        peer.until_line("001", me)


def test_a_message_that_ends_with_a_full_piece_waits_for_a_plus(
    room: ServerProcess, me: str
) -> None:
    # 300 bytes are 400 of base64.
    password = "p" * (300 - len(f"\0{me}\0"))
    irc_peer(room).come_in(me, password=password)
    message = plain("", me, password)
    assert len(message) == 400
    peer = irc_peer(room)
    peer.send(
        "CAP LS 302",
        f"NICK {me}",
        f"USER {me} 0 * :{me.title()}",
        "CAP REQ sasl",
        "AUTHENTICATE PLAIN",
    )
    assert "903" not in numbers(answers(peer, f"AUTHENTICATE {message}"))
    peer.send("AUTHENTICATE +")
    peer.until_line("903")


def test_sasl_goes_on_without_a_capability_and_beside_the_end_of_the_rest(
    room: ServerProcess,
    me: str,
) -> None:
    irc(room, me)
    peer = fresh(room)
    peer.send("AUTHENTICATE PLAIN")  # as some old clients do
    peer.until_line("AUTHENTICATE", "+")
    peer.send(*chunks(plain("", me, PASSWORD)), f"NICK {me}", f"USER {me} 0 * :{me.title()}")
    peer.until_line("001", me)


def test_what_is_wrong_with_sasl_has_its_number_and_may_be_tried_again(
    room: ServerProcess, me: str, you: str
) -> None:
    irc(room, me)
    ann = irc_peer(room)
    ann.send("CAP LS 302", f"NICK {me}", f"USER {me} 0 * :{me.title()}", "CAP REQ sasl")
    assert numbers(answers(ann, "AUTHENTICATE *")) == ["906"]
    told = answers(ann, "AUTHENTICATE SCRAM-SHA-256")
    assert numbers(told) == ["908", "904"]
    assert told[0].params[1] == "PLAIN"
    for wrong, number in (
        ("*", "906"),
        ("!!!", "904"),
        ("+", "904"),
        (plain(me, PASSWORD), "904"),
        (plain(you, me, PASSWORD), "904"),
        ("x" * 401, "905"),
    ):
        answers(ann, "AUTHENTICATE PLAIN")
        assert numbers(answers(ann, f"AUTHENTICATE {wrong}")) == [number], wrong
    answers(ann, "AUTHENTICATE PLAIN")
    piece = f"AUTHENTICATE {'A' * 400}"
    assert "904" in numbers(answers(ann, *([piece] * 8)))
    answers(ann, "AUTHENTICATE PLAIN")
    assert "906" in numbers(answers(ann, "CAP END"))  # given up in the middle
    ann.send("AUTHENTICATE PLAIN", *chunks(plain("", me, PASSWORD)))
    ann.until_line("001")
    assert numbers(answers(ann, "AUTHENTICATE PLAIN")) == ["907"]
    assert numbers(answers(ann, "PASS x", "USER a b c d")) == ["462", "462"]


def test_a_wrong_password_is_told_by_its_number_and_too_many_end_it(
    room: ServerProcess, me: str
) -> None:
    irc(room, me)
    peer = irc_peer(room)
    peer.send("CAP LS 302", f"NICK {me}", f"USER {me} 0 * :{me.title()}")
    for _ in range(6):
        peer.send("AUTHENTICATE PLAIN", *chunks(plain("", me, "wrong password")))
        last = peer.until_line("904") if _ < 5 else None
        assert last is None or "wrong password" in last.params[-1]
    assert "ERROR :" in peer.until_end()


# -- PASS


def test_the_password_of_the_server_is_name_and_password(room: ServerProcess, me: str) -> None:
    irc_peer(room).come_in(me, password="one:two three")
    for line in (f"PASS :{me}:one:two three", f"PASS {me.upper()}:one:two three"):
        peer = irc_peer(room)
        peer.send(line, "NICK somebody", "USER x 0 * :x")
        peer.until_line("001", me)  # the nick is the name of the account


def test_the_password_of_the_server_may_be_that_of_the_nick_alone(
    room: ServerProcess, me: str
) -> None:
    irc_peer(room).come_in(me, password="one:two:three")
    for nick in (me, me.upper()):
        peer = irc_peer(room)
        peer.send("PASS one:two:three", f"NICK {nick}", "USER x 0 * :x")
        peer.until_line("001", me)


def test_a_wrong_server_password_leaves_time_for_the_right_one(
    room: ServerProcess, me: str
) -> None:
    irc(room, me)
    peer = irc_peer(room)
    peer.send(f"PASS {me}:wrong-password", f"NICK {me}", "USER x 0 * :x")
    assert peer.until_line("464").params[-1].startswith("Unknown name or wrong password")
    peer.until("Everybody has an account here")
    assert "433" not in numbers(peer.sync())
    peer.send(f"PASS {me}:{PASSWORD}")
    peer.until_line("001", me)


def test_a_password_alone_is_tried_for_the_nick_and_that_name_is_told(
    room: ServerProcess, me: str
) -> None:
    irc(room, me)
    peer = irc_peer(room)
    peer.send(f"NICK {me}", "USER x 0 * :x")
    peer.until_line("433")
    peer.send(f"NICK {me}_", f"PASS {PASSWORD}")  # as irssi does it by itself
    assert peer.until_line("464").params[-1].endswith(f"Tried for the name {me}_.")
    peer.send(f"PASS {me}:wrong-password")
    assert peer.until_line("464").params[-1].endswith(f"Tried for the name {me}.")
    peer.send(f"PASS {me}:{PASSWORD}")
    peer.until_line("001", me)


def test_sasl_goes_before_a_password_of_the_server_that_is_wrong(
    room: ServerProcess, me: str
) -> None:
    irc(room, me)
    peer = irc_peer(room)
    peer.send(
        "CAP LS 302", f"PASS {me}:wrong-password", f"NICK {me}", f"USER {me} 0 * :{me.title()}"
    )
    peer.send("CAP REQ sasl", "AUTHENTICATE PLAIN", *chunks(plain("", me, PASSWORD)), "CAP END")
    peer.until_line("001", me)
    assert " 464 " not in peer.seen


# -- NICK and USER


def test_a_nick_that_is_none_or_cannot_be_is_told(room: ServerProcess, me: str) -> None:
    peer = fresh(room)
    assert numbers(answers(peer, "NICK")) == ["431"]
    assert numbers(answers(peer, "NICK :")) == ["431"]
    for name in (
        "a b",
        "an!n",
        f"#{me}",
        "server",
        "x" * 33,
        "192.0.2.7",
        "а" + "dmin",
        "a\u202eb",
    ):
        assert numbers(answers(peer, f"NICK :{name}")) == ["432"], name
    assert numbers(answers(peer, "USER x")) == ["461"]
    assert numbers(answers(peer, "JOIN #lobby", f"PRIVMSG {me} :hello")) == ["451", "451"]
    assert numbers(answers(peer, "PING")) == ["409"]


def test_who_has_an_account_comes_in_whatever_nick_was_wished(room: ServerProcess, me: str) -> None:
    irc(room, me)
    peer = come_by_sasl(room, me, nick=f"{me}|away")
    peer.until_line("903")
    assert " 432 " in peer.seen
    peer.send("CAP END")
    peer.until_line("001", me)


def test_the_nick_stays_the_name_of_the_account(room: ServerProcess, me: str, you: str) -> None:
    ann = irc(room, me)
    irc(room, you)
    assert numbers(answers(ann, f"NICK {me}", f"NICK {me.upper()}")) == []
    assert numbers(answers(ann, f"NICK {you}")) == ["433"]
    assert numbers(answers(ann, "NICK carl")) == ["432"]
    assert numbers(answers(ann, "NICK")) == ["431"]


@pytest.mark.parametrize("word", ["NOTICE", "FAIL"])
def test_who_does_not_log_in_is_told_how_once(
    room: ServerProcess, me: str, you: str, word: str
) -> None:
    irc(room, me)
    irc(room, you)
    peer = irc_peer(room)
    peer.send("CAP LS 302")
    if word == "FAIL":
        peer.send("CAP REQ standard-replies")
    peer.until_line("CAP")
    peer.sync()
    peer.send("CAP END", f"NICK {me}", "USER x 0 * :x")
    told = peer.sync()
    assert numbers(told) == ["433", word, "NOTICE"]
    assert "/quote PASS" in told[1].params[-1]
    assert "/quote REGISTER" in told[2].params[-1]
    if word == "FAIL":
        assert told[1].params[:2] == ("*", "ACCOUNT_REQUIRED")
    assert answers(peer, "PONG x") == []
    assert answers(peer, f"NICK {me}_") == []  # as a client takes one by itself
    assert numbers(answers(peer, f"NICK {you}")) == ["433"]
    assert answers(peer, f"NICK {me.upper()}_") == []
    peer.send(f"REGISTER * * :{PASSWORD}")
    peer.until_line("001", f"{me.upper()}_")


def test_names_of_other_letters_come_in_by_every_way(room: ServerProcess) -> None:
    irc(room, "Zoë")
    peer = irc_peer(room)
    peer.send(f"PASS ZOË:{PASSWORD}", "NICK zoë", "USER x 0 * :x")
    peer.until_line("001", "Zoë")
    come = come_by_sasl(room, "zoë")
    come.send("CAP END")
    come.until_line("001", "Zoë")
    twin = irc_peer(room)
    twin.send("NICK zоë", "USER x 0 * :x", f"REGISTER * * :{PASSWORD}")  # a Cyrillic o
    assert twin.until_line("FAIL", "REGISTER").params[1] in ("ACCOUNT_EXISTS", "BAD_ACCOUNT_NAME")


# -- REGISTER


def test_an_account_is_made_by_register(room: ServerProcess, me: str, you: str) -> None:
    peer = fresh(room)
    assert answers(peer, f"REGISTER * * :{PASSWORD}")[0].params[:2] == ("REGISTER", "NEED_NICK")
    peer.send(f"NICK {me}", "USER x 0 * :x")
    for line, code in (
        (f"REGISTER {you} * :long enough", "ACCOUNT_NAME_MUST_BE_NICK"),
        ("REGISTER * * short", "WEAK_PASSWORD"),
        ("REGISTER * * of three words", "INVALID_PARAMS"),
    ):
        peer.send(line)
        assert peer.until_line("FAIL", "REGISTER").params[1] == code
    assert numbers(answers(peer, "REGISTER *")) == ["461"]
    peer.send(f"VERIFY {me} 1234")
    peer.until_line("FAIL", "VERIFY")
    peer.send(f"REGISTER {me.upper()} * :{PASSWORD}")
    peer.until_line("REGISTER", "SUCCESS")
    peer.until_line("001")
    assert answers(peer, f"REGISTER * * :{PASSWORD}")[0].params[:2] == (
        "REGISTER",
        "ALREADY_AUTHENTICATED",
    )
    other = irc_peer(room)
    other.send(f"NICK {me.title()}", "USER x 0 * :x", f"REGISTER * * :{PASSWORD}")
    other.until_line("FAIL", "ACCOUNT_EXISTS")


def test_the_code_of_an_invitation_stands_in_the_place_of_the_address(
    start_server: StartServer,
) -> None:
    server = start_server(registration="invite")
    code = server.operate("invite").stdout.split("code=")[1].split("&")[0]
    peer = irc_peer(server)
    peer.send("NICK ann", "USER x 0 * :x")
    peer.until("REGISTER * CODE PASSWORD")
    for wrong in ("*", "not-this-one"):
        peer.send(f"REGISTER * {wrong} :{PASSWORD}")
        peer.until_line("FAIL", "INVALID_EMAIL")
    peer.send(f"REGISTER * {code} :{PASSWORD}")
    peer.until_line("001", "ann")


def test_where_nobody_may_register_it_is_not_offered(start_server: StartServer) -> None:
    server = start_server(registration="closed")
    peer = irc_peer(server)
    peer.send("CAP LS 302", "NICK ann", "USER x 0 * :x", f"REGISTER * * :{PASSWORD}")
    peer.until_line("FAIL", "REGISTER")
    assert "account-registration" not in peer.seen
    peer.send("CAP END")
    peer.until("made by the operator")


# -- who is kept out


def test_who_is_banned_is_told_by_465(room: ServerProcess, boss: Peer, me: str) -> None:
    irc(room, me)
    boss.answer_to(f"/ban {me} rude")
    for way in ("sasl", "pass"):
        if way == "sasl":
            peer = come_by_sasl(room, me)
        else:
            peer = irc_peer(room)
            peer.send(f"PASS {me}:{PASSWORD}", f"NICK {me}", "USER x 0 * :x")
        peer.until_line("465")
        assert "ERROR :" in peer.until_end()


def test_a_lockdown_ends_it_by_an_error(room: ServerProcess, boss: Peer) -> None:
    irc(room, "ann")
    boss.answer_to("/lockdown on")
    peer = irc_peer(room)
    peer.send(f"PASS ann:{PASSWORD}", "NICK ann", "USER x 0 * :x")
    text = peer.until_end()
    boss.answer_to("/lockdown off")
    assert "ERROR :" in text
    assert " 465 " not in text


def test_who_takes_too_long_is_told_by_an_error(start_server: StartServer) -> None:
    server = start_server(login_seconds=0.5)
    peer = irc_peer(server)
    peer.send("NICK ann")
    assert "ERROR :You took too long to log in" in peer.until_end()


def test_who_says_much_and_does_not_log_in_is_cut_off(room: ServerProcess, me: str) -> None:
    peer = irc_peer(room)
    peer.send(f"NICK {me}", *(["PING x"] * 600))
    assert "ERROR :" in peer.until_end()


def test_tries_are_held_up_as_elsewhere(start_server: StartServer) -> None:
    server = start_server(login_rate=0.001)
    irc(server, "ann")
    peers: list[Peer] = []
    for number in range(8):
        peer = irc_peer(server)
        peer.send("NICK ann", "USER x 0 * :x", f"PASS ann:wrong{number}")
        peers.append(peer)
    server.wait_for_line("throttled name=ann")
    told = [peer for peer in peers if "before" not in peer.until(" 464 ")]
    assert told


def test_quit_before_the_login_is_answered(room: ServerProcess, me: str) -> None:
    peer = irc_peer(room)
    peer.send(f"NICK {me}", "QUIT :later")
    assert "ERROR :" in peer.until_end()


def test_who_gives_a_password_by_pass_alone_is_greeted_with_001_first(
    room: ServerProcess, me: str
) -> None:
    irc(room, me)
    peer = irc_peer(room)
    peer.send(f"PASS {PASSWORD}", f"NICK {me}", f"USER {me} 0 * :{me}")
    peer.until_line("001", me)
    assert " 900 " not in peer.seen


def test_a_real_name_is_not_empty(room: ServerProcess, me: str) -> None:
    peer = irc_peer(room)
    peer.send(f"NICK {me}", "USER u 0 * :")
    assert peer.until_line("461").params[:2] == (me, "USER")
