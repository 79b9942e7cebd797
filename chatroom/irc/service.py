"""The nick ``server``: the slash commands, for who cannot type them as such. Session thread only.

``/msg server search milk``, or ``/quote SERVER search milk``; answers are NOTICEs from that nick.
"""

import re
from collections.abc import Callable
from typing import Any

from chatroom.answers import Answer
from chatroom.commands.arguments import first_word
from chatroom.commands.command import ROLES, Command
from chatroom.commands.own import GivenUp
from chatroom.commands.registry import Context, Registry
from chatroom.errors import Code, Disconnected, EndReason, UserError
from chatroom.irc.face import USER_HOST
from chatroom.irc.grammar import Line, strip_formatting
from chatroom.irc.session import IrcSession
from chatroom.irc.shape import ECHO
from chatroom.irc.wording import NICK, as_typed, notice_lines
from chatroom.names import SERVICES, fold, room_name
from chatroom.storage.records import SUPERUSER
from chatroom.text import clean_line

_SOURCE = NICK + USER_HOST
_CANCEL = "cancel"
_FORM = re.compile(r"/([a-z][a-z-]*)")
_COLUMN = re.compile(r"^(/\S.*? (?= ))")
_ELSEWHERE = {
    "query": "Your client has that itself: type /query NAME",
    "room": "On IRC each line names its room: talk in the window of that room.",
    "export": "An export is a file: get it with Chatroom's own client.",
}
"""Commands that there cannot be here, with the sentence that says why."""
_NO_PASSWORD = (
    "That needs a password, and none is ever asked for here: your client would show and keep it. "
    "Do it with Chatroom's own client."
)
_NO_SERVICE = (
    "There is no {} here: your nick is your account. Log in with SASL, or give NAME:PASSWORD as "
    "the password of the server. What you typed went to nobody."
)
_SAID_OF = {
    "chanserv": "There is no ChanServ here: who runs a room does it by MODE, KICK and TOPIC, or by "
    f"/msg {NICK} help rooms. What you typed went to nobody.",
}
_COMMANDS_OF_SERVICES = {"NS": "nickserv", "CS": "chanserv"}
_SECRETS = frozenset(
    {"identify", "id", "auth", "login", "register", "ghost", "recover", "regain", "release", "set"}
)
"""First words to services behind which passwords stand."""
_NO_ROOM = f"Say first which room: /msg {NICK} #ROOM "


def command(session: IrcSession, line: Line) -> None:
    """SERVER: as a message to the nick."""
    _take(session, " ".join(line.params))


def of_others(session: IrcSession, line: Line) -> None:
    """NS, NICKSERV, CS, CHANSERV: what other networks have."""
    name = line.command.lower()
    _say(session, _sentence_of(_COMMANDS_OF_SERVICES.get(line.command, name)))


def hears(session: IrcSession, target: str, text: str, is_notice: bool) -> bool:
    """Answer what goes to a service; tell whether it does. :raises Disconnected: the person leaves.

    :param target: a nick.
    :param text: cleaned.
    """
    name = fold(target)
    if name == NICK:
        if is_notice:
            return True  # nothing answers it
        text = text.replace("\n", " ")
        if ECHO in session.caps:
            session.from_me("PRIVMSG", NICK, text)
        _take(session, text)
        return True
    if name not in SERVICES:
        return False
    # It may be somebody's name, from before it was reserved; what looks like a password is for
    # nobody.
    is_secret = first_word(text)[0].lower() in _SECRETS
    if is_secret or not session.services.accounts.is_taken(target):
        _say(session, _sentence_of(name))
        return True
    return False


def _sentence_of(name: str) -> str:
    """Return what is said in the place of a service that there is not."""
    return _SAID_OF.get(name, _NO_SERVICE.format(name.capitalize().replace("serv", "Serv")))


def _take(session: IrcSession, text: str) -> None:
    """Take an answer to the open question, else carry out what was typed."""
    text = clean_line(strip_formatting(text))
    if session.is_asking:
        session.answered = "" if text.strip().lower() == _CANCEL else text
        return
    try:
        _carry_out(session, text.strip().removeprefix("/"))
    except UserError as error:
        _say(session, as_typed(session.registry, str(error)))


