"""/report: a message is shown to those who run its room and to superusers, not to its writer."""

from typing import Any

import pytest

from tests.harness import Peer, ServerProcess


def said(program: Peer, text: str, room: str = "lobby") -> str:
    """Let somebody say something; return its id."""
    program.send_event("post", text=text, room=room, cid=f"say-{text}")
    return str(program.until_event("message", text=text)["id"])


def ask(program: Peer, name: str, **args: object) -> dict[str, Any]:
    cid = f"{name}-{args}"
    program.send_event("command", name=name, args=args, cid=cid)
    return program.until_event("result", cid=cid)


def number_of(identity: str) -> str:
    return identity.rpartition("-")[2]


def test_those_who_run_the_room_and_superusers_are_told_at_once(
    room: ServerProcess, boss: Peer
) -> None:
    owner, rude = room.program_peer("r-owner"), room.program_peer("r-rude")
    witness = room.program_peer("r-witness")
    assert ask(owner, "create", room="r-pub")["ok"]
    for one in (rude, witness):
        assert ask(one, "join", room="r-pub")["ok"]
    which = said(rude, "you all smell", "r-pub")
    done = ask(witness, "report", id=which, reason="rude")
    assert done["ok"]
    (row,) = done["rows"]
    assert (row["user"], row["id"], row["told"], row["room"]) == ("r-rude", which, 2, "r-pub")
    told = owner.until_event("notice", kind="report")
    assert (told["by"], told["user"], told["message"], told["reason"]) == (
        *("r-witness", "r-rude"),
        *("you all smell", "rude"),
    )
    assert (told["room"], told["id"], told["private"]) == ("r-pub", which, False)
    boss.until(
        f"r-witness reports message {number_of(which)} of r-rude in #r-pub: you all smell (rude)"
    )
    rude.send_event("command", line="/help busy", cid="quiet")
    assert "report" not in str(rude.until_event("result", cid="quiet"))
    trail = boss.answer_to("/audit r-rude")
    assert f"reported message {number_of(which)} of r-rude in #r-pub: rude" in trail
    assert "smell" not in trail


def test_a_report_is_made_once_and_not_too_often(room: ServerProcess, boss: Peer) -> None:
    rude, witness = room.program_peer("o-rude"), room.program_peer("o-witness")
    ids = [said(rude, f"spam {i}") for i in range(8)]
    said(witness, "seen")
    assert ask(witness, "report", id=ids[0])["ok"]
    again = ask(witness, "report", id=ids[0], reason="again")
    assert (again["ok"], again["code"]) == (False, "repeated")
    assert again["text"] == "You have reported that message already."
    results = [ask(witness, "report", id=one) for one in ids[1:]]
    assert [one["ok"] for one in results] == [True] * 5 + [False] * 2
    assert results[-1]["code"] == "throttled"
    assert 3000 < results[-1]["wait"] <= 3600
    assert "You have reported 6 messages in an hour. Wait " in results[-1]["text"]


def test_what_cannot_be_reported_is_refused(room: ServerProcess, boss: Peer) -> None:
    one, other = room.join("n-one"), room.join("n-other")
    one.answer_to("/create n-den private")
    one.answer_to("in the den")
    program = room.program_peer("n-program")
    own = said(program, "my own")
    refused = ask(program, "report", id=own)
    assert "That is your own message. /delete removes it." in refused["text"]
    assert ask(program, "report", id="abcdef01-1")["code"] == "no-such-message"
    assert ask(program, "delete", id=own)["ok"]
    assert ask(program, "report", id=own)["code"] == "no-such-message"
    assert "There is no message 99999" in other.answer_to("/report 99999")
    assert "ID is missing. Type /report ID [reason]" in other.answer_to("/report")


def test_who_is_not_here_finds_the_report_among_the_private_messages(
    room: ServerProcess, boss: Peer
) -> None:
    owner = room.join("a-owner")
    owner.answer_to("/create a-pub")
    owner.send("/disconnect")
    owner.until("Goodbye")
    rude, witness = room.program_peer("a-rude"), room.join("a-witness")
    assert ask(rude, "join", room="a-pub")["ok"]
    witness.answer_to("/join a-pub")
    number = number_of(said(rude, "nobody sees me", "a-pub"))
    witness.send(f"/report {number} shameless")
    witness.until("Thank you. It was told to those who run #a-pub, and superusers.")
    sentence = f"a-witness reports message {number} of a-rude in #a-pub: nobody sees me (shameless)"
    boss.until(sentence)
    room.join("a-owner").until(sentence)


