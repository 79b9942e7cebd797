"""What a person may do with its own data: remove a message, take all along, erase all."""

import json
import re
import threading
from pathlib import Path
from typing import Any

from tests.client.test_terminal import Person
from tests.commands.test_history import messages, program_asks, program_says, say
from tests.conftest import StartServer
from tests.harness import PASSWORD, Peer, ServerProcess

SECRET = "zebrafish"


def program_login(server: ServerProcess, name: str) -> Peer:
    """Return an events connection of an account that exists."""
    peer = server.program_start()
    for text in ("n", name, PASSWORD):
        peer.send_event("answer", text=text)
    peer.until_event("notice", kind="here")
    return peer


def export(peer: Peer) -> list[dict[str, Any]]:
    """Send /export on the events face; return its records."""
    peer.send_event("command", line="/export", cid="export")
    records = [peer.until_event("export")]
    while records[-1]["part"] != "end":
        records.append(peer.until_event("export"))
    assert peer.until_event("result", cid="export")["ok"]
    return records


def delete_account(peer: Peer, name: str, password: str = PASSWORD) -> None:
    """Send /deleteaccount with its answers."""
    peer.send("/deleteaccount", password, name)


# -- /delete ---------------------------------------------------------------------------------


def test_a_removed_message_is_shown_to_nobody_any_more(server: ServerProcess) -> None:
    ann, bob = server.program_peer("ann"), server.program_peer("bob")
    program_says(ann, "one", SECRET, "three")
    bob.until_event("message", text="three")
    assert program_asks(ann, "/delete 2") == "Message 2 is removed for good."
    assert bob.until_event("message", kind="removed")["from"] == "ann"
    for peer in (ann, bob, program_login(server, "bob"), program_login(server, "ann")):
        assert [text for _, text in messages(program_asks(peer, "/history"))] == [
            "ann: one",
            "(removed)",
            "ann: three",
        ]
        assert program_asks(peer, f"/search {SECRET}") == "Nothing was found."
    late = program_login(server, "bob")
    program_says(late, "was here")
    assert SECRET not in late.seen


def test_a_removed_message_stays_removed_after_a_kill(start_server: StartServer) -> None:
    server = start_server()
    ann = server.program_peer("ann")
    program_says(ann, "one", SECRET)
    assert "removed" in program_asks(ann, "/delete")
    server.kill()
    server.start()
    ann = program_login(server, "ann")
    assert [t for _, t in messages(program_asks(ann, "/history"))] == ["ann: one", "(removed)"]
    assert SECRET not in ann.seen


def test_without_an_id_it_is_the_last_own_message_even_one_typed_just_before(
    server: ServerProcess,
) -> None:
    ann, bob = server.join("ann"), server.program_peer("bob")
    ann.send("one", "two", "/delete")
    ann.until("Message 2 is removed")
    program_says(bob, "three")
    ann.send("/delete")
    ann.until("Message 1 is removed")
    ann.send("/delete")
    ann.until("You have said nothing in #lobby lately. Give its id, see /history.")
    texts = [text for _, text in messages(program_asks(bob, "/history"))]
    assert texts == ["(removed)", "(removed)", "bob: three"]


def test_what_cannot_be_removed_is_told_why(server: ServerProcess) -> None:
    ann, bob = server.program_peer("ann"), server.program_peer("bob")
    program_says(ann, "mine")
    program_says(bob, "his")
    assert program_asks(ann, "/delete 2") == "That is not yours; /delete only works on your own."
    assert program_asks(ann, "/delete 99").startswith("There is no message 99 in #lobby.")
    assert program_asks(ann, "/delete 0").startswith("There is no message 0 in #lobby.")
    assert program_asks(ann, "/delete 00000000-1").startswith("That id is of no message")
    assert program_asks(ann, "/delete 1") == "Message 1 is removed for good."
    assert program_asks(ann, "/delete 1") == "Message 1 is removed already."
    assert program_asks(ann, "/delete 3").startswith("There is no message 3 in #lobby.")
    assert [text for _, text in messages(program_asks(bob, "/history"))] == [
        "(removed)",
        "bob: his",
    ]


def test_a_superuser_may_remove_any_message_and_it_is_written_down(
    room: ServerProcess, boss: Peer
) -> None:
    ann = room.program_peer("noisy")
    (seq,) = program_says(ann, "noise noise")
    boss.send(f"/delete {seq}")
    boss.until(f"Message {seq} is removed for good.")
    boss.send(f"my own {SECRET}", "/delete")
    boss.until("is removed for good.")
    trail = boss.answer_to("/audit")
    assert re.search(
        rf"(?m)^ *\d+ +[-0-9]+ [0-9:]+ +boss +127.0.0.1 +removed message {seq} of noisy in #lobby$",
        trail,
    )
    assert "noise noise" not in trail
    assert f"removed message {seq + 2}" not in trail


