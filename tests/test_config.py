"""Settings: where they come from, and what is said about a wrong one."""

import argparse
import dataclasses
from pathlib import Path
from typing import Any

import pytest

from chatroom import config
from chatroom.config import Settings
from chatroom.errors import SettingError
from tests.conftest import StartServer
from tests.harness import run_server

WRONG = [
    ("proxy_from", "10.0.0.5/8", "ranges of addresses"),
    ("public_host", "a\x1b[31m", "a host name or an IP address"),
    ("port", "99999", "0 to 65535"),
    ("port", "-1", "0 to 65535"),
    ("port", "http", "0 to 65535"),
    ("host", "", "host name or an IP address"),
    ("data_dir", "", "a path"),
    ("name", "", "1 to 60 printable"),
    ("name", "x" * 61, "1 to 60 printable"),
    ("name", "a\x07b", "1 to 60 printable"),
    ("name", "You are WELCOME here", "without the word 'welcome'"),
    ("scrypt_n", "1000", "power of two"),
    ("scrypt_n", "1", "power of two from 2"),
    ("login_seconds", "0", "a number from 0.1"),
    ("login_seconds", "nan", "a number from"),
    ("login_seconds", "inf", "a number from"),
    ("login_queue", "-1", "whole number from 0"),
    ("line_bytes", "255", "from 256"),
    ("line_bytes", "1e3", "whole number"),
    ("message_rate", "-0.1", "a number from 0"),
    ("outbox_bytes", "1", "from 65536"),
    ("connections", "0", "from 1"),
    ("connections_per_address", "-1", "from 0"),
    ("kick_minutes", "soon", "a number from 0"),
    ("registration", "maybe", "open, invite, closed"),
    ("room_creators", "nobody", "all, superusers"),
    ("proxy_from", "10.0.0.0/40", "ranges of addresses"),
    ("proxy_from", "10.0.0.5,", "ranges of addresses"),
    *(
        ("listen", value, "addresses with ports such as")
        for value in ("9797", "host", "::1:9797", "[::1]", "host:99999", "a:1,", "a b:1", ":1")
    ),
]
RESERVED = {
    "CHATROOM_LOGIN_RATE": "5",
    "CHATROOM_REGISTRATIONS_PER_ADDRESS": "3",
    "CHATROOM_REGISTRATION": "closed",
    "CHATROOM_UNAUTHENTICATED": "50",
    "CHATROOM_UNAUTHENTICATED_PER_ADDRESS": "5",
}


def flags(*words: str) -> dict[str, object]:
    parser = argparse.ArgumentParser()
    config.add_flags(parser)
    return vars(parser.parse_args(words))


def test_the_defaults_are_those_of_the_documentation() -> None:
    expected = {
        "host": "0.0.0.0",
        "port": 9797,
        "data_dir": Path("data"),
        "log_dir": Path("logs"),
        "scrypt_n": 32768,
        "login_seconds": 120,
        "login_queue": 32,
        "line_bytes": 8192,
        "message_rate": 10,
        "outbox_bytes": 1048576,
        "connections": 10000,
        "connections_per_address": 100,
        "kick_minutes": 5,
    }
    settings = dataclasses.asdict(config.load({}, {}))
    assert {name: settings[name] for name in expected} == expected


def test_a_flag_beats_the_environment_which_beats_the_file_which_beats_the_default(
    tmp_path: Path,
) -> None:
    file = tmp_path / "chatroom.toml"
    file.write_text('port = 1\nline_bytes = 1001\nlogin_queue = 7\nname = "From the file"\n')
    environ = {"CHATROOM_PORT": "2", "CHATROOM_LINE_BYTES": "1002", "CHATROOM_CONFIG": str(file)}
    settings = config.load(flags("--port", "3"), environ)
    assert settings.port == 3
    assert settings.line_bytes == 1002
    assert settings.login_queue == 7
    assert settings.name == "From the file"
    assert settings.connections == Settings().connections
    assert config.load(flags("--config", str(file)), {}).port == 1


@pytest.mark.parametrize("name", [field.name for field in dataclasses.fields(Settings)])
def test_every_setting_has_a_flag_an_environment_name_and_a_key(name: str, tmp_path: Path) -> None:
    value = {
        "name": "n",
        "registration": "invite",
        "here_mentions": "nobody",
        "room_creators": "superusers",
        "outbox_bytes": "131072",
        "durability": "none",
        "allow_plain": "true",
        "ring": "false",
        "irc": "false",
        "web": "false",
        "web_listen": "0.0.0.0:443, [::1]:8443",
        "web_proxy_from": "127.0.0.1/32",
        "web_origins": "https://chat.example.org, http://[::1]:8080",
        "irc_name": "irc.example.org",
        "irc_join_creates": "true",
        "engine": "redis://example.org:6379/1",
        "engine_replicas": "2",
        "proxy_from": "192.0.2.7/32, 2001:db8::/64",
        "log_format": "json",
        "log_level": "error",
        "listen": "0.0.0.0:9797, [::1]:6697",
        "metrics": "unix:/run/metrics",
        "metrics_public": "true",
    }.get(name, "512")
    by_flag = config.load(flags(f"--{name.replace('_', '-')}", value), {})
    by_environment = config.load({}, {f"CHATROOM_{name.upper()}": value})
    file = tmp_path / "chatroom.toml"
    is_number = isinstance(getattr(Settings(), name), int | float)
    file.write_text(f"{name} = {value}" if is_number else f'{name} = "{value}"')
    by_file = config.load({"config": str(file)}, {})
    assert by_flag == by_environment == by_file != Settings()


