"""A feed announcer: says each entry of an RSS or Atom feed once. Run it by cron.

CHATROOM_PASSWORD=… python examples/feed.py HOST PORT NAME FEED SEEN

FEED is a file or an http(s) URL; SEEN is a file that keeps which entries were said.
"""

import os
import sys
import urllib.request
import xml.etree.ElementTree as ET
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from chatroom.client import Client, Ended, NotDelivered, UserError

MOST_BYTES = 4 * 1024 * 1024
TITLE_MOST = 300
"""Letters of a title that are said."""


def read(feed: str) -> bytes:
    """Return a feed. :raises OSError: it cannot be read."""
    if not feed.startswith(("http://", "https://")):
        return Path(feed).read_bytes()
    with urllib.request.urlopen(feed, timeout=30) as answer:
        return bytes(answer.read(MOST_BYTES))


def entries(feed: bytes) -> list[tuple[str, str]]:
    """Return key and line of each entry, the oldest first. :raises ET.ParseError: it is no XML."""
    if b"<!DOCTYPE" in feed or b"<!ENTITY" in feed:  # entities could grow without end
        raise ET.ParseError("a feed has no document type")
    found = []
    for entry in ET.fromstring(feed).iter():
        if entry.tag.rpartition("}")[2] not in ("item", "entry"):
            continue
        fields = {child.tag.rpartition("}")[2]: child for child in entry}
        words = {key: " ".join((child.text or "").split()) for key, child in fields.items()}
        link = words.get("link") or (fields["link"].get("href", "") if "link" in fields else "")
        key = words.get("guid") or words.get("id") or link or words.get("title", "")
        if key:
            title = words.get("title", "(no title)")
            if len(title) > TITLE_MOST:
                title = title[: TITLE_MOST - 1] + "…"
            found.append((key, f"{title} {link}".strip()))
    return found[::-1]


def main() -> int:
    """Say what is new; an entry counts as said once the server has kept it.

    One that cannot be said is told, and holds up none of those behind it.
    """
    if len(sys.argv) != 6:
        sys.stderr.write(f"{__doc__}\n")
        return 2
    host, port, name, feed, seen_file = sys.argv[1:6]
    status = 0
    try:
        seen_path = Path(seen_file)
        seen = set(seen_path.read_text("utf-8").splitlines()) if seen_path.exists() else set()
        new = [one for one in entries(read(feed)) if " ".join(one[0].split()) not in seen]
        if not new:
            return 0
        password = os.environ.get("CHATROOM_PASSWORD")
        with (
            Client(host, int(port), name=name, password=password, receives=False) as client,
            seen_path.open("a", encoding="utf-8") as said,
        ):
            for key, line in new:
                try:
                    client.send(line)
                except NotDelivered as error:  # the next run tries again
                    sys.stderr.write(f"Not said: {line[:80]} ({error.code}: {error})\n")
                    status = error.end.code
                    continue
                except UserError as error:  # it never can be said
                    sys.stderr.write(f"Left out: {line[:80]} ({error})\n")
                said.write(" ".join(key.split()) + "\n")
                said.flush()
    except (OSError, ET.ParseError) as error:
        sys.stderr.write(f"The feed cannot be announced: {error}.\n")
        return 1
    except Ended as ended:
        sys.stderr.write(f"{ended}\n")
        return ended.end.code
    except UserError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return status


if __name__ == "__main__":
    raise SystemExit(main())
