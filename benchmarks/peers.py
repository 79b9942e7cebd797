"""How the servers of others, and the floor, are started with their limits off.

Each function writes what its server wants to read and returns its command line. It takes the
program, an empty folder of the run's own, and the port of 127.0.0.1.
"""

import os
import subprocess
from pathlib import Path

_FLOOR = Path(__file__).resolve().parent / "floor.c"


def floor(compiler: str, folder: Path, port: int) -> list[str]:
    """Compile the floor, once for all runs, beside the run's folder.

    :raises RuntimeError: the compiler has refused it.
    """
    program = folder.parent / "floor"
    if not program.exists():
        words = [compiler, "-O2", "-o", str(program), str(_FLOOR)]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"the floor could not be compiled: {done.stderr}")
    return [str(program), str(port)]


def ngircd(program: str, folder: Path, port: int) -> list[str]:
    """Start ngircd in the foreground."""
    file = folder / "ngircd.conf"
    file.write_text(_ngircd(port, folder, _is_root()), encoding="utf-8")
    return [program, "--nodaemon", "--config", str(file)]


def inspircd(program: str, folder: Path, port: int) -> list[str]:
    """Start InspIRCd in the foreground."""
    file = folder / "inspircd.conf"
    (folder / "motd").touch()
    file.write_text(_inspircd(port, folder), encoding="utf-8")
    flags = ["--nofork", "--nolog", *(["--runasroot"] if _is_root() else [])]
    return [program, *flags, "--config", str(file)]


def miniircd(program: str, folder: Path, port: int) -> list[str]:
    """Start miniircd."""
    flags = ["--setuid", "root"] if _is_root() else []
    return [program, *flags, "--listen", "127.0.0.1", "--ports", str(port)]


def redis(program: str, folder: Path, port: int) -> list[str]:
    """Start a Redis, or a Valkey, that keeps nothing."""
    settings = {
        "bind": "127.0.0.1",
        "port": str(port),
        "dir": str(folder),
        "save": "",
        "appendonly": "no",
        "maxclients": "15000",
        "tcp-backlog": "4096",
        "client-output-buffer-limit": "pubsub 0 0 0",
    }
    return [program, *(word for key, value in settings.items() for word in (f"--{key}", value))]


def _is_root() -> bool:
    return os.geteuid() == 0


def _ngircd(port: int, folder: Path, as_root: bool) -> str:
    user = "ServerUID = root\nServerGID = root\n" if as_root else ""
    return f"""\
[Global]
Name = irc.example.net
Info = benchmark
AdminInfo1 = nobody
MotdPhrase = hello
Listen = 127.0.0.1
Ports = {port}
PidFile = {folder / "ngircd.pid"}
{user}[Limits]
IdleTimeout = 0
MaxConnections = 0
MaxConnectionsIP = 0
MaxJoins = 0
MaxPenaltyTime = 0
PingTimeout = 3600
PongTimeout = 3600
[Options]
DNS = no
Ident = no
PAM = no
"""


def _inspircd(port: int, folder: Path) -> str:
    many = 1_000_000
    return f"""\
<config format="xml">
<server name="irc.example.net" description="benchmark" network="Benchmark">
<admin name="nobody" nick="nobody" email="nobody@example.net">
<bind address="127.0.0.1" port="{port}" type="clients">
<connect name="all" allow="*" timeout="600" pingfreq="1h" limit="{many}" localmax="{many}"
 globalmax="{many}" maxconnwarn="no" recvq="16M" softsendq="512M" hardsendq="512M"
 threshold="{many}" commandrate="{100 * many}" fakelag="no" resolvehostnames="no" useident="no">
<class name="nobody">
<cidr ipv4clone="32" ipv6clone="128">
<files motd="{folder / "motd"}">
<dns server="127.0.0.1" timeout="1">
<pid file="{folder / "inspircd.pid"}">
<options defaultmodes="n">
<performance netbuffersize="65534" somaxconn="4096" softlimit="100000" clonesonconnect="no">
<log method="file" type="*" level="default" target="{folder / "inspircd.log"}">
"""
