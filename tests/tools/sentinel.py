"""A Redis that is watched by a Sentinel, for tests and benchmarks of a failover."""

import subprocess
from pathlib import Path

from tests.harness import PATIENCE, STRETCH
from tests.redis_server import RedisServer, free_port


class Watched:
    """A primary, two replicas and a Sentinel that watches them."""

    def __init__(self, folder: Path) -> None:
        self.primary = RedisServer(folder / "primary")
        self.replicas = [RedisServer(folder / f"replica{n}", of=self.primary) for n in range(2)]
        self.port = free_port()
        settings = folder / "sentinel.conf"
        settings.write_text(
            f"port {self.port}\nbind 127.0.0.1\n"
            f"sentinel monitor room 127.0.0.1 {self.primary.port} 1\n"
            # A primary that is only slow on a busy machine is not down.
            f"sentinel down-after-milliseconds room {1000 * STRETCH:.0f}\n"
            "sentinel failover-timeout room 5000\n"
        )
        self._sentinel = subprocess.Popen(
            ["redis-server", str(settings), "--sentinel"], stdout=subprocess.PIPE, text=True
        )
        assert self._sentinel.stdout
        seen = 0
        for line in self._sentinel.stdout:
            seen += "+slave slave" in line
            if seen == len(self.replicas):
                break
        self.url = f"redis+sentinel://127.0.0.1:{self.port}/room"

    def is_replicated(self) -> bool:
        """Tell whether one of the replicas is the primary by now, and has one itself."""
        found = [replica.client.info("replication") for replica in self.replicas]
        return any(one["role"] == "master" and one["connected_slaves"] for one in found)

    def close(self) -> None:
        """End all of them."""
        self._sentinel.kill()
        self._sentinel.wait(PATIENCE)
        assert self._sentinel.stdout
        self._sentinel.stdout.close()
        for server in (*self.replicas, self.primary):
            server.close()
