"""TLS and plain text on one port, as the server speaks them."""

import datetime
import os
import re
import select
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from chatroom.net.tls import Tls
from chatroom.tunnel import Tunnel, fingerprint
from tests.conftest import StartServer
from tests.harness import PASSWORD, PATIENCE, Peer, ServerProcess, run_server

REFUSED = b"This server speaks TLS only: use chatroom_client.py, or openssl"


def any_certificate() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class SealedPeer(Peer):
    """A bare TLS client."""

    def __init__(self, port: int, context: ssl.SSLContext | None = None) -> None:
        super().__init__(port)
        self.socket = (context or any_certificate()).wrap_socket(self.socket)

    def fingerprint(self) -> str:
        assert isinstance(self.socket, ssl.SSLSocket)
        certificate = self.socket.getpeercert(binary_form=True)
        assert certificate
        return fingerprint(certificate)

    def log_in(self, name: str) -> None:
        self.send("n", name, PASSWORD)
        self.until("Here now")


def shown_fingerprint(server: ServerProcess) -> str:
    server.wait_for_line("^Fingerprint ")
    return server.match(r"^Fingerprint (\S+)$")[1]


def test_people_talk_through_tls_and_in_plain_on_one_port(room: ServerProcess) -> None:
    plain = room.join("ann")
    room.join("bob").close()
    sealed = SealedPeer(room.port)
    sealed.log_in("bob")
    plain.send("from plain")
    sealed.until("ann: from plain")
    sealed.send("from tls")
    plain.until("bob: from tls")
    sealed.send("/disconnect")
    assert "Goodbye, bob." in sealed.until_end()


def test_the_server_shows_the_fingerprint_of_its_certificate(room: ServerProcess) -> None:
    shown = shown_fingerprint(room)
    assert SealedPeer(room.port).fingerprint() == shown
    assert room.operate("fingerprint").stdout.strip() == shown


def test_the_pair_is_made_once_and_closed_to_others(start_server: StartServer) -> None:
    server = start_server()
    first = shown_fingerprint(server)
    for name in ("key.pem", "cert.pem"):
        assert (server.data_dir / "tls" / name).stat().st_mode & 0o777 == 0o600
    server.stop()
    server.start()
    assert shown_fingerprint(server) == first


def test_who_says_nothing_is_greeted_in_plain_on_this_machine(room: ServerProcess) -> None:
    peer = room.peer()
    peer.until("Do you want to make a new account?")


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_both_versions_of_tls_are_spoken(room: ServerProcess, version: ssl.TLSVersion) -> None:
    context = any_certificate()
    context.minimum_version = context.maximum_version = version
    SealedPeer(room.port, context).until("new account?")


def test_what_comes_with_the_end_of_the_handshake_is_heard(room: ServerProcess) -> None:
    sock = socket.create_connection(("127.0.0.1", room.port), PATIENCE)
    tunnel = Tunnel(any_certificate(), is_server=False)
    heard = b""
    while not tunnel.is_open:
        answer = tunnel.shake(heard)
        if tunnel.is_open:
            answer += tunnel.seal(b'>hello {"v":1}\n')
        sock.sendall(answer)
        if not tunnel.is_open:
            heard = sock.recv(65536)
    seen = b""
    while b">prompt" not in seen:
        data = sock.recv(65536)
        assert data
        seen += tunnel.open(data)
    sock.close()


def test_a_slow_reader_gets_everything_whole_and_in_order(start_server: StartServer) -> None:
    server = start_server(message_rate=0, outbox_bytes=8 * 1024 * 1024)
    writer = server.join("writer")
    server.join("slow").close()
    slow = SealedPeer(server.port)
    slow.log_in("slow")
    for number in range(2000):  # far more than both sockets hold
        writer.send(f"{number} " + "x" * 900)
        if number % 100 == 99:
            writer.until(f"writer: {number} ")
    slow.until("writer: 1999 ")
    shown = [line.split()[4] for line in slow.seen.splitlines() if "writer: " in line]
    assert shown == [str(number) for number in range(2000)]


def test_who_never_reads_is_told_why_at_the_end_of_whole_lines(start_server: StartServer) -> None:
    server = start_server(message_rate=0, outbox_bytes=65536)
    writer = server.join("writer")
    server.join("slow").close()
    writer.until("slow has left")
    slow = SealedPeer(server.port)
    slow.log_in("slow")
    while writer.seen.count("slow has left") < 2:
        writer.send("x" * 2000)
        writer.until(f"writer: {'x' * 2000}")
    text = slow.until_end()
    assert text.endswith(
        "You did not read fast enough and were disconnected. Connect again, and see /history.\n"
    )


