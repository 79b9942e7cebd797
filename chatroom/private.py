"""Whether a file with a secret is closed to others; the same for the server and the client."""

import os
from pathlib import Path


def is_open(file: Path, mode: int) -> bool:
    """Tell whether others may read or change a file that holds a secret. Only POSIX can tell.

    In systemd's folder of credentials the group's bits are the mask of an access list that names
    the user of the service alone: one with ``User=`` gets 0440 (systemd.exec(5), *Credentials*;
    acl(5)). So there, what the group may read is not open.

    :param file: its name.
    :param mode: its mode, from the opened file.
    """
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    is_credential = bool(folder) and file.parent.resolve() == Path(folder or "").resolve()
    return os.name == "posix" and bool(mode & (0o037 if is_credential else 0o077))
