"""What programs are told is what was kept."""

import json

from chatroom.session.faces import EVENTS


def test_times_are_told_to_the_millisecond() -> None:
    for milliseconds in range(1000):
        line = EVENTS.ticket("x", (1_795_000_000_000 + milliseconds) / 1000)
        fields = json.loads(line.partition(b" ")[2])
        assert fields["until"].endswith(f".{milliseconds:03d}Z")
