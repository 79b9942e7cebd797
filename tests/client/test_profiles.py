"""The settings file with its named places."""

from pathlib import Path

import pytest

from chatroom.client.cli.profiles import Profile, read_profiles, read_settings
from chatroom.errors import UserError


def places(tmp_path: Path, text: str) -> dict[str, Profile]:
    file = tmp_path / "client.toml"
    file.write_text(text, encoding="utf-8")
    return read_profiles(file)


def test_a_place_has_what_it_says_and_the_usual_port(tmp_path: Path) -> None:
    text = '[places.work]\naddress = "chat.example"\nname = "ann"\nbell = "all"\ncolour = false\n'
    assert places(tmp_path, text) == {
        "work": Profile("chat.example", 9797, "ann", colour=False, bell="all")
    }


def test_what_stands_above_all_places_holds_for_every_server(tmp_path: Path) -> None:
    file = tmp_path / "client.toml"
    file.write_text('clock = 24\nlinear = true\n[places.work]\naddress = "a"\nclock = 12\n')
    general, known = read_settings(file)
    assert (general.clock, general.linear, known["work"].clock) == (24, True, 12)


def test_without_a_file_there_are_no_places(tmp_path: Path) -> None:
    assert read_profiles(tmp_path / "none.toml") == {}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('[places.work]\naddress = "a"\npassword = "x"', "Passwords do not belong there"),
        ('password = "x"', "Passwords do not belong there"),
        ("[places.work]", "needs an address"),
        ('[places.work]\naddress = "a"\nport = 0', "port is 1 to 65535"),
        ('[places.work]\naddress = "a"\nport = true', "port is a number"),
        ('[places.work]\naddress = "a"\nbell = "loud"', "bell is one of off, mentions, all"),
        ('[places.work]\naddress = "a"\nfingerprint = "12"', "64 hexadecimal digits"),
        ('[places.work]\naddress = "a"\ncolor = true', "'color' is not known"),
        ('[places.send]\naddress = "a"', "Choose another name"),
        ("clock = 13", "clock is 12 or 24"),
        ('[places.work]\naddress = "a"\nclock = "24"', "clock is a number"),
        ('address = "a"', "'address' is not known here"),
        ('notify = "loud"', "notify is one of off, auto, osc9, osc777, osc99, or a program"),
        ("notify = []", "notify is a program and its first arguments"),
        ("open = [1]", "open is a program and its first arguments"),
        ('open = "firefox"', "open is a program and its first arguments"),
        ("notify_text = 1", "notify_text is true or false"),
        ("[work", "is not TOML"),
        ("places = 3", "Places are tables"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_a_sentence(
    tmp_path: Path, text: str, sentence: str
) -> None:
    with pytest.raises(UserError, match=sentence):
        places(tmp_path, text)
