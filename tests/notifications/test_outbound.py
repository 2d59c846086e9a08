"""What is called and what is not: attempts to turn a call against our own network."""

import ipaddress
import socket
import ssl
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from notifications.outbound import CallFailed, OutboundClient, TargetRefused, addresses, checked
from tests.standins import Reply

PRIVATE = [
    "127.0.0.1",
    "127.8.9.10",
    "0.0.0.0",  # noqa: S104
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "169.254.169.254",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    "192.0.2.1",
    "198.18.0.1",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:8.8.8.8",
    "64:ff9b::7f00:1",
    "64:ff9b::808:808",
    "64:ff9b:1::a00:1",
    "2002:7f00:1::",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "fe80::1",
    "fc00::1",
    "fd00:ec2::254",
    "fec0::1",
    "ff02::1",
    "2001:db8::1",
    "100::1",
]


@pytest.mark.parametrize("address", PRIVATE)
def test_addresses_that_lead_inside_are_not_public(address):
    assert not addresses.is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", ["8.8.8.8", "93.184.216.34", "2606:4700:4700::1111", "2a00:1450:4001:81b::200e"])
def test_addresses_of_the_internet_are(address):
    assert addresses.is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "url",
    [
        "",
        "   ",
        "not an address",
        "/hooks",
        "example.com/hooks",
        "ftp://example.com/",
        "file:///etc/passwd",
        "gopher://example.com:70/_x",
        "javascript:alert(1)",
        "http://example.com/",
        "https://",
        "https:///hooks",
        "https://user@example.com/",
        "https://user:password@example.com/",
        "https://example.com/#part",
        "https://example.com:22/",
        "https://example.com:80/",
        "https://example.com:0/",
        "https://example.com:99999/",
        "https://example.com\\@127.0.0.1/",
        "https://exa mple.com/",
        "https://example.com/\r\nX-Header: 1",
        "https://example.com/\x00",
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://[fe80::1%25eth0]/",
        "https://169.254.169.254/latest/meta-data/",
        "https://xn--\ud800.example/",
        "https://example.com/" + "a" * 2000,
    ],
)
def test_such_an_address_is_refused_before_anybody_is_asked(url):
    with pytest.raises(TargetRefused):
        checked(url)


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com",
        "https://example.com/hooks?shop=1",
        "https://example.com:8443/hooks",
        "https://bücher.example/hooks",
        "https://8.8.8.8/hooks",
    ],
)
def test_an_ordinary_address_passes(url):
    assert checked(url).host


@pytest.fixture
def names(monkeypatch):
    """A name server of the test's own: names["shop.example"] = [addresses of the first look, of the second ...]."""
    book = {}
    asked = []
    really = socket.getaddrinfo

    def look_up(host, port, *args, **more):
        name = host.decode() if isinstance(host, bytes) else host
        if name not in book:
            return really(host, port, *args, **more)
        asked.append(name)
        answers = book[name]
        found = answers.pop(0) if len(answers) > 1 else answers[0]
        return [
            (
                socket.AF_INET6 if ":" in each else socket.AF_INET,
                socket.SOCK_STREAM,
                6,
                "",
                (each, port, 0, 0) if ":" in each else (each, port),
            )
            for each in found
        ]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    book_and_asked = type("Names", (dict,), {"asked": asked})
    book = book_and_asked()
    return book


def call(url, client=None, seconds=3):
    return (client or OutboundClient()).post(url, body=b"{}", headers={}, seconds=seconds)


@pytest.mark.parametrize(
    "found",
    [
        ["127.0.0.1"],
        ["10.0.0.5"],
        ["::1"],
        ["::ffff:127.0.0.1"],
        ["64:ff9b::7f00:1"],
        ["fd00::1"],
        ["93.184.216.34", "127.0.0.1"],
        ["2606:4700:4700::1111", "fe80::1"],
    ],
)
def test_a_name_that_leads_inside_is_not_called(names, found):
    names["shop.example"] = [found]

    with pytest.raises(TargetRefused):
        call("https://shop.example/hooks")


@pytest.mark.parametrize("host", ["localhost", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "0"])
def test_other_ways_to_write_this_machine_are_not_called(host):
    with pytest.raises(TargetRefused):
        call(f"https://{host}/")


