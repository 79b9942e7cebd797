"""One-time codes with which somebody sets a new password; kept with the account, as a digest."""

import hashlib
import hmac
import secrets
import time
from typing import Any

from chatroom.storage.records import Account

RESET_SECONDS = 86400.0
"""Time for which a reset code holds."""


def new_reset_code() -> tuple[str, dict[str, Any]]:
    """Return a new code, and what is kept of it.

    96 random bits need no salt and no slow hash.
    """
    code = "-".join(secrets.token_hex(4) for _ in range(3))
    return code, {"digest": _digest(code), "until": time.time() + RESET_SECONDS}


def is_reset_code(account: Account, code: str) -> bool:
    """Tell whether this is the account's one-time code, and still holds; case does not count."""
    if account.reset is None or account.reset["until"] < time.time():
        return False
    return hmac.compare_digest(account.reset["digest"], _digest(code))


def _digest(code: str) -> str:
    plain = code.strip().lower().replace("-", "")
    return hashlib.sha256(plain.encode("utf-8", "surrogatepass")).hexdigest()
