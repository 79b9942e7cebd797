"""HELP: what each command does here, in a line or two."""

from collections.abc import Mapping, Sequence

from chatroom.irc import numerics
from chatroom.irc.grammar import Line
from chatroom.irc.session import IrcSession

_OVERVIEW = (
    "Rooms are channels, accounts are nicks; your rooms follow you to each client.",
    "JOIN, PART, LIST, TOPIC, NAMES, INVITE, KICK and MODE work as you know them.",
    "What IRC has no word for you ask of the nick server: /msg server help",
)
_SUBJECT_LONGEST = 40
_A_ROW = 12

_NO_SERVICE = ("There is no such service here: your client logs you in. See HELP SERVER.",)

PAGES: Mapping[str, Sequence[str]] = {
    **dict.fromkeys(("CHANSERV", "CS", "NICKSERV", "NS"), _NO_SERVICE),
    "ADMIN": ("ADMIN: whom to ask about this server.",),
    "AUTHENTICATE": ("AUTHENTICATE PLAIN: logs in; your client does it when you set SASL.",),
    "AWAY": (
        "AWAY :reason shows others that you are away, AWAY alone that you are back.",
        "You are sent everything meanwhile.",
    ),
    "BATCH": ("BATCH: how clients send a message of several lines.",),
    "CAP": ("CAP LS, REQ, LIST, END: your client tells what it understands.",),
    "CHATHISTORY": (
        "CHATHISTORY LATEST #room * 50: the last messages of a room, or with somebody.",
        "BEFORE, AFTER, AROUND and BETWEEN read from a time or a message on; TARGETS lists where "
        "there is something.",
    ),
    "CONNECT": ("CONNECT: not used, there is one server here.",),
    "DIE": ("DIE: the server is stopped where it runs.",),
    "HELP": ("HELP, HELP command: what there is. HELP SERVER: what the nick server does.",),
    "HELPOP": ("HELPOP: the same as HELP.",),
    "INFO": ("INFO: what this server is.",),
    "INVITE": (
        "INVITE nick #room lets somebody into a private room, or tells of a public one.",
        "INVITE alone lists the invitations that you have.",
    ),
    "ISON": ("ISON nick nick: which of them are here. MONITOR tells it by itself.",),
    "ISUPPORT": ("ISUPPORT: the limits of this server, for your client.",),
    "JOIN": (
        "JOIN #room,#room: you stay in a room until you PART, whatever client you use.",
        "LIST shows which there are.",
    ),
    "KICK": ("KICK #room nick :reason removes somebody from a room that you run.",),
    "KILL": ("KILL nick :reason ends all sessions of somebody; for superusers.",),
    "KLINE": ("KLINE: superusers ban by /msg server ban NAME, or ADDRESS.",),
    "LINKS": ("LINKS: the servers; it is one.",),
    "LIST": ("LIST, LIST *mask*, LIST >5: the rooms that you may join.",),
    "LUSERS": ("LUSERS: how many are here.",),
    "MARKREAD": ("MARKREAD #room: up to where you have read, the same in all your clients.",),
    "MODE": (
        "MODE #room tells how a room is; who runs it changes that:",
        "+i, -i: private, or open to all. +m, -m: archived, nobody writes there, or not.",
        "+o nick, -o nick: a moderator, or none. +b nick, -b nick: banned from the room, or not.",
        "MODE yournick +B tells others that you are a bot.",
    ),
    "MONITOR": (
        "MONITOR + nick,nick tells you when they come and go; MONITOR - nick no more.",
        "MONITOR L lists them, S tells who is here, C forgets all.",
    ),
    "MOTD": ("MOTD: what the operator tells everybody.",),
    "NAMES": ("NAMES #room: who is in a room.",),
    "NICK": ("NICK: your nick is the name of your account; the operator can change it.",),
    "NOTICE": ("NOTICE target :text is a PRIVMSG that no program answers.",),
    "OPER": ("OPER: superusers are operators without it, and nobody else is.",),
    "PART": (
        "PART #room :reason leaves a room, in all your clients.",
        "The lobby cannot be left; this client shows it no more.",
    ),
    "PASS": ("PASS name:password logs in, as the server password of your client.",),
    "PING": ("PING token: whether the connection works.",),
    "PONG": ("PONG: the answer to PING.",),
    "PRIVMSG": (
        "PRIVMSG #room :text or PRIVMSG nick :text says something.",
        "Who is not here finds it at the next visit.",
    ),
    "QUIT": ("QUIT :reason ends this connection; you stay in your rooms.",),
    "REDACT": ("REDACT target id :reason takes a message back. Clients have a menu for it.",),
    "REGISTER": ("REGISTER * code password makes an account; code is * or an invitation.",),
    "REHASH": ("REHASH: settings are read anew where the server runs.",),
    "RESTART": ("RESTART: starts the server anew; for superusers.",),
    "SERVER": (
        "The nick server takes every command of Chatroom: /msg server help lists them.",
        "For example /msg server search milk, or /msg server #room topic Tea at four.",
    ),
    "SETNAME": ("SETNAME :name gives you another real name, as long as you are here.",),
    "SQUIT": ("SQUIT: not used, there is one server here.",),
    "STATS": ("STATS u: how long the server runs.",),
    "SUMMON": ("SUMMON: not used.",),
    "TAGMSG": ("TAGMSG: tags of clients for other clients, such as who is typing.",),
    "TIME": ("TIME: the time at the server.",),
    "TOPIC": ("TOPIC #room tells what a room is about; TOPIC #room :text changes it.",),
    "USER": ("USER: part of the login.",),
    "USERHOST": ("USERHOST nick: whether somebody is away. Addresses are never told.",),
    "USERS": ("USERS: not used; LUSERS and WHO tell who is here.",),
    "VERIFY": ("VERIFY: not used, accounts need no verification.",),
    "VERSION": ("VERSION: the program of this server, and its limits.",),
    "WALLOPS": ("WALLOPS :text tells something to everybody; for superusers.",),
    "WHO": ("WHO #room, WHO nick, WHO mask*: who is here, and who is away (G).",),
    "WHOIS": ("WHOIS nick: who somebody is.",),
    "WHOWAS": ("WHOWAS nick: when somebody who came by IRC has left.",),
}
"""The texts, by their subjects."""


def help_on(session: IrcSession, line: Line) -> None:
    """HELP and HELPOP."""
    asked = line.params[0] if line.params else ""
    subject = asked[:_SUBJECT_LONGEST] or "*"
    page = PAGES.get(subject.upper().removeprefix("/")) if asked else _OVERVIEW
    if page is None:
        session.reply(numerics.ERR_HELPNOTFOUND, subject, "There is no help on that; see HELP")
        return
    title = subject.upper() if asked else "Help"
    session.reply(numerics.RPL_HELPSTART, subject, title)
    for text in page:
        session.reply(numerics.RPL_HELPTXT, subject, text)
    if not asked:
        subjects = sorted(PAGES)
        for at in range(0, len(subjects), _A_ROW):
            text = f"HELP {' '.join(subjects[at : at + _A_ROW])}"
            session.reply(numerics.RPL_HELPTXT, subject, text)
    session.reply(numerics.RPL_ENDOFHELP, subject, "End of HELP")
