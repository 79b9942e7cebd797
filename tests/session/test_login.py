"""The login dialogue, as somebody with a bare connection sees it."""

import threading
import unicodedata
from base64 import b64encode
from pathlib import Path

import pytest
from Crypto.Protocol.KDF import scrypt

from chatroom.accounts.accounts import Accounts
from chatroom.accounts.passwords import Passwords
from chatroom.accounts.throttles import Caller
from chatroom.storage.records import NORMAL, Account
from chatroom.storage.sqlite import SqliteEngine
from tests.conftest import StartServer
from tests.harness import PASSWORD, Peer, ServerProcess

UNKNOWN = "Unknown name or wrong password"


def register(room: ServerProcess, name: str, password: str = PASSWORD) -> Peer:
    peer = room.peer()
    peer.send("y", name, password, password)
    peer.until("Here now")
    return peer


def test_every_question_is_asked_and_answered_in_turn(room: ServerProcess) -> None:
    peer = room.peer()
    greeting = peer.until("[y/n]")
    assert greeting.startswith("This is Chatroom")
    for answer, question in (
        ("y", "user name"),
        ("Dora", "password"),
        (PASSWORD, "password again"),
    ):
        peer.send(answer)
        asked = peer.until(question)
        assert asked.count("\n") == 1
    peer.send(PASSWORD)
    assert peer.until("Welcome").startswith("Welcome, Dora.")
    assert peer.seen.count("Welcome") == 1
    peer.until_match(r"^Here now \(\d+\): .*\bDora\b")


def test_an_account_that_exists_logs_in(room: ServerProcess) -> None:
    register(room, "emil").close()
    peer = room.peer()
    peer.until("[y/n]")
    for answer, question in (("n", "user name"), ("emil", "password"), (PASSWORD, "Welcome, emil")):
        peer.send(answer)
        peer.until(question)


def test_answers_may_come_all_at_once_ahead_of_the_questions(room: ServerProcess) -> None:
    peer = room.peer()
    peer.send("y", "fritz", PASSWORD, PASSWORD, "I was early", "/help busy")
    peer.until("Welcome")
    peer.until("fritz: I was early", "/busy [45m] [reason]")
    peer.until("fritz: I was early", "/busy [45m] [reason]")


@pytest.mark.parametrize("end", [b"\n", b"\r\n"], ids=["newline", "telnet"])
def test_both_line_ends_are_understood(room: ServerProcess, end: bytes) -> None:
    name = f"greta{len(end)}".encode()
    peer = room.peer()
    peer.send_bytes(end.join([b"y", name, b"pass word", b"pass word", b""]))
    peer.until("Welcome")
    other = room.peer()
    other.send("n", name.decode(), "pass word")  # the line end was no part of the password
    other.until("Welcome")


def test_a_line_that_comes_in_single_bytes_is_one_line(room: ServerProcess) -> None:
    peer = room.peer()
    for byte in b"n\nboss\n" + PASSWORD.encode() + b"\n":
        peer.send_bytes(bytes([byte]))
    peer.until("Welcome, boss")


@pytest.mark.parametrize("answer", ["Y", "yes", " y "])
def test_yes_may_be_said_in_several_ways(room: ServerProcess, answer: str) -> None:
    peer = room.peer()
    peer.send(answer)
    peer.until("Choose a user name")


def test_five_wrong_answers_are_told_and_asked_again_and_the_next_one_closes(
    room: ServerProcess,
) -> None:
    register(room, "hans").close()
    peer = room.peer()
    peer.until("[y/n]")
    peer.send("n")
    for _ in range(5):
        peer.until("user name")
        peer.send("hans", "wrong password")
        peer.until(UNKNOWN)
    peer.until("user name")
    peer.send("hans", "wrong password")
    last = peer.until_end()
    assert UNKNOWN in last
    assert "last try" in last
    assert "Welcome" not in peer.seen


def test_wrong_answers_of_all_questions_count_together(room: ServerProcess) -> None:
    peer = room.peer()
    peer.send("what?", "y", "a b", "admin", "ok-name", "short", "ok-password", "differs")
    peer.until("[y/n]", "Answer y")
    peer.until("1 to 32 letters")
    peer.until("reserved")
    peer.until("8 to 1024 bytes")
    peer.until("not the same")
    peer.send("another password", "another password")  # five were wrong: the login goes on
    peer.until("Welcome, ok-name")


def test_the_right_answer_after_five_wrong_ones_is_taken(room: ServerProcess) -> None:
    peer = room.peer()
    peer.send("n", *["boss", "wrong"] * 5, "boss", PASSWORD)
    peer.until("Welcome, boss")


def test_an_unknown_name_and_a_wrong_password_read_the_same(room: ServerProcess) -> None:
    register(room, "ida").close()
    answers = []
    for name in ("ida", "nobody-of-this-name", "not a name", "", "x" * 5000):
        peer = room.peer()
        peer.send("n", name, "wrong password")
        peer.until("password:")
        answers.append(peer.until(UNKNOWN))
    assert len(set(answers)) == 1