def test_a_private_message_is_shown_to_superusers_alone(room: ServerProcess, boss: Peer) -> None:
    owner, rude = room.join("p-owner"), room.program_peer("p-rude")
    victim = room.program_peer("p-victim")
    rude.send_event("post", text="I know where you live", to="p-victim", cid="p1")
    which = str(victim.until_event("message", text="I know where you live")["private_id"])
    done = ask(victim, "report", id=which)
    assert done["ok"]
    boss.until("p-victim reports a private message of p-rude: I know where you live")
    owner.answer_to("/create p-pub")
    trail = boss.answer_to("/audit p-rude")
    assert "reported a private message of p-rude" in trail
    assert "live" not in trail


def test_a_superuser_who_is_reported_is_not_told(room: ServerProcess, boss: Peer) -> None:
    rude = room.program_peer("s-rude")
    boss.answer_to("/changegrant s-rude 0")
    rude.until_event("control", do="changegrant")
    witness = room.join("s-witness")
    number = number_of(said(rude, "I may do anything"))
    witness.send(f"/report {number}")
    boss.until(f"s-witness reports message {number} of s-rude in #lobby: I may do anything")
    rude.send_event("command", line="/help busy", cid="q")
    assert "reports message" not in str(rude.until_event("result", cid="q"))
    boss.answer_to("/changegrant s-rude 1")


@pytest.mark.parametrize("invited", [False, True])
def test_the_name_of_a_private_room_is_told_to_who_may_join_it(
    room: ServerProcess, boss: Peer, invited: bool
) -> None:
    name, bad = f"h-cave-{invited}".lower(), f"h-rude-{invited}".lower()
    owner, rude = room.join("h-owner"), room.program_peer(bad)
    owner.answer_to(f"/create {name} private")
    owner.answer_to(f"/invite {bad}")
    if invited:
        owner.answer_to("/invite boss")
    assert ask(rude, "join", room=name)["ok"]
    text = f"down here {invited}"
    number = number_of(said(rude, text, name))
    owner.send(f"/report {number}")
    where = f"message {number} of {bad} in #{name}"
    where = where if invited else f"a message of {bad} in a private room"
    assert name in boss.until(f"h-owner reports {where}: {text}") or not invited
    trail = boss.answer_to("/audit 1")
    shown = f"#{name}" if invited else "a private room"
    assert f"reported message {number} of {bad} in {shown}" in trail


@pytest.mark.parametrize("line", ["/mute q-witness{n} 1h", "/roommute q-witness{n} 1h"])
def test_by_the_reason_of_a_report_nobody_who_is_muted_says_anything(
    room: ServerProcess, boss: Peer, line: str
) -> None:
    n = len(line)
    owner = room.program_peer(f"q-owner{n}")
    rude, witness = room.program_peer(f"q-rude{n}"), room.program_peer(f"q-witness{n}")
    assert ask(owner, "create", room=f"q-pub{n}")["ok"]
    for one in (rude, witness):
        assert ask(one, "join", room=f"q-pub{n}")["ok"]
    which = said(rude, "you all smell", f"q-pub{n}")
    boss.answer_to(f"/join q-pub{n}")
    boss.answer_to(line.format(n=n))
    done = ask(witness, "report", id=which, reason="buy my soap")
    assert (done["ok"], done["rows"][0]["reason"], done["rows"][0]["told"]) == (True, "", 2)
    assert done["text"].endswith(" Your reason was left out: you are muted.")
    told = owner.until_event("notice", kind="report")
    assert (told["by"], told["message"], told["reason"]) == (f"q-witness{n}", "you all smell", "")
    assert "soap" not in boss.answer_to(f"/audit q-rude{n}")
    boss.answer_to("/room lobby")
    boss.answer_to(f"/unmute q-witness{n}")


def test_nor_by_that_of_a_ban_or_mute_of_a_room(room: ServerProcess, boss: Peer) -> None:
    owner, rude = room.program_peer("v-owner"), room.program_peer("v-rude")
    assert ask(owner, "create", room="v-pub")["ok"]
    assert ask(rude, "join", room="v-pub")["ok"]
    boss.answer_to("/mute v-owner 1h")
    for name in ("roommute", "roomban"):
        assert ask(owner, name, user="v-rude", reason="buy my soap")["code"] == "muted"
        assert ask(owner, name, user="v-rude")["ok"]
    boss.answer_to("/unmute v-owner")
