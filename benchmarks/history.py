"""Measures a long history: ``python -m benchmarks.history``.

Fills a store with random words (64 bytes a message, one rare word in all), in commits of 16 and
one by one, lets the upkeep join what is older than a minute, and prints size, start and reading
times: of the engine alone, and for somebody who is in the room.
"""

import argparse
import json
import os
import random
import socket
import sqlite3
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from benchmarks.login import started
from chatroom.storage import segments
from chatroom.storage.records import TEXT, Post, RoomRecord, SearchQuery
from chatroom.storage.sqlite import SqliteEngine
from chatroom.storage.sqlite.opening import STORE_FILE
from chatroom.storage.upkeep import Keep

ROOM = "big"
RARE = "xylophone"
MESSAGE_BYTES = 64
_VOCABULARY = 5000
_PEOPLE = 50
_JOB_COMMITS = 2000


def words(chance: random.Random) -> list[str]:
    """Return a vocabulary; the words in front are said more often by :func:`messages`."""
    letters = "etaoinshrdlucmfwypvbgk"
    return ["".join(chance.choices(letters, k=chance.randint(2, 9))) for _ in range(_VOCABULARY)]


def messages(number: int, seed: int = 1) -> Iterator[Post]:
    """Yield messages of 64 bytes, one a second, the last one an hour ago."""
    chance = random.Random(seed)
    vocabulary = words(chance)
    weights = [1 / (rank + 10) for rank in range(_VOCABULARY)]
    stock = chance.choices(vocabulary, weights, k=200_000)
    begin = time.time() - 3600 - number
    for i in range(number):
        at = chance.randrange(len(stock) - 40)
        text = " ".join(stock[at : at + 40])
        if i == number // 10:
            text = f"{RARE} {text}"
        who = chance.randrange(_PEOPLE)
        cid = f"{who:08x}-{i}"
        yield Post(
            ROOM, TEXT, f"{who:032x}", f"person{who}", text[:MESSAGE_BYTES], cid, time=begin + i
        )


def fill(engine: SqliteEngine, number: int, burst: int) -> None:
    """Write messages as the engine does, a segment for each burst; many bursts a transaction."""
    logs, write = engine._writer._logs, engine._writer.write
    log = write(lambda db: logs.make(db, ROOM))
    pending: list[list[Post]] = [[]]

    def write_all(db: sqlite3.Connection, groups: list[list[Post]]) -> None:
        for group in groups:
            logs.write(db, log.id, group, segments.pack(group))

    def flush() -> None:
        groups = [group for group in pending if group]
        write(lambda db: write_all(db, groups))
        logs.added(ROOM, log, [post for group in groups for post in group], False)
        pending[:] = [[]]

    for seq, post in enumerate(messages(number), 1):
        post.seq = seq
        pending[-1].append(post)
        if len(pending[-1]) == burst:
            for one in pending[-1]:
                one.time = post.time  # one commit has one time
            pending.append([])
            if len(pending) > _JOB_COMMITS:
                flush()
    flush()


def median(call: Callable[[], object], times: int = 9) -> float:
    """Return the median time of a call in milliseconds."""
    took = []
    for _ in range(times):
        began = time.perf_counter()
        call()
        took.append((time.perf_counter() - began) * 1000)
    return statistics.median(took)


def size(folder: Path) -> int:
    """Return the bytes of the store with its write-ahead log, as the disk has them."""
    return sum(f.stat().st_blocks * 512 for f in folder.glob(STORE_FILE + "*"))


def show(name: str, value: float, unit: str, most: float | None = None) -> None:
    """Print one figure, and whether it is good enough."""
    verdict = "" if most is None else f"<= {most:g} {'yes' if value <= most else 'NO'}"
    print(f"| {name:<46} | {value:>10.1f} {unit:<5} | {verdict:<12} |", flush=True)


def reading(engine: SqliteEngine, number: int, kind: str) -> None:
    """Measure what people wait for."""
    chance = random.Random(2)

    def page() -> None:
        upto = chance.randrange(50, number)
        assert len(engine.logs.read(ROOM, 0, upto, 50)) == 50

    common = words(random.Random(1))[0]

    def search(word: str, most: int) -> int:
        return len(engine.logs.search(ROOM, SearchQuery((word,)), most))

    assert search(RARE, 50) == 1
    assert search(common, 50) == 50
    show(f"{kind}: page of 50, anywhere", median(page, 99), "ms", 50)
    show(
        f"{kind}: last 20, for a join",
        median(lambda: engine.logs.read(ROOM, 0, number, 20)),
        "ms",
        50,
    )
    show(
        f"{kind}: place of a time",
        median(lambda: engine.logs.seq_before(ROOM, time.time() / 2)),
        "ms",
    )
    show(f"{kind}: search, rare word", median(lambda: search(RARE, 50), 3), "ms", 3000)
    show(f"{kind}: search, common word", median(lambda: search(common, 50)), "ms", 300)
    show(f"{kind}: search, a word that nobody said", median(lambda: search("zq", 50), 3), "ms")


