"""Floods: delayed, then told, then cut off; who waits for echoes or pastes is not."""

import sys
from pathlib import Path

from tests.conftest import StartServer
from tests.harness import ROOT

HASTY = """
import sys
sys.path.insert(0, {root!r})
from chatroom.session import flood
flood.TOLD_SECONDS, flood.CUT_OFF_SECONDS = 0.2, 1.0
from chatroom.server import main
sys.exit(main())
"""


def test_a_flood_is_told_and_cut_off_and_who_waits_for_echoes_is_not(
    start_server: StartServer, tmp_path: Path
) -> None:
    script = tmp_path / "hasty.py"
    script.write_text(HASTY.format(root=str(ROOT)))
    server = start_server(program=(sys.executable, str(script)), message_rate=40)
    ann, bob = server.join("ann"), server.join("bob")
    with ann.flooding(b"flood\n" * 10_000):
        for number in range(120):  # three seconds, of which two are above the burst
            bob.send(f"line {number}")
            bob.until(f"bob: line {number}")
        text = ann.until_end()
    assert text.count("You write faster than 40 lines a second; your lines are delayed.") == 1
    assert "You write faster than this server accepts, and did not slow down." in text
    assert "reason=flooding" in server.log()
    bob.send("still here")
    bob.until("bob: still here")