# -- /export ---------------------------------------------------------------------------------


def test_an_export_has_the_account_and_all_of_its_messages(server: ServerProcess) -> None:
    ann, bob = server.program_peer("ann"), server.program_peer("bob")
    program_says(ann, "one", "two\nlines", SECRET)
    program_says(bob, "not hers")
    ann.send_event("command", line="/messageto bob hi", cid="p")
    ann.until_event("message", kind="private", cid="p")
    bob.send_event("command", line="/messageto ann hello", cid="p")
    bob.until_event("message", kind="private", text="hello")
    assert "removed" in program_asks(ann, "/delete 3")
    account, *said, end = export(ann)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", account.pop("created"))
    assert account == {"part": "account", "name": "ann", "grant": 1, "rooms": ["lobby"], "owns": []}
    assert [(m["room"], m["seq"], m["kind"], m["text"]) for m in said] == [
        ("lobby", 1, "text", "one"),
        ("lobby", 2, "text", "two\nlines"),
        ("lobby", 3, "removed", ""),
        ("", 1, "private", "hi"),
        ("", 2, "private", "hello"),
    ]
    assert [(m["from"], m["to"]) for m in said[3:]] == [("ann", "bob"), ("bob", "ann")]
    assert end == {"part": "end", "messages": 5}
    assert "hash" not in json.dumps([account, *said])


def test_a_person_with_a_bare_terminal_gets_json_lines(server: ServerProcess) -> None:
    ann = server.join("ann")
    say(ann, "one")
    ann.send("/export")
    lines = ann.until('"end"').splitlines()
    assert [json.loads(line)["part"] for line in lines] == ["account", "message", "end"]


def test_the_client_shows_an_export_and_asks_what_a_deletion_asks(
    server: ServerProcess, tmp_path: Path
) -> None:
    person = Person(tmp_path / "home", server.port)
    person.register("ann")
    person.type("one")
    person.see("| ann: one")
    person.type("/export")
    person.see('"text": "one"')
    person.see('{"part": "end", "messages": 1}')
    person.type("/deleteaccount")
    person.answer("Your password: ", PASSWORD)
    person.answer("Type your user name to confirm: ", "ann")
    person.see("Your account was deleted. Goodbye.")
    person.end()


def test_a_large_export_is_whole_for_a_slow_reader_and_waits_for_it(
    start_server: StartServer,
) -> None:
    server = start_server(outbox_bytes=65536, message_rate=0)
    ann = server.program_peer("ann")
    number = 1500
    texts = [f"{n} " + "x" * 6000 for n in range(number)]
    for n in range(0, number, 5):
        program_says(ann, *texts[n : n + 5])
    slow = program_login(server, "ann")
    slow.send_event("command", line="/export", cid="export")
    slow.until_event("export", part="account")
    # It has begun and cannot end: nine megabytes are more than the sockets take. Others talk on.
    program_says(ann, "meanwhile")
    assert "is still running" in program_asks(ann, "/history")
    got = [slow.until_event("export", part="message")["text"] for _ in range(number)]
    assert got == texts
    assert slow.until_event("export", part="end")["messages"] == number
    slow.until_event("result", cid="export", ok=True)
    assert "meanwhile" in program_asks(ann, "/history 1")


# -- /deleteaccount --------------------------------------------------------------------------


def test_an_account_goes_with_all_its_messages_and_its_sessions(start_server: StartServer) -> None:
    server = start_server()
    boss, bob = server.join_superuser("boss"), server.program_peer("bob")
    ann, second = server.join("ann"), server.program_peer("second")
    second.close()
    second = program_login(server, "ann")
    say(ann, SECRET)
    program_says(bob, "stays")
    say(ann, f"{SECRET} again")
    delete_account(ann, "ann")
    said = ann.until_end()
    assert "This erases for good: the account ann, all its messages in all rooms" in said
    assert said.endswith("Your account was deleted. Goodbye.\n")
    assert second.until_event("control", do="disconnect")["text"].startswith("Your account")
    assert second.is_closed()
    assert [text for _, text in messages(program_asks(bob, "/history"))] == [
        "(removed)",
        "bob: stays",
        "(removed)",
    ]
    assert program_asks(bob, f"/search {SECRET}") == "Nothing was found."
    assert "There is nobody called 'ann'" in program_asks(bob, "/messageto ann hi")
    trail = boss.answer_to("/audit")
    assert re.search(r"(?m) ann +127.0.0.1 +deleted the account ann$", trail)
    assert SECRET not in trail
    server.kill()
    server.start()
    bob = program_login(server, "bob")
    assert SECRET not in program_asks(bob, "/history")
    peer = server.peer()
    peer.send("n", "ann", PASSWORD)
    peer.until("Unknown name or wrong password")