def _carry_out(session: IrcSession, text: str) -> None:
    services, registry, person = session.services, session.registry, session.person
    assert person is not None and session.member is not None
    room = None
    if text.startswith("#"):
        name, text = first_word(text)
        room = services.memberships.joined(person, room_name(name))
        text = text.removeprefix("/")
    word = first_word(text)[0]
    if not word:
        text = word = "help"
    found = registry.find(word, session.account)
    if found.name in _ELSEWHERE:
        _say(session, _ELSEWHERE[found.name])
        return
    if room is None and _needs_room(session, found):
        _say(session, f"{_NO_ROOM}{found.name} {found.usage}".rstrip())
        return
    line = "/" + text
    session.pay(max(0.0, registry.cost(line) - 1.0))  # the line itself was counted
    desk = Desk(session)
    context = Context(services, person, session.member, desk, "", room)
    registry.run(context, line)
    session.send_rendered(session.member.take_first())
    if context.leaving:
        raise Disconnected(reason=EndReason.GOODBYE)
    if not desk.has_answered and found.name != "me":
        _say(session, "Done.")


def _needs_room(session: IrcSession, found: Command) -> bool:
    """Tell whether a command is about a room, and its usage has no place for one."""
    if found.name == "undo" and session.account.grant == SUPERUSER:
        return False  # of all rooms
    return found.name == "me" or (found.needs in ROLES and "ROOM" not in found.usage)


class Desk:
    """Where one command of the nick answers and asks: see ``commands.context.Dialogue``."""

    takes_query = False
    cancelling = f"The word {_CANCEL} ends it."

    def __init__(self, session: IrcSession) -> None:
        self._session = session
        self.has_answered = False
        self._asked = ""

    @property
    def network(self) -> str:
        """What counts as one address of the peer."""
        return self._session.network

    def ask(self, ask: str, text: str, secret: bool = False) -> str:
        """Ask by a NOTICE; the next message to the nick answers, other lines go on as usual.

        :raises GivenUp: it asks for a password.
        :raises Disconnected: the peer has left.
        """
        if secret:
            raise GivenUp(_NO_PASSWORD, Code.NOT_ALLOWED)
        session = self._session
        if text != self._asked:  # else it was just said what is wrong with the answer
            self._asked = text
            self.tell("prompt", f"{text} Answer by /msg {NICK} ANSWER. {self.cancelling}")
        session.flush()
        session.answered, session.is_asking = None, True
        try:
            while session.answered is None:
                session.take_turn()
        finally:
            session.is_asking = False
        return str(session.answered)

    def ask_new_password(self, ask: Callable[..., str] | None = None) -> str:
        """Refuse. :raises GivenUp: always."""
        raise GivenUp(_NO_PASSWORD, Code.NOT_ALLOWED)

    def give_ticket(self, ticket: str, until: float) -> None:
        """Do nothing: there is no word for it."""

    def tell(self, kind: str, text: str, **fields: Any) -> None:
        """Say sentences."""
        self.has_answered = True
        _say(self._session, as_typed(self._session.registry, text))

    def answer(
        self, command: str, answer: Answer, cid: str, is_named: bool = False, reader: str = ""
    ) -> None:
        """Show what a command has come to. :raises Disconnected: of a long answer."""
        if not answer.text:
            return
        self.has_answered = True
        text = answer.text
        if command == "help":
            text = _help(self._session.registry, text)
        elif not answer.posts:  # what people have said stays as it is
            text = as_typed(self._session.registry, text)
        _say(self._session, text)
        if answer.is_long:
            self._session.flush()

    def send_at_length(self, chunk: bytes) -> None:
        """Send something long; see ``IrcSession``."""
        self._session.send_at_length(chunk)

    def refuse(
        self,
        text: str,
        cid: str = "",
        command: str = "",
        code: Code = Code.REFUSED,
        **fields: Any,
    ) -> None:
        """Say why a command was not carried out."""
        self.tell("error", text)

    def end(self, text: str, **fields: Any) -> None:
        """Say the last sentence of the connection."""
        self._session.end(text)


def _help(registry: Registry, text: str) -> str:
    """Return a page of /help with the commands without their slash, and how they are typed."""

    def bare(found: re.Match[str]) -> str:
        return found[1] if registry.name_of(found[1]) else found[0]

    # What stands behind a command stays in its column.
    padded = (_COLUMN.sub(r"\1 ", line) for line in text.split("\n") if "//" not in line)
    lines = [_FORM.sub(bare, line) for line in padded]
    how = f"Type /msg {NICK} COMMAND; what is about one room takes it first: "
    return "\n".join((*lines, how + f"/msg {NICK} #ROOM topic TEXT"))


def _say(session: IrcSession, text: str) -> None:
    """Answer with sentences of the nick, one NOTICE for each line."""
    for line in notice_lines(_SOURCE, session.nick, text):
        session.send(line)
