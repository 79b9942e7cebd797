"""Builds the parts of ``rooms``, and starts and stops them in order."""

from dataclasses import dataclass

from chatroom.accounts.rates import Rates
from chatroom.accounts.sanctions import Sanctions
from chatroom.accounts.tickets import Tickets
from chatroom.config import Settings
from chatroom.rooms import comings
from chatroom.rooms.busy import Busy
from chatroom.rooms.callers import OWNERS, Callers
from chatroom.rooms.catalogue import Catalogue
from chatroom.rooms.control_events import ControlHandler
from chatroom.rooms.directory import AWAY_SECONDS, Directory
from chatroom.rooms.invitations import Invitations
from chatroom.rooms.lookups import Lookups
from chatroom.rooms.memberships import Memberships
from chatroom.rooms.ownership import Ownership
from chatroom.rooms.read_marks import ReadMarks
from chatroom.rooms.read_state import ReadStateStore
from chatroom.rooms.readers import Readers
from chatroom.rooms.remote_presence import RemotePresence
from chatroom.rooms.reports import Reports
from chatroom.rooms.room import LOBBY, Room
from chatroom.rooms.room_sanctions import RoomSanctions
from chatroom.rooms.roster import Roster
from chatroom.rooms.successors import Successors
from chatroom.rooms.talks import Talks
from chatroom.rooms.timers import Scheduler
from chatroom.rooms.watchers import Watchers
from chatroom.storage.engine import Engine
from chatroom.storage.records import RoomRecord

ROOMS = 1000


@dataclass(frozen=True)
class Assembly:
    """The people and the rooms of this server, in parts."""

    roster: Roster
    memberships: Memberships
    ownership: Ownership
    talks: Talks
    invitations: Invitations
    sanctions: Sanctions
    room_sanctions: RoomSanctions
    busy: Busy
    presence: RemotePresence
    watchers: Watchers
    read_marks: ReadMarks
    reports: Reports
    control_events: ControlHandler
    directory: Directory
    lookups: Lookups
    tickets: Tickets
    rates: Rates
    catalogue: Catalogue
    callers: Callers
    read_states: ReadStateStore
    scheduler: Scheduler
    readers: Readers
    successors: Successors
    """Hands over who is here, at a restart."""

    def start(self) -> None:
        """Start the threads; nobody may come in before. The engine runs."""
        self.scheduler.start()
        self.lookups.start()
        self.read_states.start()

    def go_by(self, settings: Settings) -> None:
        """Go by these settings from now on."""
        self.rates.go_by(settings)
        self.memberships.set_calm(comings.CALM_SECONDS if settings.message_rate else 0.0)
        self.catalogue.most = settings.rooms
        self.callers.who = settings.here_mentions

    def stop(self) -> None:
        """Save where everybody is, and end the threads. The engine must still run. Idempotent."""
        self.readers.close()
        self.lookups.stop()
        self.scheduler.stop()
        self.read_states.save_all()


def assemble(
    engine: Engine,
    rooms: int = ROOMS,
    away_seconds: float = AWAY_SECONDS,
    limits: Settings | None = None,
) -> Assembly:
    """Return the parts, not started yet.

    :param engine: keeps the logs, the rooms, and where people are.
    :param rooms: number of rooms that people may create; 0 = no limit.
    :param away_seconds: time to come back after a lost connection without being announced.
    :param limits: what people may do; ``None``: as much as they like.
    :raises StoreError: the rooms or the sanctions cannot be read.
    """
    rates = Rates(0, 0)
    logs = engine.logs
    sanctions = Sanctions(engine.sanctions, engine.settle)
    roster = Roster(Room(RoomRecord(LOBBY, ""), logs), sanctions.room_ban_of)
    scheduler, readers, lookups = Scheduler(), Readers(), Lookups()
    catalogue = Catalogue(logs, engine.rooms, engine.audit, roster, rooms)
    read_states = ReadStateStore(engine.read_states, scheduler, roster)
    watchers = Watchers(roster)
    busy = Busy(logs, scheduler, roster, read_states, readers.run, watchers)
    memberships = Memberships(logs, roster, read_states, scheduler, sanctions.look_up)
    ownership = Ownership(roster, catalogue, memberships)
    talks = Talks(roster, catalogue, memberships, ownership.follow)
    invitations = Invitations(
        *(engine.controls, roster, ownership, read_states, memberships), sanctions.look_up
    )
    room_sanctions = RoomSanctions(sanctions, roster, catalogue, invitations, memberships)
    tickets = Tickets(engine.tickets, engine.accounts, sanctions)
    control_events = ControlHandler(
        accounts=engine.accounts,
        sanctions=engine.sanctions,
        tickets=tickets,
        lookups=lookups,
        roster=roster,
        catalogue=catalogue,
        read_states=read_states,
        ownership=ownership,
        room_sanctions=room_sanctions,
        watchers=watchers,
    )
    presence = RemotePresence(roster, memberships, read_states, watchers, scheduler)
    ownership.name_of = presence.name_of
    callers = Callers(OWNERS, roster, presence)
    catalogue.let_call_all(callers.may_call_all)
    read_marks = ReadMarks(logs, roster, read_states, presence, engine.controls)
    reports = Reports(logs, engine.controls, engine.audit, engine.accounts, presence)
    directory = Directory(
        logs=logs,
        roster=roster,
        catalogue=catalogue,
        read_states=read_states,
        memberships=memberships,
        busy=busy,
        presence=presence,
        control_events=control_events,
        lookups=lookups,
        scheduler=scheduler,
        readers=readers,
        watchers=watchers,
        away_seconds=away_seconds,
    )
    engine.nodes.attach_presence(presence)
    catalogue.load()
    assembly = Assembly(
        roster=roster,
        memberships=memberships,
        ownership=ownership,
        talks=talks,
        invitations=invitations,
        sanctions=sanctions,
        room_sanctions=room_sanctions,
        busy=busy,
        presence=presence,
        watchers=watchers,
        read_marks=read_marks,
        reports=reports,
        control_events=control_events,
        directory=directory,
        lookups=lookups,
        tickets=tickets,
        rates=rates,
        read_states=read_states,
        scheduler=scheduler,
        readers=readers,
        successors=Successors(roster, directory, engine.accounts, sanctions),
        catalogue=catalogue,
        callers=callers,
    )
    if limits:
        assembly.go_by(limits)
    return assembly
