"""Seals that are made ready beforehand: the same bytes as always, and none used twice."""

import os
import threading

from Crypto.Cipher import ChaCha20_Poly1305
from hypothesis import given
from hypothesis import strategies as st

from chatroom.storage.keys.ready_seal import ReadySeal, _subkey
from chatroom.storage.keys.vault import Vault

KEY = bytes(range(32))
NONCE = slice(2, 26)
VAULT = Vault({1: KEY}, 1, b"i" * 32)


def test_the_subkey_is_that_of_the_draft() -> None:
    """The example of draft-irtf-cfrg-xchacha-03, section 2.2.1."""
    nonce = bytes.fromhex("000000090000004a0000000031415927")
    expected = "82413b4227b27bfed30e42508a877d73a0f9e4d58a74a853c12ec41326d3ecdc"
    assert _subkey(KEY, nonce).hex() == expected


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=300), st.text(max_size=50))
def test_it_seals_as_pycryptodome_does(key: bytes, plain: bytes, context: str) -> None:
    sealed = ReadySeal(key).seal(plain, context.encode("utf-8", "surrogatepass"))
    nonce, tag, body = sealed[:24], sealed[24:40], sealed[40:]
    cipher = ChaCha20_Poly1305.new(key=key, nonce=nonce)
    cipher.update(context.encode("utf-8", "surrogatepass"))
    assert cipher.encrypt_and_digest(plain) == (body, tag)


@given(st.lists(st.tuples(st.binary(max_size=300), st.text(max_size=50)), max_size=20))
def test_texts_that_are_sealed_together_have_nonces_of_their_own_and_open(
    texts: list[tuple[bytes, str]],
) -> None:
    sealed = VAULT.seal_each(texts)
    assert [
        VAULT.unseal(one, context) for one, (_, context) in zip(sealed, texts, strict=True)
    ] == [plain for plain, _ in texts]
    assert len({one[NONCE] for one in sealed}) == len(texts)


def test_nonces_that_count_go_on_behind_the_last_number() -> None:
    seal = ReadySeal(KEY)
    seal._nonce = seal._nonce[:16] + b"\xff" * 8
    first, second = seal.seal_each([(b"text", b"")] * 2)
    assert (first[16:24], second[16:24]) == (b"\xff" * 8, bytes(8))


def test_no_seal_is_used_twice_by_many_threads() -> None:
    seals: list[bytes] = []

    def seal() -> None:
        for number in range(200):
            VAULT.make_ready()
            seals.append(VAULT.seal(b"text", f"context {number}"))
            seals.append(VAULT.seal(b"text", f"context {number}"))

    threads = [threading.Thread(target=seal) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({one[NONCE] for one in seals}) == len(seals) == 1600


def test_a_fork_seals_by_seals_of_its_own() -> None:
    VAULT.make_ready()
    reader, writer = os.pipe()
    if (child := os.fork()) == 0:  # pragma: no cover
        os.write(writer, VAULT.seal(b"", "") + VAULT.seal(b"", ""))
        os._exit(0)
    os.waitpid(child, 0)
    others = os.read(reader, 1000)
    os.close(reader)
    os.close(writer)
    half = len(others) // 2
    nonces = {others[:half][NONCE], others[half:][NONCE]}
    nonces |= {VAULT.seal(b"", "")[NONCE] for _ in range(2)}
    assert len(nonces) == 4
    assert VAULT.unseal(others[:half], "") == b""
