"""What the upkeep of both engines goes by."""

from dataclasses import dataclass


@dataclass(slots=True)
class Keep:
    """How much is kept. Whoever made it may change it; the upkeep looks at each turn."""

    days: int = 365
    """Messages older than this are deleted; 0 keeps them for ever."""
    megabytes: int = 1024
    """The oldest messages are deleted while the store is larger (2^20 bytes); 0 is no limit."""
