"""What is measured."""

from dataclasses import dataclass
from typing import Literal

Mode = Literal["flood", "paced", "idle", "ramp", "disk", "storm", "posts"]


@dataclass(frozen=True, slots=True)
class Scenario:
    """One thing to measure.

    :param people: how many, if it is about people.
    :param parts: what is compared when that is not servers with a crowd; see ``parts.MEASURES``.
    :param group: scenarios of one group take turns and are compared with its first one.
    :param rate: messages a second (paced).
    :param nonreaders: people who are there, too, and never read.
    :param is_sealed: everybody speaks TLS.
    :param faces: how people talk to ours, each in turn: keys of ``servers.FACES``; none: as usual.
    :param rooms: rooms of ten people each that are talked in in turn; 0: all are in one.
    """

    name: str
    title: str
    mode: Mode
    people: int = 0
    parts: tuple[str, ...] = ()
    rate: float = 0.0
    nonreaders: int = 0
    rooms: int = 0
    is_sealed: bool = False
    faces: tuple[str, ...] = ()
    checks_order: bool = False
    group: str = ""
    is_usual: bool = True
    is_only_ours: bool = False


SCENARIOS = (
    Scenario("flood-100", "Flood, 100 people", "flood", 100),
    Scenario("flood-1000", "Flood, 1,000 people", "flood", 1000),
    Scenario("paced-1000", "1,000 people, 20/s", "paced", 1000, rate=20),
    Scenario("disk", "One sync of 4 KB after 50 ms of quiet", "disk", parts=("disk",)),
    Scenario("paced-100", "100 people, 500/s", "paced", 100, rate=500),
    Scenario("idle-1000", "1,000 silent people", "idle", 1000),
    Scenario("ramp-1000", "1,000 people log in", "ramp", 1000),
    *(
        Scenario(
            f"storm-{people}",
            f"{people:,} people come back by ticket after a restart",
            "storm",
            people,
            parts=("Chatroom",),
        )
        for people in (1000, 5000)
    ),
    Scenario("posts", "Posts a second that an engine keeps", "posts", parts=("SQLite", "Redis")),
    *(
        Scenario(
            f"slow-{number}",
            f"Flood, 1,000 people and {number} who never read",
            "flood",
            1000,
            nonreaders=number,
            checks_order=True,
            group="slow",
            is_only_ours=True,
            is_usual=False,
        )
        for number in (0, 1, 200)
    ),
    *(
        Scenario(
            f"rooms-{rooms}",
            f"100 messages a second in {title}",
            "paced",
            people,
            rate=100,
            rooms=rooms,
            group="rooms",
            is_only_ours=True,
            is_usual=False,
        )
        for rooms, people, title in (
            (1, 10, "one room of 10"),
            (1000, 100, "1,000 rooms of 10, with 100 people"),
        )
    ),
    *(
        Scenario(
            f"{word}-100",
            f"Flood, 100 people, {title}",
            "flood",
            100,
            is_sealed=word == "sealed",
            group="sealed",
            is_only_ours=True,
        )
        for word, title in (("plain", "plain text"), ("sealed", "TLS"))
    ),
    *(
        Scenario(
            f"idle-{word}",
            f"1,000 silent people, {title}",
            "idle",
            1000,
            faces=(word,),
            group="idle",
            is_only_ours=True,
            is_usual=False,
        )
        for word, title in (("events", "our client"), ("irc", "IRC"), ("web", "browsers"))
    ),
    Scenario(
        "sealed-idle-1000",
        "1,000 silent people, TLS",
        "idle",
        1000,
        is_sealed=True,
        is_only_ours=True,
    ),
    *(
        Scenario(
            f"faces-{word}",
            f"Flood, 1,000 people, {title}",
            "flood",
            1000,
            faces=faces,
            group="faces",
            is_only_ours=True,
            is_usual=False,
        )
        for word, title, faces in (
            ("plain", "all by nc", ("plain",)),
            ("events", "all by our client", ("events",)),
            ("irc", "all by IRC, with tags and echo", ("irc",)),
            ("web", "half by browsers, half by our client", ("web", "events")),
            ("mixed", "a third each by nc, our client and IRC", ("plain", "events", "irc")),
        )
    ),
    Scenario("ramp-5000", "5,000 people log in", "ramp", 5000, is_usual=False),
    Scenario("idle-5000", "5,000 silent people", "idle", 5000, is_usual=False),
    Scenario("idle-10000", "10,000 silent people", "idle", 10000, is_usual=False),
    Scenario("flood-5000", "Flood, 5,000 people", "flood", 5000, is_usual=False),
    Scenario(
        "flood-10000", "Flood, 10,000 people", "flood", 10000, checks_order=True, is_usual=False
    ),
)
