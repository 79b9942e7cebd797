"""A superuser who is demoted in the middle of a command does not get through."""

import threading
from pathlib import Path

import pytest

from chatroom.accounts.accounts import Accounts
from chatroom.accounts.invites import BY_INVITE, Invites
from chatroom.accounts.passwords import Passwords
from chatroom.accounts.sanctions import Sanctions
from chatroom.errors import Demoted
from chatroom.storage.records import BAN, NORMAL, SUPERUSER, Account, Actor
from chatroom.storage.sqlite import SqliteEngine
from tests.conftest import StartServer
from tests.harness import PASSWORD
from tests.storage.contract.conftest import account


def test_no_act_of_somebody_who_is_demoted_counts_however_far_it_had_come(tmp_path: Path) -> None:
    engine = SqliteEngine(tmp_path / "data")
    engine.start(lambda *_: None, lambda *_: None, lambda *_: None)
    passwords = Passwords(1024, 0)
    try:
        accounts = Accounts(engine.accounts, engine.sanctions, passwords)
        sanctions, invites = (
            Sanctions(engine.sanctions, engine.settle),
            Invites(engine.invites, BY_INVITE),
        )
        boss, fallen, bob = (
            engine.accounts.save(account(name, grant))
            for name, grant in (("boss", SUPERUSER), ("fallen", SUPERUSER), ("bob", NORMAL))
        )
        by = Actor("fallen", fallen.id, "192.0.2.1")  # the command is checked and runs
        ban = sanctions.impose(BAN, bob, by, "", 60.0)
        accounts.set_grant(fallen, NORMAL, Actor("boss", boss.id, "192.0.2.2"))
        kept = engine.audit.load(99)
        for act in (
            lambda: sanctions.impose(BAN, boss, by, "revenge", 60.0),
            lambda: sanctions.lift(ban, by),
            lambda: sanctions.set_lockdown(True, by),
            lambda: accounts.set_grant(_now(engine, fallen), SUPERUSER, by),
            lambda: accounts.set_grant(boss, NORMAL, by),
            lambda: accounts.issue_reset(boss, by),
            lambda: engine.audit.write(by.did("removed what bob said")),
            lambda: invites.issue(by, 1, 60.0),
        ):
            with pytest.raises(Demoted):
                act()
        assert engine.audit.load(99) == kept
        assert [one.number for one in engine.sanctions.load()] == [ban.number]
        assert len(engine.accounts.superusers()) == 1
        assert engine.invites.load_all() == []
    finally:
        passwords.close()
        engine.close()


def _now(engine: SqliteEngine, one: Account) -> Account:
    found = engine.accounts.load_by_id(one.id)
    assert found is not None
    return found


def test_nothing_that_was_typed_ahead_counts_once_the_demotion_is_confirmed(
    start_server: StartServer,
) -> None:
    server = start_server(message_rate=0)
    boss = server.join_superuser("boss")
    rogue = server.join("rogue")
    boss.answer_to("/changegrant rogue 0")
    for name in ("ann", "bob"):
        server.join(name)
    ready = threading.Barrier(2)

    def storm() -> None:
        ready.wait()
        for i in range(200):
            rogue.send(f"/mute {'ann' if i % 2 else 'bob'} {i + 1}h", "/unmute ann", "/unmute bob")

    thread = threading.Thread(target=storm)
    thread.start()
    ready.wait()
    boss.send("/changegrant rogue 1")
    boss.until("rogue is a normal user now.")
    before = boss.answer_to("/audit 500").count("rogue")
    thread.join()
    rogue.send("/whois rogue")
    rogue.until("rogue is a normal user")
    assert boss.answer_to("/audit 500").count("rogue") == before
    peer = server.peer()
    peer.send("n", "boss", PASSWORD)
    peer.until("Welcome, boss")
