"""What the system allows a server: files, threads, memory, waiting connections."""

import resource
from collections.abc import Iterator
from pathlib import Path

from chatroom.net.listener import STACK
from chatroom.net.sockets import BACKLOG, RESERVED_FILES
from chatroom.ops.doctor.case import Case, Finding, fine, warning

_LIMITS = "limits"
_THREADS = 32  # beside those of the connections
_PROC = Path("/proc")
UNLIMITED = -1
"""No limit."""
_NAMES = {
    "Max open files": resource.RLIMIT_NOFILE,
    "Max processes": resource.RLIMIT_NPROC,
    "Max address space": resource.RLIMIT_AS,
}


def limits(case: Case) -> Iterator[Finding]:
    """Whether as many connections can be as the settings say."""
    wanted = case.settings.connections
    process = str(case.server["pid"]) if case.server else "self"
    found = [
        *files_for(wanted, _hard(process, "Max open files")),
        *_threads(wanted, process),
        *memory_for(wanted, _hard(process, "Max address space")),
        *_backlog(),
    ]
    yield from found or [fine(_LIMITS, f"There is room for {wanted} connections.")]


def _hard(process: str, name: str) -> int:
    """Return a hard limit of a process (proc_pid_limits(5)); -1: none."""
    try:
        lines = (_PROC / process / "limits").read_text(encoding="ascii").splitlines()
    except (OSError, UnicodeDecodeError):
        hard = resource.getrlimit(_NAMES[name])[1]
        return UNLIMITED if hard == resource.RLIM_INFINITY else hard
    (line,) = (line for line in lines if line.startswith(name))
    hard_word = line[len(name) :].split()[1]
    return UNLIMITED if hard_word == "unlimited" else int(hard_word)


def files_for(wanted: int, hard: int) -> Iterator[Finding]:
    """Tell whether too few files may be open. :param hard: how many may."""
    if hard != UNLIMITED and wanted + RESERVED_FILES > hard:
        yield warning(
            _LIMITS,
            f"{hard} files may be open, which leaves {max(0, hard - RESERVED_FILES)} of "
            f"{wanted} connections.",
            f"Allow {wanted + RESERVED_FILES} (LimitNOFILE, ulimit -n), or lower connections.",
        )


def _threads(wanted: int, process: str) -> Iterator[Finding]:
    most = [_hard(process, "Max processes"), _number(_PROC / "sys/kernel/threads-max")]
    most.append(_number(_group(process) / "pids.max"))
    known = [one for one in most if one != UNLIMITED]
    if known and min(known) < wanted + _THREADS:
        yield warning(
            _LIMITS,
            f"{min(known)} threads may run; each connection has one, and {wanted} are allowed.",
            f"Allow {wanted + _THREADS} (TasksMax, ulimit -u), or lower connections.",
        )


def memory_for(wanted: int, most: int) -> Iterator[Finding]:
    """Tell whether the stacks have too few addresses. :param most: bytes that are allowed."""
    if most != UNLIMITED and most < wanted * STACK:
        yield warning(
            _LIMITS,
            f"{most / 2**20:,.0f} MB of addresses are allowed; {wanted} connections may need "
            f"{wanted * STACK / 2**20:,.0f} MB for their stacks.",
            "Allow more (ulimit -v), or lower connections.",
        )


def _backlog() -> Iterator[Finding]:
    most = _number(_PROC / "sys/net/core/somaxconn")
    if 0 <= most < BACKLOG:
        yield warning(
            _LIMITS,
            f"Only {most} connections may wait to be accepted.",
            f"Run 'sysctl net.core.somaxconn={BACKLOG}'.",
        )


def _group(process: str) -> Path:
    """Return the folder of a process's control group (cgroups(7), version 2)."""
    try:
        for line in (_PROC / process / "cgroup").read_text(encoding="utf-8").splitlines():
            number, _, path = line.split(":", 2)
            if number == "0":
                return Path("/sys/fs/cgroup") / path.lstrip("/")
    except (OSError, ValueError):
        pass
    return Path("/sys/fs/cgroup")


def _number(file: Path) -> int:
    try:
        return int(file.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return UNLIMITED
