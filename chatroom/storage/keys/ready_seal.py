"""XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03), made ready before what it seals is there.

Nonce, subkey and cipher need not know the text. Made beforehand, they take most of a seal's time
off the way of a message: the same bytes come out. The subkey depends on the first 16 bytes of the
nonce alone, so texts that are sealed together share these, and the last 8 bytes count.
"""

import os
import struct
from collections.abc import Iterable, Iterator

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.ciphers.algorithms import ChaCha20

NONCE_BYTES = 24
TAG_BYTES = 16
_BLOCK = struct.Struct("<16I")
_HALF = struct.Struct("<8I")
_FOUR = struct.Struct("<4I")
_CONSTANTS = _FOUR.unpack(b"expand 32-byte k")
_OF_NONCE = 16  # bytes that make the subkey
_COUNTING = NONCE_BYTES - _OF_NONCE
_NUMBERS = 1 << (8 * _COUNTING)
_ZEROS = bytes(4)  # before these in the nonce of the cipher itself


class ReadySeal:
    """Seals once, one text or several: a nonce must never meet two. Made and used by one thread.

    :param key: 32 bytes.
    """

    __slots__ = ("_encrypt", "_nonce", "_rest", "_where")

    def __init__(self, key: bytes) -> None:
        self._nonce = nonce = os.urandom(NONCE_BYTES)
        self._rest = _ZEROS + nonce[_OF_NONCE:]
        self._encrypt = ChaCha20Poly1305(_subkey(key, nonce[:_OF_NONCE])).encrypt
        self._where = os.getpid()

    @property
    def is_ours(self) -> bool:
        """It was made in this process: a fork has the same one, too."""
        return self._where == os.getpid()

    def seal(self, plain: bytes, context: bytes) -> bytes:
        """Return nonce, tag and ciphertext of ``plain``; ``context`` is associated data."""
        sealed = self._encrypt(self._rest, plain, context)
        return self._nonce + sealed[-TAG_BYTES:] + sealed[:-TAG_BYTES]

    def seal_each(self, texts: Iterable[tuple[bytes, bytes]]) -> Iterator[bytes]:
        """Yield nonce, tag and ciphertext of each text with its context, in place of a ``seal``.

        Each has a nonce of its own: its last 8 bytes count on from random ones.
        """
        begin, encrypt = self._nonce[:_OF_NONCE], self._encrypt
        number = int.from_bytes(self._nonce[_OF_NONCE:], "big")
        for plain, context in texts:
            rest = number.to_bytes(_COUNTING, "big")
            number = (number + 1) % _NUMBERS
            sealed = encrypt(_ZEROS + rest, plain, context)
            yield b"%b%b%b%b" % (begin, rest, sealed[-TAG_BYTES:], sealed[:-TAG_BYTES])


def _subkey(key: bytes, nonce: bytes) -> bytes:
    """Return HChaCha20 of a key and 16 bytes (section 2.2 of the draft).

    It is ChaCha20's block (RFC 8439, section 2.3) without the addition of what went in, of which
    the first and the last row count.
    """
    words = _BLOCK.unpack(Cipher(ChaCha20(key, nonce), None).encryptor().update(bytes(64)))
    went_in = _CONSTANTS + _FOUR.unpack(nonce)
    rows = words[:4] + words[12:]
    return _HALF.pack(*((row - was) & 0xFFFFFFFF for row, was in zip(rows, went_in, strict=True)))
