"""A disk that fails when a test wants it: the shim, its control, and servers that run on it."""

import ctypes
import errno
import mmap
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from tests.harness import SOCKETS, ServerProcess

WRITE, SYNC, TRUNCATE, RENAME, UNLINK = 1, 2, 4, 8, 16
ANY = WRITE | SYNC | TRUNCATE | RENAME | UNLINK
KILL = -1
EIO, ENOSPC = errno.EIO, errno.ENOSPC
SOURCE = Path(__file__).with_name("shim.c")


def compile_shim(folder: Path) -> Path:
    """Compile the shim; return the library."""
    library = folder / "shim.so"
    flags = ("-Wall", "-Wextra", "-Werror", "-O1", "-shared", "-fPIC")
    subprocess.run(["cc", *flags, "-o", str(library), str(SOURCE), "-lpthread"], check=True)
    return library


class Disk:
    """The disk below one folder, as the program with ``environment`` sees it.

    :param shim: the compiled library.
    :param folder: whose files are meant.
    :param shadow: where to keep what a power cut would leave; ``None``: nowhere.
    """

    def __init__(self, shim: Path, folder: Path, shadow: Path | None = None) -> None:
        self.folder = folder
        self.shadow = shadow
        file = folder.with_name(folder.name + ".control")
        file.write_bytes(bytes(4096))
        with file.open("r+b") as opened:
            self._map = mmap.mmap(opened.fileno(), 4096)
        self._control = (ctypes.c_int64 * 5).from_buffer(self._map)
        self.environment = {
            "LD_PRELOAD": str(shim),
            "FAULT_DIR": os.path.realpath(folder),
            "FAULT_CONTROL": str(file),
        }
        if shadow is not None:
            self.environment["FAULT_SHADOW"] = str(shadow)
            self.settle()

    def fail(self, action: int, calls: int, every: int = 1) -> None:
        """From now on each ``every``-th of these calls fails with an errno, or is a ``KILL``."""
        self._control[0] = 0
        self._control[1:5] = [every, calls, 0, 0]
        self._control[0] = action

    def heal(self) -> int:
        """From now on no call fails; return how many have."""
        self._control[0] = 0
        return self._control[4]

    @property
    def failed(self) -> int:
        """How many calls have failed since :meth:`fail`."""
        return self._control[4]

    def settle(self) -> None:
        """Count all that is in the folder now as synced. Nothing may run on it."""
        assert self.shadow is not None
        shutil.rmtree(self.shadow, ignore_errors=True)
        if self.folder.exists():
            shutil.copytree(self.folder, self.shadow, ignore=SOCKETS)
        else:
            self.shadow.mkdir()

    def cut_power(self) -> None:
        """Replace the folder by what was synced. Nothing may run on it."""
        assert self.shadow is not None
        shutil.rmtree(self.folder)
        shutil.copytree(self.shadow, self.folder)
        self.folder.chmod(0o700)


class ServerOnDisk(ServerProcess):
    """A server whose data directory is on such a disk, its sub-commands, too."""

    def __init__(
        self, folder: Path, shim: Path, *flags: str, keeps_shadow: bool = False, **settings: Any
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        shadow = folder / "shadow" if keeps_shadow else None
        self.disk = Disk(shim, folder / "data", shadow)
        super().__init__(folder, *flags, **settings)

    def start(self) -> None:
        if self.disk.shadow is not None:
            self.disk.settle()  # the test may have opened the store meanwhile, past the shim
        super().start()

    def environment(self) -> dict[str, str]:
        return {**super().environment(), **self.disk.environment}
