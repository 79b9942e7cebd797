"""Several servers on one Redis, with one keyring."""

import shutil
from pathlib import Path

from tests.harness import ServerProcess


class Cluster:
    """Nodes of one room.

    :param folder: for their files.
    :param urls: where each node finds the store: the same one, or each its own way to it.
    :param flags: of all nodes.
    """

    def __init__(self, folder: Path, urls: list[str], *flags: str) -> None:
        self.nodes: list[ServerProcess] = []
        for number, url in enumerate(urls):
            place = folder / f"node{number}"
            if self.nodes:
                (place / "data").mkdir(mode=0o700, parents=True)
                for file in ("keyring", "master.key"):
                    shutil.copy2(self.nodes[0].data_dir / file, place / "data" / file)
            self.nodes.append(ServerProcess(place, *flags, engine=url))

    def close(self) -> None:
        """Kill all nodes."""
        for node in self.nodes:
            node.close()
