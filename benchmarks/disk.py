"""What one sync of the disk costs when nothing has happened for a moment.

A message at a moderate pace waits for one of these, so it is the least that a server adds which
shows nothing before it is durable.
"""

import os
import tempfile
import time
from pathlib import Path

from benchmarks import machine

PIECE = 4096
_TIMES = 100
_QUIET_SECONDS = 0.05
_FILE_BYTES = 1 << 20
# A file that has its length already needs no journal for it; macOS has no fdatasync.
_sync = getattr(os, "fdatasync", os.fsync)


def sync_times(folder: Path, core: int | None) -> list[float]:
    """Return the seconds of each write of 4 KB and its sync, sorted.

    :param folder: on the disk that is meant; a file is made there for the time of the call.
    :param core: where it runs; None: anywhere.
    """
    times = []
    with tempfile.TemporaryFile(dir=folder) as file, machine.on_core(core):
        file.write(bytes(_FILE_BYTES))
        file.flush()
        os.fsync(file.fileno())
        for number in range(_TIMES):
            time.sleep(_QUIET_SECONDS)
            began = time.perf_counter()
            os.pwrite(file.fileno(), bytes([number]) * PIECE, number * PIECE % _FILE_BYTES)
            _sync(file.fileno())
            times.append(time.perf_counter() - began)
    return sorted(times)
