"""What hangs on an account, and goes with it."""

import time
from dataclasses import replace

import pytest

from chatroom.errors import LastSuperuser
from chatroom.storage.records import KICK, SUPERUSER, Places, Sanction, Ticket
from tests.engine.conftest import Running, account
from tests.harness import PATIENCE


def ticket(account_id: str) -> Ticket:
    return Ticket(account_id.encode().ljust(32), account_id, time.time() + 999)


def test_an_account_goes_with_all_that_hangs_on_it(running: Running) -> None:
    engine = running.engine
    boss = engine.save_account(account("boss", SUPERUSER))
    ann = engine.save_account(account("ann"))
    engine.save_places({"id-ann": Places({"lobby": 3}, "lobby", 1.0)})
    engine.save_tickets([ticket("id-ann")])
    engine.save_tickets([ticket("id-boss")])
    engine.save_sanction(Sanction(KICK, "id-ann", "ann", "boss", "", 0.0, time.time() + 99))
    engine.save_tickets([ticket("id-ann")])
    while not running.controls.empty():
        running.controls.get_nowait()
    engine.delete_account(ann)
    assert running.controls.get(timeout=PATIENCE).account_id == "id-ann"
    assert engine.load_account("ann") is None
    assert engine.load_places("id-ann") is None
    assert engine.load_ticket(ticket("id-ann").digest) is None
    assert engine.sanctions("id-ann") == []
    assert engine.load_ticket(ticket("id-boss").digest) is not None
    with pytest.raises(LastSuperuser):
        engine.delete_account(boss)
    assert engine.load_account("boss") == boss


def test_a_new_password_and_a_kick_end_the_tickets_and_a_grant_does_not(running: Running) -> None:
    engine = running.engine
    ann = engine.save_account(account("ann"))
    engine.save_tickets([ticket("id-ann")])
    ann = engine.save_account(replace(ann, grant=SUPERUSER))
    assert engine.load_ticket(ticket("id-ann").digest) is not None
    engine.save_account(replace(ann, password={"scheme": "other"}))
    assert engine.load_ticket(ticket("id-ann").digest) is None
    engine.save_tickets([ticket("id-ann")])
    engine.save_sanction(Sanction(KICK, "id-ann", "ann", "boss", "", 0.0, time.time() + 99))
    assert engine.load_ticket(ticket("id-ann").digest) is None
