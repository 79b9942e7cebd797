"""Who was turned away in a crowd and comes back: remembered for a minute, in bounded memory."""

from chatroom.accounts.retries import Retries
from chatroom.accounts.throttles import Caller, Throttles


def test_who_comes_back_within_a_minute_is_known_and_nobody_else() -> None:
    now = 1000.0
    retries = Retries(lambda: now)
    retries.note("a")
    now += 59
    assert retries.is_retry("a")
    assert not retries.is_retry("b")
    now += 2
    assert not retries.is_retry("a")


def test_a_flood_of_addresses_does_not_fill_the_memory() -> None:
    retries = Retries()
    for number in range(30_000):
        retries.note(str(number))
    assert len(retries._turned_away) == 10_000
    assert retries.is_retry("29999")


def test_who_comes_back_goes_before_all_others_but_not_with_failures_of_its_own() -> None:
    throttles = Throttles(3, 0)

    def caller(network: str) -> Caller:
        return Caller(network, pause=lambda seconds: None)

    for number in range(20):
        throttles.failed(throttles.begin(caller(f"bot{number}"), "ann"))
    stranger = throttles.begin(caller("fresh"), "ann")
    assert stranger.wait > 0
    assert stranger.rank > 0
    throttles.retries.note("patient")
    attempt = throttles.begin(caller("patient"), "ann")
    assert (attempt.wait, attempt.rank) == (0.0, -1)
    throttles.failed(attempt)
    assert throttles.begin(caller("patient"), "bob").rank > 0
