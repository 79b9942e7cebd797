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