def test_a_name_that_is_registered_again_inherits_nothing(server: ServerProcess) -> None:
    bob, ann = server.program_peer("bob"), server.program_peer("ann")
    program_says(ann, SECRET)
    bob.send_event("command", line="/messageto ann for the old one", cid="p")
    ann.until_event("message", kind="private")
    bob.until_event("message", kind="private", cid="p")
    ann.send_event("command", line="/deleteaccount")
    for ask, text in (("old-password", PASSWORD), ("confirm-name", "ann")):
        ann.until_event("prompt", ask=ask)
        ann.send_event("answer", text=text)
    assert ann.is_closed()
    again = server.program_peer("ann")
    assert [record["part"] for record in export(again)] == ["account", "end"]
    assert program_asks(again, "/search the") == "Nothing was found."
    assert "You have said nothing" in program_asks(again, "/delete")
    assert program_asks(again, "/delete 1") == "Message 1 is removed already."


def test_a_wrong_password_or_name_deletes_nothing(server: ServerProcess) -> None:
    server.join_superuser("boss")
    ann = server.join("ann")
    say(ann, "kept")
    ann.send("/deleteaccount", "wrong password")
    ann.until("That is not your password.")
    ann.send("")
    ann.until("Nothing was deleted.")
    delete_account(ann, "anna")
    ann.until("That is not your user name.")
    ann.send("", "/history")
    ann.until("Nothing was deleted.")
    ann.until("History of")
    assert [text for _, text in messages(ann.until("kept"))] == ["ann: kept"]
    server.join("ann")


def test_the_last_superuser_stays(server: ServerProcess) -> None:
    boss = server.join_superuser("boss")
    ann = server.join("ann")
    boss.send("/deleteaccount")
    boss.until("You are the last superuser. Make somebody else a superuser first.")
    assert "superuser now" in boss.answer_to("/changegrant ann 0")
    delete_account(boss, "boss")
    assert "Your account was deleted" in boss.until_end()
    ann.send("/deleteaccount")
    ann.until("You are the last superuser.")


def test_what_an_account_posts_while_it_is_deleted_is_erased_too(server: ServerProcess) -> None:
    bob, ann, second = server.program_peer("bob"), server.join("ann"), server.join("ann")
    with second.flooding(f"{SECRET}\n".encode() * 50):
        bob.until_event("message", text=SECRET)
        delete_account(ann, "ann")
        assert "Your account was deleted" in ann.until_end()
    again = server.program_peer("carl")  # sees the log as it is kept
    assert program_asks(again, f"/search {SECRET}") == "Nothing was found."
    assert "(removed)" in program_asks(again, "/history")


# -- /audit ----------------------------------------------------------------------------------


def test_the_audit_trail_tells_who_did_what_and_the_operator_reads_it_too(
    start_server: StartServer,
) -> None:
    server = start_server(message_rate=0, kick_minutes=5)
    boss, ann = server.join_superuser("boss"), server.join("ann")
    assert "In #lobby /audit is for its owner and its moderators only." in ann.answer_to("/audit")
    boss.send(
        "/changegrant ann 0", "/changegrant ann 1", "/kickuser ann too loud", "/unkickuser ann"
    )
    boss.until("ann may log in again")
    acts = [
        "made boss a superuser",
        "made ann a superuser",
        "made ann a normal user",
        "kicked ann for 5m: too loud",
        "took back the kick of ann",
    ]
    row = r"(?m)^ *\d+ +[-0-9]+ [0-9:]+ +\w+ +[\w.]+ +(.*)$"
    assert re.findall(row, boss.answer_to("/audit")) == acts
    assert re.findall(row, boss.answer_to("/audit 2")) == acts[3:]
    assert server.operate("grant", "ann", "0").returncode == 0
    done = server.operate("audit", "--last", "1")
    assert done.returncode == 0
    assert re.search(r" operator +made ann a superuser\n\Z", done.stdout)
    boss.send("/restart")
    boss.until("The server restarts.")
    server.wait_for_line(r"Listening on", times=2)
    assert "restarted the server" in server.join("boss").answer_to("/audit 1")


def test_two_at_once_delete_their_accounts(server: ServerProcess) -> None:
    peers = [(name, server.join(name)) for name in ("ann", "bob", "carl")]
    threads = [threading.Thread(target=delete_account, args=(peer, name)) for name, peer in peers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for _, peer in peers:
        assert "Your account was deleted" in peer.until_end()
    assert program_asks(server.program_peer("dora"), "/history").endswith("There is nothing.")
