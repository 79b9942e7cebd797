"""/undo: what was done is taken back, by its number in /audit, if nothing has changed since."""

import re
import threading

import pytest

from tests.harness import PASSWORD, Peer, ServerProcess


def last_number(boss: Peer) -> int:
    """Return the number of the newest entry of the trail."""
    found = re.findall(r"(?m)^ *(\d+) +\d{4}-", boss.answer_to("/audit 1"))
    assert len(found) == 1
    return int(found[0])


def knock(room: ServerProcess, name: str) -> Peer:
    peer = room.peer()
    peer.send("n", name, PASSWORD)
    return peer


def test_a_ban_is_lifted_and_the_lifting_is_taken_back_for_the_rest_of_its_time(
    room: ServerProcess, boss: Peer
) -> None:
    room.join("una").close()
    boss.answer_to("/ban una 2h spam")
    banned = last_number(boss)
    since = re.findall(r"una +boss +(\S+ \S+) +(\S+ \S+) +spam", boss.answer_to("/bans"))
    told = boss.answer_to("/undo")
    assert f"Entry {banned} (banned una for 2h) is taken back: the ban of una is lifted." in told
    assert "una" not in boss.answer_to("/bans")
    trail = boss.answer_to("/audit una")
    assert f"took back the ban of una (undoing {banned})" in trail
    undone = last_number(boss)
    # Twice is once, and what took it back is taken back like any other act.
    told = boss.answer_to(f"/undo {banned}")
    assert f"Entry {banned} is taken back already, by entry {undone} of boss." in told
    told = boss.answer_to(f"/undo {undone}")
    what = f"Entry {undone} (took back the ban of una (undoing {banned}))"
    assert f"{what} is taken back: the ban of una holds again, as number" in told
    assert since == re.findall(r"una +boss +(\S+ \S+) +(\S+ \S+) +spam", boss.answer_to("/bans"))
    assert "You were banned by boss: spam." in knock(room, "una").until_end()
    # The first one stands again, and may be taken back again.
    assert "the ban of una is lifted." in boss.answer_to(f"/undo {banned}")
    knock(room, "una").until("Welcome, una")


@pytest.mark.parametrize(
    ("line", "what", "undone"),
    [
        ("/kick ulf loud", "the kick of ulf is lifted.", "/viewkickusers"),
        ("/mute ulf 1h loud", "the mute of ulf is lifted.", "/whois ulf"),
        ("/ban 192.0.2.0/24 1h", "the ban of 192.0.2.0/24 is lifted.", "/bans"),
        ("/lockdown on", "the lockdown is off.", ""),
        ("/changegrant ulf 0", "ulf is a normal user now.", ""),
    ],
)
def test_what_was_done_last_is_taken_back_and_back_again(
    room: ServerProcess, boss: Peer, line: str, what: str, undone: str
) -> None:
    room.join("ulf").close()
    boss.answer_to(line)
    number = last_number(boss)
    told = boss.answer_to("/undo")
    assert re.search(rf"Entry {number} \(.+\) is taken back: {what}", told)
    again = boss.answer_to(f"/undo #{number + 1}")
    assert re.search(rf"Entry {number + 1} \(.+\) is taken back: ", again)
    if undone:
        assert "boss" in boss.answer_to(undone)
    assert what in boss.answer_to(f"/undo {number}")


def test_what_lifted_something_is_taken_back(room: ServerProcess, boss: Peer) -> None:
    uwe = room.join("uwe")
    boss.answer_to("/mute uwe 1h too loud")
    boss.answer_to("/unmute uwe")
    uwe.until("You may write again")
    assert "the mute of uwe holds again, as number" in boss.answer_to("/undo")
    uwe.send("hello")
    uwe.until("You were muted by boss: too loud.")
    boss.answer_to("/unmute uwe")


