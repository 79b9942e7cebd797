"""The operator's ``rooms``: all rooms, private ones, too, and an owner for one."""

import json

from tests.harness import ServerProcess


def test_all_rooms_are_listed_also_while_the_server_is_stopped(server: ServerProcess) -> None:
    ann = server.join("ann")
    ann.answer_to("/create cave private")
    ann.answer_to("/topic what nobody hears of")
    ann.answer_to("/create garden")
    head, *lines = server.operate("rooms").stdout.splitlines()
    assert head.split() == ["room", "owner", "messages", "since", "id"]
    assert [line.split()[:3] for line in lines] == [
        ["#lobby", "-", "-"],
        ["#cave", "ann", "private"],
        ["#garden", "ann", "-"],
    ]
    server.stop()
    done = server.operate("rooms", "--json")
    assert done.returncode == 0
    lobby, cave, garden = map(json.loads, done.stdout.splitlines())
    assert (lobby["room"], lobby["owner"], lobby["private"]) == ("lobby", "", False)
    assert (cave["room"], cave["private"], cave["owner"]) == ("cave", True, "ann")
    assert cave["topic"] == "what nobody hears of"
    assert cave["messages"] >= 2  # what was said to wait for the answers
    assert garden["room_id"]


def test_an_operator_gives_a_room_another_owner(server: ServerProcess) -> None:
    ann, bob = server.join("ann"), server.join("bob")
    ann.answer_to("/create cave private")
    assert "There is no room called 'cave'." in bob.answer_to("/join cave")
    done = server.operate("rooms", "own", "#CAVE", "bob")
    assert (done.returncode, done.stdout) == (0, "bob owns #cave now.\n")
    done = server.operate("rooms", "own", "cave", "bob")
    assert (done.returncode, done.stdout) == (0, "bob owns #cave already.\n")
    ann.until("operator has handed #cave over to bob.")
    assert "You talk in #cave now" in bob.answer_to("/join cave")
    bob.answer_to("/topic mine")
    assert "You talk in #cave now" in ann.answer_to("/room cave")
    assert "is for its owner" in ann.answer_to("/topic ours")
    audit = server.operate("audit").stdout
    assert "made bob the owner of #cave" in audit


def test_what_cannot_be_done_with_rooms_is_told_in_one_sentence(server: ServerProcess) -> None:
    server.add_user("ann")
    for words, sentence in (
        (("delete",), "The name of a room is missing behind delete."),
        (("delete", "lobby"), "The lobby cannot be deleted."),
        (("delete", "cave", "ann"), "'ann' is too much behind delete."),
        (("delete", "cave"), "There is no room 'cave'. See chatroom_server.py rooms."),
        (("own",), "The name of a room is missing behind own."),
        (("own", "cave"), "The name of who owns it from now on is missing."),
        (("own", "cave", "ann"), "There is no room 'cave'. See chatroom_server.py rooms."),
        (("own", "lobby", "ann"), "The lobby is everybody's; nobody can own it."),
        (("own", "lobby", "nobody"), "There is no account 'nobody'. See list-users."),
    ):
        done = server.operate("rooms", *words)
        assert (done.returncode, done.stdout, done.stderr) == (1, "", sentence + "\n")


def test_an_operator_deletes_a_room_that_nobody_else_sees(server: ServerProcess) -> None:
    ann = server.join("ann")
    ann.answer_to("/create cave private")
    ann.answer_to("what was said there")
    done = server.operate("rooms", "delete", "cave", given="cabe\n")
    assert done.returncode == 1
    assert done.stderr == "That is not the name of the room; nothing was deleted.\n"
    server.stop()
    done = server.operate("rooms", "delete", "Cave", given="cave\n")
    assert done.returncode == 0
    assert done.stdout.endswith("#cave is deleted, and all that was said there.\n")
    assert "cave" not in server.operate("rooms").stdout
    audit = server.operate("audit").stdout
    assert "deleted a private room" in audit
    assert "cave" not in audit
    server.start()
    ann = server.join("ann")
    assert "There is no room called 'cave'." in ann.answer_to("/join cave")
    assert "what was said" not in ann.answer_to("/search said")
    assert "#cave is yours" in ann.answer_to("/create cave")


def test_a_room_that_an_operator_deletes_ends_for_those_inside(server: ServerProcess) -> None:
    ann = server.join("ann")
    ann.answer_to("/create cave private")
    assert server.operate("rooms", "delete", "cave", "--yes").returncode == 0
    ann.until("operator has deleted #cave for good.")
    assert "There is no room called 'cave'." in ann.answer_to("/join cave")
