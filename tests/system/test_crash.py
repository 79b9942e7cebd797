"""kill -9 at any moment: what was confirmed is there, and nothing half."""

import random
import re
import threading

import pytest

from tests.conftest import StartServer
from tests.harness import PASSWORD, Peer, ServerProcess


def register(server: ServerProcess, number: int, wanted: int, confirmed: list[str]) -> None:
    """Register people one after the other until the server is gone."""
    for i in range(wanted):
        name = f"user-{number}-{i}"
        try:
            peer = Peer(server.port)
            peer.send("y", name, PASSWORD, PASSWORD)
            peer.until("Welcome")
        except (OSError, AssertionError):
            return
        confirmed.append(name)
        peer.close()


def survive(server: ServerProcess, rounds: int, registrations: int, seed: int) -> None:
    dice = random.Random(seed)
    everybody: list[str] = []
    for turn in range(rounds):
        confirmed: list[str] = []
        enough = dice.randrange(registrations // 10, registrations)
        workers = [
            threading.Thread(
                target=register,
                args=(server, turn * 4 + n, registrations // 4, confirmed),
            )
            for n in range(4)
        ]
        for worker in workers:
            worker.start()
        while len(confirmed) < enough and any(worker.is_alive() for worker in workers):
            workers[0].join(dice.random() / 100)
        server.kill()
        for worker in workers:
            worker.join()
        assert confirmed
        everybody += confirmed
        server.start()
        listed = server.operate("list-users").stdout.splitlines()[1:]
        kept = {line.split()[0] for line in listed}
        assert kept >= set(everybody)
        assert "damaged" not in server.log()
        for name in dice.sample(everybody, min(5, len(everybody))):
            peer = server.peer()
            peer.send("n", name, PASSWORD)
            peer.until(f"Welcome, {name}")
        assert len(kept) - len(everybody) <= 4 * (turn + 1)  # not confirmed, but whole


def test_confirmed_registrations_survive_kill_9(start_server: StartServer) -> None:
    survive(start_server(connections_per_address=0), rounds=2, registrations=120, seed=1)


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_confirmed_registrations_survive_many_rounds_of_kill_9(start_server: StartServer) -> None:
    survive(start_server(connections_per_address=0), rounds=20, registrations=200, seed=2)


def test_a_killed_server_leaves_neither_lock_nor_port_behind(start_server: StartServer) -> None:
    server = start_server()
    server.join("ann")
    server.kill()
    server.start()
    server.join("ann")
    assert len(re.findall("registered", server.log())) == 1


def test_a_changed_password_survives_kill_9(start_server: StartServer) -> None:
    server = start_server()
    ann = server.join("ann")
    ann.send("/changepassword", PASSWORD, "another password", "another password")
    ann.until("Your password was changed")
    server.kill()
    server.start()
    peer = server.peer()
    peer.send("n", "ann", PASSWORD, "ann", "another password")
    peer.until("Unknown name or wrong password")
    peer.until("Welcome, ann")


# -- what superusers do -------------------------------------------------------------------------

ACTS = (
    ("/ban {name} 2h spam", "/bans", "banned"),
    ("/mute {name} 2h loud", "/whois {name}", "muted"),
    ("/kickuser {name} rude", "/viewkickusers", "kicked"),
    ("/changegrant {name} 0", "/whois {name}", "made"),
)


def moderate(server: ServerProcess, rounds: int) -> None:
    """Do one thing a round and pull the plug as soon as it is confirmed."""
    boss = server.join_superuser("boss")
    for turn in range(rounds):
        act, look, word = ACTS[turn % len(ACTS)]
        name = f"user{turn}"
        server.join(name).close()
        boss.answer_to("/help")
        boss.send(act.format(name=name))
        boss.until(*(f"{name} {did}" for did in ("is banned", "may read", "was k", "is a super")))
        server.kill()
        server.start()
        boss = server.join("boss")
        if "{name}" in look and word == "made":
            assert f"{name} is a superuser" in boss.answer_to(look.format(name=name))
        else:
            assert name in boss.answer_to(look.format(name=name))
            assert word.capitalize() in boss.answer_to(f"/whois {name}")
        audit = boss.answer_to(f"/audit {name}")
        assert f"{word} {name}" in audit
        assert "127.0.0.1" in audit


def test_what_a_superuser_did_survives_kill_9_right_after_it_is_confirmed(
    start_server: StartServer,
) -> None:
    moderate(start_server(), rounds=4)


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_what_superusers_did_survives_a_hundred_times_kill_9(start_server: StartServer) -> None:
    moderate(start_server(connections_per_address=0, registrations_per_address=0), rounds=100)


@pytest.mark.sqlite
def test_nothing_is_confirmed_when_the_data_directory_was_taken_away(
    start_server: StartServer,
) -> None:
    server = start_server()
    ann = server.join("ann")
    ann.send("kept")
    ann.until("ann: kept")
    away = server.data_dir.rename(server.data_dir.with_name("away"))
    ann.send("into nothing")
    ann.until("cannot be saved")
    server.wait_for_line("is gone: stop the server, put the data directory back.")
    assert not server.data_dir.exists()
    away.rename(server.data_dir)
    ann.send("kept again")
    ann.until("ann: kept again")
