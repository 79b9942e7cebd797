"""Commands about rooms: JOIN, PART, TOPIC, NAMES."""

from chatroom.errors import Code, UserError
from chatroom.irc import numerics
from chatroom.irc.grammar import Line
from chatroom.irc.places import end_of_names, names_lines, topic_lines
from chatroom.irc.session import IrcSession
from chatroom.irc.shape import USERHOST_IN_NAMES
from chatroom.rooms.room import LOBBY, Room


def find_room(session: IrcSession, name: str) -> Room | None:
    """Return a room that exists for this person, by its name with ``#``."""
    if not name.startswith("#"):
        return None
    return session.services.roster.room_named(name[1:], session.account.id)


def room_of(session: IrcSession, name: str) -> Room | None:
    """Return a room that exists for this person, by its name with ``#``; None: answered by 403."""
    room = find_room(session, name)
    if room is None:
        session.reply(numerics.ERR_NOSUCHCHANNEL, name, "There is no such room")
    return room


def join(session: IrcSession, line: Line) -> None:
    """JOIN: a room that one is in already is not entered again."""
    for name in line.params[0].split(","):
        _join(session, name)


def _join(session: IrcSession, name: str) -> None:
    if name == "0":
        session.tell("error", "JOIN 0 is not taken here: leave rooms by their names.")
        return
    if not name.startswith("#") or len(name) < 2:
        session.reply(numerics.ERR_NOSUCHCHANNEL, name, "The name of a room begins with #")
        return
    services, person = session.services, session.person
    assert person is not None
    room = services.roster.room_named(name[1:], session.account.id)
    if room is not None and room in person.rooms:
        return
    if room is None:
        if not services.settings.irc_join_creates:
            text = "There is no such room. Make it with /msg server create " + name[1:]
            session.reply(numerics.ERR_NOSUCHCHANNEL, name, text)
            return
        outcome = session.carry_out("create", None, room=name[1:])
    else:
        outcome = session.carry_out("join", None, room=name[1:])
    if outcome.code is not None:
        numeric = numerics.ERR_TOOMANYCHANNELS if outcome.code is Code.LIMIT else ""
        session.refused(outcome, name, numeric=numeric)


def part(session: IrcSession, line: Line) -> None:
    """PART: the lobby stays, unseen by this session."""
    why = line.params[1] if len(line.params) > 1 else ""
    for name in line.params[0].split(","):
        room = room_of(session, name)
        if room is None:
            continue
        assert session.person is not None and session.member is not None
        if room not in session.person.rooms:
            session.reply(numerics.ERR_NOTONCHANNEL, name, "You're not on that channel")
            continue
        if room.log == LOBBY:
            session.from_me("PART", f"#{room.name}", *((why,) if why else ()))
            continue
        try:
            session.services.memberships.leave(session.person, session.member, room.name, why)
        except UserError as error:
            session.refused(error, name)
            continue
        session.from_me("PART", f"#{room.name}", *((why,) if why else ()))


def topic(session: IrcSession, line: Line) -> None:
    """TOPIC."""
    room = room_of(session, line.params[0])
    if room is None:
        return
    name = f"#{room.name}"
    if len(line.params) == 1:
        tell_topic(session, room)
        return
    outcome = session.carry_out("topic", room, text=line.params[1] or "-")
    if outcome.code is not None:
        session.refused(outcome, name)


def tell_topic(session: IrcSession, room: Room) -> None:
    """Answer with the topic of a room."""
    lines = list(topic_lines(session.services, session.server, session.nick, room))
    for one in lines:
        session.send(one)
    if not lines:
        session.reply(numerics.RPL_NOTOPIC, f"#{room.name}", "No topic is set")


def names(session: IrcSession, line: Line) -> None:
    """NAMES."""
    wanted = line.params[0].split(",") if line.params else ["*"]
    with_host = USERHOST_IN_NAMES in session.caps
    for name in wanted:
        room = None
        if name.startswith("#"):
            room = session.services.roster.room_named(name[1:], session.account.id)
        if room is None:
            session.send(end_of_names(session.server, session.nick, name))
            continue
        for one in names_lines(session.services, session.server, session.nick, room, with_host):
            session.send(one)
