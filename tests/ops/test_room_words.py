"""The operator's ``room delete``, ``rename`` and ``adopt``, and ``export-room``."""

import html
import json

from tests.harness import ServerProcess


def test_a_room_gets_another_name_and_those_inside_are_told(server: ServerProcess) -> None:
    ann = server.join("ann")
    ann.answer_to("/create cave")
    done = server.operate("room", "rename", "#Cave", "garden")
    assert (done.returncode, done.stdout) == (0, "#cave is called #garden now.\n")
    ann.until("garden")
    assert "You talk in #garden now" in ann.answer_to("/room cave")  # the old name leads there
    assert "renamed #garden" in server.operate("audit").stdout
    done = server.operate("room", "rename", "garden", "lobby")
    assert done.returncode == 1
    done = server.operate("room", "rename", "lobby", "hall")
    assert (done.returncode, done.stderr) == (1, "The lobby keeps its name.\n")
    ann.answer_to("/create attic")
    done = server.operate("room", "rename", "attic", "GARDEN")
    assert done.stderr == "The name GARDEN is taken. Choose another one.\n"


def test_a_room_is_adopted_and_deleted(server: ServerProcess) -> None:
    ann = server.join("ann")
    server.add_user("bob")
    ann.answer_to("/create cave private")
    done = server.operate("room", "adopt", "cave", "bob", "--json")
    told = json.loads(done.stdout)
    assert (told["ok"], told["text"]) == (True, "bob owns #cave now.")
    assert told["room_id"]
    done = server.operate("room", "delete", "cave", given="no\n")
    assert done.returncode == 1
    done = server.operate("room", "delete", "cave", "--yes")
    assert (done.returncode, done.stdout) == (
        0,
        "#cave is deleted, and all that was said there.\n",
    )
    assert server.operate("room", "delete", "cave", "--yes").returncode == 1


def test_all_that_was_said_is_exported_in_three_forms(server: ServerProcess) -> None:
    ann = server.program_peer("ann")
    ann.send_event("command", line="/create cave private")
    ann.until_event("result", command="create")
    said = ["hello", "<script>alert(1)</script> & co", "two\nlines", "to be removed"]
    for number, text in enumerate(said):
        ann.send_event("post", text=text, cid=str(number))
        told = ann.until_event("message", cid=str(number))
    ann.send_event("command", line="/delete")
    ann.until_event("result", command="delete")
    server.stop()
    lines = server.operate("export-room", "cave", "--format", "jsonl").stdout.splitlines()
    rows = [json.loads(line) for line in lines]
    assert [row["text"] for row in rows] == [*said[:3], ""]
    assert [row["kind"] for row in rows] == ["text", "text", "text", "removed"]
    assert rows[-1]["id"] == told["id"]
    assert {row["from"] for row in rows} == {"ann"}
    assert {row["room"] for row in rows} == {"cave"}
    assert server.operate("export-room", "cave", "--json").stdout.splitlines() == lines
    text = server.operate("export-room", "#cave").stdout
    assert "ann: hello\n" in text
    assert "ann: two\n" in text
    page = server.operate("export-room", "cave", "--format", "html").stdout
    assert page.startswith("<!doctype html>")
    assert page.endswith("</body></html>\n")
    assert "<script" not in page
    assert html.escape(said[1]) in page
    assert "to be removed" not in page + text


def test_what_cannot_be_exported_is_told(server: ServerProcess) -> None:
    done = server.operate("export-room", "cave")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "There is no room 'cave'. See chatroom_server.py rooms.\n"
    assert server.operate("export-room", "lobby", "--format", "pdf").returncode == 2
    assert server.operate("export-room", "lobby").returncode == 0
