"""What a client has asked for, and which bytes of a room's delivery depend on it. Pure."""

from typing import NamedTuple

from chatroom.irc.multiline import MOST_BYTES, MOST_LINES
from chatroom.irc.multiline import MULTILINE as MULTILINE

ACCOUNT_NOTIFY = "account-notify"
ACCOUNT_TAG = "account-tag"
AWAY_NOTIFY = "away-notify"
BATCH = "batch"
CAP_NOTIFY = "cap-notify"
CHATHISTORY = "draft/chathistory"
ECHO = "echo-message"
EXTENDED_ISUPPORT = "draft/extended-isupport"
EXTENDED_JOIN = "extended-join"
EXTENDED_MONITOR = "extended-monitor"
INVITE_NOTIFY = "invite-notify"
LABELS = "labeled-response"
MULTI_PREFIX = "multi-prefix"
NO_NAMES = "no-implicit-names"
OLD_NO_NAMES = "draft/no-implicit-names"
PRE_AWAY = "draft/pre-away"
READ_MARKER = "draft/read-marker"
REDACTION = "draft/message-redaction"
REGISTRATION = "draft/account-registration"
SASL = "sasl"
SELF_MESSAGE = "znc.in/self-message"
SETNAME = "setname"
STANDARD_REPLIES = "standard-replies"
TAGS = "message-tags"
TIME = "server-time"
USERHOST_IN_NAMES = "userhost-in-names"

CAPABILITIES = {
    MULTILINE: f"max-bytes={MOST_BYTES},max-lines={MOST_LINES}",
    REGISTRATION: "before-connect",
    **dict.fromkeys((CHATHISTORY, EXTENDED_ISUPPORT, PRE_AWAY, READ_MARKER, REDACTION), ""),
    **dict.fromkeys((NO_NAMES, OLD_NO_NAMES, SELF_MESSAGE), ""),
    **dict.fromkeys((ACCOUNT_NOTIFY, ACCOUNT_TAG, AWAY_NOTIFY, BATCH, CAP_NOTIFY, ECHO), ""),
    **dict.fromkeys((EXTENDED_JOIN, EXTENDED_MONITOR, INVITE_NOTIFY, LABELS, TAGS), ""),
    **dict.fromkeys((MULTI_PREFIX, TIME, SETNAME, STANDARD_REPLIES, USERHOST_IN_NAMES), ""),
    SASL: "PLAIN",
}
"""What can be asked for, each with its value for who speaks version 302; what most know is last."""


class Shape(NamedTuple):
    """What of a client's capabilities changes the bytes of what is delivered in a room.

    Clients of one program have one shape, so a round is rendered once for each program.
    """

    time: bool = False
    account: bool = False
    tags: bool = False
    """Ids of messages, and whatever other tag."""
    batch: bool = False
    multiline: bool = False
    extended_join: bool = False
    redaction: bool = False


def shape_of(caps: frozenset[str]) -> Shape:
    """Return the shape of who has asked for these."""
    return Shape(
        TIME in caps,
        ACCOUNT_TAG in caps,
        TAGS in caps,
        BATCH in caps,
        MULTILINE in caps and BATCH in caps,
        EXTENDED_JOIN in caps,
        REDACTION in caps and TAGS in caps,
    )
