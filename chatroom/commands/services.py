"""The parts of the server that sessions and commands work with."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from chatroom.accounts.accounts import Accounts
from chatroom.accounts.invites import Invites
from chatroom.accounts.rates import Rates
from chatroom.accounts.sanctions import Sanctions
from chatroom.accounts.sessions import Sessions
from chatroom.accounts.tickets import Tickets
from chatroom.commands.erasure import Erasure
from chatroom.config import Settings
from chatroom.motd import Motd
from chatroom.rooms.busy import Busy
from chatroom.rooms.control_events import ControlHandler
from chatroom.rooms.directory import Directory
from chatroom.rooms.invitations import Invitations
from chatroom.rooms.lookups import Lookups
from chatroom.rooms.memberships import Memberships
from chatroom.rooms.ownership import Ownership
from chatroom.rooms.read_marks import ReadMarks
from chatroom.rooms.readers import Readers
from chatroom.rooms.remote_presence import RemotePresence
from chatroom.rooms.reports import Reports
from chatroom.rooms.room_sanctions import RoomSanctions
from chatroom.rooms.roster import Roster
from chatroom.rooms.talks import Talks
from chatroom.rooms.watchers import Watchers
from chatroom.storage.engine import AuditTrail, LogStore, Nodes

SETTLE_SECONDS = 3.0
"""Time for what somebody has just said to be shown, or refused, before something else is done."""


@dataclass
class Services:
    """The parts of the server that sessions and commands use; built once by ``server``."""

    settings: Settings
    """As they are now: replaced when they are read anew. Nothing else here ever is."""
    logs: LogStore
    audit: AuditTrail
    nodes: Nodes
    accounts: Accounts
    tickets: Tickets
    invites: Invites
    sanctions: Sanctions
    sessions: Sessions
    roster: Roster
    directory: Directory
    memberships: Memberships
    ownership: Ownership
    talks: Talks
    invitations: Invitations
    room_sanctions: RoomSanctions
    busy: Busy
    presence: RemotePresence
    watchers: Watchers
    read_marks: ReadMarks
    readers: Readers
    reports: Reports
    control_events: ControlHandler
    lookups: Lookups
    erasure: Erasure
    motd: Motd
    rates: Rates
    settle: Callable[[float], bool]
    """Wait until what was posted so far is delivered: see ``engine.Engine.settle``."""
    invitation: Callable[[str], str]
    """Return an invitation in one string; the argument is its code."""
    rehearse: Callable[[threading.Event], str]
    """Tell why a restart would not come up, empty: it would; the argument ends the look early."""
    restart: Callable[[str], None]
    """Restart the server; the argument is the name of who asked. Returns at once."""
    stopping: threading.Event = field(default_factory=threading.Event)
    settled: threading.Event = field(default_factory=threading.Event)
    """Set when a stopping server has delivered all that was posted."""
    restarting: threading.Event = field(default_factory=threading.Event)
    """Set when the stop is one half of a restart."""
