"""The machine: cores, limits, and what CPU and memory a process has used."""

import contextlib
import os
import platform
import re
import resource
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

NOISE_PERCENT = 8.0
"""Per cent of one core that others may use before a run counts as disturbed."""

_PROC = Path("/proc")
_HAS_PROC = (_PROC / "self" / "stat").exists() and (_PROC / "stat").exists()
_TICKS = os.sysconf("SC_CLK_TCK")
_FLAGS, _IS_KERNEL_THREAD = 5, 0x00200000
_OWN_TICK_FIELDS, _TICK_FIELDS = slice(10, 12), slice(10, 14)
"""User and system time, and the same of children."""


def raise_file_limit() -> int:
    """Raise the limit of open files, for us and the servers; return the new one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = hard if hard != resource.RLIM_INFINITY else max(soft, 65536)
    with contextlib.suppress(OSError, ValueError):  # macOS refuses more than its own maximum
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def choose_cores() -> tuple[int, int] | None:
    """Return a core for the server and another one for the generator; None: cannot be chosen."""
    if not hasattr(os, "sched_setaffinity"):
        return None
    cores = sorted(os.sched_getaffinity(0))
    return (cores[0], cores[1]) if len(cores) > 1 else None


@contextlib.contextmanager
def on_core(core: int | None) -> Iterator[None]:
    """Run the body, and the processes that it starts, on one core; None: anywhere."""
    if core is None or not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@dataclass(frozen=True, slots=True)
class Sample:
    """CPU seconds used until now: by the server, by ourselves, by all processes, stolen."""

    server: float
    own: float
    everybody: float
    stolen: float
    when: float


def sample(pid: int | None) -> Sample:
    """Read the clocks, the time first; ``pid`` is the server's, if there is one."""
    when = time.monotonic()
    times = os.times()
    return Sample(
        server=_cpu_seconds(pid) if pid else 0.0,
        own=times.user + times.system,
        everybody=_everybody(),
        stolen=_stolen(),
        when=when,
    )


@dataclass(frozen=True, slots=True)
class Usage:
    """What happened between two samples, in per cent of one core."""

    seconds: float
    server_s: float
    server_percent: float
    generator_percent: float
    other_percent: float
    stolen_percent: float

    @property
    def is_disturbed(self) -> bool:
        """Tell whether something else used so much that the run should not count."""
        return max(self.other_percent, self.stolen_percent) > NOISE_PERCENT


def usage(first: Sample, last: Sample) -> Usage:
    """Return what was used between ``first`` and ``last``."""
    seconds = max(last.when - first.when, 1e-9)
    server, own = last.server - first.server, last.own - first.own
    other = last.everybody - first.everybody - server - own if _HAS_PROC else 0.0
    return Usage(
        seconds=seconds,
        server_s=server,
        server_percent=100 * server / seconds,
        generator_percent=100 * own / seconds,
        other_percent=100 * max(0.0, other) / seconds,
        stolen_percent=100 * (last.stolen - first.stolen) / seconds,
    )


def wait_for_quiet(most_seconds: float) -> None:
    """Wait until nothing but ourselves has used the machine for a second; not for too long."""
    end = time.monotonic() + most_seconds
    while time.monotonic() < end:
        first = sample(None)
        time.sleep(1.0)
        if not usage(first, sample(None)).is_disturbed:
            return


def memory_bytes(pid: int) -> int:
    """Return the resident memory of a process."""
    if _HAS_PROC:
        status = (_PROC / str(pid) / "status").read_text(encoding="utf-8")
        found = re.search(r"^VmRSS:\s*(\d+) kB", status, re.MULTILINE)
        return int(found.group(1)) * 1024 if found else 0
    return int(_ps(pid, "rss") or 0) * 1024


def describe() -> dict[str, str | int]:
    """Return what one should know of the machine to judge the figures."""
    model = platform.processor() or platform.machine()
    with contextlib.suppress(OSError):
        info = (_PROC / "cpuinfo").read_text(encoding="utf-8")
        if found := re.search(r"^model name\s*:\s*(.+)$", info, re.MULTILINE):
            model = found.group(1)
    return {
        "system": f"{platform.system()} {platform.release().partition('-')[0]}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "processor": model,
        "cores": os.cpu_count() or 1,
    }


def _cpu_seconds(pid: int) -> float:
    """Return user and system time of a process with all its threads."""
    if _HAS_PROC:
        return sum(_stat_fields(_PROC / str(pid) / "stat")[_OWN_TICK_FIELDS]) / _TICKS
    # macOS: [[days-]hours:]minutes:seconds
    seconds = 0.0
    for part in _ps(pid, "time").replace("-", ":").split(":"):
        seconds = seconds * 60 + float(part or 0)
    return seconds


def _everybody() -> float:
    """Return the CPU seconds of all processes and of the children that they have waited for.

    A process that ends is found again in its parent's sum, so differences are right. (The ticks in
    /proc/stat are not: work that comes every few milliseconds is in step with them.) The kernel's
    own threads are left out: what they do meanwhile is mostly the writing of what is measured.
    """
    if not _HAS_PROC:
        return 0.0
    total = 0
    for place in _PROC.iterdir():
        if place.name.isdigit():
            with contextlib.suppress(OSError):  # it has just ended
                fields = _stat_fields(place / "stat")
                total += 0 if fields[_FLAGS] & _IS_KERNEL_THREAD else sum(fields[_TICK_FIELDS])
    return total / _TICKS


def _stat_fields(file: Path) -> list[int]:
    """Return what stands behind the state of a process (proc(5)): its parent is the first."""
    return [int(field) for field in file.read_bytes().rpartition(b")")[2].split()[1:15]]


def _stolen() -> float:
    if not _HAS_PROC:
        return 0.0
    with (_PROC / "stat").open(encoding="ascii") as file:
        fields = file.readline().split()
    return int(fields[8]) / _TICKS if len(fields) > 8 else 0.0


def _ps(pid: int, field: str) -> str:
    return subprocess.run(
        ["ps", "-o", f"{field}=", "-p", str(pid)], capture_output=True, text=True, check=False
    ).stdout.strip()