def serving(folder: Path, kind: str) -> None:
    """Measure what somebody waits for who uses a server with this store."""
    common = words(random.Random(1))[0]
    with started(folder) as (seconds, port, _):
        show(f"{kind}: server's start", seconds * 1000, "ms", 2000)
        with socket.create_connection(("127.0.0.1", port), 60) as sock:
            sock.sendall(b'>hello {"v":1}\n>register {"name":"reader","password":"long enough"}\n')
            _until(sock, b'"welcome"')

            def command(line: str) -> None:
                sock.sendall(f">command {json.dumps({'line': line, 'cid': 'now'})}\n".encode())
                heard = _until(sock, b'"cid":"now"')
                if b'"ok":true' not in heard:
                    raise RuntimeError(f"{line} was refused: {heard[-300:]!r}")

            def join() -> float:
                began = time.perf_counter()
                command(f"/join {ROOM}")
                took = (time.perf_counter() - began) * 1000
                command(f"/leave {ROOM}")
                return took

            show(f"{kind}: /join", statistics.median(join() for _ in range(9)), "ms", 50)
            command(f"/join {ROOM}")
            for line, most, times in (
                ("/history", 50, 9),
                ("/history before 500000", 50, 9),
                (f"/search {common}", 300, 9),
                (f"/search {RARE}", 3000, 3),
            ):
                show(f"{kind}: {line}", median(partial(command, line), times), "ms", most)


def _until(sock: socket.socket, text: bytes) -> bytes:
    heard = b""
    while text not in heard or not heard.endswith(b"\n"):
        data = sock.recv(65536)
        if not data:
            raise RuntimeError(f"{text!r} did not come: {heard[-300:]!r}")
        heard += data
    return heard


def run(folder: Path, number: int, burst: int) -> None:
    """Build one store and print its figures."""
    kind = f"bursts of {burst}" if burst > 1 else "one by one"
    engine = open_engine(folder)
    engine.rooms.save(RoomRecord(ROOM, ""))
    began = time.perf_counter()
    fill(engine, number, burst)
    engine.upkeep.checkpoint()
    show(f"{kind}: filled", time.perf_counter() - began, "s")
    show(
        f"{kind}: bytes a message at first", size(folder) / number, "B", 160 if burst > 1 else None
    )
    began, cpu = time.perf_counter(), time.thread_time()
    engine.upkeep.look(time.time(), share=1)
    show(f"{kind}: joined", time.perf_counter() - began, "s")
    show(f"{kind}: CPU for joining 1,000 messages", (time.thread_time() - cpu) * 1e6 / number, "ms")
    engine.upkeep.expire(time.time())  # ten minutes later: gives back what is free now
    show(f"{kind}: bytes a message when joined", size(folder) / number, "B", 160)
    engine.close()
    began = time.perf_counter()
    engine = open_engine(folder)
    engine.logs.follow(ROOM)
    assert engine.logs.span(ROOM).last == number
    show(f"{kind}: start", (time.perf_counter() - began) * 1000, "ms", 2000)
    reading(engine, number, kind)
    engine.close()
    serving(folder.parent, kind)
    engine = open_engine(folder)
    began = time.perf_counter()
    erased = engine.logs.erase(ROOM, f"{7:032x}")
    took = time.perf_counter() - began
    show(f"{kind}: erase all of one sender ({erased})", took * 1000, "ms")
    assert engine.settle(10)
    engine.close()


def open_engine(folder: Path) -> SqliteEngine:
    """Open a store without an upkeep thread: the benchmark does its work."""
    engine = SqliteEngine(folder)
    engine.start(lambda *_: None, lambda *_: None, lambda *_: None)
    return engine


def idle(folder: Path) -> None:
    """Measure what an engine with its upkeep takes while nothing is written."""
    engine = SqliteEngine(folder, keep=Keep())
    engine.start(lambda *_: None, lambda *_: None, lambda *_: None)
    before = os.times()
    threading.Event().wait(5)
    after = os.times()
    engine.close()
    show("idle: CPU", (after.user + after.system - before.user - before.system) * 20, "%", 1)


def main() -> None:
    """Print all figures as a table."""
    parser = argparse.ArgumentParser(description="Measures a long history.")
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--folder", help="where the stores are made (default: a temporary one)")
    parser.add_argument("--burst", type=int, action="append", help="messages of one commit")
    arguments = parser.parse_args()
    for burst in arguments.burst or (16, 1):
        with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
            store = Path(folder) / "data"
            store.mkdir(mode=0o700)
            run(store, arguments.messages, burst)
            idle(store)


if __name__ == "__main__":
    main()
