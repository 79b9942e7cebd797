"""One file of which nothing can be read, and no byte changed unnoticed, without the master secret.

Its *head*, in clear: ``chatroom-backup 1`` and a line end, the SHA-256 of the rest of the head, 32
random bytes, the length of the keyring (4 bytes, big endian), and the keyring as the data directory
has it. Behind it the contents in pieces of 1 MiB, each sealed with ChaCha20-Poly1305 (RFC 8439)
under its number; the number of the last one says that it is the last (the construction STREAM of
Hoang, Reyhanitabar, Rogaway and Vizár, "Online Authenticated-Encryption and its Nonce-Reuse
Misuse-Resistance", 2015). The key is made of a key of the keyring and the whole head, which has
random bytes: it is used for this file alone, and for none with another head.
"""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from Crypto.Cipher import ChaCha20_Poly1305

from chatroom.errors import StoreError, VaultError
from chatroom.storage.keys import vault
from chatroom.storage.keys.vault import Ring, Vault

_MAGIC = b"chatroom-backup 1\n"
_HASH, _SALT, _LENGTH, _TAG = 32, 32, 4, 16
_PIECE = 1 << 20
_KEYRING_MOST = 16 << 20


class SealedWriter:
    """Writes the contents of a new file.

    :param file: opened for writing, empty.
    :param keyring: the keyring file's bytes.
    :param ring: what is in it.
    """

    def __init__(self, file: BinaryIO, keyring: bytes, ring: Ring) -> None:
        self._file = file
        rest = os.urandom(_SALT) + len(keyring).to_bytes(_LENGTH, "big") + keyring
        head = _MAGIC + hashlib.sha256(rest).digest() + rest
        file.write(head)
        self._key = _key(ring, head)
        self._number = 0
        self._waiting = bytearray()

    def write(self, data: bytes) -> None:
        """Add to the contents. :raises OSError: the file cannot be written."""
        self._waiting += data
        while len(self._waiting) > _PIECE:  # the last piece is never empty, but of empty contents
            self._seal(bytes(self._waiting[:_PIECE]), is_last=False)
            del self._waiting[:_PIECE]

    def finish(self) -> None:
        """Write the last piece and make all of it durable. :raises OSError: it cannot be."""
        self._seal(bytes(self._waiting), is_last=True)
        self._file.flush()
        os.fsync(self._file.fileno())

    def _seal(self, plain: bytes, is_last: bool) -> None:
        cipher = ChaCha20_Poly1305.new(key=self._key, nonce=_nonce(self._number, is_last))
        body, tag = cipher.encrypt_and_digest(plain)
        self._file.write(tag + body)
        self._number += 1


class SealedReader:
    """Reads a file from its head on; nothing is given out that is not as it was sealed.

    :param path: of the file.
    :param file: opened for reading.
    :param data_dir: where the master secret lies, if neither the environment nor a credential has
        it.
    :raises StoreError: it is no backup, or damaged.
    :raises VaultError: there is no master secret, or it is another one.
    """

    def __init__(self, path: Path, file: BinaryIO, data_dir: Path) -> None:
        self._path = path
        self._file = file
        start = self._read(len(_MAGIC) + _HASH + _SALT + _LENGTH)
        if not start.startswith(_MAGIC):
            raise StoreError(
                f"{path} is no backup of this program, or its first bytes are damaged: give "
                "another file."
            )
        length = int.from_bytes(start[-_LENGTH:], "big")
        self.keyring = self._read(length) if length <= _KEYRING_MOST else b""
        rest = start[len(_MAGIC) + _HASH :] + self.keyring
        if hashlib.sha256(rest).digest() != start[len(_MAGIC) :][:_HASH]:
            raise self.damaged("its head")
        self.ring, self.secret, self.source = _open(path, self.keyring, data_dir)
        self._key = _key(self.ring, start + self.keyring)
        self._pieces = self._open_pieces()
        self._waiting = bytearray()

    @property
    def vault(self) -> Vault:
        """The vault that opens the records in it."""
        return Vault(self.ring.keys, self.ring.active, self.ring.index_key)

    def read(self, size: int) -> bytes:
        """Return so many bytes of the contents.

        :raises StoreError: it is damaged, or has no more.
        """
        while len(self._waiting) < size:
            piece = next(self._pieces, None)
            if piece is None:
                raise self.damaged("its end")
            self._waiting += piece
        taken = bytes(self._waiting[:size])
        del self._waiting[:size]
        return taken

    def check_end(self) -> None:
        """Look whether all was read. :raises StoreError: there is more, or it is damaged."""
        if self._waiting or next(self._pieces, None) is not None:
            raise self.damaged("its end")

    def damaged(self, where: str) -> StoreError:
        """Return the sentence for a file that is not as it was made."""
        return StoreError(
            f"{self._path} is damaged ({where}): nothing was taken from it. Give another backup, "
            "or copy this one again from where it came."
        )

    def _open_pieces(self) -> Iterator[bytes]:
        number, sealed = 0, self._read(_TAG + _PIECE)
        while True:
            behind = self._read(_TAG + _PIECE)
            nonce = _nonce(number, is_last=not behind)
            cipher = ChaCha20_Poly1305.new(key=self._key, nonce=nonce)
            try:
                plain = cipher.decrypt_and_verify(sealed[_TAG:], sealed[:_TAG])
            except ValueError:
                raise self.damaged(f"piece {number + 1}, or what follows it") from None
            yield plain
            if not behind:
                return
            number, sealed = number + 1, behind

    def _read(self, size: int) -> bytes:
        try:
            return self._file.read(size)
        except OSError as error:
            raise StoreError(f"{self._path} cannot be read: {error.strerror}.") from None


def _open(path: Path, keyring: bytes, data_dir: Path) -> tuple[Ring, str, str]:
    secret, source = vault.master_secret(data_dir)
    if secret is None:
        raise VaultError(
            f"{path} opens only with the master secret of its server: give it in "
            f"{vault.MASTER_VARIABLE}, or put {vault.MASTER_FILE} into {data_dir}."
        )
    ring = vault.decode_ring(secret, keyring)
    if ring is None:
        raise VaultError(
            f"{path} does not open with the master secret from {source}: it was made under "
            "another one. Give that one; nothing was changed."
        )
    return ring, secret, source


def _key(ring: Ring, head: bytes) -> bytes:
    label = "\0backup " + hashlib.sha256(head).hexdigest()  # no name begins so
    return Vault(ring.keys, ring.active, ring.index_key).index(label)


def _nonce(number: int, is_last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([is_last])
