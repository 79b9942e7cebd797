"""All that was said in a room, for who has the files: as JSON lines, text, or a page of HTML."""

import html
import json
import sys
import time
from collections.abc import Iterator
from typing import Any

from chatroom.answers import when
from chatroom.ops.rooms import find, load
from chatroom.rooms.post_lines import is_event, line_of
from chatroom.sentences import REMOVED as REMOVED_TEXT
from chatroom.sentences import date_and_clock
from chatroom.storage.engine import Engine
from chatroom.storage.records import REMOVED, Post, RoomRecord
from chatroom.text import clean_text

JSONL, HTML, TEXT = "jsonl", "html", "text"
FORMATS = (JSONL, HTML, TEXT)
_STEP = 256  # places that are read at once
_HEAD = """<!doctype html>
<html lang="und"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>#{name}</title>
<style>
body {{ font: 1rem/1.5 sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }}
p {{ margin: 0.2rem 0; white-space: pre-wrap; overflow-wrap: anywhere }}
time {{ color: #666; font-size: 0.85rem; margin-right: 0.7rem }}
</style></head><body>
<h1>#{name}</h1>
"""


def export(engine: Engine, name: str, form: str) -> None:
    """Print what is kept of a room, the oldest first, a part at a time.

    :param name: of the room, or its id.
    :param form: one of ``FORMATS``.
    :raises UserError: there is no such room.
    """
    record = find(load(engine), name)
    write = sys.stdout.write
    if form == HTML:
        write(_HEAD.format(name=html.escape(record.name)))
    for post in _posts(engine, record.log):
        if not is_event(post):
            write(_FORMS[form](post, record) + "\n")
    if form == HTML:
        write("</body></html>\n")


def _posts(engine: Engine, log: str) -> Iterator[Post]:
    """Return what is kept of a log up to its end of now."""
    span = engine.logs.span(log)
    place = span.first - 1
    while place < span.last:
        end = min(place + _STEP, span.last)
        yield from engine.logs.read(log, place, end, _STEP)
        place = end


def _as_json(post: Post, record: RoomRecord) -> str:
    fields: dict[str, Any] = {
        "id": f"{post.epoch}-{post.seq}",
        "room": record.name,
        "room_id": record.log,
        "kind": post.kind,
        "from": post.sender,
        "from_id": post.sender_id,
        "text": post.text,
        "time": when(post.time),
    }
    return json.dumps(fields, ensure_ascii=False)


def _as_text(post: Post, record: RoomRecord) -> str:
    return clean_text(str(line_of(post, _said(post), date_and_clock(time.localtime(post.time)))))


def _as_html(post: Post, record: RoomRecord) -> str:
    moment = date_and_clock(time.localtime(post.time))
    said = html.escape(clean_text(str(line_of(post, _said(post)))))
    return f'<p><time datetime="{when(post.time)}">{moment}</time>{said}</p>'


def _said(post: Post) -> str:
    return REMOVED_TEXT if post.kind == REMOVED else post.text


_FORMS = {JSONL: _as_json, TEXT: _as_text, HTML: _as_html}
