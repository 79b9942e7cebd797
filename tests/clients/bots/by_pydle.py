"""A bot by pydle, told by lines of JSON: see ../bots.py."""

import asyncio
import json
import os
import sys
from typing import Any

import pydle

SETTINGS = json.loads(os.environ["BOT"])


def tell(event: str, **fields: object) -> None:
    print(json.dumps({"event": event, **fields}), flush=True)


class Robot(pydle.Client):
    RECONNECT_DELAYS = (1,)
    RECONNECT_MAX_ATTEMPTS = None

    async def connect(self, *args: Any, **words: Any) -> None:
        # By itself it gives up where nobody listens for a moment.
        while True:
            try:
                return await super().connect(*args, **words)
            except OSError:
                await asyncio.sleep(0.5)

    async def on_raw(self, message: Any) -> None:
        # Each line is handled in a task of its own: only here they are in their order.
        if str(message.command) in ("PRIVMSG", "NOTICE"):
            target, text = message.params
            source = self._parse_user(message.source)[0] if message.source else ""
            tell("message", **{"from": source}, to=target, text=text)
        else:
            tell("line", line=message._raw.strip())
        await super().on_raw(message)

    async def on_connect(self) -> None:
        await super().on_connect()
        tell("in")
        tell("steady")

    async def order(self, order: str, words: list[str]) -> object:
        if order == "names":
            room = self.channels.get(words[0], {"users": (), "modes": {}})
            owners = room["modes"].get("o", ())
            return [("@" if name in owners else "") + name for name in room["users"]]
        if order == "ban":
            await self.rawmsg("MODE", words[0], "+b", f"{words[1]}!*@*")
        elif order == "me":
            await self.ctcp(words[0], "ACTION", words[1])
        elif order == "topic":
            await self.set_topic(*words)
        elif order == "say":
            await self.message(*words)
        elif order == "raw":
            await self.raw(words[0] + "\r\n")
        else:
            await getattr(self, order)(*words)
        return None


async def main() -> None:
    name = SETTINGS["name"]
    robot = Robot(name, realname=name, sasl_username=name, sasl_password=SETTINGS["password"])
    # It pins nothing, and takes no certificate that only its owner has signed.
    await robot.connect("127.0.0.1", SETTINGS["port"], tls=True, tls_verify=False)
    orders = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    async for line in orders:
        said = json.loads(line)
        value = await robot.order(said["order"], said["words"])
        tell("answer", number=said["number"], value=value)
    os._exit(0)


asyncio.run(main())
