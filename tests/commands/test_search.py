"""/search: the newest first, only in what the person may read."""

import re

from tests.commands.test_history import program_asks, program_says
from tests.conftest import StartServer
from tests.harness import ServerProcess


def found(answer: str) -> list[str]:
    """Return where and what of each line of an answer to /search."""
    moment = r"\d{4}-\d\d-\d\d \d\d:\d\d [AP]M"
    return re.findall(rf"(?m)^{moment} \| (.*)$", answer)


def test_all_words_are_found_the_newest_first_with_where_and_when(server: ServerProcess) -> None:
    ann = server.program_peer("ann")
    program_says(ann, "milk and bread", "bread only", "no MILK, but Bread")
    assert found(program_asks(ann, "/search bread milk")) == [
        "#lobby [3] | ann: no MILK, but Bread",
        "#lobby [1] | ann: milk and bread",
    ]


def test_accents_and_case_do_not_count(server: ServerProcess) -> None:
    ann = server.program_peer("ann")
    program_says(ann, "un CAFÉ crème", "cafeteria")
    assert len(found(program_asks(ann, "/search café"))) == 2
    assert found(program_asks(ann, "/search Creme")) == ["#lobby [1] | ann: un CAFÉ crème"]


def test_double_quotes_keep_words_together(server: ServerProcess) -> None:
    ann = server.program_peer("ann")
    program_says(ann, "the red door", "the door is red", "in lobby")
    assert found(program_asks(ann, '/search "red door"')) == ["#lobby [1] | ann: the red door"]
    assert found(program_asks(ann, '/search "in lobby"')) == ["#lobby [3] | ann: in lobby"]
    assert len(found(program_asks(ann, "/search red door in lobby"))) == 2


def test_a_search_can_be_narrowed_to_a_person_and_a_time(server: ServerProcess) -> None:
    ann, bob = server.program_peer("ann"), server.program_peer("bob")
    program_says(ann, "milk")
    program_says(bob, "milk too")
    assert found(program_asks(ann, "/search milk from BOB")) == ["#lobby [2] | bob: milk too"]
    assert len(found(program_asks(ann, "/search milk since yesterday in lobby"))) == 2
    assert program_asks(ann, "/search milk since 2100-01-01") == "Nothing was found."


def test_at_most_twenty_are_shown_and_more_are_told(server: ServerProcess) -> None:
    ann = server.program_peer("ann")
    program_says(ann, *(f"milk {n}" for n in range(21)))
    answer = program_asks(ann, "/search milk")
    assert len(found(answer)) == 20
    assert found(answer)[0] == "#lobby [21] | ann: milk 20"
    assert "There are more; these are the newest 20." in answer.splitlines()[-1]
    assert "removed" in program_asks(ann, "/delete 1")
    answer = program_asks(ann, "/search milk")
    assert len(found(answer)) == 20
    assert "There are more" not in answer


def test_private_messages_are_found_by_the_two_who_have_them(server: ServerProcess) -> None:
    ann, bob, eve = (server.program_peer(name) for name in ("ann", "bob", "eve"))
    ann.send_event("command", line="/messageto bob the secret milk", cid="p")
    bob.until_event("message", kind="private")
    both = ann.until_event("message", kind="private", cid="p")["private_id"]
    assert found(program_asks(ann, "/search secret")) == [
        f"mail [{both}] | private to bob: the secret milk"
    ]
    assert found(program_asks(bob, "/search secret")) == [
        f"mail [{both}] | private from ann: the secret milk"
    ]
    assert program_asks(eve, "/search secret") == "Nothing was found."
    assert program_asks(bob, "/search secret in lobby") == "Nothing was found."


def test_what_cannot_be_searched_is_answered_with_what_can(server: ServerProcess) -> None:
    ann = server.join("ann")
    for typed, sentence in (
        ("", "WORDS is missing. Type /search WORDS [in ROOM]"),
        ('""', "Say which words to look for"),
        ("milk in cellar", "cellar"),
        ("milk from nobody", "There is nobody called 'nobody'"),
        ("milk since someday", "'someday' is not a date"),
        ("a " * 21, "at most 20 words"),
    ):
        assert sentence in ann.answer_to(f"/search {typed}")


def test_the_words_of_a_search_are_not_in_the_log(start_server: StartServer) -> None:
    server = start_server()
    ann = server.program_peer("ann")
    assert program_asks(ann, "/search zebrafish") == "Nothing was found."
    assert "zebrafish" not in server.log()
