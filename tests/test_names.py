"""Names of people and rooms, of any script: what is allowed, what is the same, what looks alike."""

import random
import subprocess
import sys
import time
import unicodedata

import pytest

from chatroom.errors import UserError
from chatroom.names import (
    RESERVED,
    RESERVED_FOR_ROOMS,
    check_name,
    fold,
    mentions,
    plain,
    skeletons,
    words_of,
)
from tests.conftest import StartServer
from tests.harness import PASSWORD, PATIENCE, ROOT, Peer, ServerProcess

CYRILLIC = "р\u0430ypal"
ALIKE = "looks like another one that is taken or reserved"


@pytest.mark.parametrize(
    "name",
    [
        *("a", "A-b_c.9", "x" * 32, "...", "-", "é", "e\u0301", "Zoë", "李雷", "Ольга", "मनीष"),
        *("שלום", "شکر", "さくら", "a" + "\u0301\u0323\u0307\u0302", "ｙｕｋｉ"),
    ],
)
def test_a_name_of_letters_of_any_script_is_taken_as_it_is(name: str) -> None:
    assert check_name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        *(
            "",
            "x" * 33,
            "a b",
            "a\n",
            "a\x00",
            "a\u202e",
            "a;b",
            "a/b",
            "\ud800",
            "a\u200bb",
            "a@b",
        ),
        *("\u0301a", "1\u0301", "a\u0301\u0301\u0301\u0301\u0301", "☃", "👩", "a·b", "a\xadb", "½"),
    ],
)
def test_a_name_of_other_characters_is_refused_without_repeating_it(name: str) -> None:
    with pytest.raises(UserError, match="1 to 32 letters") as refusal:
        check_name(name)
    assert len(name) < 2 or name not in str(refusal.value)


@pytest.mark.parametrize("name", ["ﬁn", "שלוםa", "٣a", "ſ"])
def test_what_precis_refuses_is_refused(name: str) -> None:
    with pytest.raises(UserError, match="no name may have"):
        check_name(name)


@pytest.mark.parametrize(
    "name", ["server", "System", "ADMIN", "ＡＤＭＩＮ", "Root", "everyone", "lobby"]
)
def test_a_reserved_name_is_refused_in_any_case_and_width(name: str) -> None:
    with pytest.raises(UserError, match="reserved"):
        check_name(name)


@pytest.mark.parametrize(
    "name",
    ["adm\u0131n", "\u0430dmin", "ADMlN", "\u0410DMIN", "rnoderator", "supp0rt", "\u0455ystem"],
)
def test_what_looks_like_a_reserved_name_is_refused(name: str) -> None:
    with pytest.raises(UserError, match=ALIKE):
        check_name(name)


def test_a_room_may_have_names_that_no_person_may_have() -> None:
    for name in RESERVED - RESERVED_FOR_ROOMS:
        assert check_name(name, RESERVED_FOR_ROOMS) == name


def test_names_are_the_same_in_any_case_width_and_composition() -> None:
    assert fold("Ann") == fold("aNN") == fold("ＡＮＮ") == "ann"
    assert fold("ZOE\u0308") == fold("zoë") == "zoë"
    assert fold("ОЛЬГА") == fold("Ольга")


@pytest.mark.parametrize("name", ["a\u200bb é", "\ud800", "\x00é", "é" * 9999])
def test_what_can_be_no_name_folds_to_itself(name: str) -> None:
    assert fold(name) == name


@pytest.mark.parametrize(
    ("one", "other"),
    [
        *(("paypal", CYRILLIC), ("bob1", "bobl"), ("bob1", "bobI"), ("mike", "rnike")),
        *(("Oleg", "0leg"), ("vvill", "νvill"), ("IVAN", "1van"), ("scope", "ѕсоре")),
    ],
)
def test_lookalikes_share_a_skeleton(one: str, other: str) -> None:
    assert fold(one) != fold(other)
    assert not skeletons(one).isdisjoint(skeletons(other))


def test_other_names_share_none() -> None:
    names = (
        "ann",
        "anna",
        "hanna",
        "bob",
        "bob2",
        "max",
        "maxi",
        "Ольга",
        "李雷",
        "李四",
        "zoe",
        "zoë",
    )
    for one in names:
        for other in names:
            assert one == other or skeletons(one).isdisjoint(skeletons(other))


@pytest.mark.parametrize(
    ("text", "name", "is_meant"),
    [
        ("hey @Ann!", "ann", True),
        ("ann: hi", "ANN", True),
        ("anna", "ann", False),
        ("ann.b said", "ann", False),
        ("so, ann.", "ann", True),
        ("x-ann", "ann", False),
        ("anna und ann", "ann", True),
        ("привет, ОЛЬГА", "Ольга", True),
        ("@ZOE\u0308?", "zoë", True),
        ("@मनीष!", "मनीष", True),
        ("मनीष", "मन", False),
        ("李雷, 你好", "李雷", True),
    ],
)
def test_a_mention_is_the_whole_name(text: str, name: str, is_meant: bool) -> None:
    assert mentions(text, name) is is_meant


def test_the_client_does_not_load_what_only_names_need() -> None:
    code = "import sys, chatroom.client; print('precis_i18n' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE
    )
    assert done.stdout == "False\n", done.stderr


