"""simple-crypt with a quick key derivation: whoever needs ``simplecrypt`` imports it from here.

simple-crypt 4.1.7 runs PBKDF2 through a Python function, round by round: 9.9 s a call. OpenSSL
gives the same bytes in 0.1 s; a test holds them against the original's answer.
"""

import hashlib

import simplecrypt

__all__ = ["simplecrypt"]


def _pbkdf2(password: bytes, salt: bytes, n_bytes: int, count: int) -> bytes:
    return hashlib.pbkdf2_hmac("sha256", bytes(password), bytes(salt), count, n_bytes)


simplecrypt._pbkdf2 = _pbkdf2
