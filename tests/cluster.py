"""Several servers on one Redis, as an operator sets them up: the keyring goes by a sealed copy."""

import os
import secrets
import subprocess
from pathlib import Path

from tests.harness import PATIENCE, PROGRAM, QUICK, ServerProcess

_PASSPHRASE = "a passphrase of the tests"


class Cluster:
    """Nodes of one room.

    :param folder: for their files.
    :param urls: where each node finds the store: the same one, or each its own way to it.
    :param flags: of all nodes.
    """

    def __init__(self, folder: Path, urls: list[str], *flags: str) -> None:
        self._folder = folder
        self.nodes: list[ServerProcess] = []
        file = folder / f"keyring-{secrets.token_hex(4)}"
        for number, url in enumerate(urls):
            place = folder / f"node{number}"
            if self.nodes:
                self._keyring("import", place, file)
            self.nodes.append(ServerProcess(place, *flags, engine=url))
            if len(self.nodes) == 1:
                self._keyring("export", place, file)

    @staticmethod
    def _keyring(verb: str, place: Path, file: Path) -> None:
        kept = {k: v for k, v in os.environ.items() if not k.startswith("CHATROOM_")}
        subprocess.run(
            [*PROGRAM, "keyring", verb, str(file), "--data-dir", str(place / "data")],
            env={**kept, **QUICK, "CHATROOM_KEYRING_PASSPHRASE": _PASSPHRASE},
            cwd=place if place.exists() else None,
            check=True,
            capture_output=True,
            timeout=PATIENCE,
        )

    def close(self) -> None:
        """Kill all nodes."""
        for node in self.nodes:
            node.close()