# -- on a server -----------------------------------------------------------------------------


def refusal_of(room: ServerProcess, name: str) -> str:
    """Register as a program does; return why it was refused."""
    peer = room.program_start()
    peer.send_event("register", name=name, password=PASSWORD)
    text: str = peer.until_event("result", ok=False)["text"]
    peer.close()
    return text


def test_a_name_that_cannot_be_had_costs_no_registration(start_server: StartServer) -> None:
    server = start_server(registrations_per_address=2)
    server.join("ann")
    for name in ("ann", "ANN", "!"):
        assert "new accounts" not in refusal_of(server, name)
    server.join("bob")
    assert "Too many new accounts" in refusal_of(server, "carl")


def enter(room: ServerProcess, name: str) -> Peer:
    peer = room.peer()
    peer.send("y", name, PASSWORD, PASSWORD)
    peer.until(f"Welcome, {name}.")
    return peer


def test_a_name_that_looks_like_another_ones_is_refused_until_that_one_goes(
    room: ServerProcess,
) -> None:
    first = enter(room, "paypal")
    assert ALIKE in refusal_of(room, CYRILLIC)
    first.send("/deleteaccount", PASSWORD, "paypal")
    first.until_end()
    enter(room, CYRILLIC)
    assert ALIKE in refusal_of(room, "paypal")


def test_somebody_of_any_script_logs_in_is_found_and_is_mentioned(room: ServerProcess) -> None:
    olga, boss = enter(room, "Ольга"), room.join("boss")
    boss.send("/messageto ОЛЬГА psst")
    olga.until("private from boss: psst")
    assert "private to Ольга: psst" in boss.until("psst")
    again = room.peer()
    again.send("n", "ольга", PASSWORD)
    again.until("Welcome, Ольга.")
    olga.send("/busy")
    olga.until("busy")
    again.close()


def test_a_room_looks_like_no_other_room_and_not_like_the_lobby(room: ServerProcess) -> None:
    boss = room.join("boss")
    assert "is yours" in boss.answer_to("/create Küche")
    assert "You talk in #Küche" in boss.answer_to("/join #KÜCHE")
    assert "taken" in boss.answer_to("/create KÜCHE")
    assert ALIKE in boss.answer_to("/create Iobby")
    assert "is yours" in boss.answer_to("/create bob1")
    assert ALIKE in boss.answer_to("/create bobl")


def test_an_operator_meets_the_same_rules(room: ServerProcess) -> None:
    room.add_user("mike")
    done = room.operate("add-user", "rnike", "--password-stdin", given=PASSWORD + "\n")
    assert (done.returncode, done.stdout) == (1, "")
    assert ALIKE in done.stderr


@pytest.mark.parametrize(
    ("text", "name"),
    [("\ufdfa" * 2700, "ل"), ("\ufdfa" * 2700, "ص"), ("لَ " * 1600, "ل"), ("a" * 8000, "a")],
)
def test_a_name_that_stands_in_a_text_without_end_takes_no_time(text: str, name: str) -> None:
    began = time.thread_time()
    assert not any(mentions(text, name) for _ in range(20))
    assert time.thread_time() - began < 1.0  # it took 0.3 s and more for each of these texts


def test_what_is_longer_than_any_name_costs_nothing_to_fold() -> None:
    began = time.thread_time()
    for c in ("א", "漢", "\ufdfa"):
        assert fold(c * 8000) == c * 8000
    assert time.thread_time() - began < 0.02  # PRECIS took 25 ms for each of these
    longest = unicodedata.normalize("NFD", "ǖ" * 32)
    assert fold(longest) == "ǖ" * 32


def test_names_keep_the_joiners_that_their_scripts_need_and_cannot_be_forged_by_them() -> None:
    for name in ("می\u200cخواهم", "ශ\u0dca\u200dරී"):
        assert check_name(name) == name
        without = name.translate({0x200C: None, 0x200D: None})
        assert not skeletons(name).isdisjoint(skeletons(without))
    with pytest.raises(UserError):
        check_name("b\u200cob")


def test_a_joiner_that_no_key_has_ever_held_makes_no_other_name() -> None:
    with_joiner, without = "র\u200d\u09cdযাব", "র\u09cdযাব"
    assert check_name(with_joiner) == with_joiner
    assert fold(with_joiner) == fold(without) == without
    assert skeletons(with_joiner) == skeletons(without)


@pytest.mark.parametrize("name", ["192.0.2.7", "１９２.0.2.7", "127.0.0.1"])
def test_a_name_is_no_address(name: str) -> None:
    with pytest.raises(UserError, match="may not be an address"):
        check_name(name)


@pytest.mark.parametrize("seed", range(20))
def test_whatever_name_a_text_mentions_is_among_its_words(seed: int) -> None:
    dice = random.Random(seed)
    letters = "abé.-_ \u0301\u200cक\u094dA.,:@İſ"
    found = 0
    for _ in range(2000):
        name = "".join(dice.choices("abé.-_कſ", k=dice.randint(1, 3)))
        text = "".join(dice.choices(letters, k=8)) + dice.choice(["", name, f" {name}", f"{name}."])
        if mentions(text, name):
            found += 1
            assert plain(name) in words_of(text), (text, name)
    assert found > 100
