"""Reads the settings anew while the server runs: all that may change then changes, or nothing."""

import dataclasses
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from chatroom import log_files as logs
from chatroom.accounts.throttles import Throttles
from chatroom.commands.services import Services
from chatroom.config import RELOADABLE, Settings, shown
from chatroom.errors import StartError, UserError
from chatroom.motd import Motd
from chatroom.net import sockets
from chatroom.net.admission import Admission
from chatroom.net.listener import Listener
from chatroom.net.tls import Tls
from chatroom.ops.notify import READY, notify, reloading
from chatroom.ops.rehearsal import tls_of
from chatroom.rooms.assembly import Assembly
from chatroom.storage.upkeep import Keep

_log = logging.getLogger(__name__)


_SOCKETS = ("host", "port", "listen")  # what is listened on goes over at a restart


@dataclass(frozen=True)
class Reloaded:
    """What has come of it."""

    changed: dict[str, tuple[str, str]]
    """Settings that count now, with what they were and are; as people write them."""
    waiting: list[str]
    """Settings that are others by now, and count from a restart on."""
    warnings: list[str]

    def text(self) -> str:
        """Return it for people, a line each."""
        lines = [f"{name} is {now} (was {was})." for name, (was, now) in self.changed.items()]
        lines = lines or ["Nothing has changed."]
        if warm := [name for name in self.waiting if name not in _SOCKETS]:
            lines.append(f"Changed, but only a restart takes it: {', '.join(warm)}.")
        if cold := [name for name in self.waiting if name in _SOCKETS]:
            what = "a stop and a start take it"
            lines.append(f"Changed, but only {what}: {', '.join(cold)}.")
        return "\n".join([*lines, *self.warnings])

    def fields(self) -> dict[str, Any]:
        """Return it for programs."""
        changed = {name: {"was": was, "now": now} for name, (was, now) in self.changed.items()}
        return {"changed": changed, "waiting": self.waiting, "warnings": self.warnings}


@dataclass(frozen=True)
class Reload:
    """The parts of the server that go by settings. Any thread may call it; one at a time."""

    read: Callable[[], Settings]
    """Reads flags, environment and file; raises SettingError."""
    services: Services
    throttles: Throttles
    rooms: Assembly
    keep: Keep
    tls: Tls
    admission: Admission
    listener: Listener
    # Held for one reload; outermost.
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, by: str) -> Reloaded:
        """Read the settings anew, and go by those that may change now.

        The certificate is read anew, too.

        :param by: who wants it, for the log.
        :raises UserError: one of them is wrong, the sentence names it; nothing has changed.
        """
        with self._lock:
            reloading()
            try:
                found = self._carry_out()
            except StartError as error:
                _log.error("settings not reloaded by=%s reason=%s", by, error)
                raise UserError(f"Nothing was changed: {error}") from None
            finally:
                notify(READY)
        changed = ",".join(found.changed) or "-"
        _log.info("settings reloaded by=%s changed=%s", by, changed)
        for warning in found.warnings:
            _log.warning("%s", warning)
        return found

    def _carry_out(self) -> Reloaded:
        old, new = self.services.settings, self.read()
        others = [name for name in shown(new) if getattr(old, name) != getattr(new, name)]
        now = {name: getattr(new, name) for name in others if name in RELOADABLE}
        settings = dataclasses.replace(old, **now)
        tls = tls_of(settings)  # the last that can fail
        was = shown(old) | {"certificate": self.tls.fingerprint}
        self.tls.adopt(tls)
        self._go_by(settings)
        is_ = shown(settings) | {"certificate": self.tls.fingerprint}
        changed = {name: (was[name], is_[name]) for name in is_ if was[name] != is_[name]}
        waiting = [name for name in others if name not in RELOADABLE]
        problem = Motd(settings.motd_file).problem()
        return Reloaded(changed, waiting, [problem] if problem else [])

    def _go_by(self, settings: Settings) -> None:
        """Let every part go by settings that are right. Nothing here can fail."""
        self.throttles.go_by(settings.login_rate, settings.registrations_per_address)
        self.rooms.go_by(settings)
        self.keep.days, self.keep.megabytes = settings.keep_days, settings.keep_mb
        self.services.accounts.departures.reserve_days = settings.reserve_days
        self.services.invites.registration = settings.registration
        self.services.motd.file = settings.motd_file
        self.listener.allows_plain = settings.allow_plain
        self.listener.takes_web = settings.web
        self.listener.balancers = settings.proxy_from
        self.admission.go_by(
            sockets.admissible(settings.connections, sockets.raise_file_limit()),
            settings.connections_per_address,
            settings.unauthenticated,
            settings.unauthenticated_per_address,
        )
        logs.set_level(settings.log_level)
        self.services.settings = settings
