"""The login in one process: whoever asks, by questions or in one line, is granted the same."""

import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from chatroom.accounts.accounts import Accounts
from chatroom.accounts.invites import Invites
from chatroom.accounts.passwords import Passwords
from chatroom.accounts.sanctions import Sanctions
from chatroom.accounts.throttles import Caller, Throttles
from chatroom.accounts.tickets import Tickets
from chatroom.commands.services import Services
from chatroom.errors import Code, Disconnected
from chatroom.session.access import LOGIN, REGISTER, RESUME, LoginRequest
from chatroom.session.dialogue import Dialogue
from chatroom.session.login import Login, LoginRefused
from chatroom.storage.records import OPERATOR, Account
from tests.memory_engine import MemoryEngine

PASSWORD = "a good password"


class Peer:
    """Answers from a list; what is told and asked is noted. It is its own connection."""

    network = address = "192.0.2.1"
    is_crowded = False

    def __init__(self, *answers: str | LoginRequest) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []
        self.told: list[tuple[str, object]] = []

    @property
    def connection(self) -> "Peer":
        return self

    def ask_or_login(self, ask: str, text: str, secret: bool) -> str | LoginRequest:
        self.asked.append(ask)
        if not self.answers:
            raise Disconnected
        return self.answers.pop(0)

    def tell(self, kind: str, text: str, **fields: Any) -> None:
        self.told.append((kind, fields.get("code")))

    def refuse(self, text: str, cid: str = "", command: str = "", **fields: Any) -> None:
        self.told.append((f"result of {command}", fields.get("code")))

    def check_ended(self) -> None:
        pass


class House:
    """The services that a login needs, on a real store."""

    def __init__(self, folder: Path, registration: str = "open") -> None:
        self.engine = MemoryEngine(folder)
        self.engine.start(lambda *_: None, lambda _: None, lambda *_: None)
        self.passwords = Passwords(2, 0)
        self.accounts = Accounts(
            *(self.engine.accounts, self.engine.sanctions, self.passwords),
            Throttles(3, 0),
        )
        self.sanctions = Sanctions(self.engine.sanctions, self.engine.settle)
        self.tickets = Tickets(self.engine.tickets, self.engine.accounts, self.sanctions)
        self.services = SimpleNamespace(
            accounts=self.accounts,
            tickets=self.tickets,
            invites=Invites(self.engine.invites, registration),
            sanctions=self.sanctions,
            stopping=threading.Event(),
        )

    def log_in(self, peer: Peer) -> tuple[Account, LoginRequest]:
        return Login(cast(Dialogue, peer), cast(Services, self.services)).run()

    def close(self) -> None:
        self.passwords.close()
        self.engine.close()


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    opened = House(tmp_path)
    opened.accounts.register("ann", PASSWORD)
    yield opened
    opened.close()


def test_by_questions_and_by_a_line_the_same_person_comes_in(house: House) -> None:
    typed, request = house.log_in(Peer("n", "ann", PASSWORD))
    assert request.is_typed
    line = LoginRequest(LOGIN, "ann", PASSWORD)
    assert house.log_in(Peer(line)) == (typed, line)


def test_a_line_is_taken_at_whatever_question_it_comes(house: House) -> None:
    line = LoginRequest(LOGIN, "ann", PASSWORD)
    for answers in ([], ["n"], ["n", "ann"], ["y"], ["y", "bob"], ["y", "bob", PASSWORD]):
        assert house.log_in(Peer(*answers, line))[0].name == "ann"


def test_what_is_refused_is_asked_again_where_it_was(house: House) -> None:
    peer = Peer("maybe", "n", "ann", "wrong", "ann", PASSWORD)
    house.log_in(peer)
    assert peer.asked == ["account", "account", "name", "password", "name", "password"]
    assert peer.told == [("error", Code.REFUSED), ("error", Code.WRONG_PASSWORD)]


def test_a_refused_line_is_answered_as_a_line(house: House) -> None:
    peer = Peer(LoginRequest(LOGIN, "ann", "wrong"), LoginRequest(LOGIN, "ann", PASSWORD))
    house.log_in(peer)
    assert peer.told == [("result of login", Code.WRONG_PASSWORD)]


