"""The addresses of a store: what is none is told before anything is asked for."""

import pytest

from chatroom.errors import SettingError, StoreError
from chatroom.storage.redis.client import Store
from chatroom.storage.redis.url import connect, shown


@pytest.mark.parametrize(
    "url",
    [
        "redis://[::1/0",
        "redis://:secret@[::1/0",
        "redis://",
        "redis:///0",
        "redis://example.org:0/0",
        "redis://example.org:many/0",
        "redis://example.org:99999/0",
        "redis://example.org/first",
        "redis://example.org/0/1",
        "redis://example.org/-1",
        "redis://example.org/0#1",
        "redis://example.org/0?colour=red",
        "redis://example.org/0?socket_timeout=long",
        "unix:///run/redis.sock?colour=red",
        "redis+sentinel://",
        "redis+sentinel://,,/room",
        "redis+sentinel://example.org:1",
        "redis+sentinel://example.org:1/room/x",
        "redis+sentinel://example.org:1/room?colour=red",
        "redis+sentinel://example.org:many/room",
        "redis+cluster://",
        "redis+cluster://example.org:1/0",
        "redis+cluster://example.org:many",
        "redis+cluster://127.0.0.1:1?socket_timeout=long",
    ],
)
def test_an_address_that_cannot_be_one_is_told(url: str) -> None:
    with pytest.raises(SettingError, match="cannot be used") as found:
        connect(url, "", None, {})
    assert "secret" not in str(found.value)


@pytest.mark.parametrize(
    "url",
    [
        "redis://127.0.0.1:1/0",
        "redis+sentinel://127.0.0.1:1,[::1]:1/room",
        "unix:///nowhere.sock",
        "redis+cluster://127.0.0.1:1",
        "rediss+cluster://127.0.0.1:1,[::1]:1",
    ],
)
def test_a_store_that_is_away_is_told_in_one_short_sentence(url: str) -> None:
    with pytest.raises(StoreError, match="cannot be used") as found:
        Store(connect(url, "", None, {}), url, 0).server_ids()
    assert shown(url) in str(found.value)
    assert len(str(found.value)) < 200


def test_an_address_is_shown_without_its_secrets() -> None:
    url = "rediss+sentinel://me:secret@[::1]:1,b:2/room/3?ssl_ca_certs=x"
    assert shown(url) == "rediss+sentinel://[::1]:1,b:2/room/3"
