"""The predecessor's ``users_credentials.enc``, for import.

Each record is simple-crypt's encryption of ``name;password#grant``; records are joined by
``+$&$&+``.
"""

from dataclasses import dataclass

from chatroom.storage.keys.simplecrypt_fix import simplecrypt

_SEPARATOR = b"+$&$&+"


@dataclass(frozen=True)
class OldAccount:
    """One record of the old file."""

    name: str
    password: str


def read(content: bytes, passphrase: str) -> tuple[list[OldAccount], list[str]]:
    """Return the accounts of an old file, and a sentence for each record that cannot be read.

    The old grants are not returned: whoever chose a password could write one into the record.
    """
    accounts: list[OldAccount] = []
    problems: list[str] = []
    parts = content.split(_SEPARATOR)
    i = 0
    while i < len(parts):
        if not parts[i] and i == len(parts) - 1:
            break
        plain, used = _decrypt(parts, i, passphrase)
        number = len(accounts) + len(problems) + 1
        i += used
        if plain is None:
            problems.append(f"record {number}: does not open with this passphrase, or is damaged")
            continue
        name, colon, rest = plain.partition(";")
        password, hash_sign, _ = rest.rpartition("#")
        if not colon or not hash_sign:
            problems.append(f"record {number}: is not 'name;password#grant'")
            continue
        accounts.append(OldAccount(name.strip(), password))
    return accounts, problems


def _decrypt(parts: list[bytes], start: int, passphrase: str) -> tuple[str | None, int]:
    """Open the record that begins at ``parts[start]``; return it and the parts it took.

    The separator may stand in a ciphertext by chance, so following parts are joined until the
    record opens; at most two, since chance is not that kind.
    """
    for used in range(1, min(3, len(parts) - start) + 1):
        record = _SEPARATOR.join(parts[start : start + used])
        try:
            return simplecrypt.decrypt(passphrase, record).decode(), used
        except (simplecrypt.DecryptionException, UnicodeDecodeError, ValueError):
            continue
    return None, 1