def test_a_new_account_is_asked_for_piece_by_piece(house: House) -> None:
    peer = Peer("y", "ann", "bob", "short", "long enough", "not the same", PASSWORD, PASSWORD)
    account, _ = house.log_in(peer)
    assert account.name == "bob"
    assert peer.asked[1:4] == ["new-name", "new-name", "new-password"]
    assert [code for _, code in peer.told] == [
        *(Code.NAME_TAKEN, Code.BAD_PASSWORD, Code.BAD_PASSWORD)
    ]
    assert house.log_in(Peer(LoginRequest(LOGIN, "bob", PASSWORD)))[0] == account


def test_nobody_tries_for_ever(house: House) -> None:
    with pytest.raises(LoginRefused) as end:
        house.log_in(Peer(*["maybe"] * 6))
    assert end.value.code is Code.REFUSED
    with pytest.raises(LoginRefused) as end:
        house.log_in(Peer(*[LoginRequest(RESUME, ticket="made up")] * 6))
    assert end.value.code is Code.TICKET


def test_a_code_lets_a_new_password_be_chosen_and_works_once(house: House) -> None:
    ann = house.accounts.find("ann")
    code = house.accounts.issue_reset(ann, OPERATOR)
    peer = Peer("n", "ann", code, "short", "a new password", "a new password")
    assert house.log_in(peer)[0].id == ann.id
    assert peer.asked[2:] == ["password", "new-password", "new-password", "again"]
    with pytest.raises(Disconnected):
        house.log_in(Peer("n", "ann", code))
    assert house.log_in(Peer(LoginRequest(LOGIN, "ann", "a new password")))[0].id == ann.id


def test_a_line_in_place_of_a_new_password_leaves_the_old_one(house: House) -> None:
    code = house.accounts.issue_reset(house.accounts.find("ann"), OPERATOR)
    peer = Peer("n", "ann", code, LoginRequest(LOGIN, "ann", PASSWORD))
    assert house.log_in(peer)[1].word == LOGIN
    assert peer.told == [("reset", None)]


def test_in_a_lockdown_only_a_ticket_lets_somebody_in(house: House) -> None:
    ann = house.accounts.find("ann")
    issued = house.tickets.issue(ann, "")
    assert issued is not None
    ticket, _ = issued
    house.sanctions.set_lockdown(True, OPERATOR)
    house.sanctions.load()
    for request in (LoginRequest(LOGIN, "ann", PASSWORD), LoginRequest(REGISTER, "bob", PASSWORD)):
        with pytest.raises(LoginRefused) as end:
            house.log_in(Peer(request))
        assert end.value.code is Code.LOCKDOWN
    assert house.log_in(Peer(LoginRequest(RESUME, ticket=ticket)))[0] == ann


def test_in_a_crowd_who_would_be_held_up_is_told_to_try_again_and_then_goes_first(
    house: House,
) -> None:
    for number in range(20):
        bot = Caller(f"198.51.100.{number}", pause=lambda seconds: None)
        assert house.accounts.log_in("ann", "a guess", bot) is None
    peer = Peer(*[LoginRequest(LOGIN, "ann", PASSWORD)] * 2)
    peer.is_crowded = True
    assert house.log_in(peer)[0].name == "ann"
    assert peer.told == [("result of login", Code.CROWDED)]


def test_who_fails_too_often_is_told_how_long_to_wait_whether_the_name_exists_or_not(
    house: House,
) -> None:
    for number, name in enumerate(("ann", "nobody")):
        peer = Peer(*[LoginRequest(LOGIN, name, "a guess")] * 5)
        peer.network = f"192.0.2.{number}"
        with pytest.raises(Disconnected):
            house.log_in(peer)
        again = Peer(*[LoginRequest(LOGIN, name, "a guess")] * 2)
        again.network = peer.network
        with pytest.raises(Disconnected):
            house.log_in(again)
        codes = [code for _, code in peer.told + again.told]
        assert codes == [*[Code.WRONG_PASSWORD] * 6, Code.THROTTLED]
