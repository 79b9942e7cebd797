"""Makes the stores beside it: ``python -m tests.data.old_store.make``, from the project's root.

The server of the commit ``COMMIT`` (in a worktree of its own) plays the story below, once with
SQLite and once with Redis; then code of that commit reads what it has kept. Made are, of each
engine: ``ENGINE/``, the data directory; ``ENGINE.json``, what the old code found in it; and
``redis-keys.jsonl``, the keys of the Redis, one a line, as :func:`load` writes them again.
They were made once, and are to stay as they are: today's code has to open them.
"""

import base64
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.harness import PASSWORD, ROOT, Peer, ServerProcess
from tests.redis_server import RedisServer

COMMIT = "2a7c9ac"
HERE = Path(__file__).parent
CODE = "a-code-of-22-characters"
"""Of an invitation that is valid for ever."""

END = """
import hashlib, json, sys, time
from dataclasses import asdict, replace
from pathlib import Path
from chatroom.storage.records import KICK, Invite, Sanction

data, url, told = Path(sys.argv[1]), sys.argv[2], json.loads(sys.argv[3])
if url:
    from chatroom.storage.redis.engine import RedisEngine
    engine = RedisEngine(data, url)
else:
    from chatroom.storage.sqlite import SqliteEngine
    engine = SqliteEngine(data)
engine.start(lambda *_: None, lambda *_: None, lambda *_: None)

# What would end some day ends in the year 2100.
FAR = 4102444800.0
digest = lambda text: hashlib.sha256(text.encode()).digest()
ticket = engine.load_ticket(digest(told["ticket"]))
engine.save_tickets([replace(ticket, until=FAR)])
engine.save_invite(Invite(digest(told["code"]), 3, FAR, "boss"))
kit = engine.load_account("kit")
engine.save_sanction(Sanction(KICK, kit.id, "kit", "boss", "spam", time.time(), FAR))

people = list(engine.accounts())
rooms = [room.name for room in engine.rooms()]
POST = ("log", "kind", "sender_id", "sender", "text", "cid", "to", "ref", "seq", "epoch", "time")
told |= {
    "accounts": [asdict(person) for person in people],
    "rooms": [asdict(room) for room in engine.rooms()],
    "read_states": {person.id: asdict(places) for person in people
                    if (places := engine.load_places(person.id))},
    "tickets": [asdict(engine.load_ticket(digest(told["ticket"])))],
    "invites": [asdict(invite) for invite in engine.invites()],
    "sanctions": [asdict(sanction) for sanction in engine.sanctions()],
    "audit": [asdict(entry) for entry in engine.audit(100)],
    "departed": [asdict(one) for one in engine.departed("gone", "")],
    "posts": [{name: getattr(post, name) for name in POST}
              for log in ("lobby", *rooms, *("@" + person.id for person in people))
              for post in engine.read(log, 0, 1000, 1000)],
}
engine.close()
print(json.dumps(told, indent=1, default=bytes.hex, ensure_ascii=False))
"""
"""What the old code does at the end: it keeps some things for good, and tells all that it has.

It speaks the language of that commit, and is never to follow a change of today's code.
"""


class Person:
    """Somebody who comes in with one line, and whose lines are answered one by one."""

    def __init__(self, server: ServerProcess, name: str, word: str = "register") -> None:
        self.peer: Peer = server.peer()
        self.peer.send('>hello {"v":1}')
        self.peer.send_event(word, name=name, password=PASSWORD, ticket=True)
        self.peer.until_event("notice", kind="here")
        self.ticket = str(self.peer.until_event("ticket")["ticket"])
        self._name = name
        self._lines = 0

    def say(self, text: str, **more: str) -> str:
        """Post, and wait until it is kept; return its id."""
        self._lines += 1
        cid = f"sessionof{self._name}-{self._lines}"
        self.peer.send_event("post", text=text, cid=cid, **more)
        return str(self.peer.until_event("message", cid=cid)["id"])

    def do(self, line: str) -> None:
        """Run a command."""
        self.peer.send_event("command", line=line, cid=line)
        shown = self.peer.until(f'"cid":{json.dumps(line, ensure_ascii=False)}')
        assert '"ok":false' not in shown, shown

    def leave(self, line: str = "/disconnect", *answers: str) -> None:
        """Run a command that ends this, and answer what it asks."""
        self.peer.send_event("command", line=line)
        for answer in answers:
            self.peer.until_event("prompt")
            self.peer.send_event("answer", text=answer)
        self.peer.until_end()
        self.peer.close()


