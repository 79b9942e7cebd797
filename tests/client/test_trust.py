"""Whether the client knows whom it speaks to."""

import datetime
import ipaddress
import shutil
import socket
import threading
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from chatroom.client.invitation import read_pin
from chatroom.client.trust import KnownHosts, TlsEndpoint
from tests.client.test_pipe import Pipe, Script, pipe, said
from tests.client.test_send import Shell
from tests.client.test_terminal import Sit, sit
from tests.conftest import StartServer
from tests.harness import PASSWORD, PATIENCE, ServerProcess

__all__ = ["pipe", "sit"]  # the fixtures

PIN = "sha256:" + "ab" * 32
OTHER = "sha256:" + "cd" * 32


def talk(pipe: Pipe, port: int, *flags: str, **environment: str) -> tuple[int, list[str], str]:
    """Send one message as ann; return the exit status, what came back, and what was told."""
    script: Script = pipe(port, "--name", "ann", *flags, CHATROOM_PASSWORD=PASSWORD, **environment)
    status, out = script.end(b"hello\n")
    return status, said(out, "ann"), script.errors


def fingerprint(server: ServerProcess) -> str:
    server.wait_for_line("^Fingerprint ")
    return server.match(r"^Fingerprint (\S+)$")[1]


def known(tmp_path: Path) -> Path:
    return tmp_path / "chatroom" / "known_hosts"


def renew(server: ServerProcess) -> None:
    """Give the server another certificate, as a new set-up or somebody in between would."""
    server.stop()
    shutil.rmtree(server.data_dir / "tls")
    server.start()


def test_the_first_certificate_is_shown_and_remembered(
    server: ServerProcess, pipe: Pipe, tmp_path: Path
) -> None:
    server.join("ann").close()
    status, came, told = talk(pipe, server.port)
    assert (status, came) == (0, ["hello"])
    assert "is new here" in told
    assert fingerprint(server) in told
    assert known(tmp_path).stat().st_mode & 0o777 == 0o600
    assert f"[127.0.0.1]:{server.port} {fingerprint(server)}\n" in known(tmp_path).read_text()
    status, came, told = talk(pipe, server.port)
    assert status == 0
    assert "new here" not in told


def test_another_certificate_is_refused_and_nothing_is_sent(
    server: ServerProcess, pipe: Pipe
) -> None:
    server.join("ann").close()
    before = fingerprint(server)
    assert talk(pipe, server.port)[0] == 0
    renew(server)
    status, came, told = talk(pipe, server.port)
    assert (status, came) == (3, [])
    assert "IS NOT THE EXPECTED ONE" in told
    for part in (before, fingerprint(server), "known_hosts", "Ask the operator"):
        assert part in told
    assert server.log().count(" logged in account=") == 2  # ann by hand, and the first visit
    # As the sentence says: once with the new one, and it is known from then on.
    assert talk(pipe, server.port, "--fingerprint", fingerprint(server))[0] == 0
    assert talk(pipe, server.port)[0] == 0


def test_a_certificate_that_changes_while_away_ends_the_visit(
    server: ServerProcess, sit: Sit
) -> None:
    ann = sit(server.port)
    ann.register("ann")
    server.kill()
    ann.see("is lost")
    shutil.rmtree(server.data_dir / "tls")
    server.start()
    ann.see("IS NOT THE EXPECTED ONE")
    ann.screen = ""  # the word error is no traceback here
    assert ann.end() == 3


def test_a_given_fingerprint_counts_alone(server: ServerProcess, pipe: Pipe) -> None:
    server.join("ann").close()
    digits = fingerprint(server).removeprefix("sha256:").upper()
    colons = ":".join(digits[i : i + 2] for i in range(0, 64, 2))
    status, _, told = talk(pipe, server.port, "--fingerprint", colons)
    assert status == 0
    assert "new here" not in told
    status, came, told = talk(pipe, server.port, "--fingerprint", OTHER)
    assert (status, came) == (3, [])
    assert OTHER in told
    assert talk(pipe, server.port, "--fingerprint", "abc")[0] == 2