def test_nothing_is_undone_that_is_not_as_it_was_left(room: ServerProcess, boss: Peer) -> None:
    room.join("uta").close()
    boss.answer_to("/ban uta 1h")
    first = last_number(boss)
    boss.answer_to("/ban uta 2h")
    told = boss.answer_to(f"/undo {first}")
    assert f"Nothing was undone: that has changed since entry {first}" in told
    assert f", by entry {first + 1} of boss." in told
    boss.answer_to("/unban uta")
    lifted = last_number(boss)
    told = boss.answer_to(f"/undo {first + 1}")
    assert f"changed since entry {first + 1}, by entry {lifted} of boss." in told
    boss.answer_to("/ban uta forever")
    assert f"since entry {lifted}, by entry {lifted + 1} of boss" in boss.answer_to(
        f"/undo {lifted}"
    )
    boss.answer_to("/unban uta")
    boss.answer_to("/changegrant uta 0")
    granted = last_number(boss)
    boss.answer_to("/changegrant uta 1")
    told = boss.answer_to(f"/undo {granted}")
    assert f"since entry {granted}, by entry {granted + 1} of boss" in told
    program = room.program_peer("u-program")
    boss.answer_to("/changegrant u-program 0")
    program.until_event("control", do="changegrant")
    program.send_event("command", name="undo", args={"number": granted}, cid="u1")
    assert program.until_event("result", cid="u1")["code"] == "changed"
    program.send_event("command", name="undo", args={}, cid="u2")
    assert program.until_event("result", cid="u2")["code"] == "no-such-number"
    program.send_event("command", name="mute", args={"user": "uta"}, cid="u3")
    assert program.until_event("result", cid="u3")["ok"]
    program.send_event("command", name="undo", args={}, cid="u4")
    done = program.until_event("result", cid="u4")
    assert done["ok"]
    assert done["number"] == last_number(boss) - 1
    boss.answer_to("/changegrant u-program 1")


def test_purges_and_what_never_was_cannot_be_taken_back(room: ServerProcess, boss: Peer) -> None:
    room.join("ugo").close()
    boss.answer_to("/purge ugo 1m")
    number = last_number(boss)
    told = boss.answer_to(f"/undo {number}")
    assert f"Entry {number} cannot be taken back. /purge and deletions are final." in told
    assert "There is no entry 99999. See /audit." in boss.answer_to("/undo 99999")
    assert "There is no entry 0. See /audit." in boss.answer_to("/undo 0")
    assert "There is no entry 999999999999999." in boss.answer_to("/undo 999999999999999")
    plain = room.join("ugo")
    assert "In #lobby /undo is for its owner and its moderators only." in plain.answer_to("/undo")


def test_of_two_who_take_back_the_same_at_once_one_is_told(room: ServerProcess, boss: Peer) -> None:
    room.join("urs").close()
    programs = [room.program_peer(f"both{i}") for i in range(4)]
    for i in range(len(programs)):
        boss.answer_to(f"/changegrant both{i} 0")
    for lines in (
        ["/ban urs 1h"],
        ["/ban urs 1h", "/unban urs"],
        ["/changegrant urs 0"],
        ["/create urs-room", "/slow 5s"],
        ["/roommute urs 1h"],
        ["/roommute urs 1h", "/unroommute urs"],
    ):
        for line in lines:
            boss.answer_to(line)
        number = last_number(boss)
        together = threading.Barrier(len(programs))

        def undo(program: Peer, number: int = number, meet: threading.Barrier = together) -> None:
            meet.wait()
            program.send_event("command", name="undo", args={"number": number}, cid=f"b{number}")

        threads = [threading.Thread(target=undo, args=(one,)) for one in programs]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        results = [one.until_event("result", cid=f"b{number}") for one in programs]
        assert [one["ok"] for one in results].count(True) == 1
        assert boss.answer_to("/audit 100").count(f"(undoing {number})") == 1


