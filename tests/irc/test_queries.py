"""What an IRC client asks the server about itself: LUSERS, ISUPPORT, MOTD and the like."""

from tests.harness import ServerProcess
from tests.irc.peer import IrcPeer, irc, irc_peer


def lusers(asker: IrcPeer) -> dict[str, tuple[str, ...]]:
    """Return what LUSERS is answered, by numeric."""
    return {line.command: line.params[1:] for line in asker.asks("LUSERS")}


def test_lusers_counts_people_and_those_who_have_not_logged_in(server: ServerProcess) -> None:
    ann, stranger = irc(server, "ann"), irc_peer(server)
    stranger.send("NICK bob")
    stranger.sync()
    found = lusers(ann)
    assert found["253"][0] == "1"
    assert found["265"][:2] == ("1", "1")
    carol = irc(server, "carol")
    found = lusers(ann)
    assert found["251"] == ("There are 2 users and 0 invisible on 1 servers",)
    carol.send("QUIT")
    ann.until_line("QUIT")
    found = lusers(ann)
    assert found["265"][:2] == found["266"][:2] == ("1", "2")


def test_the_tokens_can_be_asked_for_before_and_after_the_registration(room: ServerProcess) -> None:
    early = irc_peer(room)
    early.send("CAP REQ :batch draft/extended-isupport")
    lines = early.asks("ISUPPORT")
    begin = next(line for line in lines if line.command == "BATCH")
    assert begin.params[1] == "draft/isupport"
    tokens = [line for line in lines if line.command == "005"]
    assert tokens and all(line.tags["batch"] == begin.params[0][1:] for line in tokens)
    assert any("CASEMAPPING=ascii" in line.params for line in tokens)
    late = irc(room, "ann")
    assert all("batch" not in line.tags for line in late.asks("ISUPPORT"))
