"""The composition root: builds the parts, starts and stops them in order, names the engine."""

import contextlib
import logging
import os
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial

from chatroom import config
from chatroom import log_files as logs
from chatroom.accounts.accounts import Accounts
from chatroom.accounts.invites import Invites, link
from chatroom.accounts.passwords import Passwords
from chatroom.accounts.sessions import Sessions
from chatroom.accounts.throttles import Throttles
from chatroom.cli import Flags
from chatroom.commands import table
from chatroom.commands.erasure import Erasure
from chatroom.commands.services import Services
from chatroom.door import Door
from chatroom.errors import SettingError, StartError, UserError
from chatroom.motd import Motd
from chatroom.net import sockets as port
from chatroom.net.admission import Admission
from chatroom.net.flusher import Flusher
from chatroom.net.limits import ConnectionLimits
from chatroom.net.ring import fan_of
from chatroom.ops import admin as operator
from chatroom.ops import hand_over, outage
from chatroom.ops.announcement import announce
from chatroom.ops.command_line import operate
from chatroom.ops.control_socket import ControlSocket, NoServer
from chatroom.ops.listening import listen
from chatroom.ops.migrate import migrate
from chatroom.ops.notify import READY, STOPPING, notify, reloading
from chatroom.ops.probes import Probes
from chatroom.ops.rehearsal import CHECK_FLAG, check, need_redis, rehearse, rehearse_aside, tls_of
from chatroom.ops.reload import Reload
from chatroom.ops.running import NO_SERVER
from chatroom.ops.sources import Sources
from chatroom.ops.verbs import verbs
from chatroom.ops.waiting import wait_for_stop
from chatroom.ops.wellness import Wellness
from chatroom.ops.wishes import Wish, Wishes, hold_all, hold_restarts
from chatroom.rooms.assembly import assemble
from chatroom.rooms.lookups import EVERYTHING
from chatroom.session.controls import Controls
from chatroom.session.successors import SessionSuccessors
from chatroom.storage.engine import Engine
from chatroom.storage.keys.data_dir import hand_over_lock, hold_server_lock
from chatroom.storage.sqlite import SqliteEngine
from chatroom.storage.sqlite.opening import has_room
from chatroom.storage.upkeep import Keep
from chatroom.text import escape

_log = logging.getLogger(__name__)

STOP_SECONDS = 4.0
"""Deadline through all steps of a stop."""
_WEAK_SCRYPT_N = 16384


