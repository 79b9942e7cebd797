"""What a client asks for: CAP (https://ircv3.net/specs/extensions/capability-negotiation)."""

from chatroom.irc import numerics
from chatroom.irc.grammar import Line, format_line
from chatroom.irc.session import IrcSession
from chatroom.irc.shape import CAP_NOTIFY, CAPABILITIES, REGISTRATION

_LIST_BYTES = 400
"""Of capabilities in one line: names of servers and nicks have room beside them."""


def negotiate(session: IrcSession, line: Line, is_negotiating: bool) -> bool:
    """Answer CAP; return whether the registration waits for its END."""
    word = line.params[0].upper()
    offered = offered_to(session)
    if word == "LS":
        version = line.params[1] if len(line.params) > 1 else ""
        if version.isdigit() and len(version) < 9:
            session.version = max(session.version, int(version))
        if session.version >= 302:
            session.caps |= {CAP_NOTIFY}
        is_new = session.version >= 302
        words = [f"{k}={v}" if v and is_new else k for k, v in offered.items()]
        if is_new and session.strict_transport:  # https://ircv3.net/specs/extensions/sts
            words.append(f"sts={session.strict_transport}")  # told, and nothing to ask for
        _list(session, "LS", words)
        return True
    if word == "LIST":
        _list(session, "LIST", sorted(session.caps))
        return is_negotiating
    if word == "REQ":
        asked = line.params[1] if len(line.params) > 1 else ""
        _request(session, asked, offered)
        return True
    if word == "END":
        return False
    session.reply(numerics.ERR_INVALIDCAPCMD, line.params[0], "Invalid CAP command")
    return is_negotiating


def offered_to(session: IrcSession) -> dict[str, str]:
    """Return the capabilities that a client may ask for now."""
    offered = dict(CAPABILITIES)
    if session.services.settings.registration == "closed":
        del offered[REGISTRATION]
    return offered


def _request(session: IrcSession, asked: str, offered: dict[str, str]) -> None:
    caps = set(session.caps)
    for word in asked.split():
        name = word.removeprefix("-")
        if name not in offered or (word == f"-{CAP_NOTIFY}" and session.version >= 302):
            # What goes beyond one line is nothing that is offered.
            _cap_line(session, "NAK", asked.encode()[:_LIST_BYTES].decode("utf-8", "ignore"))
            return
        if word.startswith("-"):
            caps.discard(name)
        else:
            caps.add(name)
    session.ask_for(frozenset(caps))
    for line in _lines_of(asked.split()) if len(asked) > _LIST_BYTES else [asked]:
        _cap_line(session, "ACK", line)


def _cap_line(session: IrcSession, word: str, *params: str) -> None:
    line = format_line("CAP", session.nick, word, *params, source=session.server, trailing=True)
    session.send(line)


def _list(session: IrcSession, word: str, words: list[str]) -> None:
    """Tell capabilities, in several lines where the client knows that there can be more."""
    # Who does not know of several lines gets one: without their values all of them fit.
    lines = _lines_of(words) if session.version >= 302 else [" ".join(words)]
    for line in lines[:-1]:
        _cap_line(session, word, "*", line)
    _cap_line(session, word, lines[-1] if lines else "")


def _lines_of(words: list[str]) -> list[str]:
    """Put words into lines that have room for the names of a server and a nick beside them.

    The last line is the fullest: there are clients (pydle) that read no other.
    """
    lines: list[str] = []
    for one in reversed(words):
        if lines and len(lines[0]) + len(one) < _LIST_BYTES:
            lines[0] = f"{one} {lines[0]}"
        else:
            lines.insert(0, one)
    return lines
