"""Dead peers: a program that answers no ping is gone, everybody else stays."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import StartServer
from tests.harness import ROOT, ServerProcess

QUICK_PINGS = """
import re
import subprocess
import sys
sys.path.insert(0, {root!r})
from chatroom.net import connection, listener
connection.SILENCE = listener.SILENCE = connection.ANSWER_SECONDS = 0.5
from chatroom.server import main
sys.exit(main())
"""


def test_a_silent_program_is_pinged_and_gone_and_who_answers_stays(
    start_server: StartServer, tmp_path: Path
) -> None:
    script = tmp_path / "quick.py"
    script.write_text(QUICK_PINGS.format(root=str(ROOT)))
    server = start_server(program=(sys.executable, str(script)))
    witness = server.join("witness")  # silent, too, on the plain face
    dead, alive = server.program_peer("dead"), server.program_peer("alive")
    for _ in range(5):
        alive.until_event("ping")
        alive.send_event("pong")
    witness.until("dead has left.")
    assert dead.seen.count(">ping") == 0  # it has read nothing
    assert dead.until_end().count(">ping {}") == 1
    assert "reason=silent" in server.log()
    alive.send_event("post", text="I am here")
    witness.until("alive: I am here")
    assert "alive has left" not in witness.seen


@pytest.mark.skipif(sys.platform != "linux", reason="the numbers are Linux's")
def test_the_system_notices_a_vanished_machine_in_time(room: ServerProcess) -> None:
    nora = room.join("nora")
    command = ["ss", "--tcp", "--numeric", "--options", "state", "established"]
    shown = subprocess.run(
        [*command, f"( sport = :{room.port} )"], capture_output=True, text=True, check=True
    ).stdout
    timers = re.findall(r"timer:\(keepalive,([0-9.]+)(sec|ms)", shown)
    nora.close()
    assert timers
    assert all(unit == "ms" or float(left) <= 30 for left, unit in timers)
