"""What nodes tell each other of themselves and of who is here; nothing of it is kept."""

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class SessionInfo:
    """One session of somebody who is here."""

    address: str
    face: str
    since: float
    """Seconds since the epoch."""
    room: str
    """Where its typed lines go."""
    node: str = ""
    """Id of the node where it is; empty: this one."""


@dataclass(frozen=True, slots=True)
class Presence:
    """Somebody who is here, at this node or another one."""

    account_id: str
    name: str
    grant: int
    state: str
    """``free``, or ``busy`` or ``away`` with the reason: from who is away nothing is held back."""
    active: float
    """When something was typed last, in seconds since the epoch."""
    rooms: tuple[str, ...]
    seats: tuple[SessionInfo, ...]
    """Empty for who has lost the connection a moment ago and may come back unnoticed."""
    real_name: str = ""
    """As the newest session says that has one."""

    @property
    def since(self) -> float:
        """When the oldest session began, in seconds since the epoch; 0: there is none."""
        return min((seat.since for seat in self.seats), default=0.0)


def joined(one: Presence, other: Presence) -> Presence:
    """Return the presence of somebody who is at two nodes; what is newer counts."""
    older, newer = sorted((one, other), key=lambda presence: presence.active)
    return replace(
        newer,
        state=next((s for s in (newer.state, older.state) if s != "free"), newer.state),
        rooms=tuple(dict.fromkeys((*one.rooms, *other.rooms))),
        seats=(*one.seats, *other.seats),
        real_name=newer.real_name or older.real_name,
    )


@dataclass(frozen=True, slots=True)
class Node:
    """A server of the room."""

    id: str
    host: str
    since: float
    """When it was started, in seconds since the epoch."""
    people: int
    lag: float
    """Seconds that its store took to answer last."""
    heard: float
    """Seconds since it was heard last; 0 for this node."""
    is_this: bool
    version: str = ""  # of its program; empty: it does not say