@pytest.mark.parametrize("name", ["a b", "e☃", "x" * 33, "a;b", "", "\x07bell", "server", "ADMIN"])
def test_a_name_that_may_not_be_is_told_and_asked_again(room: ServerProcess, name: str) -> None:
    peer = room.peer()
    peer.send("y", name)
    peer.until("A name has 1 to 32", "reserved")
    peer.until("user name")


def test_a_name_is_taken_in_any_case(room: ServerProcess) -> None:
    register(room, "Karl").close()
    peer = room.peer()
    peer.send("y", "kARL")
    peer.until("taken")
    peer.until("user name")
    login = room.peer()
    login.send("n", "KARL", PASSWORD)
    login.until("Welcome, Karl.")


def test_two_who_want_the_same_name_at_once_do_not_both_get_it(room: ServerProcess) -> None:
    peers = [room.peer() for _ in range(8)]
    for peer in peers:
        peer.send("y", "Lola", PASSWORD)
    for peer in peers:
        peer.until("again")
    for peer in peers:
        peer.send(PASSWORD)
    texts = [peer.until("Welcome, Lola", "taken") for peer in peers]
    assert sum("Welcome" in text for text in texts) == 1


@pytest.mark.parametrize("password", ["", "1234567", "x" * 1025])
def test_a_new_password_that_may_not_be_is_told_and_asked_again(
    room: ServerProcess, password: str
) -> None:
    peer = room.peer()
    peer.send("y", "never-made", password)
    peer.until("8 to 1024 bytes")
    peer.until("Choose a password")


@pytest.mark.parametrize("password", ["12345678", "ü" * 512, " leading and trailing "])
def test_a_password_is_taken_as_it_was_typed(room: ServerProcess, password: str) -> None:
    name = f"otto{len(password)}"
    register(room, name, password).close()
    wrong = room.peer()
    wrong.send("n", name, password + "x", name, password)
    wrong.until(UNKNOWN)
    wrong.until("Welcome")


COMPOSED = "café crème 9"
DECOMPOSED = unicodedata.normalize("NFD", COMPOSED)


def test_a_password_is_one_however_its_letters_are_composed(room: ServerProcess) -> None:
    forms = (COMPOSED, DECOMPOSED, COMPOSED.replace(" ", "\u00a0"))
    for i, made in enumerate(forms):
        register(room, f"nora{i}", made).close()
        for form in forms:
            peer = room.peer()
            peer.send("n", f"nora{i}", form)
            peer.until("Welcome")
            program = room.program_start()
            program.send_event("login", name=f"nora{i}", password=form)
            program.until_event("notice", kind="welcome")
    nora = room.peer()
    nora.send("n", "nora0", DECOMPOSED)
    nora.until("Welcome")
    nora.send("/changepassword", COMPOSED, DECOMPOSED + "!", DECOMPOSED + "!")
    nora.until("Your password was changed.")
    again = room.peer()
    again.send("n", "nora0", COMPOSED + "!")
    again.until("Welcome")


def test_an_operator_gives_the_same_password(room: ServerProcess) -> None:
    room.operate("add-user", "lena", "--password-stdin", given=DECOMPOSED + "\n")
    lena = room.peer()
    lena.send("n", "lena", COMPOSED)
    lena.until("Welcome")


def test_a_hash_of_what_was_typed_still_opens_and_is_made_anew(tmp_path: Path) -> None:
    engine = SqliteEngine(tmp_path, "none")
    engine.start(lambda *_: None, lambda *_: None, lambda *_: None)
    passwords = Passwords(2, 0)
    accounts = Accounts(engine.accounts, engine.sanctions, passwords)

    def come(password: str) -> Account | None:
        caller = Caller("192.0.2.1", pause=lambda seconds: None)
        return accounts.log_in("nora", password, caller)

    try:
        salt = b"s" * 16
        record = {"scheme": "scrypt", "n": 2, "r": 8, "p": 3, "salt": b64encode(salt).decode()}
        hashed = bytes(scrypt(DECOMPOSED.encode(), salt, 32, 2, 8, 3))
        record["hash"] = b64encode(hashed).decode()
        engine.accounts.save(Account("1" * 32, "nora", NORMAL, record, 0.0))
        assert come(COMPOSED) is None
        assert come(DECOMPOSED) is not None
        assert come(COMPOSED) is not None
        assert come(DECOMPOSED) is not None
    finally:
        passwords.close()
        engine.close()


def test_the_greeting_names_the_room(start_server: StartServer) -> None:
    server = start_server(name="The Red Lion")
    server.peer().until("This is The Red Lion")


def test_who_does_not_log_in_in_time_is_told_and_closed(start_server: StartServer) -> None:
    server = start_server(login_seconds=0.5)
    quiet, half, inside = server.peer(), server.peer(), server.join("ann")
    half.send("y", "half-way")
    for peer in (quiet, half):
        assert "You took too long to log in" in peer.until_end()
    assert server.log().count("time is up") == 2
    inside.send("still here")
    inside.until("ann: still here")