def test_a_person_is_asked_about_a_server_on_another_machine(
    start_server: StartServer, sit: Sit, tmp_path: Path
) -> None:
    server = start_server("--host", "0.0.0.0")
    wary = sit(server.port, host="127.0.0.2")
    wary.see(fingerprint(server))
    wary.answer("now and from now on? [y/n] ", "perhaps")
    wary.answer("now and from now on? [y/n] ", "n")
    wary.see("was not accepted; nothing was sent")
    assert wary.end() == 3
    assert not known(tmp_path).exists()
    bold = sit(server.port, host="127.0.0.2")
    bold.answer("now and from now on? [y/n] ", "y")
    bold.register("bold")
    again = sit(server.port, host="127.0.0.2")
    again.see("[y/n]")
    assert "new here" not in again.screen


def test_plain_text_is_spoken_only_when_asked_for(server: ServerProcess, pipe: Pipe) -> None:
    server.join("ann").close()
    status, came, told = talk(pipe, server.port, "--plain")
    assert (status, came) == (0, ["hello"])
    assert "fingerprint" not in told.lower()


def test_a_server_without_tls_is_not_spoken_to_in_clear(pipe: Pipe) -> None:
    """Somebody in between could otherwise take the encryption away."""
    heard = bytearray()
    with socket.create_server(("127.0.0.1", 0)) as stripper:

        def serve() -> None:
            for _ in range(3):
                sock, _ = stripper.accept()
                sock.settimeout(PATIENCE)
                heard.extend(sock.recv(65536))
                sock.sendall(b"This is \x1b[31mChatroom\n[y/n]\n")
                sock.shutdown(socket.SHUT_WR)
                while data := sock.recv(65536):
                    heard.extend(data)
                sock.close()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        status, came, told = talk(pipe, stripper.getsockname()[1])
    assert (status, came) == (4, [])
    assert 'it answers without encryption: "This is [31mChatroom"' in told
    assert b"hello {" not in heard
    assert PASSWORD.encode() not in heard


def own_certificate(folder: Path, **names: object) -> tuple[Path, Path]:
    """Make a certificate as an authority would; return its file and the key's."""
    folder.mkdir(parents=True, exist_ok=True)
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "authority")])
    now = datetime.datetime.now(datetime.UTC)
    address = x509.IPAddress(ipaddress.ip_address(str(names.get("ip", "127.0.0.1"))))
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=9))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    (folder / "own.pem").write_bytes(certificate.public_bytes(pem))
    (folder / "own.key").write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    (folder / "own.key").chmod(0o600)
    return folder / "own.pem", folder / "own.key"


def test_who_is_vouched_for_by_name_needs_no_pin(
    start_server: StartServer, pipe: Pipe, tmp_path: Path
) -> None:
    certificate, key = own_certificate(tmp_path)
    server = start_server(tls_certificate=certificate, tls_key=key)
    server.join("ann").close()
    for flags, environment in (
        (("--ca", str(certificate)), {}),
        ((), {"SSL_CERT_FILE": str(certificate)}),  # as if the system knew the authority
    ):
        status, came, told = talk(pipe, server.port, *flags, **environment)
        assert (status, came[-1:]) == (0, ["hello"])
        assert "new here" not in told
    assert not known(tmp_path).exists()


def test_the_authority_that_was_named_must_vouch_and_for_this_name(
    start_server: StartServer, pipe: Pipe, tmp_path: Path
) -> None:
    certificate, key = own_certificate(tmp_path / "wrong name", ip="127.0.0.9")
    server = start_server(tls_certificate=certificate, tls_key=key)
    stranger, _ = own_certificate(tmp_path / "other")
    for authority in (certificate, stranger):
        status, came, told = talk(pipe, server.port, "--ca", str(authority))
        assert (status, came) == (3, [])
        assert "is not signed by an authority that is trusted" in told
    status, _, told = talk(pipe, server.port, "--ca", str(tmp_path / "none.pem"))
    assert status == 3
    assert "--ca is" in told