# -- rooms -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "done", "told"),
    [
        ("/renameroom NEW", "has renamed #", "undoer has renamed #NEW: it is called ROOM now."),
        ("/topic another one", "the topic of", "undoer has set the topic of ROOM: the first one"),
        ("/private", "private: only who is invited", "undoer has made ROOM open to everybody."),
        ("/archive", "can be read only", "undoer has unarchived ROOM: it can be written to again."),
        (
            "/slow 10s",
            "one message in 10s",
            "undoer has changed the pace of ROOM: as fast as you like.",
        ),
        (
            "/moderator GUEST",
            "a moderator of",
            "undoer has made GUEST no longer a moderator of ROOM.",
        ),
        (
            "/transfer GUEST",
            "over to guest-transfer",
            "GUEST has handed ROOM over to undoer.",
        ),
    ],
)
def test_an_owner_takes_back_what_was_done_in_the_room_and_all_inside_hear_it(
    room: ServerProcess, boss: Peer, line: str, done: str, told: str
) -> None:
    word = line.split()[0][1:]
    name, other = f"u-{word}", f"v-{word}"
    owner, guest = room.join("undoer"), room.join(f"guest-{word}")

    def filled(text: str) -> str:
        text = text.replace("ROOM", f"#{name}").replace("NEW", other)
        return text.replace("GUEST", f"guest-{word}")

    owner.answer_to(f"/create {name}")
    owner.answer_to("/topic the first one")
    guest.answer_to(f"/join {name}")
    owner.send(filled(line))
    guest.until(done)
    if word == "transfer":  # it is the new one's to take back, or a superuser's
        assert "is for its owner and its moderators only" in owner.answer_to("/undo")
        number = last_number(boss)
        told_back = guest.answer_to(f"/undo {number}")
        what = f"Entry {number} (handed #{name} over to guest-transfer)"
        assert f"{what} is taken back: #{name} is as it was" in told_back
        owner.until(filled(told))
    else:
        assert "is taken back: #" + name + " is as it was before." in unarchived(owner, "/undo")
        guest.until(filled(told))
    about = boss.answer_to(f"/roominfo {name}")
    for wanted in ("undoer", "the first one"):
        assert wanted in about


def unarchived(peer: Peer, line: str) -> str:
    """Return the answer to a line that is given where nobody can write, and then can."""
    peer.send(line)
    return peer.until("is as it was before.")


def test_a_room_change_is_undone_once_and_only_if_it_still_is_so(
    room: ServerProcess, boss: Peer
) -> None:
    owner, helper = room.join("w-owner"), room.join("w-helper")
    owner.answer_to("/create w-room")
    helper.answer_to("/join w-room")
    owner.answer_to("/moderator w-helper")
    owner.answer_to("/slow 20s")
    owner.answer_to("/renameroom w-other")
    owner.answer_to("/topic one")
    trail = owner.answer_to("/audit in w-other")
    numbers = {
        act.split()[0]: number
        for number, act in re.findall(r"(?m)^ *(\d+) +\d{4}-\S+ \S+ +w-owner +- +(.*)$", trail)
    }
    assert numbers.keys() == {"made", "slowed", "renamed", "changed"}
    assert "127.0.0.1" not in trail  # where superusers sit is none of their business
    # A moderator takes back what a moderator may do, and nothing else.
    refused = helper.answer_to(f"/undo {numbers['renamed']}")
    assert "In #w-other that is for its owner only." in refused
    assert "is as it was before." in helper.answer_to(f"/undo {numbers['slowed']}")
    assert "is taken back already, by entry" in owner.answer_to(f"/undo {numbers['slowed']}")
    helper.answer_to("/topic two")
    told = owner.answer_to(f"/undo {numbers['changed']}")
    assert re.search(rf"changed since entry {numbers['changed']}, by entry \d+ of w-helper\.", told)
    # Another room has taken the old name meanwhile.
    owner.answer_to("/create w-room")
    owner.answer_to("/room w-other")
    told = owner.answer_to(f"/undo {numbers['renamed']}")
    assert "Nothing was undone: another room has that name by now." in told
    # What is of another room, or of none, is not there for them.
    boss.answer_to("/mute w-helper 1m")
    elsewhere = last_number(boss)
    assert f"There is no entry {elsewhere} of #w-other." in owner.answer_to(f"/undo {elsewhere}")
    boss.answer_to("/unmute w-helper")