class Server:
    """The running chat room.

    :param settings: everything that can be chosen.
    :param read: reads them anew.
    :param state: what a restart has handed over; empty: this is an ordinary start.
    :raises StartError: it cannot start; the sentence says why.
    """

    def __init__(
        self,
        settings: config.Settings,
        read: Callable[[], config.Settings],
        state: hand_over.State | None = None,
    ) -> None:
        self.wishes = Wishes()
        self._handed_over: hand_over.State = {}
        most = port.admissible(settings.connections, port.raise_file_limit())
        with contextlib.ExitStack() as undo:
            self._lock_fd = hold_server_lock(settings.data_dir)
            undo.callback(os.close, self._lock_fd)
            self.tls = tls_of(settings)
            keep = Keep(settings.keep_days, settings.keep_mb)
            engine = self.engine = open_engine(settings, keep)
            undo.callback(engine.close)
            self._passwords = Passwords(settings.scrypt_n, settings.login_queue)
            undo.callback(self._passwords.close)
            self._flusher = Flusher()
            undo.callback(self._flusher.close)
            throttles = Throttles(settings.login_rate, settings.registrations_per_address)
            self.accounts = Accounts(
                engine.accounts, engine.sanctions, self._passwords, throttles, settings.reserve_days
            )
            rooms = self._rooms = assemble(engine, settings.rooms, limits=settings)
            controls = engine.controls
            self.services = Services(
                settings=settings,
                logs=engine.logs,
                audit=engine.audit,
                nodes=engine.nodes,
                accounts=self.accounts,
                tickets=rooms.tickets,
                invites=Invites(engine.invites, settings.registration),
                sanctions=rooms.sanctions,
                sessions=Sessions(self.accounts, controls),
                roster=rooms.roster,
                directory=rooms.directory,
                memberships=rooms.memberships,
                ownership=rooms.ownership,
                talks=rooms.talks,
                invitations=rooms.invitations,
                room_sanctions=rooms.room_sanctions,
                busy=rooms.busy,
                presence=rooms.presence,
                watchers=rooms.watchers,
                read_marks=rooms.read_marks,
                readers=rooms.readers,
                reports=rooms.reports,
                control_events=rooms.control_events,
                lookups=rooms.lookups,
                erasure=Erasure(engine.logs, engine.rooms, controls, self.accounts, engine.settle),
                motd=Motd(settings.motd_file),
                rates=rooms.rates,
                settle=engine.settle,
                invitation=self._invitation,
                rehearse=rehearse,
                restart=self._restart,
            )
            self.wellness = Wellness(engine, self.services.stopping)
            limits = ConnectionLimits(
                *(most, settings.connections_per_address),
                *(settings.unauthenticated, settings.unauthenticated_per_address),
                retries=throttles.retries,
            )
            self._admission = Admission(
                *(limits, settings.login_seconds, rooms.sanctions.refusal), fan_of(settings.ring)
            )
            door = Door(self.services, table.build(), self.tls, self._admission)
            self.listener = listen(settings, door.serve, self.tls, self._flusher, self._admission)
            self._parts: dict[str, hand_over.Part] = {
                "throttles": throttles,
                "people": rooms.successors,
                "rates": rooms.rates,
            }
            undo.callback(self.listener.close)
            self.probes: Probes | None = None
            if settings.metrics:
                sources = Sources(
                    *(settings.data_dir, bool(settings.engine), engine, self._admission),
                    *(self._flusher, self.tls, self._passwords, rooms.roster),
                )
                address, is_public = settings.metrics, settings.metrics_public
                try:
                    self.probes = Probes(address, is_public, self.wellness, sources)
                except StartError as error:
                    if not state:
                        raise
                    _log.error("metrics not told reason=%s", error)  # the room goes on
            # Last: what may fail has not.
            self._sessions = SessionSuccessors(self.services, self.listener, door.kinds)
            hand_over.use(state or {}, {**self._parts, "sessions": self._sessions})
            undo.pop_all()
        self._reload = Reload(
            *(read, self.services, throttles, rooms, keep, self.tls, self._admission),
            self.listener,
        )
        answers = verbs(
            self.services, lambda: self.listener.addresses, self.wishes.stop, self._reload
        )
        answers["health"] = self.wellness.answer
        self._operator = ControlSocket(settings.data_dir, answers)
        self.services.motd.text()  # the log says now what is wrong with it
        if most < settings.connections:
            _log.warning("connections capped at=%d by the limit of open files", most)
        if settings.scrypt_n < _WEAK_SCRYPT_N:
            _log.warning("scrypt_n=%d is weak: passwords are cheap to guess", settings.scrypt_n)

    def start(self) -> None:
        """Start all threads; connections are accepted when this returns."""
        rooms, directory = self._rooms, self._rooms.directory
        controls = Controls(
            *(rooms.sanctions, rooms.control_events, rooms.lookups),
            *(self._admission.disconnect_banned, self.engine.controls.confirm),
        )
        self.engine.start(directory.committed, controls.controlled, directory.returned)
        rooms.start()
        self._flusher.start()
        self._sessions.start()
        if rooms.roster.people:  # what has changed since they were looked up
            rooms.lookups.want(EVERYTHING, controls.look_anew)
        self.listener.start()
        self._operator.start()
        if self.probes:
            self.probes.start()

    def wait(self) -> None:
        """Wait until somebody wants a stop or a restart."""

        def reload_by_signal() -> None:
            with contextlib.suppress(UserError):  # the log has it
                self._reload("signal")

        def restart_by_signal() -> None:
            rehearse_aside(self.services.stopping, lambda: self._restart("signal"))

        deeds = {Wish.RESTART: restart_by_signal, Wish.RELOAD: reload_by_signal}
        wait_for_stop(self.wishes, self.tls, self.wellness, deeds)

    @property
    def is_restarting(self) -> bool:
        """True when the stop is one half of a restart. A signal always wins over a restart."""
        return self.services.restarting.is_set() and not self.wishes.is_stop_wanted

    def stop(self) -> None:
        """Stop within ``STOP_SECONDS``. Idempotent.

        1. Accept nobody any more.
        2. Stop the readers; who waits for a password hash is let go.
        3. Commit and deliver everything that was posted.
        4. Let every connection's thread say the farewell, flush and close its socket.
        5. Save where everybody was; end the threads of the scheduler, the engine and the flusher,
           close the store.

        A store that does not answer is waited for until the deadline, and then no more.
        """
        with outage.give_up_after(STOP_SECONDS, self.engine.give_up):
            self._stop()

    def _stop(self) -> None:
        deadline = time.monotonic() + STOP_SECONDS
        if self.wishes.is_stop_wanted:
            self.services.restarting.clear()
        self._rooms.directory.be_quiet()
        self.listener.stop_accepting()
        self.services.stopping.set()
        self._operator.close()
        if self.is_restarting:
            self._sessions.bring_to_rest(self._admission.connections())
        kept = self._sessions.at_rest
        for connection in set(self._admission.connections()) - kept:
            connection.outbox.stop_reading()
        self._passwords.close()
        self.engine.close_intake()
        self.engine.settle(max(0.0, deadline - time.monotonic()) / 2)
        if self.is_restarting:  # before anybody leaves
            self._handed_over = {name: part.hand_over() for name, part in self._parts.items()}
        self.services.settled.set()
        if not self._admission.wait_empty(max(0.0, deadline - time.monotonic()), kept):
            left = len(self._admission.connections()) - len(kept)
            _log.warning("connections left at the stop: %d", left)
        if self.probes:
            self.probes.close()
        self._rooms.stop()
        self.engine.close()
        self._flusher.close()
        if self.is_restarting:  # nothing is delivered any more: what waits is all that waits
            self._handed_over["sessions"] = self._sessions.hand_over()

    def _invitation(self, code: str) -> str:
        number = int(self.listener.address.rpartition(":")[2])
        settings = self.services.settings
        host = port.outward_address(settings.public_host or settings.endpoints[0].host)
        return link(host, number, code, self.tls.fingerprint)

    def _restart(self, by: str) -> None:
        if not self.services.stopping.is_set():
            _log.info("restart wanted by=%s", by)
            self.services.restarting.set()
            self.wishes.now()

    def exec_again(self) -> None:
        """After :meth:`stop`: turn into the program as it is now on the disk, if that is wanted.

        A signal that comes from here on waits for the successor.

        :raises StartError: it cannot be run.
        """
        hold_all()
        try:
            if self.is_restarting:
                hand_over_lock(self._lock_fd)
                self.listener.hand_over()
                hand_over.exec_again(self._handed_over, self._sessions.descriptors())
        finally:  # there is no successor
            self.services.restarting.clear()
            self._sessions.give_up()
            self._admission.wait_empty(STOP_SECONDS)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the server or one of the operator's sub-commands; return the exit status."""
    parser = Flags(prog="chatroom_server.py", description="A chat room that you run yourself.")
    config.add_flags(parser)
    operator.add_commands(parser)
    parser.add_argument(
        CHECK_FLAG,
        action="store_true",
        help="look whether settings, packages and certificate are right, and start nothing",
    )
    for stream in (sys.stdout, sys.stderr):
        # A name in letters that the console cannot show must not end a sub-command.
        with contextlib.suppress(AttributeError, ValueError):
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    arguments = parser.parse_args(argv)
    os.umask(0o077)
    try:
        read = partial(config.load, vars(arguments))
        settings = read()
        if arguments.command:
            return operate(arguments, settings, open_engine, partial(migrate, SqliteEngine))
        return _check(settings) if arguments.check else _serve(settings, read)
    except SettingError as error:
        print(escape(str(error)), file=sys.stderr)
        return 2
    except (StartError, UserError) as error:
        print(escape(str(error)), file=sys.stderr)
        return NO_SERVER if isinstance(error, NoServer) else 1
    except KeyboardInterrupt:
        return 130


