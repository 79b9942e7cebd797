"""What is found again: by words, by time; and what is erased is found no more."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from chatroom.storage.records import ACTION, PRIVATE, REMOVED, Post, SearchQuery
from chatroom.storage.rules.events import Control, ControlKind
from chatroom.storage.rules.search import Search, fold
from tests.harness import PATIENCE
from tests.storage.contract.conftest import Running, post


def say(running: Running, *texts: str, sender: str = "ann", log: str = "lobby") -> list[Post]:
    """Append texts, one commit for each, and return the posts."""
    said = [Post(log, "text", f"id-{sender}", sender, text) for text in texts]
    for one in said:
        assert running.engine.logs.append(one)
        running.settle()
    return said


def found(running: Running, *words: str, sender_id: str = "", since: float = 0.0) -> list[str]:
    wanted = SearchQuery(words, sender_id, since)
    return [p.text for p in running.engine.logs.search("lobby", wanted, 99)]


def test_a_search_finds_all_words_in_any_order_newest_first(running: Running) -> None:
    say(running, "red apple", "green apple", "an apple that is red", "pear")
    assert found(running, "apple") == ["an apple that is red", "green apple", "red apple"]
    assert found(running, "apple", "red") == ["an apple that is red", "red apple"]
    assert found(running, "APP") == found(running, "apple")
    assert found(running, "plum") == []
    assert len(found(running)) == 4
    newest = running.engine.logs.search("lobby", SearchQuery(("apple",)), 1)
    assert [p.text for p in newest] == ["an apple that is red"]
    assert running.engine.logs.search("cellar", SearchQuery(("apple",)), 9) == []


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("Crème Brûlée", "creme"),
        ("creme brulee", "BRÛLÉE"),
        ("STRASSE", "straße"),
        ("Straße", "STRASSE"),
        ("\uff21\uff22\uff23", "abc"),
        ("\u0130stanbul", "istanbul"),
        ("ΣΊΣΥΦΟΣ", "σίσυφος"),
        ('she said "now"', '"now"'),
        ("she said \uff02now\uff02", '"now"'),
        ("C:\\new", "c:\\new"),
        ("two\nlines", "two\nlines"),
        ("a\ttab é", "a\ttab"),
        ("smile \U0001f600", "\U0001f600"),
    ],
)
def test_accents_case_and_escapes_do_not_hide_a_word(
    running: Running, text: str, word: str
) -> None:
    say(running, "nothing here", text)
    assert found(running, word) == [text]
    assert not Search(SearchQuery((word + "x",))).is_wanted(post(text))


def test_no_word_matches_what_is_not_the_text_of_a_message(running: Running) -> None:
    said = say(running, "a\nb")
    assert found(running, "nb") == []
    assert found(running, "ann") == []
    assert found(running, "id-ann") == []
    assert found(running, "\\n") == []
    assert fold("É") == "e"
    assert found(running, "a\nb") == [said[0].text]


def test_a_search_can_ask_for_a_sender_and_a_time(running: Running) -> None:
    (first,) = say(running, "hello one")
    second, third = say(running, "hello two", "hello three", sender="bob")
    assert found(running, "hello", sender_id="id-bob") == ["hello three", "hello two"]
    assert found(running, sender_id="id-ann") == ["hello one"]
    for when in (first.time, second.time, third.time):  # some may be the same millisecond
        later = [one.text for one in (third, second, first) if one.time >= when]
        assert found(running, "hello", since=when) == later
    assert found(running, since=third.time + 1) == []


def test_a_search_finds_every_kind_but_what_was_removed(running: Running) -> None:
    for kind in (ACTION, PRIVATE, REMOVED):
        running.engine.logs.append(post(f"word {kind}", kind=kind))
    running.settle()
    assert found(running, "word") == ["word private", "word action"]


def test_the_place_of_a_time_is_that_of_the_last_post_before_it(running: Running) -> None:
    engine = running.engine
    assert engine.logs.seq_before("lobby", 1e12) == 0
    said = say(running, *(f"n{i}" for i in range(40)))
    for when in {p.time for p in said} | {said[0].time - 1, said[-1].time + 1}:
        before = [p.seq for p in said if p.time < when]
        assert engine.logs.seq_before("lobby", when) == (before[-1] if before else 0)


def test_an_erased_message_is_gone_from_memory_and_store(
    start: Callable[[], Running], folder: Path
) -> None:
    running = start()
    running.engine.logs.follow("lobby")
    one, two, three = say(running, "keep this", "secret thing", "and this")
    old = running.engine.logs.read("lobby", 0, 9, 9)
    assert running.engine.logs.erase("lobby", "id-bob", 2) == 0
    assert running.engine.logs.erase("lobby", "id-ann", 2) == 1
    assert running.engine.logs.erase("lobby", "id-ann", 2) == 0
    assert running.engine.logs.erase("lobby", "id-ann", 99) == 0
    gone = replace(two, kind=REMOVED, text="", ref=2)
    assert old[1].text == "secret thing"  # posts are shared: who holds one keeps what it was
    assert running.engine.logs.read("lobby", 0, 9, 9) == [one, gone, three]
    assert found(running, "secret") == []
    running.engine.close()
    again = start()
    assert again.engine.logs.read("lobby", 0, 9, 9) == [one, gone, three]


def test_a_reader_who_had_a_segment_decoded_sees_it_emptied(start: Callable[[], Running]) -> None:
    running = start()
    say(running, "secret", "other")
    assert [p.text for p in running.engine.logs.read("lobby", 0, 9, 9)] == ["secret", "other"]
    assert running.engine.logs.erase("lobby", "id-ann", 1) == 1
    assert [p.text for p in running.engine.logs.read("lobby", 0, 9, 9)] == ["", "other"]


def test_the_reason_of_a_removal_can_be_erased_and_that_it_was_removed_stays(
    start: Callable[[], Running],
) -> None:
    running = start()
    say(running, "one", "two")
    running.engine.logs.append(replace(post("an odd reason", kind=REMOVED), ref=1))
    running.settle()
    assert running.engine.logs.erase("lobby", "id-ann") == 2
    assert running.engine.logs.erase("lobby", "id-ann") == 0
    posts = running.engine.logs.read("lobby", 0, 9, 9)
    assert [(p.text, p.kind, p.ref) for p in posts] == [
        *(("", REMOVED, 1), ("", REMOVED, 2), ("", REMOVED, 1)),
    ]


def test_all_of_a_sender_can_be_erased_at_once(running: Running) -> None:
    for i in range(100):
        say(running, f"mine {i}", sender="ann")
        say(running, f"hers {i}", sender="bob")
    assert running.engine.logs.erase("lobby", "id-ann") == 100
    assert running.engine.logs.erase("lobby", "id-ann") == 0
    posts = running.engine.logs.read("lobby", 0, 999, 999)
    assert [p.seq for p in posts] == list(range(1, 201))
    assert [p.text for p in posts if p.sender == "bob"] == [f"hers {i}" for i in range(100)]
    assert {(p.kind, p.text, p.ref == p.seq) for p in posts if p.sender == "ann"} == {
        (REMOVED, "", True)
    }


def test_a_dropped_log_is_gone_and_a_new_one_counts_from_one(
    start: Callable[[], Running],
) -> None:
    running = start()
    say(running, *(f"n{i}" for i in range(5)), log="@ann")
    say(running, "stays")
    epoch = running.engine.logs.span("@ann").epoch
    running.engine.logs.drop("@ann")
    running.engine.logs.drop("@ann")
    assert running.engine.logs.read("@ann", 0, 99, 99) == []
    assert running.engine.logs.span("@ann").last == 0
    assert found(running, "stays") == ["stays"]
    (new,) = say(running, "anew", log="@ann")
    assert new.seq == 1
    assert running.engine.logs.span("@ann").epoch not in ("", epoch)
    running.engine.close()
    assert start().engine.logs.read("@ann", 0, 9, 9) == [new]


def test_what_a_sender_said_before_a_moment_stays(running: Running) -> None:
    said = say(running, "the first")
    while said[-1].time == said[0].time:
        said += say(running, f"number {len(said)}")
    moment = said[-1].time
    said += say(running, "the last")
    newer = [p.text for p in said if p.time >= moment]
    assert running.engine.logs.erase("lobby", "id-ann", since=moment) == len(newer)
    left = running.engine.logs.read("lobby", 0, 999, 999)
    assert [p.text for p in left if p.text] == [p.text for p in said if p.time < moment]


def test_what_another_process_erased_is_not_kept_in_memory(start: Callable[[], Running]) -> None:
    here, there = start(), start()
    here.engine.logs.follow("lobby")
    say(here, "secret words")
    assert here.engine.logs.read("lobby", 0, 9, 9)[0].text == "secret words"
    assert there.engine.logs.erase("lobby", "id-ann") == 1
    there.engine.controls.publish(Control(ControlKind.PURGE, "id-ann"))
    assert here.controls.get(timeout=PATIENCE) == Control(ControlKind.PURGE, "id-ann")
    assert here.engine.logs.read("lobby", 0, 9, 9)[0].text == ""