def test_many_threads_in_one_connection_do_not_mix(start_server: StartServer) -> None:
    """The reader decrypts while the delivery encrypts: one lost byte would end the connection."""
    server = start_server(message_rate=0)
    server.join("sam").close()
    others = [server.join(f"p{number}") for number in range(3)]
    sealed = SealedPeer(server.port)
    sealed.log_in("sam")

    def talk(peer: Peer, number: int) -> None:
        for at in range(300):
            peer.send(f"p{number} says {at}")
        with peer.reading():
            pass

    threads = [
        threading.Thread(target=talk, args=(peer, number)) for number, peer in enumerate(others)
    ]
    for thread in threads:
        thread.start()
    for at in range(300):
        sealed.send(f"sam says {at}")
        sealed.until(f"sam: sam says {at}\n".rstrip())
    for thread in threads:
        thread.join()
    for number in range(3):
        if f"p{number} says 299" not in sealed.seen:
            sealed.until(f"p{number} says 299")
    for name in ("sam", "p0", "p1", "p2"):
        said = [
            int(line.split()[-1]) for line in sealed.seen.splitlines() if f"{name} says" in line
        ]
        assert said == list(range(300))


@pytest.mark.parametrize(
    "data",
    [b"\x16", b"\x16\x03\x01", b"\x16\x03\x01\x02\x00" + b"\xff" * 600, b"\x16" * 4000],
    ids=["one byte", "a header", "garbage in a record", "garbage"],
)
def test_a_broken_handshake_ends_alone(room: ServerProcess, data: bytes) -> None:
    peer = room.peer()
    peer.send_bytes(data)
    peer.socket.shutdown(socket.SHUT_WR)
    assert b"Traceback" not in peer.socket.recv(4096)
    room.join("after").close()


def test_garbage_in_an_open_tunnel_ends_the_connection(room: ServerProcess) -> None:
    watcher = room.join("watcher")
    room.join("gina").close()
    sealed = SealedPeer(room.port)
    sealed.log_in("gina")
    watcher.until("gina has left")
    with socket.socket(fileno=os.dup(sealed.socket.fileno())) as wire:
        wire.sendall(b"\x17\x03\x03\x00\x20" + b"\0" * 32)
        wire.settimeout(PATIENCE)
        while wire.recv(4096):
            pass
    watcher.until("gina has left")
    assert "damaged on the way" in room.log()


def test_garbage_of_slow_readers_harms_nobody_else(start_server: StartServer) -> None:
    """Their bytes wait, and cannot be sealed any more: others get theirs all the same, also later
    when the system has room for them again."""
    server = start_server(message_rate=0, outbox_bytes=8 * 1024 * 1024)
    writer = server.join("writer")
    server.join("slow").close()
    descriptors = Path(f"/proc/{server.process.pid}/fd")
    before = len(list(descriptors.iterdir()))
    broken = [SealedPeer(server.port) for _ in range(5)]
    honest = SealedPeer(server.port)
    for one in (*broken, honest):
        one.log_in("slow")
    for number in range(2000):  # far more than both sockets hold
        writer.send(f"{number} " + "x" * 900)
        if number % 100 == 99:
            writer.until(f"writer: {number} ")
        if number == 1500:
            for one in broken:
                with socket.socket(fileno=os.dup(one.socket.fileno())) as wire:
                    wire.sendall(b"\x17\x03\x03\x00\x20" + b"\0" * 32)
    honest.until("writer: 1999 ")
    shown = [line.split()[4] for line in honest.seen.splitlines() if "writer: " in line]
    assert shown == [str(number) for number in range(2000)]
    for one in (*broken, honest):
        one.close()
    while len(list(descriptors.iterdir())) > before:
        writer.answer_to("/who")
    assert "Traceback" not in server.log()


def test_stalled_handshakes_do_not_keep_others_out(start_server: StartServer) -> None:
    server = start_server(
        connections_per_address=0, unauthenticated=0, unauthenticated_per_address=0
    )
    server.join("hugo").close()
    stalled = [server.peer() for _ in range(90)]
    for peer in stalled:
        peer.send_bytes(b"\x16\x03\x01")
    sealed = SealedPeer(server.port)
    sealed.log_in("hugo")
    for peer in stalled:
        peer.close()