def open_engine(settings: config.Settings, keep: Keep | None = None) -> Engine:
    """Return the engine that the settings name.

    :param keep: what it deletes by itself; ``None``: nothing, this is not the server.
    :raises StartError: it cannot be used; the sentence says why.
    """
    if not settings.engine:
        return SqliteEngine(settings.data_dir, settings.durability, keep)
    need_redis()
    from chatroom.storage.redis.engine import RedisEngine

    return RedisEngine(
        settings.data_dir,
        settings.engine,
        settings.engine_user,
        settings.engine_password_file,
        settings.engine_replicas,
        keep,
    )


def _check(settings: config.Settings) -> int:
    if problem := check(settings):
        print(problem, file=sys.stderr)
    print(f"The {'other ' if problem else ''}settings are right.")
    return 0


def _serve(settings: config.Settings, read: Callable[[], config.Settings]) -> int:
    logs.open_log(
        *(settings.log_dir, "chatroom_server.log", True), settings.log_format, settings.log_level
    )
    for warning in config.unknown_names():
        _log.warning(warning)
    hold_restarts()
    is_new, is_successor = not has_room(settings.data_dir), port.LISTEN_FD in os.environ
    make = partial(Server, settings, read, hand_over.take())
    server = make() if is_new else outage.wait_out(make)
    if is_successor:
        hand_over.close_rest()
    if is_new:
        _log.info("a new room was made data_dir=%s", settings.data_dir.absolute())
    server.wishes.catch_signals()
    server.start()
    try:
        addresses = server.listener.addresses
        announce(
            settings,
            addresses,
            server.tls.fingerprint,
            server.accounts.offer_claim(),
            server.probes.address if server.probes else "",
        )
        notify(READY, f"STATUS=Listening on {', '.join(addresses)}")
        server.wait()
    finally:
        if server.is_restarting:
            reloading()
        else:
            notify(STOPPING)
        server.stop()
    if server.is_restarting:
        _log.info("restarts")
    server.exec_again()
    server.listener.close()
    _log.info("stopped")
    logs.close_log()
    return 0
