"""Commands about rooms: JOIN, PART, TOPIC, NAMES."""

from chatroom.errors import Code, UserError
from chatroom.irc import numerics
from chatroom.irc.grammar import Line, strip_formatting
from chatroom.irc.places import END_OF_NAMES, names_lines, topic_lines
from chatroom.irc.session import IrcSession
from chatroom.irc.shape import USERHOST_IN_NAMES
from chatroom.irc.welcome import REASON_LONGEST, ROOMS_AT_ONCE
from chatroom.names import RESERVED_FOR_ROOMS, check_name, fold
from chatroom.rooms.room import LOBBY, Room
from chatroom.rooms.voice import check_unmuted
from chatroom.storage.records import SUPERUSER
from chatroom.text import clean_line

_CANNOT_JOIN = {
    Code.BAD_NAME: numerics.ERR_BADCHANMASK,
    Code.LIMIT: numerics.ERR_TOOMANYCHANNELS,
    Code.NAME_TAKEN: numerics.ERR_INVITEONLYCHAN,
    Code.NOT_ALLOWED: numerics.ERR_NOSUCHCHANNEL,
}
"""Why a room could not be made, as clients know it of JOIN."""


def find_room(session: IrcSession, name: str) -> Room | None:
    """Return a room that exists for this person, by its name with one ``#``."""
    if not name.startswith("#") or name.startswith("##"):  # else rooms would strip the second one
        return None
    return session.services.roster.room_named(name[1:], session.account.id)


def room_of(session: IrcSession, name: str) -> Room | None:
    """Return a room that exists for this person, by its name with ``#``; None: answered by 403."""
    room = find_room(session, name)
    if room is None:
        session.reply(numerics.ERR_NOSUCHCHANNEL, name, "There is no such room")
    return room


def is_in(session: IrcSession, room: Room) -> bool:
    """Tell whether this client is in a room: the person is, and the client has not left it."""
    assert session.person is not None and session.member is not None
    is_hidden = room.log == LOBBY and session.member.hides_lobby
    return room in session.person.rooms and not is_hidden


def check_in(session: IrcSession, room: Room) -> bool:
    """Tell whether this client is in a room; False: answered by 442."""
    if is_in(session, room):
        return True
    session.reply(numerics.ERR_NOTONCHANNEL, f"#{room.name}", "You are not in that room")
    return False


def may_be_heard(session: IrcSession, room: Room | None = None) -> bool:
    """Tell whether others may see what the person says; of who is muted not even a reason.

    :param room: where; ``None``: nowhere in particular.
    :raises StoreError: nobody knows just now.
    """
    assert session.person is not None
    try:
        check_unmuted(session.services.sanctions, session.person, room)
    except UserError:
        return False
    return True


def reason(line: Line, at: int) -> str:
    """Return the reason that a line gives as one of its parameters; empty: none."""
    text = line.params[at] if len(line.params) > at else ""
    return clean_line(strip_formatting(text))[:REASON_LONGEST]


def rooms_named(session: IrcSession, names: str) -> list[str]:
    """Return the names of a list with commas, each once; those too many are answered by 407."""
    found = list(filter(None, dict.fromkeys(names.split(","))))
    for name in found[ROOMS_AT_ONCE:]:
        text = f"At most {ROOMS_AT_ONCE} rooms go into one line: send the others in the next one"
        session.reply(numerics.ERR_TOOMANYTARGETS, name, text)
    return found[:ROOMS_AT_ONCE]


# -- JOIN and PART ------------------------------------------------------------------------------


def join(session: IrcSession, line: Line) -> None:
    """JOIN: a room that one is in already is not entered again; there are no keys."""
    for name in rooms_named(session, line.params[0]):
        _join(session, name)


def _join(session: IrcSession, name: str) -> None:
    if name == "0":
        session.tell("error", "JOIN 0 is not taken here: leave rooms by their names, with PART.")
        return
    room = find_room(session, name)
    if room is None:
        _join_new(session, name)
        return
    if fold(room.name) != fold(name[1:]):
        text = "That room has another name now"
        session.reply(numerics.ERR_LINKCHANNEL, name, f"#{room.name}", text)
    assert session.person is not None and session.member is not None
    if is_in(session, room):
        return
    if room in session.person.rooms:  # the lobby, which this client has left
        session.member.hold()
        session.member.hide_lobby(False, room)
        session.send_rendered(session.member.face.entered(room))
        return
    _come_in(session, name, "join", room.name)


