"""``python -m benchmarks.waits``: how long a write waits for a replica, by how it is asked.

A Valkey and its replica, both have each write on the disk before they answer.
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.redis_server import VALKEY, RedisServer

_WAIT = ("WAIT", 1, 2000)
_ON_DISK = ("WAITAOF", 1, 1, 2000)
_TIMES = 20


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print; the status is 0."""
    ways: dict[str, list[tuple[Any, ...]]] = {
        "WAIT": [_WAIT],
        "WAITAOF": [_ON_DISK],
        "WAITAOF after WAIT": [_WAIT, _ON_DISK],
    }
    with tempfile.TemporaryDirectory() as place:
        primary = RedisServer(Path(place) / "primary", program=VALKEY)
        replica = RedisServer(Path(place) / "replica", of=primary, program=VALKEY)
        for name, commands in ways.items():
            took = []
            for number in range(_TIMES):
                begun = time.perf_counter()
                with primary.client.pipeline(transaction=False) as pipe:
                    send: Any = pipe.execute_command
                    pipe.set("key", number)
                    for command in commands:
                        send(*command)
                    pipe.execute()
                took.append(time.perf_counter() - begun)
            print(f"{name}: {statistics.median(took) * 1000:,.1f} ms")
        replica.close()
        primary.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
