"""Where a server keeps its things when nobody says where."""

from pathlib import Path

import pytest

from chatroom import config, places


def test_in_a_checkout_all_is_beside_the_program_as_ever() -> None:
    given = {"STATE_DIRECTORY": "/var/lib/other", "LOGS_DIRECTORY": "/var/log/other"}
    settings = config.load({}, given)
    assert (settings.data_dir, settings.log_dir) == (Path("data"), Path("logs"))


@pytest.mark.parametrize(
    ("environment", "data", "logs"),
    [
        ({}, "~/.local/share/chatroom", "~/.local/state/chatroom"),
        ({"XDG_DATA_HOME": "/x", "XDG_STATE_HOME": "/y"}, "/x/chatroom", "/y/chatroom"),
        ({"XDG_DATA_HOME": "x"}, "~/.local/share/chatroom", "~/.local/state/chatroom"),
        ({"STATE_DIRECTORY": "/var/lib/c:/b", "LOGS_DIRECTORY": "/l"}, "/var/lib/c", "/l"),
        ({"STATE_DIRECTORY": "c"}, "~/.local/share/chatroom", "~/.local/state/chatroom"),
    ],
)
def test_an_installed_server_has_folders_of_its_own(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], data: str, logs: str
) -> None:
    monkeypatch.setattr(places, "is_checkout", lambda: False)
    assert places.data_dir(environment) == Path(data).expanduser()
    assert places.log_dir(environment) == Path(logs).expanduser()
