"""Who may make an account, and the invitation in one string."""

import re
from pathlib import Path

import pytest

from chatroom.client.invitation import Invitation, code_in, read
from chatroom.errors import UserError
from tests.client.test_pipe import Pipe, pipe
from tests.client.test_terminal import Sit, sit
from tests.conftest import StartServer
from tests.harness import PASSWORD, Peer, ServerProcess

__all__ = ["pipe", "sit"]  # the fixtures

NO_CODE = "A new account needs an invitation here"
SPENT = "That invitation is invalid or has expired."


def invite(server: ServerProcess, *words: str) -> str:
    done = server.operate("invite", *words)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def code_of(invitation: str) -> str:
    match = re.search(r"code=([\w-]+)&pin=sha256:[0-9a-f]{64}$", invitation)
    assert match, invitation
    return match[1]


def register(server: ServerProcess, name: str, code: str | None) -> Peer:
    peer = server.program_start()
    more = {} if code is None else {"code": code}
    peer.send_event("register", name=name, password=PASSWORD, **more)
    return peer


def is_in(peer: Peer) -> bool:
    return '"kind":"welcome"' in peer.until('"kind":"welcome"', '"ok":false')


def test_the_start_says_who_may_make_an_account(start_server: StartServer) -> None:
    server = start_server()
    server.add_user("boss", superuser=True)
    for registration, sentence in (
        ("open", "Registration is open: whoever"),
        ("invite", "Registration is by invitation"),
        ("closed", "Registration is closed"),
    ):
        server.stop()
        server.settings["CHATROOM_REGISTRATION"] = registration
        server.start()
        server.wait_for_line(sentence)


def test_a_closed_door_says_so_and_lets_those_in_who_have_an_account(
    start_server: StartServer,
) -> None:
    server = start_server(registration="closed")
    server.add_user("ann")
    server.join("ann").close()
    peer = server.peer()
    peer.send("y")
    peer.until("New accounts cannot be made here. Ask the operator for one")
    peer.send("n", "ann", PASSWORD)
    peer.until("Welcome")
    bob = register(server, "bob", None)
    assert "New accounts cannot be made" in bob.until_event("result", ok=False)["text"]


def test_an_invitation_opens_the_door_as_often_as_it_says(start_server: StartServer) -> None:
    server = start_server(registration="invite")
    code = code_of(invite(server, "--uses", "2"))
    assert NO_CODE in register(server, "ann", None).until_event("result", ok=False)["text"]
    assert SPENT in register(server, "ann", "x" * 22).until_event("result", ok=False)["text"]
    assert is_in(register(server, "ann", code))
    # A name that is taken uses nothing up.
    assert "taken" in register(server, "ann", code).until_event("result", ok=False)["text"]
    by_hand = server.peer()
    by_hand.send("y", code, "bob", PASSWORD, PASSWORD)
    by_hand.until("The code of your invitation:")
    by_hand.until("Welcome, bob")
    assert SPENT in register(server, "carl", code).until_event("result", ok=False)["text"]
    assert "There are no valid invitations" in server.operate("invites").stdout


def test_one_use_lets_one_in_however_many_try_at_once(start_server: StartServer) -> None:
    server = start_server(registration="invite")
    code = code_of(invite(server))
    crowd = [server.program_start() for _ in range(20)]
    for number, peer in enumerate(crowd):
        peer.send_event("register", name=f"p{number}", password=PASSWORD, code=code)
    assert sum(is_in(peer) for peer in crowd) == 1


def test_an_invitation_survives_a_crash_and_so_does_its_use(start_server: StartServer) -> None:
    server = start_server(registration="invite")
    code = code_of(invite(server, "--uses", "2"))
    server.kill()
    server.start()
    assert is_in(register(server, "ann", code))
    server.kill()
    server.start()
    assert is_in(register(server, "bob", code))
    server.kill()
    server.start()
    assert SPENT in register(server, "carl", code).until_event("result", ok=False)["text"]


def test_invitations_run_out_and_can_be_taken_back(start_server: StartServer) -> None:
    server = start_server(registration="invite")
    short = code_of(invite(server, "--days", "0.000000001"))
    assert SPENT in register(server, "ann", short).until_event("result", ok=False)["text"]
    code = code_of(invite(server))
    listed = server.operate("invites").stdout
    number = listed.splitlines()[1].split()[0]
    assert code not in listed
    assert server.operate("revoke-invite", number).returncode == 0
    assert SPENT in register(server, "ann", code).until_event("result", ok=False)["text"]
    assert server.operate("revoke-invite", number).returncode == 1
    for words in (("--uses", "0"), ("--days", "0"), ("--days", "-1"), ("--days", "nan")):
        failed = server.operate("invite", *words)
        assert failed.returncode == 1, words
        assert failed.stderr.count("\n") == 1
    assert "made an invitation" in server.operate("audit").stdout


