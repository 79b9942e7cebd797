"""Check a history of deliveries: nothing lost, doubled, reordered or invented.

A history is a file of JSON lines. Each has ``do``, ``client`` and, but for ``away``, ``room``:

- ``sent`` (``cid``, ``text``) and ``confirmed`` (``cid``): by that client;
- ``refused`` (``cid``): it was told so; ``again`` (``cid``): it has sent that message anew, which
  may come behind what it has sent later, for it may have been refused before;
- ``received`` (``from``, ``cid``, ``text``, ``seq``): shown to that client, in this order;
- ``stayed``: the client was to see every message of the room, by catch-up or at once;
- ``presence`` (``kind``: ``join`` or ``leave``, ``name``): seen by that client;
- ``away``: the client lost its connection; comings and goings in the gap are not told;
- ``gap``: the client was told that messages are missing.
"""

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

Event = dict[str, Any]
Key = tuple[str, str, str]


class Checker:
    """Takes the events of one history in order and keeps what is wrong; for one thread."""

    def __init__(self) -> None:
        self.violations: list[str] = []
        self.counts = dict.fromkeys(
            (
                *("sent", "confirmed", "received", "stayed", "presence", "away"),
                *("refused", "again", "gap"),
            ),
            0,
        )
        self._sent: dict[Key, tuple[int, str]] = {}
        self._confirmed: set[Key] = set()
        self._again: set[Key] = set()
        self._received: dict[tuple[str, str], list[tuple[Key, int, str]]] = {}
        self._stayed: set[tuple[str, str]] = set()
        self._last: dict[tuple[str, str, str], str] = {}

    def take(self, event: Event) -> None:
        """Take the next event; KeyError when it lacks a field or ``do`` is unknown."""
        do, client = event["do"], event["client"]
        self.counts[do] += 1
        if do == "away":
            self._last = {k: v for k, v in self._last.items() if k[0] != client}
            return
        room = event["room"]
        if do == "sent":
            key = (room, client, event["cid"])
            self._sent.setdefault(key, (len(self._sent), event["text"]))
        elif do == "again":
            self._again.add((room, client, event["cid"]))
        elif do in ("refused", "gap"):
            pass
        elif do == "confirmed":
            self._confirmed.add((room, client, event["cid"]))
        elif do == "received":
            key = (room, event["from"], event["cid"])
            shown = self._received.setdefault((client, room), [])
            shown.append((key, event["seq"], event["text"]))
        elif do == "stayed":
            self._stayed.add((client, room))
        else:
            self._see(client, room, event["name"], event["kind"])

    def finish(self) -> list[str]:
        """Return each violation as a sentence; call it once, after the last event."""
        for key in sorted(self._confirmed - self._sent.keys()):
            self.violations.append(f"{_named(key)} was confirmed, but never sent.")
        places: dict[tuple[str, int], Key] = {}
        kept: dict[Key, int] = {}
        for (client, room), shown in self._received.items():
            self._check_shown(client, shown)
            for key, seq, _ in shown:
                if places.setdefault((room, seq), key) != key or kept.setdefault(key, seq) != seq:
                    self.violations.append(
                        f"{client} has {_named(key)} at place {seq}; others have another order."
                    )
        for client, room in sorted(self._stayed):
            have = {key for key, _, _ in self._received.get((client, room), [])}
            # What anybody was shown is kept, so whoever stayed must have it, too.
            for key in sorted((self._confirmed | kept.keys()) - have):
                if key[0] == room:
                    self.violations.append(f"{client} stayed, but never received {_named(key)}.")
        return self.violations

    def _check_shown(self, client: str, shown: list[tuple[Key, int, str]]) -> None:
        seen: set[Key] = set()
        place = -1
        turns: dict[str, int] = {}
        for key, seq, text in shown:
            if key in seen:
                self.violations.append(f"{client} received {_named(key)} twice.")
                continue
            seen.add(key)
            if seq <= place:
                self.violations.append(
                    f"{client} received {_named(key)} at place {seq} after {place}."
                )
            place = max(place, seq)
            if key not in self._sent or self._sent[key][1] != text:
                self.violations.append(
                    f"{client} received {_named(key)} as {text!r}, which was never sent."
                )
                continue
            if key in self._again:
                continue
            turn = self._sent[key][0]
            if turn < turns.get(key[1], -1):
                self.violations.append(f"{client} received {_named(key)} after a later one of it.")
            turns[key[1]] = max(turn, turns.get(key[1], -1))

    def _see(self, client: str, room: str, name: str, kind: str) -> None:
        if self._last.get((client, room, name)) == kind:
            self.violations.append(f"{client} saw {kind} of {name} in {room} twice in a row.")
        self._last[client, room, name] = kind


def check(events: Iterable[Event]) -> list[str]:
    """Return the violations of a whole history; KeyError as for :meth:`Checker.take`."""
    checker = Checker()
    for event in events:
        checker.take(event)
    return checker.finish()


def main(words: list[str]) -> int:
    """Check the file that is named; return the exit status: 0 sound, 1 not, 2 unreadable."""
    if len(words) != 1:
        print("Name one history: python -m tests.tools.checker FILE", file=sys.stderr)
        return 2
    checker = Checker()
    taken = 0
    try:
        with Path(words[0]).open(encoding="utf-8") as lines:
            for line in lines:
                checker.take(json.loads(line))
                taken += 1
    except OSError as error:
        print(f"Cannot read {words[0]}: {error.strerror}. Name another file.", file=sys.stderr)
        return 2
    except (ValueError, KeyError, TypeError):
        print(f"Line {taken + 1} of {words[0]} is no event; record it anew.", file=sys.stderr)
        return 2
    violations = checker.finish()
    print(
        "\n".join(violations) or "OK: " + ", ".join(f"{n} {k}" for k, n in checker.counts.items())
    )
    return 1 if violations else 0


def _named(key: Key) -> str:
    room, sender, cid = key
    return f"message {cid} of {sender} in {room}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
