"""The limits of connections: who may come in before the login, and how addresses are counted."""

import pytest

from chatroom.accounts.retries import Retries
from chatroom.net.limits import (
    CROWDED,
    FROM_ADDRESS,
    FULL,
    LOGGING_IN_FROM_ADDRESS,
    ConnectionLimits,
    network_of,
)
from tests.conftest import StartServer
from tests.harness import PASSWORD, is_turned_away, let_in


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::7", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::1", "::/64"),
    ],
)
def test_an_ipv6_address_counts_by_its_64(address: str, network: str) -> None:
    assert network_of(address) == network


def test_anybody_may_come_in_until_four_fifths_are_taken() -> None:
    limits = ConnectionLimits(1000, 0, 100, 0, Retries())
    for number in range(80):
        assert limits.refusal(str(number)) == ""
        assert limits.is_crowded == (number >= 50)
        limits.enter(str(number))
    assert limits.refusal("x") == CROWDED
    limits.log_in("7")
    assert limits.refusal("x") == ""


def test_where_only_one_may_be_before_its_login_somebody_comes_in_all_the_same() -> None:
    limits = ConnectionLimits(1000, 0, 1, 0, Retries())
    assert limits.refusal("a") == ""
    limits.enter("a")
    assert limits.refusal("b") == CROWDED


def test_the_last_places_are_for_who_was_turned_away_and_comes_back() -> None:
    limits = ConnectionLimits(1000, 0, 100, 0, Retries())
    for number in range(99):
        limits.enter(str(number))
    assert limits.refusal("patient") == CROWDED
    limits.retries.note("patient")
    assert limits.refusal("patient") == ""
    assert limits.refusal("stranger") == CROWDED
    limits.enter("patient")
    assert limits.refusal("patient") == CROWDED  # not one more than the most


def test_crowded_limits_give_the_place_of_who_does_not_answer_to_another(
    start_server: StartServer,
) -> None:
    server = start_server(unauthenticated=5, login_seconds=60)

    stalled = [let_in(server, CROWDED) for _ in range(5)]
    ann = let_in(server, CROWDED)  # when the first one has been waited for long enough
    assert "Many people are logging in, and you took long to answer." in stalled[0].until_end()
    ann.send("y", "ann", PASSWORD, PASSWORD)
    ann.until("Welcome, ann")


def test_the_limits_of_one_network_hold_for_it_alone() -> None:
    limits = ConnectionLimits(5, 3, 0, 2, Retries())
    limits.enter("a")
    limits.enter("a")
    assert limits.refusal("a") == LOGGING_IN_FROM_ADDRESS
    limits.log_in("a")
    assert limits.refusal("a") == ""
    limits.enter("a")
    limits.log_in("a")
    assert limits.refusal("a") == FROM_ADDRESS
    assert limits.refusal("b") == ""
    limits.leave("a")
    assert limits.refusal("a") == ""
    limits.enter("b")
    limits.enter("c")
    limits.enter("d")
    assert limits.refusal("e") == FULL


def test_who_has_not_logged_in_counts_until_the_login_or_the_end(
    start_server: StartServer,
) -> None:
    server = start_server(unauthenticated_per_address=2)
    first, second = server.peer(), server.peer()
    first.until("[y/n]")
    second.until("[y/n]")
    assert is_turned_away(server.peer(), LOGGING_IN_FROM_ADDRESS)
    first.send("y", "ann", PASSWORD, PASSWORD)
    first.until("Here now")  # ann counts no more
    third = server.peer()
    third.until("[y/n]")
    assert is_turned_away(server.peer(), LOGGING_IN_FROM_ADDRESS)
    second.close()
    let_in(server, LOGGING_IN_FROM_ADDRESS)  # its place is free as soon as its thread has ended
    third.close()


def test_stalled_logins_give_their_places_back(start_server: StartServer) -> None:
    server = start_server(unauthenticated=8, login_seconds=1)
    stalled = [server.peer() for _ in range(40)]
    ends = [peer.until_end() for peer in stalled]
    assert any(CROWDED in text for text in ends)
    assert any("You took too long to log in." in text for text in ends)
    let_in(server, CROWDED)
