"""What the server answers operators: how it is, who is connected, and what it is told to do."""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from chatroom import __version__
from chatroom.answers import when
from chatroom.commands.services import Services
from chatroom.errors import Code, StoreError, UserError
from chatroom.ops.control_socket import Verb
from chatroom.ops.reload import Reload
from chatroom.sentences import table
from chatroom.storage.records import ANNOUNCE, OPERATOR, Post, SessionInfo
from chatroom.storage.rules.receipts import ORDINARY, Outcome
from chatroom.text import can_be_seen, clean_text, escape

_KEPT_SECONDS = 10.0
_Asked = Mapping[str, Any]
_Told = Mapping[str, Any]


def verbs(
    services: Services,
    addresses: Callable[[], Sequence[str]],
    want_stop: Callable[[], None],
    reload: Reload,
) -> dict[str, Verb]:
    """Return what the operator's socket answers, by its word.

    :param addresses: where the server listens, the first one first.
    :param want_stop: lets the server stop.
    :param reload: reads the settings anew.
    """
    started = time.time()

    def status(_: _Asked) -> _Told:
        return _status(services, addresses(), started)

    def stop(_: _Asked) -> _Told:
        want_stop()
        return {"text": "The server stops.", "pid": os.getpid()}

    def restart(_: _Asked) -> _Told:
        if reason := services.rehearse(services.stopping):
            raise UserError(
                f"The server was not restarted, because it would not start again: {reason}"
            )
        _note(services, "restarted the server")
        services.restart(OPERATOR.name)
        return {"text": "The server restarts.", "started": started, "pid": os.getpid()}

    def reload_settings(_: _Asked) -> _Told:
        found = reload(OPERATOR.name)
        return {"text": found.text(), **found.fields()}

    return {
        "status": status,
        "sessions": lambda _: _sessions(services),
        "say": lambda asked: _say(services, asked),
        "stop": stop,
        "restart": restart,
        "reload": reload_settings,
    }


def _note(services: Services, act: str) -> None:
    try:
        services.audit.write(OPERATOR.did(act))
    except StoreError:
        pass  # a store that does not write may be why it is done


def _status(services: Services, addresses: Sequence[str], started: float) -> _Told:
    roster = services.roster
    with roster.lock:
        people = [person for person in roster.people.values() if person.members]
        sessions = sum(len(person.members) for person in people)
        rooms = len(roster.by_name)
    nodes = [
        {
            "node": node.id,
            "here": node.is_this,
            "host": node.host,
            "version": node.version,
            "people": node.people,
            "since": when(node.since),
            "heard_seconds": node.heard,
        }
        for node in services.nodes.load_all()
    ]
    found = {
        "version": __version__,
        "address": addresses[0],
        "addresses": list(addresses),
        "since": when(started),
        "people": len(people),
        "sessions": sessions,
        "rooms": rooms,
        "engine": services.settings.engine.partition(":")[0] or "sqlite",
        "nodes": nodes,
        "data_dir": str(services.settings.data_dir.absolute()),
        "pid": os.getpid(),
        "started": started,
    }
    rows = [
        ("version", __version__),
        ("address", ", ".join(addresses)),
        ("since", str(found["since"])),
        ("people", f"{len(people)} in {sessions} sessions"),
        ("rooms", str(rooms)),
        ("engine", str(found["engine"])),
        ("nodes", ", ".join(f"{one['node'] or one['host']}" for one in nodes)),
        ("data", str(found["data_dir"])),
    ]
    return {"text": "\n".join(f"{name:<9}{escape(value)}" for name, value in rows), **found}


def _sessions(services: Services) -> _Told:
    roster = services.roster
    with roster.lock:
        people = list(roster.people.values())
        elsewhere = services.presence.people
    rows = [
        _session(services, one.name, seat)
        for one in (*(person.presence() for person in people), *elsewhere.values())
        for seat in one.seats
    ]
    rows.sort(key=lambda row: str(row["since"]))
    head = ("user", "from", "face", "room", "since", "node")
    lines = [tuple(str(row[name] or "-") for name in _COLUMNS) for row in rows]
    text = table(head, lines) if rows else "Nobody is connected."
    return {"text": clean_text(text), "sessions": rows}


_COLUMNS = ("user", "address", "face", "room", "since", "node")


def _session(services: Services, name: str, seat: SessionInfo) -> dict[str, Any]:
    room = services.roster.of_log(seat.room)
    return {
        "user": name,
        "address": seat.address,
        "face": seat.face,
        "room": room.name if room is not None and not room.is_mailbox else "",
        "room_id": seat.room,
        "since": when(seat.since),
        "node": seat.node,
    }


def _say(services: Services, asked: _Asked) -> _Told:
    text = clean_text(str(asked.get("text", ""))).strip()
    longest = services.settings.line_bytes
    if len(text.encode()) > longest:
        raise UserError(f"That is longer than {longest} bytes. Say less.", Code.TOO_LONG)
    if not can_be_seen(text):
        raise UserError("There is nothing to say: the text is empty.", Code.EMPTY)
    services.audit.write(OPERATOR.did("made an announcement"))
    post = Post(services.roster.lobby.log, ANNOUNCE, OPERATOR.id, OPERATOR.name, text)
    while (receipt := services.logs.append(post, None, ORDINARY)) is None:
        services.logs.wait_for_space(1.0)
    if receipt.wait(_KEPT_SECONDS) is not Outcome.COMMITTED:
        _note(services, "did not make that announcement: it could not be saved")
        raise UserError("It could not be saved, so nobody was told. Try again.", Code.NOT_KEPT)
    return {"text": "Everybody was told."}