def play(server: ServerProcess) -> str:
    """Fill a new store; return a ticket of ann."""
    server.add_user("boss", superuser=True)
    boss = Person(server, "boss", "login")
    ann, bob, gone, mia, ben, kit, zoe = (
        Person(server, name) for name in ("ann", "bob", "gone", "mia", "ben", "kit", "Zoë")
    )
    ann.say("good morning")
    bob.say("Grüße, ann — שלום")
    gone.say("I will not be here for long")
    boss.do("/delete " + mia.say("nobody has to know this"))
    ann.do("/me waves")
    boss.do("/announce tea at four")
    ann.do("/create dev")
    ann.do("/topic what we build")
    for number in range(30):
        ann.say(f"step {number} is done", room="dev")
    bob.do("/join dev")
    bob.say("well done", room="dev")
    ann.do("/create den private")
    ann.do("/invite bob")
    ann.say("only for two", room="den")
    bob.do("/join den")
    bob.say("and nobody else", room="den")
    ann.do("/messageto bob you saw this")
    bob.peer.until_event("message", kind="private")
    bob.leave()
    ann.do("/messageto bob you did not see this")
    ann.do("/ignore mia")
    ann.say("bob has missed this", room="den")
    zoe.do("/busy lunch")
    boss.do("/mute mia forever too loud")
    boss.do("/ban ben forever no manners")
    boss.do("/ban 192.0.2.0/24 forever an open proxy")
    boss.do("/changegrant Zoë 0")
    gone.leave("/deleteaccount", PASSWORD, "gone")
    for person in (ann, mia, kit, boss):
        person.leave()
    ben.peer.until_end()
    # Zoë stays, busy, until the server stops.
    return ann.ticket


def keys(client: Any) -> Iterator[str]:
    """Return all keys of a Redis, a line each."""

    def text(value: Any) -> Any:
        if isinstance(value, bytes):
            return base64.b64encode(value).decode()
        if isinstance(value, dict):
            return [[text(one), text(other)] for one, other in value.items()]
        return [text(one) for one in value] if isinstance(value, list | tuple | set) else value

    for key in sorted(client.scan_iter()):
        kind = client.type(key).decode()
        value = {
            "string": client.get,
            "hash": client.hgetall,
            "set": client.smembers,
            "list": lambda key: client.lrange(key, 0, -1),
            "zset": lambda key: client.zrange(key, 0, -1, withscores=True),
            "stream": lambda key: [
                client.xinfo_stream(key)["last-generated-id"],
                client.xrange(key),
            ],
        }[kind](key)
        until = max(client.pexpiretime(key), 0)
        line = {"key": key.decode(), "kind": kind, "until": until, "value": text(value)}
        yield json.dumps(line, separators=(",", ":"), ensure_ascii=False)


def load(client: Any, file: Path) -> None:
    """Write the keys of a file into an empty database; Redis 6.2 or later, whatever made them."""

    def pairs(value: list[list[str]]) -> list[bytes]:
        return [base64.b64decode(part) for pair in value for part in pair]

    for line in file.read_text("utf-8").splitlines():
        found = json.loads(line)
        key, kind, value = found["key"], found["kind"], found["value"]
        if kind == "string":
            client.set(key, base64.b64decode(value))
        elif kind == "hash":
            client.execute_command("HSET", key, *pairs(value))
        elif kind == "set":
            client.sadd(key, *map(base64.b64decode, value))
        elif kind == "list":
            client.rpush(key, *map(base64.b64decode, value))
        elif kind == "zset":
            client.zadd(key, {base64.b64decode(one): score for one, score in value})
        else:
            last, entries = value
            for number, fields in entries:
                number = base64.b64decode(number)
                client.execute_command("XADD", key, number, *pairs(fields))
            if not entries:
                client.execute_command("XADD", key, "0-1", "empty", "")
                client.xdel(key, "0-1")
            client.execute_command("XSETID", key, base64.b64decode(last))
        if found["until"]:
            client.pexpireat(key, found["until"])


def make(code: Path, folder: Path, kind: str, url: str) -> None:
    """Make the store of one engine.

    :param code: the worktree of the old code.
    :param folder: an empty one.
    :param url: of a Redis; empty: SQLite.
    """
    program = (sys.executable, str(code / "chatroom_server.py"))
    settings: dict[str, Any] = {
        "engine": url,
        "keep_days": 0,
        "reserve_days": 3650,
        "public_host": "localhost",
    }
    server = ServerProcess(folder, program=program, is_new=True, **settings)
    try:
        ticket = play(server)
        assert server.stop() == 0
    finally:
        server.close()
    given = json.dumps({"ticket": ticket, "code": CODE})
    done = subprocess.run(
        [sys.executable, "-c", END, str(server.data_dir), url, given],
        env={"PYTHONPATH": str(code)},
        cwd=folder,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    (HERE / f"{kind}.json").write_text(done.stdout, "utf-8")
    shutil.rmtree(HERE / kind, ignore_errors=True)
    (HERE / kind).mkdir()
    for file in server.data_dir.iterdir():
        if file.is_file() and file.suffix not in (".lock", ".pem"):
            shutil.copyfile(file, HERE / kind / file.name)


def main() -> None:
    """Make both stores."""
    with tempfile.TemporaryDirectory() as name:
        code = Path(name, "code")
        worktree = ["git", "-C", str(ROOT), "worktree"]
        subprocess.run([*worktree, "add", "--quiet", "--detach", str(code), COMMIT], check=True)
        redis = RedisServer(Path(name, "redis"))
        try:
            make(code, Path(name, "sqlite"), "sqlite", "")
            make(code, Path(name, "shared"), "redis", redis.url)
            lines = keys(redis.client)
            (HERE / "redis-keys.jsonl").write_text("\n".join(lines) + "\n", "utf-8")
        finally:
            redis.close()
            subprocess.run([*worktree, "remove", "--force", str(code)], check=True)


if __name__ == "__main__":
    main()