def test_a_certificate_of_ones_own_is_used_and_taken_anew_without_a_restart(
    start_server: StartServer, tmp_path: Path
) -> None:
    for name in ("one", "two"):
        Tls(tmp_path / name / "tls")
    own = tmp_path / "one" / "tls"
    server = start_server(tls_certificate=own / "cert.pem", tls_key=own / "key.pem")
    before = shown_fingerprint(server)
    assert SealedPeer(server.port).fingerprint() == before
    staying = server.join("stay")
    for name in ("key.pem", "cert.pem"):
        new = own / f"{name}.new"
        shutil.copy(tmp_path / "two" / "tls" / name, new)
        new.replace(own / name)
    server.wait_for_line("certificate loaded")
    staying.send("still here")
    staying.until("stay: still here")
    now = SealedPeer(server.port).fingerprint()
    assert now != before
    # What cannot be used is told in the log by itself, and the one before goes on.
    (own / "cert.pem").write_text("rubbish")
    server.wait_for_line("the one before goes on: The certificate .*cert.pem cannot be used")
    assert SealedPeer(server.port).fingerprint() == now
    (own / "key.pem").unlink()
    shutil.copy(tmp_path / "two" / "tls" / "cert.pem", own / "cert.pem")
    server.wait_for_line("The key .*key.pem cannot be used .No such file or directory")
    shutil.copy(tmp_path / "two" / "tls" / "key.pem", own / "key.pem")
    server.wait_for_line("certificate loaded", times=2)
    assert server.log().count("cannot be used") == 2


def put_pair(folder: Path, days_left: float, issuer: str = "chatroom") -> None:
    """Make a pair whose certificate ends in some days.

    :param issuer: who is said to have issued it; else it is of its own.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "chatroom")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=400))
        .not_valid_after(now + datetime.timedelta(days=days_left))
        .sign(key, hashes.SHA256())
    )
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    folder.mkdir(exist_ok=True)
    kept = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain)
    (folder / "key.pem").write_bytes(kept)
    (folder / "key.pem").chmod(0o600)
    (folder / "cert.pem").write_bytes(certificate.public_bytes(pem))


def test_the_end_of_a_certificate_is_told_before_it_comes(
    start_server: StartServer, tmp_path: Path
) -> None:
    own = tmp_path / "own"
    put_pair(own, 13)
    server = start_server(tls_certificate=own / "cert.pem", tls_key=own / "key.pem")
    day = (datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=13)).date()
    server.wait_for_line(
        rf"The certificate .*own/cert.pem expires on {day} ..:.. UTC: put a new pair"
    )
    put_pair(own, 15)
    server.wait_for_line("certificate loaded fingerprint=sha256:")
    put_pair(own, -1)
    server.wait_for_line("The certificate .* expired on")
    assert sum("put a new pair" in line for line in server.lines) == 2
    # A year from 2050 on stands there in another form.
    put_pair(own, 36500)
    server.wait_for_line("certificate loaded .*valid_until=21", times=1)


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda tls: (tls / "key.pem").unlink(), "is there without its other half"),
        (lambda tls: (tls / "cert.pem").write_text("x"), "The certificate .*cert.pem cannot be"),
        (lambda tls: (tls / "key.pem").write_text("x"), "The key .*key.pem cannot be used"),
        (lambda tls: (tls / "key.pem").chmod(0o644), "Others can read or change the key"),
        (lambda tls: put_pair_half(tls), "key.pem cannot be used .it does not belong to .*cert"),
        (
            lambda tls: (tls / "cert.pem").write_text(
                "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n"
            ),
            "The certificate .*cert.pem cannot be used .no certificate in PEM",
        ),
    ],
    ids=["no key", "bad certificate", "bad key", "open key", "other key", "no certificate"],
)
def test_a_pair_that_cannot_be_used_is_told(
    start_server: StartServer, spoil: object, sentence: str, tmp_path: Path
) -> None:
    server = start_server()
    server.stop()
    assert callable(spoil)
    spoil(server.data_dir / "tls")
    words = ("--port", "0", "--data-dir", str(server.data_dir), "--log-dir", str(server.log_dir))
    failed = run_server(tmp_path, *words)
    assert failed.returncode == 1
    assert re.search(sentence, failed.stderr), failed.stderr
    assert failed.stderr.count("\n") == 1


def put_pair_half(tls: Path) -> None:
    """Put another key there."""
    certificate = (tls / "cert.pem").read_bytes()
    put_pair(tls, 100)
    (tls / "cert.pem").write_bytes(certificate)


def test_a_key_alone_is_refused(tmp_path: Path) -> None:
    failed = run_server(tmp_path, "--tls-key", "x.pem")
    assert failed.returncode == 2
    assert "belong together" in failed.stderr


# -- from another machine ----------------------------------------------------------------------


@contextmanager
def other_machine() -> Iterator[tuple[str, list[str]]]:
    """Another network, by a namespace of the kernel's; yield our address there, and its prefix."""
    name = f"chat{os.getpid()}"
    here, there = f"10.{os.getpid() % 200 + 20}.7.1", f"10.{os.getpid() % 200 + 20}.7.2"

    def ip(*words: str) -> None:
        subprocess.run(["ip", *words], check=True, capture_output=True)

    ip("netns", "add", name)
    try:
        ip("link", "add", f"v{os.getpid()}", "type", "veth", "peer", "name", "far", "netns", name)
        ip("addr", "add", f"{here}/24", "dev", f"v{os.getpid()}")
        ip("link", "set", f"v{os.getpid()}", "up")
        ip("-n", name, "addr", "add", f"{there}/24", "dev", "far")
        ip("-n", name, "link", "set", "far", "up")
        yield here, ["ip", "netns", "exec", name]
    finally:
        ip("netns", "del", name)


