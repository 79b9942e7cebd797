"""``python tests/tools/ring_for_all.py``: the server, with a ring for rooms of every size.

Few tests have a room of hundreds: so all that have any are tests of the ring, too.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

from chatroom.net import ring, stripe
from chatroom.startup import load

if __name__ == "__main__":
    stripe.WIDE = ring.LEAST = 1
    raise SystemExit(load("chatroom.server").main())