def test_rules_are_taken_back_and_what_changed_nothing_is_not(
    room: ServerProcess, boss: Peer
) -> None:
    owner = room.join("y-owner")
    owner.answer_to("/create y-room")
    owner.answer_to("/rules be kind")
    owner.answer_to("/rules be quiet")
    assert "#y-room is as it was before." in owner.answer_to("/undo")
    assert "be kind" in owner.answer_to("/rules")
    owner.answer_to("/slow off")  # it is so already
    number = last_number(boss)
    told = owner.answer_to(f"/undo {number}")
    assert f"Entry {number} cannot be taken back." in told
    told = owner.answer_to("/undo")
    assert f"Entry {number} (slowed #y-room no more), your last act, has changed nothing." in told
    what = 'changed the rules of #y-room (rules from none to "be kind")'
    last = re.findall(rf"What can be is entry \d+ \({re.escape(what)}\): type (/undo \d+)", told)
    assert "#y-room is as it was before." in owner.answer_to(last[0])
    assert "be kind" not in owner.answer_to("/rules")


def test_a_superuser_undoes_nothing_in_a_private_room_from_outside(
    room: ServerProcess, boss: Peer
) -> None:
    owner = room.join("x-owner")
    owner.answer_to("/create x-den private")
    owner.answer_to("/slow 10s")
    number = last_number(boss)
    assert "slowed a private room to one message in 10s" in boss.answer_to("/audit 1")
    told = boss.answer_to(f"/undo {number}")
    assert f"Entry {number} is of a private room that you may not join." in told
    owner.answer_to("/invite boss")
    told = boss.answer_to(f"/undo {number}")
    what = f"Entry {number} (slowed #x-den to one message in 10s (slow from off to 10s))"
    assert f"{what} is taken back: #x-den is as it was" in told
    assert f"let #x-den be as it was (undoing {number})" in boss.answer_to("/audit 5")
    owner.until("boss has changed the pace of #x-den: as fast as you like.")


def test_bans_and_mutes_of_a_room_are_taken_back_by_who_runs_it(
    room: ServerProcess, boss: Peer
) -> None:
    owner, helper, rude = (room.join(f"z-{one}") for one in ("owner", "helper", "rude"))
    owner.answer_to("/create z-room")
    for one in (helper, rude):
        one.answer_to("/join z-room")
    owner.answer_to("/moderator z-helper")
    helper.answer_to("/roommute z-rude 1h loud")
    muted = last_number(boss)
    assert "the mute of z-rude in #z-room is lifted." in owner.answer_to(f"/undo {muted}")
    rude.until("You may write in #z-room again.")
    told = helper.answer_to(f"/undo {muted + 1}")
    assert "the mute of z-rude in #z-room holds again, as number" in told
    assert "loud" in helper.answer_to("/sanctions")
    owner.answer_to("/unroommute z-rude")
    helper.answer_to("/roomban z-rude 1h rude")
    banned = last_number(boss)
    assert "the ban of z-rude in #z-room is lifted." in helper.answer_to("/undo")
    rude.answer_to("/join z-room")
    assert "the ban of z-rude in #z-room holds again" in owner.answer_to(f"/undo {banned + 1}")
    rude.until("#z-room")
    assert "banned" in rude.answer_to("/join z-room")
    # What is of the whole server is not theirs.
    boss.answer_to("/mute z-rude 1m")
    assert "There is no entry" in owner.answer_to(f"/undo {last_number(boss)}")
    boss.answer_to("/unmute z-rude")
    # Nor is anything of it a superuser's from outside, once it is private.
    owner.answer_to("/private")
    told = boss.answer_to(f"/undo {banned}")
    assert f"Entry {banned} is of a private room that you may not join." in told


