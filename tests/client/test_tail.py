"""``tail --json`` while the room is flooded, with a real server."""

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.conftest import StartServer
from tests.harness import PASSWORD, ROOT, started

RATE = 5000
"""Messages a second."""


@pytest.mark.parametrize("seconds", [1, pytest.param(30, marks=pytest.mark.soak)])
def test_tail_loses_nothing_in_a_flood(
    start_server: StartServer, tmp_path: Path, seconds: int
) -> None:
    server = start_server(message_rate=0)
    server.join("robot").close()
    logs = ("--log-dir", str(tmp_path / "logs"))
    words = ("tail", "127.0.0.1", str(server.port), "--name", "robot", "--json", "--bot")
    tail = started(
        [sys.executable, str(ROOT / "chatroom_client.py"), *words, *logs],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "CHATROOM_PASSWORD": PASSWORD, "XDG_CONFIG_HOME": str(tmp_path)},
    )
    assert tail.stderr
    assert tail.stdout
    assert any("Listening as" in line for line in tail.stderr)
    program = server.program_peer("flooder")
    number = RATE * seconds
    took: list[float] = []

    def flood() -> None:
        begun = time.monotonic()
        batch = RATE // 10
        for first in range(0, number, batch):
            program.send_bytes(
                b"".join(
                    b'>post {"text":"%d","cid":"floodflood-%d"}\n' % (i, i + 1)
                    for i in range(first, first + batch)
                )
            )
            # The rate is a most: the machine may be slower.
            threading.Event().wait(max(0.0, begun + (first + batch) / RATE - time.monotonic()))
        took.append(time.monotonic() - begun)

    with program.reading():
        flooder = threading.Thread(target=flood)
        flooder.start()
        texts = []
        for line in tail.stdout:
            record = json.loads(line)
            if record["sender"] == "flooder" and record["kind"] == "text":
                texts.append(int(record["text"]))
            if texts[-1:] == [number - 1]:
                break
        flooder.join()
    tail.kill()
    tail.communicate()
    program.close()
    sys.stdout.write(f"{number} messages, sent in {took[0]:.1f} s\n")
    assert texts == list(range(number))
