"""IRC clients in plain text stay connected at a restart; those by TLS come back unannounced."""

from tests.harness import PASSWORD, ServerProcess
from tests.irc.peer import IrcPeer, irc, sealed_irc_peer
from tests.system.test_restart import restart


def test_a_client_goes_on_in_the_middle_of_a_line_and_as_it_was(server: ServerProcess) -> None:
    ann = irc(server, "ann", "echo-message", "labeled-response", "batch", "message-tags")
    bob, eve = server.join("bob"), irc(server, "eve", "extended-join")
    bob.send("/create den")
    bob.until("#den is yours")
    for one in (ann, eve):
        one.asks("JOIN #den")
    ann.asks("PART #lobby")
    ann.send_bytes(b"@label=one PRIVMSG #den :half a ")
    for times in (2, 3):
        restart(server, times)
    ann.send_bytes("line Ünd more\r\n".encode())
    echo = ann.until_line("PRIVMSG", "#den", "half a line Ünd more")
    assert echo.tags["label"] == "one"
    eve.until_line("PRIVMSG", "#den", "half a line Ünd more")
    bob.until("ann: half a line Ünd more")
    eve.asks("PRIVMSG #lobby :hidden from ann")
    bob.send("an answer")
    ann.until_line("PRIVMSG", "#den", "an answer")
    names = next(line for line in ann.asks("NAMES #den") if line.command == "353")
    assert sorted(names.params[-1].split()) == ["@bob", "ann", "eve"]
    assert "hidden from ann" not in ann.seen
    whole = ann.seen + eve.seen
    assert "QUIT" not in whole
    joins = [line for line in whole.splitlines() if "JOIN #den" in line]
    assert len(joins) == len(set(joins))  # nobody is announced again
    assert "has left" not in bob.seen


def test_a_client_that_is_busy_with_a_message_of_several_lines_comes_back(
    server: ServerProcess,
) -> None:
    bob = server.join("bob")
    ann = irc(server, "ann", "batch", "message-tags", "draft/multiline")
    ann.send("BATCH +1 draft/multiline #lobby", "@batch=1 PRIVMSG #lobby :one")
    ann.sync()
    restart(server)
    assert "ERROR :The server restarts." in ann.until_end()
    again = IrcPeer(server.port).come_in("ann", is_new=False)
    again.send("PRIVMSG #lobby :back")
    bob.until("ann: back")
    assert (bob.seen.count("ann has joined"), bob.seen.count("ann has left")) == (1, 0)


def test_who_comes_by_tls_is_told_and_comes_back_unannounced(server: ServerProcess) -> None:
    bob, eve = server.join("bob"), irc(server, "eve")
    ann = sealed_irc_peer(server).come_in("ann")
    eve.until_line("JOIN", "#lobby")
    restart(server)
    assert "ERROR :The server restarts." in ann.until_end()
    again = sealed_irc_peer(server).come_in("ann", is_new=False)
    again.send("PRIVMSG #lobby :back")
    bob.until("ann: back")
    eve.until_line("PRIVMSG", "#lobby", "back")
    assert eve.seen.count(":ann!") == 2  # one coming, and what she has said


def test_who_is_away_and_whom_somebody_watches_stays_so(server: ServerProcess) -> None:
    ann, bob = irc(server, "ann"), irc(server, "bob")
    ann.asks("AWAY :lunch", "MONITOR + carl")
    restart(server)
    assert "301" in [line.command for line in bob.asks("WHOIS ann")]
    server.join("carl")
    assert ann.until_line("730").params[-1].startswith("carl")
    ann.asks("AWAY")
    assert "301" not in [line.command for line in bob.asks("WHOIS ann")]


def test_one_who_was_banned_meanwhile_is_told_to_come_back(server: ServerProcess) -> None:
    boss = server.join_superuser("boss")
    ann = irc(server, "ann")
    restart(server)
    boss.send("/kickuser ann too loud")
    assert "too loud" in ann.until_end()
    late = IrcPeer(server.port)
    late.send(f"PASS :ann:{PASSWORD}", "NICK ann", "USER ann 0 * :ann")
    assert "too loud" in late.until_end()


def test_whom_a_client_watches_and_that_it_is_away_outlives_the_restart(
    server: ServerProcess,
) -> None:
    ann, bob = irc(server, "ann"), irc(server, "bob", "setname")
    ann.asks("MONITOR + zoe,Nobody", "AWAY :at sea", "MODE ann +B")
    bob.asks("SETNAME :Robert")
    restart(server)
    assert ann.asks("MONITOR L")[0].params[1] == "zoe,Nobody"
    assert ("ann", "at sea") in {line.params[1:] for line in bob.asks("WHOIS ann")}
    assert next(line for line in bob.asks("WHO ann")).params[6] == "GB"
    assert next(line for line in ann.asks("WHOIS bob")).params[-1] == "Robert"
    irc(server, "zoe")
    assert ann.until_line("730").params[1] == "zoe!~u@chat"
