"""What was imposed on somebody, and a name, outlast the account."""

import pytest

from tests.conftest import StartServer
from tests.harness import PASSWORD, Peer, ServerProcess

RESTS = "That name was in use until recently and is reserved for a while."


def deletes(peer: Peer, name: str) -> None:
    """Let somebody delete the own account, and wait until it is gone."""
    peer.send("/deleteaccount", PASSWORD, name)
    assert peer.is_closed()


def test_a_name_that_was_given_up_is_nobody_elses_until_the_operator_frees_it(
    start_server: StartServer,
) -> None:
    server = start_server(reserve_days=30)
    watcher, peer = server.join("watcher"), server.join("Ann")
    deletes(peer, "Ann")
    watcher.until("Ann has left")
    server.join("olga").close()
    assert server.operate("rename-user", "olga", "helga").returncode == 0
    for name in ("ann", "ＡＮＮ", "olga"):
        newcomer = server.peer()
        newcomer.send("y", name)
        newcomer.until(RESTS)
        program = server.program_start()
        program.send_event("register", name=name, password=PASSWORD)
        refused = program.until_event("result", command="login")
        assert (refused["ok"], refused["code"]) == (False, "name-taken")
        done = server.operate("add-user", name, "--password-stdin", given=PASSWORD + "\n")
        assert RESTS in done.stderr
    assert server.operate("rename-user", "watcher", "ann").returncode == 1
    assert server.operate("rename-user", "helga", "olga").returncode == 0  # it was hers
    done = server.operate("free-name", "ANN")
    assert (done.returncode, done.stdout) == (0, "The name ANN may be taken again.\n")
    assert "freed the name ANN" in server.operate("audit").stdout
    again = server.operate("free-name", "ann")
    assert (again.returncode, again.stderr) == (
        1,
        "The name ann is not reserved, and nothing is inherited.\n",
    )
    server.join("ann")


@pytest.mark.parametrize("name", ["loud", "another"])
def test_a_mute_holds_for_who_makes_the_account_anew(start_server: StartServer, name: str) -> None:
    server = start_server(reserve_days=0)
    boss, loud = server.join_superuser("boss"), server.join("loud")
    assert "may read but not write" in boss.answer_to("/mute loud 1h too loud")
    loud.until("may read, but not write")
    deletes(loud, "loud")
    server.join(name).close()
    program = server.program_start()
    program.send_event("login", name=name, password=PASSWORD)
    program.until_event("notice", kind="welcome")
    program.send_event("post", text="here I am again", cid="1")
    refused = program.until_event("result", cid="1")
    assert (refused["ok"], refused["code"]) == (False, "muted")
    assert "too loud" in refused["text"]
    other = Peer(server.port, local="127.0.0.9")  # from elsewhere, and another name
    other.send("y", "quiet", PASSWORD, PASSWORD, "good evening")
    boss.until("quiet: good evening")
    assert f"{name} may write again" in boss.answer_to(f"/unmute {name}")
    program.send_event("post", text="sorry", cid="2")
    boss.until(f"{name}: sorry")


def test_who_is_ignored_is_so_under_the_next_account_from_there(
    start_server: StartServer,
) -> None:
    server = start_server(reserve_days=30)
    ann, pest = server.join("ann"), server.join("pest")
    assert "You ignore pest now." in ann.answer_to("/ignore pest")
    deletes(pest, "pest")
    carl = Peer(server.port, local="127.0.0.9")
    carl.send("y", "carl", PASSWORD, PASSWORD)
    carl.until("Here now")
    plague = server.join("plague")
    while "You ignore: plague" not in ann.answer_to("/ignore"):  # a server hears of it at once
        pass
    plague.send("me again", "/messageto ann me again", "/me waves")
    carl.until("plague waves")
    carl.send("so it is quiet")
    ann.until("so it is quiet")
    assert "me again" not in ann.seen
    assert "* plague" not in ann.seen
    ann.answer_to("/unignore plague")
    plague.send("hello?")
    ann.until("plague: hello?")


def test_a_kick_holds_for_who_makes_the_account_anew(start_server: StartServer) -> None:
    server = start_server(reserve_days=0, kick_minutes=60)
    boss, rude = server.join_superuser("boss"), server.join("rude")
    assert "was kicked" in boss.answer_to("/kickuser rude")
    assert rude.is_closed()
    assert server.operate("delete-user", "rude", "--yes").returncode == 0
    newcomer = server.peer()
    newcomer.send("y", "rude", PASSWORD, PASSWORD)
    newcomer.until("You were kicked by boss")
    assert newcomer.is_closed()


def test_a_ban_of_each_room_holds_for_who_makes_the_account_anew(start_server: StartServer) -> None:
    server = start_server(reserve_days=0)
    owner, pest = server.join("owner"), server.join("pest")
    for name in ("den", "cellar"):
        owner.answer_to(f"/create {name}")
        assert "is banned from" in owner.answer_to("/roomban pest 1h spam")
    deletes(pest, "pest")
    again = server.join("another")
    for name in ("den", "cellar"):
        assert f"You were banned from #{name} by owner: spam." in again.answer_to(f"/join {name}")
    assert "may join #cellar again" in owner.answer_to("/unroomban another")
    assert "You talk in #cellar now" in again.answer_to("/join cellar")


def test_the_operator_ends_what_those_behind_one_address_inherit(
    start_server: StartServer,
) -> None:
    server = start_server(reserve_days=0)
    boss, loud = server.join_superuser("boss"), server.join("loud")
    boss.answer_to("/mute loud forever")
    deletes(loud, "loud")
    first = server.join("first")
    first.send("hello")
    first.until("You may read, but not write")
    assert server.operate("free-name", "loud").returncode == 0
    second = server.join("second")
    second.send("good morning")
    boss.until("second: good morning")


def test_no_sanction_is_confirmed_of_an_account_that_has_gone(start_server: StartServer) -> None:
    server = start_server(reserve_days=0)
    boss = server.join_superuser("boss")
    for number in range(5):
        name = f"gone{number}"
        peer = server.join(name)
        peer.send("/deleteaccount", PASSWORD, name)
        told = boss.answer_to(f"/mute {name} 1h")
        assert peer.is_closed()
        newcomer = server.join(f"new{number}")
        newcomer.send(f"here is {number}")
        if "may read but not write" in told:  # it came first: then it is inherited
            newcomer.until("may read, but not write")
            assert server.operate("free-name", name).returncode == 0
        else:
            assert "There is nobody called" in told or "was deleted just now" in told
            boss.until(f"here is {number}")


def test_a_new_name_is_refused_before_a_password_is_asked_for(room: ServerProcess) -> None:
    room.join("pupil02").close()
    newcomer = room.peer()
    newcomer.send("y", "pupi102")
    newcomer.until("looks like another one")
    newcomer.until("Choose a user name:")
    newcomer.send("PUPIL02")
    newcomer.until("That name is taken.")
    newcomer.until("Choose a user name:")
    assert "password" not in newcomer.seen
