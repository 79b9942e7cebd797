"""With Redis a backup carries what is in the data directory, and says what is not in it."""

import json
from pathlib import Path

import pytest

from tests.conftest import StartServer
from tests.harness import run_server
from tests.ops.backup.test_backup_file import secret
from tests.redis_server import RedisServer

pytestmark = pytest.mark.sqlite


def test_keyring_certificate_and_node_go_into_it(
    start_server: StartServer, redis_server: RedisServer, tmp_path: Path
) -> None:
    server = start_server(engine=redis_server.fresh())
    made = server.operate("backup", "--json", str(tmp_path / "a.backup"))
    assert (made.returncode, made.stderr) == (0, "")
    answer = json.loads(made.stdout)
    names = [part["name"] for part in answer["parts"]]
    assert (answer["engine"], names) == ("redis", ["tls/cert.pem", "tls/key.pem", "node-id"])
    assert "back that up by Redis's own means" in answer["text"]
    words = ("restore", "a.backup", "--data-dir", "new")
    done = run_server(tmp_path, *words, **secret(server.data_dir))
    assert (done.returncode, done.stderr) == (0, "")
    assert "back that up by Redis's own means" in done.stdout
    for name in (*names, "keyring"):
        new, old = tmp_path / "new" / name, server.data_dir / name
        assert new.read_bytes() == old.read_bytes()
    refused = server.operate("drill", str(tmp_path / "a.backup"))
    assert (refused.returncode, "has no store in it" in refused.stderr) == (1, True)
