"""Throttles: who fails waits, who does not gets in, and nothing is told about names."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from chatroom.accounts.throttles import Caller, Throttled, Throttles
from tests.conftest import StartServer
from tests.harness import PASSWORD, PATIENCE, Peer, ServerProcess


class Time:
    """A clock that stands still until it is moved on."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def at(address: str) -> Caller:
    return Caller(address, pause=lambda seconds: None)


def fail(throttles: Throttles, address: str, name: str, most: int = 100) -> int:
    """Fail until it has to wait; return how often it could."""
    for number in range(most):
        try:
            throttles.failed(throttles.begin(at(address), name))
        except Throttled:
            return number
    return most


def test_a_pair_waits_ever_longer_but_never_above_a_minute() -> None:
    clock = Time()
    throttles = Throttles(3, 0, clock)
    assert fail(throttles, "a", "ann") == 6
    waits = []
    for _ in range(5):
        begun = clock.now
        while fail(throttles, "a", "ann", 1) == 0:
            clock.now += 1
        waits.append(clock.now - begun)
    assert waits == [20, 40, 60, 60, 60]


def test_a_try_that_is_under_way_when_it_is_switched_off_counts_no_more() -> None:
    throttles = Throttles(3, 0, Time())
    tries = [throttles.begin(at("a"), "ann") for _ in range(6)]
    throttles.go_by(0, 0)
    for one in tries:
        throttles.succeeded(one)
    assert fail(throttles, "a", "ann", 50) == 50
    throttles.go_by(3, 0)
    assert fail(throttles, "a", "ann") == 6  # none of those is waited for


def test_an_address_that_tries_many_names_waits_at_most_five_minutes() -> None:
    clock = Time()
    throttles = Throttles(3, 0, clock)
    assert sum(fail(throttles, "a", f"user{i}", 1) for i in range(100)) == 41
    assert fail(throttles, "b", "user0", 1) == 1  # others are not held up
    for _ in range(20):
        clock.now += 300
        assert fail(throttles, "a", f"x{clock.now}", 1) == 1


def test_a_class_behind_one_address_logs_in_at_once_and_again() -> None:
    throttles = Throttles(3, 0, Time())
    for _ in range(5):
        attempts = [throttles.begin(at("school"), f"pupil{i}") for i in range(30)]
        for attempt in attempts:
            throttles.succeeded(attempt)


def test_a_victim_gets_in_while_others_fail_with_its_name() -> None:
    throttles = Throttles(3, 0, Time())
    throttles.succeeded(throttles.begin(at("home"), "Ann"))
    for number in range(200):
        fail(throttles, f"bot{number}", "ann", 1)
    assert throttles.begin(at("home"), "ann").wait == 0
    assert 0 < throttles.begin(at("somewhere"), "ANN").wait <= 10


def test_many_addresses_that_guess_at_one_name_share_its_few_guesses() -> None:
    clock = Time()
    throttles = Throttles(3, 0, clock)
    guesses = 0
    for _ in range(600):
        clock.now += 1
        guesses += sum(fail(throttles, f"bot{number}", "ann", 1) for number in range(50))
    # One or so of each address, and then one in ten seconds: of each pair alone it would be 15.
    assert guesses < 50 + 10 + 60 + 10


def test_unknown_and_empty_names_are_throttled_alike() -> None:
    throttles = Throttles(3, 0, Time())
    assert fail(throttles, "a", "") == fail(throttles, "b", "ann") == 6
    assert fail(throttles, "c", "x" * 8000) == 6


def test_failures_are_forgotten_after_a_quarter_of_an_hour() -> None:
    clock = Time()
    throttles = Throttles(3, 0, clock)
    assert fail(throttles, "a", "ann") == 6
    clock.now += 1000
    assert fail(throttles, "a", "ann") == 6


def test_what_is_under_way_is_no_failure_and_the_rest_waits_for_it() -> None:
    throttles = Throttles(3, 0, Time())
    first = [throttles.begin(at("ci"), "robot") for _ in range(6)]
    with ThreadPoolExecutor(20) as pool:

        def log_in() -> None:
            throttles.succeeded(throttles.begin(at("ci"), "robot"))

        others = [pool.submit(log_in) for _ in range(20)]
        for attempt in first:
            throttles.succeeded(attempt)
        for other in others:
            other.result(PATIENCE)  # none was told to wait
    assert not throttles._tallies


def test_guesses_at_once_are_no_more_than_guesses_in_a_row() -> None:
    throttles = Throttles(3, 0, Time())
    looked_at = []

    def guess(_: int) -> bool:
        try:
            attempt = throttles.begin(at("a"), "ann")
        except Throttled:
            return False
        looked_at.append(attempt)
        throttles.failed(attempt)
        return True

    with ThreadPoolExecutor(40) as pool:
        assert sum(pool.map(guess, range(200))) == 6
    assert len(looked_at) == 6


