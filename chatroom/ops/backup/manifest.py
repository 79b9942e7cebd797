"""What a backup says of itself; it stands in front of its parts, and is sealed with them."""

import json
from dataclasses import asdict, dataclass

from chatroom.storage.keys.data_dir import NODE_FILE
from chatroom.storage.sqlite.opening import STORE_FILE

FORMAT = 1
CERTIFICATE, KEY = "tls/cert.pem", "tls/key.pem"
PARTS = (STORE_FILE, CERTIFICATE, KEY, NODE_FILE)
"""What a backup may hold beside the keyring: files below the data directory."""
SQLITE, REDIS = "sqlite", "redis"


@dataclass(frozen=True)
class Part:
    """One file."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """See the module."""

    made: float
    """Seconds since the epoch."""
    version: str
    """Of the program."""
    schema: int
    engine: str
    """``sqlite``, or ``redis``: then the store is not in it."""
    parts: tuple[Part, ...]
    counts: dict[str, int]
    damaged: tuple[str, ...]
    """Records that did not open in the store itself."""
    format: int = FORMAT


def encode(manifest: Manifest) -> bytes:
    """Return a manifest as bytes."""
    return json.dumps(asdict(manifest)).encode()


def decode(content: bytes) -> Manifest:
    """Return what :func:`encode` made.

    :raises ValueError: it is of a newer version.
    """
    fields = json.loads(content)
    if fields["format"] != FORMAT:
        raise ValueError(f"format {fields['format']}")
    parts = tuple(Part(**part) for part in fields["parts"])
    if any(part.name not in PARTS for part in parts):
        raise ValueError("unknown part")
    return Manifest(**fields | {"parts": parts, "damaged": tuple(fields["damaged"])})
