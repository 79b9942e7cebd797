"""The checker of histories finds each planted fault, and none where there is none."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tools.checker import Event, check, main


def sound() -> list[Event]:
    """Return two clients' history of four messages, with a gap that catch-up has filled."""
    events: list[Event] = []
    for seq in range(1, 5):
        who, cid = ("ann", "bob")[seq % 2], f"s-{seq}"
        word = {"client": who, "room": "lobby", "cid": cid}
        events += [{"do": "sent", "text": f"t{seq}", **word}, {"do": "confirmed", **word}]
        got = {"room": "lobby", "from": who, "cid": cid, "text": f"t{seq}", "seq": seq}
        events += [{"do": "received", "client": c, **got} for c in ("ann", "bob")]
    for kind in ("join", "leave"):
        seen = {"do": "presence", "client": "ann", "room": "lobby"}
        events.append({**seen, "name": "cy", "kind": kind})
    events.append({"do": "away", "client": "bob"})
    return events + [{"do": "stayed", "client": c, "room": "lobby"} for c in ("ann", "bob")]


def test_sound() -> None:
    assert check(sound()) == []


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        ("lost", "never received"),
        ("twice", "twice"),
        ("swapped", "after"),
        ("moved", "another order"),
        ("invented", "never sent"),
        ("own order", "later one of it"),
        ("presence", "twice in a row"),
        ("confirmed", "confirmed, but never sent"),
    ],
)
def test_fault(fault: str, sentence: str) -> None:
    events = sound()
    got = [i for i, e in enumerate(events) if e["do"] == "received" and e["client"] == "bob"]
    if fault == "lost":
        del events[got[1]]
    elif fault == "twice":
        events.insert(got[1], events[got[1]])
    elif fault == "swapped":
        events[got[1]], events[got[2]] = events[got[2]], events[got[1]]
    elif fault == "moved":
        events[got[3]]["seq"] = 9
    elif fault == "invented":
        events[got[0]]["text"] = "other"
    elif fault == "own order":
        sent = [i for i, e in enumerate(events) if e["do"] == "sent"]
        events[sent[0]], events[sent[2]] = events[sent[2]], events[sent[0]]
    elif fault == "presence":
        events.append(next(e for e in reversed(events) if e["do"] == "presence"))
    else:
        events.append({"do": "confirmed", "client": "ann", "room": "lobby", "cid": "x-9"})
    assert any(sentence in line for line in check(events))


def test_program(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "history"
    file.write_text("".join(json.dumps(e) + "\n" for e in sound()))
    assert main([str(file)]) == 0
    assert "OK: 4 sent, 4 confirmed, 8 received" in capsys.readouterr().out
    file.write_text("".join(json.dumps(e) + "\n" for e in sound()[:2] + sound()[-1:]))
    assert main([str(file)]) == 1
    file.write_text("[]\n")
    assert main([str(file)]) == 2


@given(
    authors=st.lists(st.sampled_from(["ann", "bob", "cy"]), min_size=2, max_size=20),
    fault=st.sampled_from(["lost", "twice", "swapped", "invented"]),
    data=st.data(),
)
def test_one_mutation_is_found(authors: list[str], fault: str, data: st.DataObject) -> None:
    events: list[Event] = []
    people = ("ann", "bob", "cy")
    waiting: dict[str, list[Event]] = {name: [] for name in people}
    for seq, who in enumerate(authors, 1):
        word = {"client": who, "room": "lobby", "cid": f"s-{seq}"}
        events += [{"do": "sent", "text": f"t{seq}", **word}, {"do": "confirmed", **word}]
        got = {"room": "lobby", "from": who, "cid": f"s-{seq}", "text": f"t{seq}", "seq": seq}
        for name in people:
            waiting[name].append({"do": "received", "client": name, **got})
            if data.draw(st.booleans()):
                events += waiting[name]
                waiting[name] = []
    for name in people:
        events += [*waiting[name], {"do": "stayed", "client": name, "room": "lobby"}]
    assert check(events) == []
    got_at = [i for i, e in enumerate(events) if e["do"] == "received" and e["client"] == "bob"]
    n = data.draw(st.integers(0, len(got_at) - 2))
    here, there = got_at[n], got_at[n + 1]
    if fault == "lost":
        del events[here]
    elif fault == "twice":
        events.append(events[here])
    elif fault == "swapped":
        events[here], events[there] = events[there], events[here]
    else:
        events[here] = {**events[here], "text": "other"}
    assert check(events)