@pytest.mark.parametrize(("name", "value", "allowed"), WRONG)
def test_a_wrong_value_is_told_with_its_setting_and_what_is_allowed(
    name: str, value: str, allowed: str
) -> None:
    for given, environ, where in (
        ({name: value}, {}, "--" + name.replace("_", "-")),
        ({}, {f"CHATROOM_{name.upper()}": value}, f"CHATROOM_{name.upper()}"),
    ):
        with pytest.raises(SettingError) as error:
            config.load(given, environ)
        sentence = str(error.value)
        assert sentence.startswith(where)
        assert f"'{value}'" in sentence
        assert allowed in sentence


@pytest.mark.parametrize("value", ["true", "[1]", "{a=1}", "2024-01-01", "1.5", '"x"'])
def test_a_value_of_a_wrong_kind_in_the_file_is_told(value: str, tmp_path: Path) -> None:
    file = tmp_path / "chatroom.toml"
    file.write_text(f"port = {value}")
    with pytest.raises(SettingError, match=r"port in .* must be a whole number from 0 to 65535"):
        config.load({"config": str(file)}, {})


def test_an_unknown_key_of_the_file_is_told_with_the_nearest_setting(tmp_path: Path) -> None:
    file = tmp_path / "chatroom.toml"
    file.write_text("conections = 5")
    with pytest.raises(SettingError, match=r"'conections' in .*did you mean connections\?"):
        config.load({"config": str(file)}, {})


def test_a_file_that_cannot_be_read_or_understood_is_told(tmp_path: Path) -> None:
    broken = tmp_path / "broken.toml"
    broken.write_text("port = = 1")
    binary = tmp_path / "binary.toml"
    binary.write_bytes(b"\xff\xfe")
    for file, reason in (
        (tmp_path / "missing.toml", "No such file"),
        (tmp_path, "Is a directory"),
        (broken, "not valid TOML"),
        (binary, "not valid TOML"),
    ):
        with pytest.raises(SettingError, match=reason) as error:
            config.load({"config": str(file)}, {})
        assert str(file) in str(error.value)


def test_a_typing_mistake_in_the_environment_is_warned_about() -> None:
    (warning,) = config.unknown_names({"CHATROOM_CONECTIONS": "5", "PATH": "", "CHATROOM_PORT": ""})
    assert "CHATROOM_CONECTIONS is not a setting" in warning
    assert "CHATROOM_CONNECTIONS?" in warning


def test_names_that_belong_to_others_are_not_warned_about() -> None:
    names = ("CHATROOM_PASSWORD", "CHATROOM_MASTER_SECRET", "CHATROOM_CONFIG", *RESERVED)
    assert config.unknown_names(dict.fromkeys(names, "x")) == []


def test_a_start_with_a_wrong_setting_ends_with_status_2_and_one_sentence(tmp_path: Path) -> None:
    file = tmp_path / "my.toml"
    file.write_text("line_bytes = 3")
    cases: list[tuple[tuple[str, ...], dict[str, Any], str]] = [
        (("--port", "70000"), {}, "--port is '70000'; it must be a whole number from 0 to 65535."),
        (
            (),
            {"scrypt_n": 1000},
            "CHATROOM_SCRYPT_N is '1000'; it must be a power of two from 2 to 1048576.",
        ),
        (
            ("--config", "my.toml"),
            {},
            "line_bytes in my.toml is '3'; it must be a whole number from 256 to 1048576.",
        ),
    ]
    for words, settings, sentence in cases:
        done = run_server(tmp_path, *words, **settings)
        assert (done.returncode, done.stdout, done.stderr) == (2, "", sentence + "\n")
    assert not (tmp_path / "data").exists()


def test_the_server_says_what_it_finds_odd_about_its_settings(start_server: StartServer) -> None:
    capped = ("bash", "-c", 'ulimit -n 256; exec "$@"', "-")
    server = start_server(
        before=capped,
        connections=5000,
        scrypt_n=8192,
        logn_seconds=5,
        **{key.removeprefix("CHATROOM_").lower(): value for key, value in RESERVED.items()},
    )
    server.wait_for_line("CHATROOM_LOGN_SECONDS is not a setting .*CHATROOM_LOGIN_SECONDS")
    server.wait_for_line("connections capped at=192")
    server.wait_for_line("scrypt_n=8192 is weak")
    server.add_user("ann")
    server.join("ann")  # and serves all the same
    assert "capped" in server.log()


def test_strong_enough_passwords_are_not_warned_about(start_server: StartServer) -> None:
    assert "weak" not in start_server(scrypt_n=16384).log()
