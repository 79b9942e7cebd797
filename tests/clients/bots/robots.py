"""A bot by ircrobots (with ircstates and irctokens), told by lines of JSON: see ../bots.py."""

import asyncio
import json
import os
import sys

from ircrobots import Bot, ConnectionParams, SASLUserPass, Server
from ircrobots.ircv3 import Capability
from ircrobots.security import TLSVerifySHA512
from irctokens import Line, build

SETTINGS = json.loads(os.environ["BOT"])
WANTED = ("draft/chathistory", "echo-message", "server-time", "standard-replies", "setname")
last: dict[str, str] = {}
seen: set[str] = set()


def tell(event: str, **fields: object) -> None:
    print(json.dumps({"event": event, **fields}), flush=True)


class Chat(Server):
    """What it says and hears; after a loss it asks for what it has missed, room by room."""

    def __init__(self, bot: Bot, name: str) -> None:
        super().__init__(bot, name)
        self.desired_caps |= {Capability(name) for name in WANTED}

    async def line_read(self, line: Line) -> None:
        if line.command in ("PRIVMSG", "NOTICE"):
            self.hear(line)
            return
        tell("line", line=line.format())
        if line.command == "001":
            self.set_throttle(1000, 1)
            tell("in")
            tell("steady")
        elif line.command == "JOIN" and self.is_me(line.hostmask.nickname):
            room = line.params[0]
            if room in last and "draft/chathistory" in self.agreed_caps:
                words = ["AFTER", room, f"msgid={last[room]}", "100"]
                await self.send(build("CHATHISTORY", words))

    def hear(self, line: Line) -> None:
        tags = line.tags or {}
        target, text = line.params
        if (msgid := tags.get("msgid", "")) in seen:
            return
        if msgid:
            seen.add(msgid)
            last[target] = msgid
        sender = line.hostmask.nickname if line.source else ""
        tell("message", kind=line.command, **{"from": sender}, to=target, text=text, msgid=msgid)

    def order(self, order: str, words: list[str]) -> object:
        if order == "names":
            room = self.channels.get(self.casefold(words[0]))
            users = room.users.values() if room else ()
            return [("@" if "o" in user.modes else "") + user.nickname for user in users]
        if order == "me":
            order, words = "say", [words[0], f"\x01ACTION {words[1]}\x01"]
        if order == "raw":
            self.send_raw(words[0])
        elif order == "ban":
            self.send(build("MODE", [words[0], "+b", f"{words[1]}!*@*"]))
        else:
            self.send(build({"say": "PRIVMSG"}.get(order, order.upper()), words))
        return None


class Robot(Bot):
    def create_server(self, name: str) -> Chat:
        return Chat(self, name)


async def main() -> None:
    robot = Robot()
    loop = asyncio.get_running_loop()
    orders = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)

    async def obey() -> None:
        async for line in orders:
            said = json.loads(line)
            value = robot.servers["chat"].order(said["order"], said["words"])
            tell("answer", number=said["number"], value=value)
        os._exit(0)

    task = asyncio.create_task(obey())
    await robot.add_server(
        "chat",
        ConnectionParams(
            SETTINGS["name"],
            "127.0.0.1",
            SETTINGS["port"],
            tls=TLSVerifySHA512(SETTINGS["sha512"]),
            sasl=SASLUserPass(SETTINGS["name"], SETTINGS["password"]),
            reconnect=1,
        ),
    )
    await robot.run()
    await task


asyncio.run(main())
