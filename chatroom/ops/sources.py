"""The parts of a server that are asked for metrics."""

from dataclasses import dataclass
from pathlib import Path

from chatroom.accounts.passwords import Passwords
from chatroom.net.admission import Admission
from chatroom.net.flusher import Flusher
from chatroom.net.tls import Tls
from chatroom.rooms.roster import Roster
from chatroom.storage.engine import Engine


@dataclass(frozen=True)
class Sources:
    """What ``metrics`` reads."""

    data_dir: Path
    is_shared: bool
    """The store is a Redis, and there may be other nodes."""
    engine: Engine
    admission: Admission
    flusher: Flusher
    tls: Tls
    passwords: Passwords
    roster: Roster