def _join_new(session: IrcSession, name: str) -> None:
    """Make a room if that is wanted, else say how it is made."""
    try:
        if not name.startswith("#"):
            raise UserError("The name of a room begins with #.", Code.BAD_NAME)
        check_name(name[1:], RESERVED_FOR_ROOMS)
    except UserError as error:
        session.refused(error, name)
        return
    if session.services.settings.irc_join_creates:
        _come_in(session, name, "create", name[1:])
        return
    text = f"There is no such room. Make it with /msg server create {name[1:]}"
    session.reply(numerics.ERR_NOSUCHCHANNEL, name, text)


def _come_in(session: IrcSession, name: str, command: str, room: str) -> None:
    session.pay(1)
    outcome = session.carry_out(command, None, room=room)
    if outcome.code is Code.NAME_TAKEN and (made := find_room(session, name)) is not None:
        outcome = session.carry_out("join", None, room=made.name)  # made in the same moment
    if outcome.code is not None:
        numeric = _CANNOT_JOIN.get(outcome.code, "") if command == "create" else ""
        session.refused(outcome, name, numeric=numeric)


def part(session: IrcSession, line: Line) -> None:
    """PART: the person leaves the room; of the lobby only this client sees nothing any more."""
    why = reason(line, 1)
    for name in rooms_named(session, line.params[0]):
        room = room_of(session, name)
        if room is not None and check_in(session, room):
            _part(session, room, why if may_be_heard(session, room) else "")


def _part(session: IrcSession, room: Room, why: str) -> None:
    assert session.person is not None and session.member is not None
    if room.log == LOBBY:
        session.member.hide_lobby(True, room)
    else:
        try:
            session.services.memberships.leave(session.person, session.member, room.name, why)
        except UserError as error:
            session.refused(error, f"#{room.name}")
            return
    session.from_me("PART", f"#{room.name}", *((why,) if why else ()))


# -- TOPIC and NAMES ----------------------------------------------------------------------------


def topic(session: IrcSession, line: Line) -> None:
    """TOPIC: everybody inside is told of a new one, who sets it, too."""
    room = room_of(session, line.params[0])
    if room is None:
        return
    if len(line.params) == 1:
        tell_topic(session, room)
        return
    inside = is_in(session, room)
    if not inside and session.account.grant != SUPERUSER:
        check_in(session, room)
        return
    text = clean_line(strip_formatting(line.params[1]))
    outcome = session.carry_out("topic", room, text=text or "-")
    if outcome.code is not None:
        session.refused(outcome, f"#{room.name}")
    elif not inside:
        session.from_me("TOPIC", f"#{room.name}", room.record.topic)


def tell_topic(session: IrcSession, room: Room) -> None:
    """Answer with the topic of a room."""
    if not is_open(session, room):
        return
    lines = list(topic_lines(session.services, session.server, session.nick, room))
    for one in lines:
        session.send(one)
    if not lines:
        session.reply(numerics.RPL_NOTOPIC, f"#{room.name}", "No topic is set")


def is_open(session: IrcSession, room: Room) -> bool:
    """Tell whether somebody may look into a room that exists; False: answered by 474."""
    assert session.person is not None
    try:
        session.services.memberships.find(session.person, room.name)
    except UserError as error:
        session.refused(error, f"#{room.name}")
        return False
    return True


def names(session: IrcSession, line: Line) -> None:
    """NAMES: of what is no room for this person, only the end."""
    with_host = USERHOST_IN_NAMES in session.caps
    services, who = session.services, (session.server, session.nick)
    asked = line.params[0] if line.params else "*"
    for name in rooms_named(session, asked):
        room = find_room(session, name)
        if room is None or services.sanctions.room_ban_of(session.account.id, room.log):
            continue
        for one in names_lines(services, *who, room, with_host):
            session.send(one)
    session.reply(numerics.RPL_ENDOFNAMES, asked, END_OF_NAMES)
