"""What it is told at its standard input, and what it hears."""

import json
import os
import sys
import threading

from supybot import callbacks, ircmsgs, world


def tell(event, **fields):
    line = json.dumps({"event": event, **fields}) + "\n"
    os.write(sys.__stdout__.fileno(), line.encode())  # two threads: a line at once


class Bridge(callbacks.Plugin):
    """Hands on what comes, and sends what it is told."""

    def __init__(self, irc):
        super().__init__(irc)
        threading.Thread(target=self._obey, daemon=True).start()

    def inFilter(self, irc, msg):
        if msg.command in ("PRIVMSG", "NOTICE"):
            target, text = msg.args
            tell("message", kind=msg.command, **{"from": msg.nick}, to=target, text=text)
        else:
            tell("line", line=str(msg).strip())
        return msg

    def do376(self, irc, msg):
        tell("in")
        tell("steady")

    do377 = do422 = do376

    def _obey(self):
        for line in sys.__stdin__:
            said = json.loads(line)
            value = self._order(world.ircs[0], said["order"], said["words"])
            tell("answer", number=said["number"], value=value)
        os._exit(0)

    def _order(self, irc, order, words):
        if order == "names":
            room = irc.state.channels.get(words[0])
            return [("@" if n in room.ops else "") + n for n in room.users] if room else []
        make = {
            "join": ircmsgs.join,
            "say": ircmsgs.privmsg,
            "me": ircmsgs.action,
            "topic": ircmsgs.topic,
            "kick": ircmsgs.kick,
            "ban": lambda room, name: ircmsgs.ban(room, f"{name}!*@*"),
            "raw": lambda line: ircmsgs.IrcMsg(line),
        }[order]
        irc.sendMsg(make(*words))
        return None


Class = Bridge
