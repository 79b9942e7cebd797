"""Who may make rooms: the setting ``room_creators``."""

from tests.conftest import StartServer


def test_superusers_alone_make_rooms_where_it_is_so(start_server: StartServer) -> None:
    server = start_server(room_creators="superusers")
    boss, ann = server.join_superuser("boss"), server.join("ann")
    sentence = "On this server only superusers make rooms. Ask one."
    assert sentence in ann.answer_to("/create dev")
    program = server.program_peer("robot")
    program.send_event("command", name="create", args={"room": "dev"}, cid="c")
    assert program.until_event("result", cid="c", code="not-allowed", ok=False)
    assert "#dev is yours" in boss.answer_to("/create dev")
    assert "You talk in #dev now" in ann.answer_to("/join dev")


def test_the_limit_counts_the_rooms_that_there_are(start_server: StartServer) -> None:
    server = start_server(rooms=1)
    ann, bob = server.join("ann"), server.join("bob")
    ann.answer_to("/create dev")
    sentence = "There are 1 rooms already; no more can be made here."
    assert sentence in bob.answer_to("/create garden")
    assert sentence in bob.answer_to("/talk ann")
    ann.send("/deleteroom", "dev")
    ann.until("#dev is deleted")
    assert "You talk in #ann-bob now" in bob.answer_to("/talk ann")
    assert sentence in ann.answer_to("/create dev")
    assert "You talk in #ann-bob now" in ann.answer_to("/talk bob")  # is there already