def test_a_file_that_cannot_be_written_is_told_and_the_visit_goes_on(
    server: ServerProcess, pipe: Pipe, tmp_path: Path
) -> None:
    server.join("ann").close()
    (tmp_path / "chatroom").write_text("a file where the folder should be")
    status, _, told = talk(pipe, server.port)
    assert status == 3
    assert "cannot be read" in told


def test_known_hosts_keep_one_pin_for_each_address_and_what_people_wrote(tmp_path: Path) -> None:
    hosts = KnownHosts(tmp_path / "known_hosts")
    assert hosts.pin("a", 1) == ""
    hosts.keep("A", 1, PIN)
    hosts.keep("a", 2, OTHER)
    with hosts.file.open("a") as file:
        file.write("# my own line\n")
    hosts.keep("a", 1, OTHER)
    assert hosts.pin("a", 1) == hosts.pin("A", 2) == OTHER
    assert "# my own line" in hosts.file.read_text()
    assert hosts.file.read_text().count("[a]:1 ") == 1


@pytest.mark.parametrize("text", ["", "abc", "md5:" + "ab" * 32, "ab" * 31, "zz" * 32])
def test_what_is_no_fingerprint(text: str) -> None:
    assert read_pin(text) is None


def change(server: ServerProcess, certificate: Path, key: Path) -> None:
    """Start the server again with another pair of files."""
    server.stop()
    server.settings |= {
        "CHATROOM_TLS_CERTIFICATE": str(certificate),
        "CHATROOM_TLS_KEY": str(key),
    }
    server.start()


def test_a_renewed_certificate_of_an_authority_is_taken_and_a_self_made_one_is_not(
    start_server: StartServer, pipe: Pipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate, key = own_certificate(tmp_path / "first")
    server = start_server(tls_certificate=certificate, tls_key=key)
    server.join("ann").close()
    first = fingerprint(server)
    invitation = f"chatroom://127.0.0.1:{server.port}/?code=x&pin={first}"
    shell, words = Shell(tmp_path, server.port), ("send", invitation, "hello", "--name", "ann")
    assert shell.run(*words, password=PASSWORD)[0] == 0
    change(server, *own_certificate(tmp_path / "second"))
    assert fingerprint(server) != first
    assert talk(pipe, server.port)[0] == 3  # nobody vouches
    assert shell.run(*words, password=PASSWORD)[0] == 3
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "second" / "own.pem"))
    assert talk(pipe, server.port, "--fingerprint", first)[0] == 3  # that one counts alone
    for _ in range(2):  # an invitation lives longer than a certificate
        assert shell.run(*words, password=PASSWORD)[0] == 0
    assert talk(pipe, server.port)[0] == 0
    assert f"[127.0.0.1]:{server.port} {fingerprint(server)}\n" in known(tmp_path).read_text()
    change(server, *own_certificate(tmp_path / "third"))
    assert talk(pipe, server.port)[0] == 3
    assert shell.run(*words, password=PASSWORD)[0] == 3


def test_who_compares_for_long_begins_anew_with_the_whole_time_for_the_login(
    room: ServerProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chatroom.client.trust._LONG_LOOK_SECONDS", -1.0)
    asked: list[str] = []
    hosts = KnownHosts(tmp_path / "known_hosts")

    def accept(pin: str) -> bool:
        asked.append(pin)
        return True

    way = TlsEndpoint("127.0.0.1", room.port, "", None, hosts, accept, asked.append)
    sock, tunnel = way.open()
    sock.close()
    assert tunnel is not None
    assert asked == [tunnel.fingerprint]
