"""The vault: a master secret opens the keyring once, the keyring's keys seal every record.

- The *master secret* comes from ``CHATROOM_MASTER_SECRET``, from a file ``chatroom-master`` in
  ``$CREDENTIALS_DIRECTORY`` (systemd), or from ``master.key`` in the data directory, made at the
  first start.
- The *keyring* file is in simple-crypt's own format, made and opened by its ``encrypt`` and
  ``decrypt``. It holds the data keys and the key of the name index.
- Every *record* is sealed with XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03) under a random
  24-byte nonce, by a seal that is made ready beforehand (``ready_seal``); pycryptodome opens it.
  Records that are sealed together share the first 16 bytes, and the last 8 count.
  Its *context*, which says what it is of, is associated data: a record that was moved does not
  open. Random 192-bit nonces may be drawn without counting (same draft, section 3.1).
"""

import base64
import hmac
import json
import os
import secrets
import stat
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from Crypto.Cipher import ChaCha20_Poly1305

from chatroom import private
from chatroom.counts import COUNTS
from chatroom.errors import Damaged, VaultError
from chatroom.storage.keys.ready_seal import NONCE_BYTES, TAG_BYTES, ReadySeal
from chatroom.storage.keys.simplecrypt_fix import simplecrypt

MASTER_FILE = "master.key"
FRESH_MASTER_FILE = "master.key.new"
"""Only while a ``rewrap`` is under way, see ``storage.keys``."""
KEYRING_FILE = "keyring"
MASTER_VARIABLE = "CHATROOM_MASTER_SECRET"
CREDENTIAL_NAME = "chatroom-master"

_HEAD = 2  # number of the data key, big endian
_READY = 2  # seals that wait: for a room, or for the two mailboxes of a private message


class Vault:
    """The opened keyring: seals and opens records. Any thread may call its methods.

    :param keys: data keys by number, 32 bytes each.
    :param active: number of the key that seals.
    :param index_key: 32 bytes that hide the names in the store's index.
    """

    def __init__(self, keys: dict[int, bytes], active: int, index_key: bytes) -> None:
        self._keys = keys
        self._active = active
        self._index_key = index_key
        self._ready: deque[ReadySeal] = deque()  # taken and given by single calls, which are atomic
        self._begin = active.to_bytes(_HEAD, "big")

    def make_ready(self) -> None:
        """Do what can be done of the next seals now, when nobody waits for it: some 10 us."""
        while len(self._ready) < _READY:
            self._ready.append(ReadySeal(self._keys[self._active]))

    def seal(self, plain: bytes, context: str) -> bytes:
        """Return ``plain`` sealed for ``context``: key number, nonce, tag, ciphertext."""
        return self._begin + self._taken().seal(plain, context.encode())

    def seal_each(self, texts: Iterable[tuple[bytes, str]]) -> list[bytes]:
        """Return each text sealed for its context, as by :meth:`seal`, in a sixth of the time."""
        encoded = ((plain, context.encode()) for plain, context in texts)
        return [self._begin + sealed for sealed in self._taken().seal_each(encoded)]

    def _taken(self) -> ReadySeal:
        try:
            ready = self._ready.popleft()
        except IndexError:
            ready = None
        if ready is None or not ready.is_ours:
            ready = ReadySeal(self._keys[self._active])
        return ready

    def unseal(self, sealed: bytes, context: str) -> bytes:
        """Return what was sealed for ``context``.

        :raises Damaged: it was changed, or sealed for another context, or by another keyring.
        """
        key = self._keys.get(int.from_bytes(sealed[:_HEAD], "big"))
        tag, head = _HEAD + NONCE_BYTES, _HEAD + NONCE_BYTES + TAG_BYTES
        if key is None or len(sealed) < head:
            COUNTS.damaged.add("record")
            raise Damaged(f"The record {context} is damaged or was sealed by another keyring.")
        cipher = ChaCha20_Poly1305.new(key=key, nonce=sealed[_HEAD:tag])
        cipher.update(context.encode())
        try:
            return cipher.decrypt_and_verify(sealed[head:], sealed[tag:head])
        except ValueError:
            COUNTS.damaged.add("record")
            raise Damaged(f"The record {context} was changed or moved; it does not open.") from None

    def index(self, folded_name: str) -> bytes:
        """Return the keyed hash (HMAC-SHA256) under which a name is found in the store."""
        return hmac.digest(self._index_key, folded_name.encode("utf-8", "surrogatepass"), "sha256")


