"""Who is let in, in one process: limits, bans, and the end of a login that takes too long."""

import threading

import pytest

from chatroom.accounts.retries import Retries
from chatroom.errors import Disconnected, EndReason
from chatroom.net.admission import Admission, NotAdmitted
from chatroom.net.connection import Connection
from chatroom.net.flusher import Flusher
from chatroom.net.limits import CROWDED, FROM_ADDRESS, NOT_YET, ConnectionLimits
from chatroom.net.stripe import Stripe
from tests.harness import PATIENCE, at_end, pair


class Port:
    """Connects from any address; who is banned is in a set."""

    def __init__(
        self, most_of_address: int = 0, most_outside: int = 0, seconds: float = 60.0
    ) -> None:
        self._flusher = Flusher()
        self._flusher.start()
        at_end.append(self._flusher.close)
        self.retries = Retries()
        self.banned: set[str] = set()
        limits = ConnectionLimits(1000, most_of_address, most_outside, 0, self.retries)
        self.admission = Admission(limits, seconds, lambda a: "Banned." if a in self.banned else "")

    def come(self, address: str) -> Connection:
        return self._connect(address, address)

    def come_through_balancer(self) -> Connection:
        return self._connect("balancer", NOT_YET)

    def _connect(self, address: str, network: str) -> Connection:
        def connect(stripe: Stripe) -> Connection:
            ours, _ = pair()
            return Connection(
                *(ours, address, network, 1000, 100_000), stripe, self._flusher, self.admission
            )

        return self.admission.admit(address, network, connect)


def test_who_is_banned_is_not_admitted_and_whoever_is_here_then_is_ended() -> None:
    port = Port()
    first, other = port.come("192.0.2.1"), port.come("192.0.2.2")
    first.logged_in()
    port.banned.add("192.0.2.1")
    port.admission.disconnect_banned()
    assert (first.ended_by, other.ended_by) == (EndReason.BANNED, None)
    with pytest.raises(NotAdmitted) as refused:
        port.come("192.0.2.1")
    assert refused.value.why == "banned"
    assert b'"do":"kick"' in refused.value.farewell()


def test_what_is_over_by_itself_is_no_kick() -> None:
    port = Port(most_of_address=1)
    port.come("192.0.2.1")
    with pytest.raises(NotAdmitted, match=FROM_ADDRESS) as refused:
        port.come("192.0.2.1")
    assert refused.value.why == FROM_ADDRESS
    assert b'"do":"disconnect"' in refused.value.farewell()


def test_in_a_crowd_who_was_waited_for_the_longest_gives_its_slot_away() -> None:
    port = Port(most_outside=5)
    first, second, *_ = [port.come(f"192.0.2.{number}") for number in range(4)]
    with pytest.raises(NotAdmitted, match=CROWDED):
        port.come("192.0.2.9")
    assert port.retries.is_retry("192.0.2.9")
    second.waited_since -= 5
    first.waited_since -= 4
    port.come("192.0.2.10")
    assert (first.ended_by, second.ended_by) == (None, EndReason.STALLED)
    with pytest.raises(Disconnected):
        second.logged_in()


def test_who_is_inside_gives_no_slot_away() -> None:
    port = Port(most_outside=5)
    inside = [port.come(f"192.0.2.{number}") for number in range(4)]
    for one in inside:
        one.logged_in()
        one.waited_since = 0.0
    crowd = [port.come(f"198.51.100.{number}") for number in range(4)]
    with pytest.raises(NotAdmitted, match=CROWDED):
        port.come("192.0.2.9")
    assert all(one.ended_by is None for one in [*inside, *crowd])


def test_who_does_not_log_in_in_time_is_ended_and_who_has_is_not() -> None:
    port = Port(seconds=0.0)
    slow, quick = port.come("192.0.2.1"), port.come("192.0.2.2")
    quick.logged_in()
    assert port.admission.expire() is None
    assert (slow.ended_by, quick.ended_by) == (EndReason.LOGIN_TIMEOUT, None)


def test_the_next_end_of_a_login_is_known() -> None:
    port = Port(seconds=60.0)
    port.come("192.0.2.1")
    left = port.admission.expire()
    assert left is not None
    assert 0 < left <= 60


def test_an_address_that_a_balancer_tells_is_judged_as_any_other() -> None:
    port = Port(most_of_address=1)
    port.banned.add("192.0.2.66")
    told = port.come_through_balancer()
    port.admission.resolve_proxied(told, "192.0.2.1")
    assert (told.address, told.network) == ("192.0.2.1", "192.0.2.1")
    for address, why in (("192.0.2.1", FROM_ADDRESS), ("192.0.2.66", "banned")):
        other = port.come_through_balancer()
        with pytest.raises(NotAdmitted) as refused:
            port.admission.resolve_proxied(other, address)
        assert refused.value.why == why
        port.admission.forget(other)
    port.admission.forget(told)
    port.come("192.0.2.1")


def test_the_stop_waits_until_everybody_has_gone() -> None:
    port = Port()
    guest = port.come("192.0.2.1")
    assert not port.admission.wait_empty(0.0)
    leaving = threading.Thread(target=port.admission.forget, args=(guest,))
    leaving.start()
    assert port.admission.wait_empty(PATIENCE)
    leaving.join()
    assert port.admission.connections() == []
