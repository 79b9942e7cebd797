"""Control events on their way to every part of the server that has to act upon them."""

import logging
from collections.abc import Callable
from functools import partial

from chatroom.accounts.sanctions import Sanctions
from chatroom.rooms.control_events import ControlHandler
from chatroom.rooms.lookups import EVERYTHING, Lookups
from chatroom.storage.rules.events import Control, ControlKind

_log = logging.getLogger(__name__)


class Controls:
    """Hands each event to the parts; what one of them cannot do a look at everything makes up for.

    :param sanctions: knows by heart whom to keep out.
    :param events: brings who is here up to what was changed.
    :param lookups: looks up what is not known.
    :param disconnect_banned: ends the connections of banned addresses.
    :param confirm: tells other servers that this one has acted upon an event.
    """

    def __init__(
        self,
        sanctions: Sanctions,
        events: ControlHandler,
        lookups: Lookups,
        disconnect_banned: Callable[[], object],
        confirm: Callable[[Control], object],
    ) -> None:
        self._sanctions = sanctions
        self._events = events
        self._lookups = lookups
        self._disconnect_banned = disconnect_banned
        self._confirm = confirm

    def controlled(self, control: Control) -> None:
        """Act upon an event; the engine's thread only. Reads no store."""
        is_sure = False
        try:
            is_sure = self._sanctions.controlled(control)
            if control.kind is ControlKind.BAN and not control.lifted:
                self._disconnect_banned()
            self._events.controlled(control)
        except Exception:
            _log.exception("control event failed kind=%s; everything is looked up", control.word)
            self._sanctions.doubt()
            is_sure = False
        if not is_sure:
            self._lookups.want(EVERYTHING, self.look_anew, is_urgent=True)
        if control.is_in_force:  # behind what has to be looked up for it
            job = partial(self._confirm, control)
            self._lookups.want(f"confirm {control.at.decode()}", job)

    def look_anew(self) -> None:
        """Bring every part up to what the store says. :raises StoreError: it cannot be read."""
        self._sanctions.load()
        self._disconnect_banned()
        self._events.look_anew()