def open_vault(data_dir: Path, store_exists: bool) -> Vault:
    """Open the keyring in ``data_dir``; make secret and keyring when the store is new.

    :param store_exists: there are records already, so a missing keyring is an accident.
    :raises VaultError: one sentence that says which file is wrong and what to do.
    """
    keyring = data_dir / KEYRING_FILE
    if not keyring.exists():
        if store_exists:
            raise VaultError(
                f"{keyring} is missing, but the store beside it needs it: put it back from a "
                "backup, or move the whole data directory away to start over."
            )
        make_ring(data_dir, _fresh_ring())
    ring, _, _ = open_ring(data_dir)
    # A crash may have come between the renaming of a new keyring and the syncing of its name:
    # nothing may be sealed by a key that a power cut could still take away.
    sync_folder(data_dir)
    return Vault(ring.keys, ring.active, ring.index_key)


@dataclass(frozen=True)
class Ring:
    """What the keyring file holds."""

    keys: dict[int, bytes]
    """Data keys by number, 32 bytes each."""
    active: int
    """Number of the key that seals."""
    index_key: bytes


def open_ring(data_dir: Path) -> tuple[Ring, str, str]:
    """Open the keyring, and finish or forget a ``rewrap`` that was cut off; under the opening lock.

    :returns: the keyring, its secret, and where that came from: ``MASTER_VARIABLE``,
        ``CREDENTIAL_NAME`` or ``MASTER_FILE``.
    :raises VaultError: there is no secret, or it does not open the keyring.
    """
    keyring, master, fresh = (data_dir / f for f in (KEYRING_FILE, MASTER_FILE, FRESH_MASTER_FILE))
    secret, source = master_secret(data_dir)
    sealed = read_private(keyring)
    ring = decode_ring(secret, sealed) if secret is not None else None
    if ring is None and source == MASTER_FILE and os.path.lexists(fresh):
        # The keyring was replaced already, so the fresh secret is the one that holds.
        secret = _secret_of(fresh, read_private(fresh))
        ring = decode_ring(secret, sealed)
        if ring is not None:
            rename(fresh, master)
    elif ring is not None and os.path.lexists(fresh):
        remove(fresh)
    if ring is not None and secret is not None:
        return ring, secret, source
    raise VaultError(_closed(data_dir, secret, source))


def look_at_ring(data_dir: Path) -> tuple[Ring, str]:
    """Open the keyring as :func:`open_ring` does, and change nothing.

    :returns: the keyring, and where its secret came from.
    :raises VaultError: there is no secret, or it does not open the keyring.
    """
    keyring, fresh = data_dir / KEYRING_FILE, data_dir / FRESH_MASTER_FILE
    secret, source = master_secret(data_dir)
    sealed = read_private(keyring)
    ring = decode_ring(secret, sealed) if secret is not None else None
    if ring is None and source == MASTER_FILE and os.path.lexists(fresh):
        ring = decode_ring(_secret_of(fresh, read_private(fresh)), sealed)
    if ring is not None:
        return ring, source
    raise VaultError(_closed(data_dir, secret, source))


def _closed(data_dir: Path, secret: str | None, source: str) -> str:
    keyring = data_dir / KEYRING_FILE
    if secret is None:
        return (
            f"{data_dir / MASTER_FILE} is missing, so {keyring} cannot be opened: put it back from "
            f"a backup, or give the secret in {MASTER_VARIABLE}."
        )
    return (
        f"{keyring} does not open: it is damaged or belongs to another master secret than the one "
        f"from {source}; put both back from the same backup."
    )


def make_ring(data_dir: Path, ring: Ring) -> None:
    """Give a data directory without a keyring this one, under its secret or a fresh one.

    Under the opening lock only.

    :raises VaultError: the secret cannot be used, or a file cannot be written.
    """
    secret, _ = master_secret(data_dir)
    write_ring(data_dir, secret or make_master(data_dir / MASTER_FILE), ring)


def write_ring(data_dir: Path, secret: str, ring: Ring) -> None:
    """Replace the keyring by this one under this secret: at once, or not at all.

    :raises VaultError: it cannot be written.
    """
    _write(data_dir / KEYRING_FILE, encode_ring(secret, ring))


