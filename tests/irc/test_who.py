"""Who somebody is, and who is here: WHO, WHOIS, WHOWAS, USERHOST, ISON."""

from tests.harness import ServerProcess
from tests.irc.peer import IrcPeer, irc, sealed_irc_peer


def who(asker: IrcPeer, *words: str) -> dict[str, tuple[str, ...]]:
    """Return what WHO tells, by nick; the end comes once, and last."""
    *found, end = asker.answers(" ".join(("WHO", *words)))
    assert (end.command, end.params[1]) == ("315", words[0])
    return {line.params[5]: line.params for line in found if line.command == "352"}


def whois(asker: IrcPeer, name: str) -> dict[str, tuple[str, ...]]:
    """Return what WHOIS tells, by numeric."""
    *found, end = asker.answers(f"WHOIS {name}")
    assert end.command == "318"
    return {line.command: line.params[1:] for line in found}


def test_who_finds_by_room_by_name_and_by_mask(room: ServerProcess) -> None:
    ann, plain = irc(room, "ann"), room.join("Andy")
    plain.send("/create garden")
    plain.until("garden")
    ann.answers("JOIN #garden")
    inside = who(ann, "#garden")
    assert {nick: params[6] for nick, params in inside.items()} == {"ann": "H", "Andy": "H@"}
    assert inside["Andy"] == (
        *("ann", "#garden", "~u", "chat", "chatroom.local", "Andy", "H@", "0 Andy"),
    )
    assert set(who(ann, "an*")) == {"ann", "Andy"}
    assert set(who(ann, "ANDY")) == {"Andy"}
    assert set(who(ann, "a?n,andy")) == {"ann", "Andy"}
    assert who(ann, "#nowhere") == {}
    lines = ann.answers("WHO #garden,#GARDEN,ann,ANN,a*,an*,0,?n?,*y")
    told = [(line.params[1], line.params[5]) for line in lines if line.command == "352"]
    assert len(told) == len(set(told))
    assert {where for where, _ in told} == {"#garden", "*"}
    assert [line.params[1] for line in lines if line.command == "407"] == ["*y"]
    boss = room.join("boss")
    assert set(who(ann, "*", "o")) == {"boss"}
    assert who(ann, "boss")["boss"][6] == "H*"
    boss.close()


def test_whox_tells_the_fields_that_were_asked_for_in_their_order(room: ServerProcess) -> None:
    ben = irc(room, "ben")
    (line, _) = ben.answers("WHO ben %rnfat,152")
    assert line.command == "354"
    assert line.params[1:] == ("152", "ben", "H", "ben", "ben")
    (line, _) = ben.answers("WHO ben %cuihsnfdlaor")
    assert line.params[1:] == (
        *("*", "~u", "255.255.255.255", "chat", "chatroom.local", "ben", "H", "0"),
        *(line.params[9], "ben", "n/a", "ben"),
    )
    assert int(line.params[9]) < 60


def test_whois_tells_what_anybody_may_know_and_no_address(room: ServerProcess) -> None:
    cat, dan = irc(room, "cat"), irc(room, "dan")
    plain = room.join("dan")
    plain.send("/create attic", "/create cellar", "/private")
    dan.until_line("MODE", "#cellar")
    found = whois(cat, "DAN")
    assert found["311"] == ("dan", "~u", "chat", "*", "dan")
    assert set(found["319"][1].split()) == {"#lobby", "@#attic"}
    assert found["330"][:2] == ("dan", "dan")
    assert "338" not in found
    assert "127.0.0.1" not in str(found)
    own = whois(dan, "dan")
    assert set(own["319"][1].split()) == {"#lobby", "@#attic", "@#cellar"}
    assert own["338"][:2] == ("dan", "127.0.0.1")


def test_whois_of_nobody_and_of_who_is_not_here(room: ServerProcess) -> None:
    eli = irc(room, "eli")
    assert whois(eli, "nobody")["401"][:1] == ("nobody",)
    gone = irc(room, "gone")
    gone.send("QUIT :that is all")
    eli.until_line("QUIT", "that is all")
    assert whois(eli, "gone")["401"][:1] == ("gone",)
    assert "kept" in whois(eli, "gone")["401"][1]
    *visits, end = eli.answers("WHOWAS GONE")
    assert [line.command for line in visits] == ["314", "312"]
    assert end.command == "369"
    assert [line.command for line in eli.answers("WHOWAS nobody")] == ["406", "369"]


def test_whois_takes_as_many_names_as_it_says(room: ServerProcess) -> None:
    jo = irc(room, "jo")
    targmax = next(
        word
        for line in jo.answers("VERSION")
        for word in line.params
        if word.startswith("TARGMAX=")
    )
    most = int(targmax.partition("WHOIS:")[2].partition(",")[0])
    names = [f"nobody{number}" for number in range(most - 1)]
    *found, end = jo.answers(f"WHOIS {','.join(['jo', *names])}")
    assert [line.params[1] for line in found if line.command == "311"] == ["jo"]
    assert [line.params[1] for line in found if line.command == "401"] == names
    assert end.command == "318"


def test_userhost_and_ison_find_who_is_here_whatever_the_case(room: ServerProcess) -> None:
    fay = irc(room, "Fay")
    (line,) = fay.answers("ISON nobody fay FAY")
    assert (line.command, line.params[1].split()) == ("303", ["Fay", "Fay"])
    (line,) = fay.answers("USERHOST fay nobody")
    assert (line.command, line.params[1]) == ("302", "Fay=+~u@chat")
    (line,) = fay.answers("ISON nobody")
    assert line.params[1] == ""


def test_a_long_answer_is_told_in_several_lines(room: ServerProcess) -> None:
    gil = irc(room, "gil")
    plain = room.join("gil")
    rooms = [f"a-room-with-quite-a-long-name-{number}" for number in range(30)]
    plain.send(*(f"/create {name}" for name in rooms))
    gil.until_line("JOIN", f"#{rooms[-1]}")
    lines = [line for line in gil.answers("WHOIS gil") if line.command == "319"]
    assert len(lines) > 1
    told = " ".join(line.params[2] for line in lines).split()
    assert set(told) == {"#lobby", *(f"@#{name}" for name in rooms)}


def test_only_whose_sessions_are_all_within_tls_is_told_to_be_secure(room: ServerProcess) -> None:
    hal, asker = sealed_irc_peer(room).come_in("hal"), irc(room, "asker")
    assert "671" in whois(asker, "hal")
    assert "671" not in whois(asker, "asker")
    irc(room, "hal", is_new=False)
    assert "671" not in whois(asker, "hal")
    hal.sync()


def test_the_nick_that_takes_commands_is_always_here(room: ServerProcess) -> None:
    ida = irc(room, "ida")
    found = whois(ida, "Server")
    assert found["311"][0] == "server"
    assert not found.keys() & {"317", "319", "330"}
    assert ida.answers("ISON server")[0].params[1] == "server"
    assert ida.answers("MONITOR + server")[0].command == "730"
    assert set(who(ida, "server")) == {"server"}
    assert "server" not in who(ida, "*")