def test_nothing_older_is_taken_back_unasked(room: ServerProcess, boss: Peer) -> None:
    for name in ("o-one", "o-two"):
        room.join(name).close()
    boss.answer_to("/ban o-one 1d")
    banned = last_number(boss)
    boss.answer_to("/purge o-two 10m")
    told = boss.answer_to("/undo")
    assert f"Entry {banned + 1} (removed" in told
    assert "your last act, cannot be taken back." in told
    assert f"What can be is entry {banned} (banned o-one for 1d): type /undo {banned}" in told
    assert "o-one" in boss.answer_to("/bans")
    assert "the ban of o-one is lifted." in boss.answer_to(f"/undo {banned}")
    # Typed twice, it does nothing more; by another one it is taken back already.
    told = boss.answer_to("/undo")
    assert f"Your last act took back entry {banned}; /undo {banned + 2} takes that back" in told
    boss.answer_to("/slow 7s")
    other = room.program_peer("o-boss")
    boss.answer_to("/changegrant o-boss 0")
    other.until_event("control", do="changegrant")
    granted = last_number(boss)
    other.send_event("command", name="undo", args={"number": granted}, cid="last")
    assert other.until_event("result", cid="last")["ok"]
    told = boss.answer_to("/undo")
    assert f"Entry {granted} (made o-boss a superuser), your last act, is taken back" in told
    assert (
        f"already, by entry {granted + 1} of o-boss. What can be is entry {granted - 1} (" in told
    )
    boss.answer_to(f"/undo {granted - 1}")


def test_a_removal_ends_a_role_for_good_and_keeps_nobody_from_opening_the_room(
    room: ServerProcess, boss: Peer
) -> None:
    owner, helper, guest = (room.join(f"e-{one}") for one in ("owner", "helper", "guest"))
    owner.answer_to("/create e-room")
    for one in (helper, guest):
        one.answer_to("/join e-room")
    owner.answer_to("/moderator e-helper")
    owner.answer_to("/unmoderator e-helper")
    ended = last_number(boss)
    owner.answer_to("/private")
    owner.answer_to("/remove e-guest")
    owner.answer_to("/remove e-helper")
    told = owner.answer_to("/undo")
    assert f"Entry {ended + 3} (removed e-helper from #e-room), your last act, cannot" in told
    what = f"What can be is entry {ended + 1} (made #e-room private): type /undo {ended + 1}"
    assert what in told
    told = owner.answer_to(f"/undo {ended}")
    assert f"that has changed since entry {ended}, by entry {ended + 3} of e-owner." in told
    assert "e-helper" not in owner.answer_to("/roominfo")
    told = owner.answer_to(f"/undo {ended + 1}")
    assert "is taken back: #e-room is as it was before." in told
    assert "You talk in #e-room now" in guest.answer_to("/join e-room")


def test_it_is_told_by_what_a_role_has_ended_meanwhile(room: ServerProcess, boss: Peer) -> None:
    owner, helper = room.join("m-owner"), room.join("m-helper")
    owner.answer_to("/create m-room")
    helper.answer_to("/join m-room")
    for line in ("/remove m-helper", "/roomban m-helper 1m"):
        owner.answer_to("/moderator m-helper")
        made = last_number(boss)
        owner.answer_to(line)
        told = owner.answer_to(f"/undo {made}")
        assert f"that has changed since entry {made}, by entry {made + 1} of m-owner." in told
        helper.answer_to("/join m-room")
    owner.answer_to("/unroomban m-helper")
    helper.answer_to("/join m-room")
    owner.answer_to("/transfer m-helper")
    handed = last_number(boss)
    helper.answer_to("/roomban m-owner")
    assert f"changed since entry {handed}, by entry {handed + 1} of m-helper." in boss.answer_to(
        f"/undo {handed}"
    )
