"""Commands that say something: PRIVMSG and NOTICE."""

from chatroom.commands import private
from chatroom.errors import UserError
from chatroom.irc import numerics
from chatroom.irc.channels import room_of
from chatroom.irc.grammar import Line, ctcp, strip_formatting
from chatroom.irc.said import Said
from chatroom.irc.session import IrcSession
from chatroom.rooms.voice import check_voice
from chatroom.storage.records import ACTION, TEXT
from chatroom.text import can_be_seen, clean_line


def privmsg(session: IrcSession, line: Line) -> None:
    """PRIVMSG."""
    _say(session, line, is_notice=False)


def notice(session: IrcSession, line: Line) -> None:
    """NOTICE: nothing is answered to it."""
    _say(session, line, is_notice=True)


def _say(session: IrcSession, line: Line, is_notice: bool) -> None:
    if not line.params:
        session.reply(numerics.ERR_NORECIPIENT, "No recipient given (PRIVMSG)")
        return
    if len(line.params) < 2 or not line.params[1]:
        session.reply(numerics.ERR_NOTEXTTOSEND, "No text to send")
        return
    kind, text = TEXT, line.params[1]
    if (found := ctcp(text)) is not None:
        if found[0] != "ACTION":
            return
        kind, text = ACTION, found[1]
    text = clean_line(strip_formatting(text))
    if not can_be_seen(text):
        session.reply(numerics.ERR_NOTEXTTOSEND, "No text to send")
        return
    for target in line.params[0].split(","):
        try:
            _say_to(session, target, kind, text)
        except UserError as error:
            session.refused(error, target)


def _say_to(session: IrcSession, target: str, kind: str, text: str) -> None:
    services, person, member = session.services, session.person, session.member
    assert person is not None and member is not None and session.face is not None
    said = Said(member, session.face, session.spend_label())
    if not target.startswith("#"):
        to = services.accounts.find(target)
        sent = private.send(services, person, member, to, text, "")
        if sent is not None and sent.sentence:
            session.reply(numerics.RPL_AWAY, to.name, sent.sentence)
        return
    room = room_of(session, target)
    if room is None:
        return
    if room not in person.rooms:
        session.reply(numerics.ERR_CANNOTSENDTOCHAN, target, "You are not in that room")
        return
    check_voice(services.sanctions, person, room)
    room.post(kind, session.account, text, "", said)