@pytest.fixture
def authority(tmp_path):
    """A certificate authority, and servers with certificates of it: authority("shop.example")."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test authority")])
    now = datetime.now(UTC)

    def certificate(subject, public_key, *extensions):
        made = x509.CertificateBuilder().subject_name(subject).issuer_name(name).public_key(public_key)
        made = made.serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(days=1))
        made = made.not_valid_after(now + timedelta(days=1))
        for extension, critical in extensions:
            made = made.add_extension(extension, critical)
        return made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    usage = x509.KeyUsage(True, False, False, False, False, True, True, False, False)
    own = certificate(
        name,
        key.public_key(),
        (x509.BasicConstraints(ca=True, path_length=None), True),
        (usage, True),
        (x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False),
    )

    def server(host):
        secret = ec.generate_private_key(ec.SECP256R1())
        pem = certificate(
            x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)]),
            secret.public_key(),
            (x509.SubjectAlternativeName([x509.DNSName(host)]), False),
            (x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), False),
        )
        path = tmp_path / f"{host}.pem"
        path.write_bytes(
            pem
            + secret.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context

    server.client = lambda: OutboundClient(ssl.create_default_context(cadata=own.decode()))
    return server


def test_a_name_that_changes_after_the_look_changes_nothing(names, stand_in, authority, own_network):
    ours, theirs = stand_in(tls=authority("shop.example")), stand_in(host="127.0.0.2", tls=authority("shop.example"))
    # The second look would lead elsewhere; there is none.
    names["shop.example"] = [["127.0.0.1"], ["127.0.0.2"]]

    answer = call(f"https://shop.example:{ours.port}/hooks", authority.client())

    [heard] = ours.heard
    assert answer.status == 200
    assert heard.headers["host"] == f"shop.example:{ours.port}"
    assert names.asked == ["shop.example"]
    assert not theirs.heard


def test_the_certificate_must_be_of_the_name_that_was_called(names, stand_in, authority, own_network):
    server = stand_in(tls=authority("other.example"))
    names["shop.example"] = [["127.0.0.1"]]

    with pytest.raises(CallFailed, match="certificate"):
        call(f"https://shop.example:{server.port}/", authority.client())

    assert not server.heard


def test_a_redirect_inside_is_not_followed(stand_in, own_network):
    inside = stand_in()
    outside = stand_in()
    outside.usual = lambda heard: Reply(307, headers={"Location": f"{inside.url}/secrets"})

    answer = call(outside.url)

    assert answer.status == 307
    assert not inside.heard


def test_proxies_of_the_environment_are_not_used(stand_in, own_network, monkeypatch):
    server, proxy = stand_in(), stand_in()
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, proxy.url)

    call(server.url)

    assert server.heard
    assert not proxy.heard


def test_a_long_answer_is_cut_off(stand_in, own_network):
    server = stand_in()
    server.usual = lambda heard: Reply(body=b"x" * 10_000_000)

    answer = call(server.url)

    assert answer.status == 200
    assert len(answer.body) == 64 * 1024


def test_a_name_nobody_knows_is_a_failed_call():
    with pytest.raises(CallFailed, match="not known"):
        call("https://shop.invalid/")


def test_the_second_address_is_tried_when_the_first_does_not_answer(names, stand_in, own_network):
    server = stand_in()
    names["shop.example"] = [["127.0.0.3", "127.0.0.1"]]

    assert call(f"http://shop.example:{server.port}/").status == 200


def test_headers_that_drip_end_with_the_time(own_network):
    listener = socket.create_server(("127.0.0.1", 0))

    def drip():
        connection, _ = listener.accept()
        with connection:
            for _ in range(100):
                try:
                    connection.send(b"H")
                except OSError:
                    return
                time.sleep(0.1)

    threading.Thread(target=drip, daemon=True).start()
    began = time.monotonic()

    with pytest.raises(CallFailed):
        call(f"http://127.0.0.1:{listener.getsockname()[1]}/", seconds=0.6)

    assert time.monotonic() - began < 5
    listener.close()


def test_connections_are_used_again(stand_in, own_network):
    server, client = stand_in(), OutboundClient()
    ports = set()
    server.usual = lambda heard: Reply()
    accept = server.server.get_request

    def count():
        connection, where = accept()
        ports.add(where[1])
        return connection, where

    server.server.get_request = count

    for _ in range(5):
        call(server.url, client)

    assert len(server.heard) == 5
    assert len(ports) == 1