def test_who_keeps_sending_is_out_of_time_all_the_same(start_server: StartServer) -> None:
    server = start_server(login_seconds=0.5, line_bytes=1048576)
    peer = server.peer()
    with peer.flooding(b"no end "):
        assert peer.is_closed()
    server.wait_for_line("time is up|a line without end")


@pytest.mark.parametrize("noise", [b"\n", b"\xff\n", b">post {}\n", b">\n"])
def test_who_never_answers_is_cut_off(room: ServerProcess, noise: bytes) -> None:
    peer = room.program_start()
    with peer.flooding(noise * 100):
        assert "That was not an answer, too many times. Connect again." in peer.until_end()


def test_a_name_that_is_no_text_at_all_is_an_unknown_name(room: ServerProcess) -> None:
    program = room.program_start()
    program.send_event("answer", text="n")
    program.send_event("answer", text="\ud800")
    program.send_event("answer", text="\udfff password")
    program.until_event("notice", kind="error", text="Unknown name or wrong password. Try again.")
    program.until_event("prompt", ask="name")


def test_when_too_many_log_in_at_once_some_are_told_to_try_again(
    start_server: StartServer,
) -> None:
    server = start_server(login_queue=1, scrypt_n=32768)
    peers = [server.peer() for _ in range(12)]
    for i, peer in enumerate(peers):
        peer.send("y", f"user{i}", PASSWORD)
        peer.until("again")
    for peer in peers:
        peer.send(PASSWORD)
    texts = [peer.until("Welcome", "Too many people are logging in") for peer in peers]
    refused = [p for p, text in zip(peers, texts, strict=True) if "Too many" in text]
    assert 0 < len(refused) < 12
    refused[0].until("user name")  # asked again, and it does not count as a wrong answer


def test_at_most_twenty_names_and_the_number_are_shown(start_server: StartServer) -> None:
    server = start_server()
    peers = [server.join(f"user{i:02}") for i in range(23)]
    (line,) = [x for x in peers[-1].seen.splitlines() if x.startswith("Here now")]
    assert line.startswith("Here now (23): user00, user01,")
    assert line.endswith("user19 and 3 more")
    program = server.program_peer("user99")
    assert '"number":24' in program.seen


def test_the_last_twenty_messages_are_shown_with_comings_left_out(
    start_server: StartServer,
) -> None:
    server = start_server(message_rate=0)
    ann = server.join("ann")
    ann.send(*(f"line {i}" for i in range(25)))
    ann.until("line 24")
    peer = server.peer()
    peer.send("y", "bob", PASSWORD, PASSWORD)
    peer.until("The last messages:")
    shown = peer.until("line 24").splitlines()
    assert [line.partition(": ")[2] for line in shown] == [f"line {i}" for i in range(5, 25)]


def test_nothing_is_missed_between_the_last_messages_and_the_first_live_one(
    start_server: StartServer,
) -> None:
    server = start_server(message_rate=0)
    ann = server.join("ann")
    ready = threading.Event()

    def talk() -> None:
        for i in range(3000):
            ann.send(f"line {i:04}")
            if i == 20:
                ready.set()

    talker = threading.Thread(target=talk)
    talker.start()
    ready.wait()
    peers = [server.join(f"user{i}") for i in range(10)]
    talker.join()
    for peer in peers:
        peer.until("line 2999")
        seen = [int(x[-4:]) for x in peer.seen.splitlines() if "ann: line " in x]
        assert seen == list(range(seen[0], 3000))


def test_a_first_line_of_an_unknown_version_is_refused_and_the_login_goes_on(
    room: ServerProcess,
) -> None:
    for hello in ('>hello {"v":2}', ">hello", ">hello {", '>hello {"v":"1"}', ">hello []"):
        peer = room.peer()
        peer.send(hello)
        peer.until('This server speaks >hello {"v":1}')
        peer.send("n", "boss", PASSWORD)
        peer.until("Welcome, boss")


def test_hello_counts_as_the_first_line_only(room: ServerProcess) -> None:
    peer = room.peer()
    peer.send("n", '>hello {"v":1}', PASSWORD)
    peer.until(UNKNOWN)
    peer.send("boss", PASSWORD)
    peer.until("Welcome, boss")
    assert ">hello" not in peer.seen
    peer.send('>hello {"v":1}')
    peer.until('boss: >hello {"v":1}')


def test_a_line_that_is_too_long_or_not_utf8_is_told_and_the_question_stays(
    room: ServerProcess,
) -> None:
    peer = room.peer()
    peer.send("x" * 9000)
    peer.until("longer than 8192 bytes")
    peer.send_bytes(b"\xff\xfe\n")
    peer.until("not valid UTF-8")
    peer.send("n", "boss", PASSWORD)
    peer.until("Welcome, boss")