def test_who_has_failed_before_has_fewer_tries_at_once() -> None:
    throttles = Throttles(3, 0, Time())
    assert fail(throttles, "a", "ann", 4) == 4
    first, second = throttles.begin(at("a"), "ann"), throttles.begin(at("a"), "ann")
    with ThreadPoolExecutor(1) as pool:
        third = pool.submit(fail, throttles, "a", "ann", 1)
        throttles.undo(first)
        assert third.result(PATIENCE) == 1
    throttles.failed(second)
    assert fail(throttles, "a", "ann", 1) == 0


def test_hostile_input_does_not_fill_the_memory() -> None:
    throttles = Throttles(3, 5, Time())
    for number in range(30_000):
        fail(throttles, f"bot{number}", f"name{number}", 1)
    assert len(throttles._tallies) <= 20_000


def test_registrations_of_an_address_are_limited_by_the_hour() -> None:
    clock = Time()
    throttles = Throttles(0, 30, clock)
    for _ in range(30):
        throttles.register("school")
    with pytest.raises(Throttled, match="Too many new accounts just now"):
        throttles.register("school")
    throttles.register("elsewhere")
    clock.now += 120
    throttles.register("school")


def test_registrations_of_all_addresses_together_are_limited() -> None:
    throttles = Throttles(0, 2, Time())
    for number in range(20):
        throttles.register(f"bot{number}")
    with pytest.raises(Throttled):
        throttles.register("another")


def wrong_password(server: ServerProcess, name: str, host: str) -> str:
    peer = Peer(server.port, local=host)
    peer.send('>hello {"v":1}')
    peer.send_event("login", name=name, password="wrong password")
    text = str(peer.until_event("result", ok=False)["text"])
    peer.close()
    return text


@pytest.mark.parametrize("name", ["ann", "nobody"])
def test_guesses_are_told_to_wait_whether_the_name_exists_or_not(
    start_server: StartServer, name: str
) -> None:
    server = start_server(login_rate=3)
    server.join("ann").close()
    told = [wrong_password(server, name, "127.0.0.2") for _ in range(8)]
    assert told[:6] == ["Unknown name or wrong password. Try again."] * 6
    assert told[6].startswith("Too many wrong passwords just now. Wait ")
    server.join("ann")  # from her own address, with the right one


def test_many_at_once_with_the_right_password_all_get_in(start_server: StartServer) -> None:
    server = start_server(login_rate=3, scrypt_n=4096)
    server.add_user("robot")
    crowd = [server.program_start() for _ in range(24)]
    for peer in crowd:
        peer.send_event("login", name="robot", password=PASSWORD)
    for peer in crowd:
        peer.until_event("notice", kind="welcome")


def test_many_guesses_at_once_are_limited_and_an_old_ticket_is_none(
    start_server: StartServer,
) -> None:
    server = start_server(login_rate=3)
    server.add_user("ann")
    crowd = [server.program_start() for _ in range(30)]
    for peer in crowd:
        peer.send_event("login", name="ann", password="wrong password")
    told = [str(peer.until_event("result", ok=False)["text"]) for peer in crowd]
    assert sum(text.startswith("Unknown name") for text in told) == 6
    assert sum(text.startswith("Too many wrong passwords") for text in told) == 24
    for _ in range(60):
        peer = Peer(server.port, local="127.0.0.3")
        peer.send('>hello {"v":1}')
        peer.send_event("resume", ticket="A" * 43)
        assert "is invalid or has expired" in peer.until_event("result", ok=False)["text"]
        peer.close()
    elsewhere = Peer(server.port, local="127.0.0.3")
    elsewhere.send("n", "ann", PASSWORD)
    elsewhere.until("Welcome, ann")


def test_the_dialogue_and_the_old_password_are_throttled_and_a_ticket_is_not(
    start_server: StartServer,
) -> None:
    server = start_server(login_rate=3)
    server.join("ann").close()
    peer = server.program_start()
    peer.send_event("login", name="ann", password=PASSWORD, ticket=True)
    ticket = peer.until_event("ticket")["ticket"]
    peer.send_event("command", line="/changepassword")
    for _ in range(6):
        peer.until_event("prompt", ask="old-password")
        peer.send_event("answer", text="wrong password")
    assert "not your password" in peer.until_event("result")["text"]
    peer.send_event("command", line="/deleteaccount")
    peer.until_event("prompt", ask="old-password")
    peer.send_event("answer", text=PASSWORD)
    assert "Too many wrong passwords" in peer.until_event("notice", kind="error")["text"]
    peer.until_event("prompt", ask="old-password")
    peer.send_event("answer", text="")
    assert peer.until_event("result")["text"] == "Nothing was deleted."
    plain = server.peer()
    plain.send("n", "ann", PASSWORD)
    plain.until("Too many wrong passwords just now. Wait")
    again = server.program_start()
    again.send_event("resume", ticket=ticket)
    again.until_event("notice", kind="welcome")