def encode_ring(secret: str, ring: Ring) -> bytes:
    """Return a keyring in simple-crypt's format, to be opened with ``secret``."""
    plain = json.dumps(
        {
            "active": ring.active,
            "keys": {str(n): base64.b64encode(k).decode() for n, k in ring.keys.items()},
            "index": base64.b64encode(ring.index_key).decode(),
        }
    )
    return bytes(simplecrypt.encrypt(secret, plain.encode()))


def make_master(file: Path) -> str:
    """Write a fresh master secret to a file; return it."""
    secret = secrets.token_urlsafe(32)
    _write(file, secret.encode() + b"\n")
    return secret


def decode_ring(secret: str, sealed: bytes) -> Ring | None:
    """Return what :func:`encode_ring` made; ``None``: another secret, or it was changed."""
    try:
        ring = json.loads(simplecrypt.decrypt(secret, sealed))
        keys = {int(n): base64.b64decode(k) for n, k in ring["keys"].items()}
        return Ring(keys, int(ring["active"]), base64.b64decode(ring["index"]))
    except (simplecrypt.DecryptionException, ValueError, KeyError, TypeError, AttributeError):
        return None


def _fresh_ring() -> Ring:
    return Ring({1: fresh_key()}, 1, fresh_key())


def fresh_key() -> bytes:
    """Return 32 random bytes."""
    return secrets.token_bytes(32)


def master_secret(data_dir: Path) -> tuple[str | None, str]:
    """Return the secret, if there is one, and where it comes from."""
    if secret := os.environ.get(MASTER_VARIABLE):
        return secret, MASTER_VARIABLE
    if folder := os.environ.get("CREDENTIALS_DIRECTORY"):
        credential = Path(folder) / CREDENTIAL_NAME
        if credential.exists():
            return _secret_of(credential, read_private(credential)), CREDENTIAL_NAME
    file = data_dir / MASTER_FILE
    secret = _secret_of(file, read_private(file)) if os.path.lexists(file) else None
    return secret, MASTER_FILE


def _secret_of(file: Path, content: bytes) -> str:
    try:
        secret = content.decode("utf-8").strip()
    except UnicodeDecodeError:
        secret = ""
    if not secret:
        raise VaultError(f"{file} holds no secret: put it back from a backup.")
    return secret


def read_private(file: Path) -> bytes:
    """Read a file that only its owner, who is this user, may read; never through a link.

    :raises VaultError: it cannot be read, or others can.
    """
    try:
        opened = os.fdopen(os.open(file, os.O_RDONLY | os.O_NOFOLLOW), "rb")
    except OSError as error:
        raise VaultError(f"{file} cannot be read: {error.strerror}.") from None
    with opened:
        status = os.fstat(opened.fileno())
        if not stat.S_ISREG(status.st_mode) or status.st_uid not in (os.geteuid(), 0):
            raise VaultError(f"{file} must be a file that belongs to the user of the server.")
        if private.is_open(file, status.st_mode):
            raise VaultError(
                f"{file} can be read by others: run 'chmod 600 {file}' and start again."
            )
        return opened.read()


def _write(file: Path, content: bytes) -> None:
    """Write a file: complete and durable under its name, or what was there stays."""
    temporary = file.with_name(f".{file.name}.part")
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
        with os.fdopen(os.open(temporary, flags, 0o600), "wb") as opened:
            opened.write(content)
            opened.flush()
            os.fsync(opened.fileno())
    except OSError as error:
        raise VaultError(f"{file} cannot be written: {error.strerror}.") from None
    rename(temporary, file)


def rename(file: Path, to: Path) -> None:
    """Give a file another file's name, durably. :raises VaultError: it cannot be done."""
    try:
        os.rename(file, to)
    except OSError as error:
        raise VaultError(f"{to} cannot be written: {error.strerror}.") from None
    sync_folder(to.parent)


def remove(file: Path) -> None:
    """Delete a file, if it is there, durably. :raises VaultError: it cannot be done."""
    try:
        file.unlink(missing_ok=True)
    except OSError as error:
        raise VaultError(f"{file} cannot be deleted: {error.strerror}.") from None
    sync_folder(file.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable. :raises VaultError: it cannot be done."""
    try:
        fd = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
    except OSError as error:
        raise VaultError(f"{folder} cannot be written: {error.strerror}.") from None
