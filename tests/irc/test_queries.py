"""What an IRC client asks the server about itself: LUSERS, ISUPPORT, MOTD and the like."""

from chatroom.irc.table import ROWS
from tests.harness import ServerProcess
from tests.irc.peer import IrcPeer, irc, irc_peer


def lusers(asker: IrcPeer) -> dict[str, tuple[str, ...]]:
    """Return what LUSERS is answered, by numeric."""
    return {line.command: line.params[1:] for line in asker.answers("LUSERS")}


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
    lines = early.answers("ISUPPORT")
    begin = next(line for line in lines if line.command == "BATCH")
    assert begin.params[1] == "draft/isupport"
    tokens = [line for line in lines if line.command == "005"]
    assert tokens and all(line.tags["batch"] == begin.params[0][1:] for line in tokens)
    assert any("CASEMAPPING=ascii" in line.params for line in tokens)
    late = irc(room, "ann")
    assert all("batch" not in line.tags for line in late.answers("ISUPPORT"))


def test_every_command_is_explained(room: ServerProcess) -> None:
    asker = irc(room, "asker")
    start, *texts, end = asker.answers("HELP")
    assert (start.command, end.command) == ("704", "706")
    subjects = " ".join(line.params[2] for line in texts if line.params[2].startswith("HELP "))
    for command in ROWS:
        assert f" {command}" in subjects
        commands = [line.command for line in asker.answers(f"HELPOP {command.lower()}")]
        assert (commands[0], commands[-1]) == ("704", "706")
        assert "705" in commands
    (line,) = asker.answers("HELP NOTHING")
    assert line.command == "524"


def test_questions_to_another_server_find_none(room: ServerProcess) -> None:
    bea = irc(room, "bea")
    for command, first in (
        *(("MOTD", "422"), ("VERSION", "351"), ("TIME", "391"), ("INFO", "371")),
        *(("ADMIN", "256"), ("LUSERS *", "251"), ("STATS u", "242")),
    ):
        assert [line.command for line in bea.answers(f"{command} elsewhere.example")] == ["402"]
        for name in ("", " chatroom.local", " bea"):
            assert bea.answers(command + name)[0].command == first
    assert [line.command for line in bea.answers("LINKS")] == ["364", "365"]
    assert [line.command for line in bea.answers("USERS", "SUMMON bea")] == ["446", "445"]


def test_what_is_for_superusers_is_refused_to_others(room: ServerProcess) -> None:
    kim, boss = irc(room, "kim"), irc(room, "boss", is_new=False)
    commands = ("KILL boss :no", "WALLOPS :no", "RESTART", "REHASH", "DIE", "SQUIT a", "KLINE kim")
    for command in commands:
        (line,) = kim.answers(command)
        assert line.command == "481"
    assert kim.answers("OPER kim password")[0].command == "491"
    assert [line.command for line in boss.answers("OPER boss password")] == ["381", "MODE"]
    assert boss.answers("REHASH")[0].command == "NOTICE"
    assert boss.answers("KILL nobody :why")[0].command == "401"
    boss.send("WALLOPS :tea is ready")
    kim.until_line("PRIVMSG", "[announcement] tea is ready")
    boss.send("KILL kim :enough")
    assert "enough" in kim.until_line("ERROR").params[0]
    kim.until_end()