def far_nc(prefix: list[str], host: str, port: int, given: bytes) -> bytes:
    """Send bytes from the other machine; return what came until the end, or for some seconds."""
    talk = (
        "import socket,sys\n"
        "s=socket.create_connection((sys.argv[1],int(sys.argv[2])),10)\n"
        "s.sendall(sys.stdin.buffer.read()); s.settimeout(2)\n"
        "try:\n while d:=s.recv(4096): sys.stdout.buffer.write(d)\n"
        "except TimeoutError: pass\n"
    )
    words = [*prefix, "python3", "-c", talk, host, str(port)]
    return subprocess.run(words, input=given, capture_output=True, timeout=PATIENCE).stdout


def test_plain_text_from_another_machine_is_refused_with_a_sentence(
    start_server: StartServer,
) -> None:
    with other_machine() as (host, prefix):
        server = start_server("--host", host)
        assert far_nc(prefix, host, server.port, b"n\n").startswith(REFUSED)
        # Nothing is said before the first byte.
        assert far_nc(prefix, host, server.port, b"") == b""
        words = [*prefix, "openssl", "s_client", "-quiet", "-connect", f"{host}:{server.port}"]
        seen = subprocess.run(words, input=b"x\n" * 6, capture_output=True, timeout=PATIENCE).stdout
        assert b"This is Chatroom" in seen


def test_plain_text_from_another_machine_where_it_is_allowed(start_server: StartServer) -> None:
    with other_machine() as (host, prefix):
        server = start_server("--host", host, "--allow-plain")
        assert b"This is Chatroom" in far_nc(prefix, host, server.port, b"")


# -- what somebody on the way sees ---------------------------------------------------------------


def test_nothing_is_in_clear_on_the_way(room: ServerProcess) -> None:
    room.join("hidden").close()
    taken = bytearray()
    with socket.create_server(("127.0.0.1", 0)) as proxy:

        def carry() -> None:
            near, _ = proxy.accept()
            far = socket.create_connection(("127.0.0.1", room.port))
            ends = {near: far, far: near}
            while True:
                for sock in select.select(list(ends), [], [])[0]:
                    data = sock.recv(65536)
                    if not data:
                        near.close()
                        far.close()
                        return
                    taken.extend(data)
                    ends[sock].sendall(data)

        thread = threading.Thread(target=carry)
        thread.start()
        sealed = SealedPeer(proxy.getsockname()[1])
        sealed.log_in("hidden")
        sealed.send("the treasure is under the oak")
        sealed.until("under the oak")
        sealed.send("/disconnect")
        sealed.until_end()
        sealed.close()
        thread.join(PATIENCE)
    assert len(taken) > 500
    for secret in (PASSWORD, "hidden", "treasure", "Welcome", "Chatroom"):
        assert secret.encode() not in taken