def test_superusers_invite_from_inside(start_server: StartServer) -> None:
    server = start_server(registration="invite", public_host="chat.example")
    server.add_user("boss", superuser=True)
    boss = server.join("boss")
    invitation = boss.answer_to("/invite-code 2h 3")
    line = f'python chatroom_client.py "chatroom://chat.example:{server.port}/?code='
    assert line in invitation
    listed = boss.answer_to("/invite-codes")
    assert re.search(r"1 +boss +3 +20", listed)
    boss.answer_to("/invite-code")
    assert "Invitation 1 is no longer valid." in boss.answer_to("/revoke-code 1")
    assert "There is no invitation 1." in boss.answer_to("/revoke-code 1")
    server.add_user("ann")
    assert "superusers only" in server.join("ann").answer_to("/invite-code")


def test_the_one_string_needs_no_blind_trust_and_no_further_setting(
    start_server: StartServer, sit: Sit, pipe: Pipe, tmp_path: Path
) -> None:
    server = start_server("--host", "0.0.0.0", registration="invite", public_host="127.0.0.2")
    invitation = invite(server, "--uses", "2").replace(":9797/", f":{server.port}/")
    guest = sit(server.port, host=invitation)
    guest.register("gus")
    assert "new here" not in guest.screen
    assert "code" not in guest.screen
    # The next time the address is enough.
    again = sit(server.port, host="127.0.0.2")
    again.see("[y/n]")
    assert "new here" not in again.screen
    wrong = sit(server.port, host=invitation[:-4] + "0000")
    wrong.see("IS NOT THE EXPECTED ONE")
    wrong.screen = ""
    assert wrong.end() == 3


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("chatroom://h/", Invitation("h", 9797)),
        ("chatroom://H:1/?code=a_b-c&more=x", Invitation("h", 1, "", "a_b-c")),
        (
            "chatroom://[::1]:9797/?code=a&pin=sha256:" + "ab" * 32,
            Invitation("::1", 9797, "sha256:" + "ab" * 32, "a"),
        ),
    ],
)
def test_an_invitation_is_read(text: str, place: Invitation) -> None:
    assert read(text) == place


@pytest.mark.parametrize(
    "text",
    [
        "chatroom://",
        "chatroom://:1/",
        "chatroom://h:x/",
        "chatroom://h:99999/",
        "chatroom://h/?code=a&pin=sha256:abc",
        "chatroom://[::/",
    ],
)
def test_what_is_no_invitation(text: str) -> None:
    with pytest.raises(UserError):
        read(text)


def test_a_broken_invitation_is_a_wrong_command_line(sit: Sit) -> None:
    guest = sit(1, host="chatroom://h/?code=a&pin=sha256:ab")
    guest.see("Copy it again")
    assert guest.end() == 2


def test_a_wrong_code_is_asked_again_and_a_whole_invitation_is_taken(
    start_server: StartServer, sit: Sit
) -> None:
    server = start_server(registration="invite")
    invitation = invite(server)
    ann = sit(server.port)
    ann.answer("[y/n] ", "y")
    for wrong in ("x", invitation.replace("code=", "code=x")):
        ann.answer("code of your invitation: ", wrong)
        ann.see(SPENT)
    ann.answer("code of your invitation: ", f" {invitation} ")
    ann.answer("user name: ", "ann")
    ann.answer("(8 bytes or more): ", PASSWORD)
    ann.answer("again: ", PASSWORD)
    ann.see("Welcome, ann")


def test_the_code_of_an_invitation_is_found_in_whatever_was_pasted() -> None:
    url = f"chatroom://chat.example:9/?code=abc-1&pin=sha256:{'0' * 64}"
    for text in ("abc-1", " abc-1 ", url, f"'{url}'", f'python chatroom_client.py "{url}"'):
        assert code_in(text) == "abc-1"
    for text in ("chatroom://", "chatroom://chat.example", ""):
        assert code_in(text) == text


def test_the_whole_line_to_type_is_told_and_the_invitation_stands_alone(
    start_server: StartServer,
) -> None:
    done = start_server(registration="invite").operate("invite")
    code_of(done.stdout.strip())
    assert done.stderr == (f'The line to send: python chatroom_client.py "{done.stdout.strip()}"\n')
