"""The operator's ``config``: which settings count and from where; a look at a file."""

import json
from pathlib import Path

from tests.harness import run_server


def test_every_setting_is_told_with_its_origin_and_no_secret(tmp_path: Path) -> None:
    file = tmp_path / "chatroom.toml"
    file.write_text('name = "Lab"\nrooms = 5\nproxy_from = "192.0.2.7/32"\n')
    words = ("config", "--config", str(file), "--rooms", "7")
    given = {"engine": "redis://me:geheim@example.org:6379/0", "master_secret": "geheim"}
    done = run_server(tmp_path, *words, keep_days=3, **given)
    assert done.returncode == 0
    assert "geheim" not in done.stdout
    rows = {line.split()[0]: line.split(None, 2)[1:] for line in done.stdout.splitlines()}
    assert rows["name"] == ["Lab", f"name in {file}"]
    assert rows["rooms"] == ["7", "--rooms"]
    assert rows["keep_days"] == ["3", "CHATROOM_KEEP_DAYS"]
    assert rows["port"] == ["9797", "default"]
    assert rows["proxy_from"][0] == "192.0.2.7/32"
    assert rows["engine"][0] == "redis://me:***@example.org:6379/0"
    assert rows["CHATROOM_MASTER_SECRET"] == ["(hidden)", "environment"]
    told = json.loads(run_server(tmp_path, *words, "--json").stdout)
    assert told["rooms"] == {"value": "7", "from": "--rooms", "reloadable": True}
    assert told["port"] == {"value": "9797", "from": "default", "reloadable": False}
    assert list(tmp_path.iterdir()) == [file]  # nothing was made


def test_a_file_is_looked_at_and_each_bad_line_is_named(tmp_path: Path) -> None:
    file = tmp_path / "chatroom.toml"
    file.write_text('name = "Lab"\n')
    done = run_server(tmp_path, "config", "--check", str(file))
    assert (done.returncode, done.stdout) == (0, f"{file} can be used.\n")
    file.write_text('name = "Lab"\nrooms = -1\nport = "http"\nkick_minutes = 7\n')
    done = run_server(tmp_path, "config", "--check", str(file))
    assert done.returncode == 2
    assert [line.partition(" in ")[0] for line in done.stdout.splitlines()] == ["rooms", "port"]
    told = json.loads(run_server(tmp_path, "config", "--check", str(file), "--json").stdout)
    assert (told["ok"], len(told["problems"])) == (False, 2)
    for text, sentence in (("rooms = many\n", "not valid TOML"), ("romms = 5\n", "mean rooms")):
        file.write_text(text)
        done = run_server(tmp_path, "config", "--check", str(file))
        assert done.returncode == 2
        assert sentence in done.stderr
    assert run_server(tmp_path, "config", "--check", "nowhere.toml").returncode == 2
