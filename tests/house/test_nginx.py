"""The nginx configuration of docs/deploy/nginx.md, in a real nginx before a real web process."""

import http.client
import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from urllib.parse import urlencode

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from referrals.models import DeviceTrace
from tests import server
from tests.cast import make_merchant
from tests.http.serving import at_once, serving
from tests.storefront.joining import ANNA

# Debian's is not on everybody's path.
NGINX = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
HOST = "loyalty.example.com"
NOTHING = "/api/v1/nothing"

pytestmark = pytest.mark.long


@pytest.fixture(autouse=True)
def _there_is_one():
    if NGINX is None:
        if os.environ.get("REQUIRE_NGINX") == "1":
            pytest.fail("There is no nginx, and REQUIRE_NGINX=1 asks for one.")
        pytest.skip("there is no nginx")


def certify(folder):
    """A key and a certificate of the host's own, as files."""
    key = ec.generate_private_key(ec.SECP256R1())
    name, now = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, HOST)]), datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
    encoding = serialization.Encoding.PEM
    certificate = builder.sign(key, hashes.SHA256()).public_bytes(encoding)
    (folder / "fullchain.pem").write_bytes(certificate)
    (folder / "privkey.pem").write_bytes(
        key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return ssl.create_default_context(cadata=certificate.decode())


def configuration(folder, web, plain, secure):
    """What the page says, at this web process, these ports and these files."""
    page = (server.ROOT / "docs" / "deploy" / "nginx.md").read_text()
    [said] = re.findall(r"```nginx\n(.*?)```", page, re.S)
    changes = {
        "unix:/run/regulars/web.sock": f"127.0.0.1:{web.port}",
        "listen 80;": f"listen 127.0.0.1:{plain};",
        "listen 443 ssl http2;": f"listen 127.0.0.1:{secure} ssl http2;",
        "listen [::]:80;": "",
        "listen [::]:443 ssl http2;": "",
        f"/etc/letsencrypt/live/{HOST}": str(folder),
    }
    for what, instead in changes.items():
        assert what in said
        said = said.replace(what, instead)
    paths = [f"{each}_temp_path {folder}/{each};" for each in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")]
    return f"""
        {"user root;" if os.geteuid() == 0 else ""} daemon off; worker_processes 1;
        pid {folder}/pid; error_log {folder}/error.log;
        events {{ }}
        http {{ access_log off; {" ".join(paths)} {said} }}"""


def free_port():
    with socket.socket() as asking:
        asking.bind(("127.0.0.1", 0))
        return asking.getsockname()[1]


class Proxied:
    """The site behind nginx."""

    def __init__(self, web, plain, secure, tls):
        self.web, self.plain, self.secure, self.tls = web, plain, secure, tls

    def connect(self):
        """One connection over TLS, its certificate looked at."""
        bare = socket.create_connection(("127.0.0.1", self.secure), timeout=60)
        connection = http.client.HTTPSConnection(HOST, timeout=60)
        connection.sock = self.tls.wrap_socket(bare, server_hostname=HOST)
        return connection

    def asked(self, connection, path=NOTHING, method="GET", body=None, **headers):
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()

    def connections(self):
        """The connections from nginx to web."""
        there = f":{self.web.port:04X}"
        with open("/proc/net/tcp") as lines:
            known = [line.split() for line in lines]
        return {line[1] for line in known if line[2].endswith(there) and line[3] == "01"}


@contextmanager
def proxied(folder, *options):
    tls, plain, secure = certify(folder), free_port(), free_port()
    trusting = {"BEHIND_TLS": "1", "TRUST_FORWARDED_PROTO": "1", "PROXY_COUNT": "1"}
    environment = {"ALLOWED_HOSTS": f"{HOST},127.0.0.1", **trusting}
    with serving(*options, **environment) as web:
        (folder / "nginx.conf").write_text(configuration(folder, web, plain, secure))
        command = [NGINX, "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log")]
        process = subprocess.Popen(command)
        try:
            end = time.monotonic() + 30
            while True:
                try:
                    socket.create_connection(("127.0.0.1", secure), timeout=60).close()
                    break
                except OSError:
                    if process.poll() is not None or time.monotonic() > end:
                        pytest.fail((folder / "error.log").read_text())
                    time.sleep(0.05)
            yield Proxied(web, plain, secure, tls)
        finally:
            process.terminate()
            process.wait(15)


@pytest.fixture
def site(own_database, tmp_path):
    with proxied(tmp_path) as behind:
        yield behind


def test_a_plain_request_is_sent_on_to_https(site):
    connection = http.client.HTTPConnection("127.0.0.1", site.plain, timeout=60)
    status, headers, _ = site.asked(connection, Host=HOST)

    assert (status, headers["Location"]) == (301, f"https://{HOST}{NOTHING}")


def test_web_knows_that_it_was_asked_over_tls_and_believes_nobody_else(site):
    status, headers, body = site.asked(site.connect(), **{"X-Forwarded-Proto": "http"})

    assert (status, json.loads(body)["code"]) == (404, "not_found")
    assert "max-age" in headers["Strict-Transport-Security"]


def test_the_address_of_a_visitor_is_whom_nginx_was_called_by_not_whom_they_name(
    own_database, collected_static, monkeypatch, tmp_path
):
    make_merchant("cafe")
    monkeypatch.setenv("STATIC_ROOT", str(collected_static))
    named = {"X-Forwarded-For": "85.93.201.7"}
    with proxied(tmp_path) as site:
        connection = site.connect()
        status, headers, page = site.asked(connection, "/join/cafe", **named)
        [token] = re.findall(rb'name="csrfmiddlewaretoken" value="(\w+)"', page)
        sent = {
            "Cookie": "; ".join(each.split(";")[0] for each in headers.get_all("Set-Cookie")),
            "Content-Type": "application/x-www-form-urlencoded",
            "Referer": f"https://{HOST}/join/cafe",
        }
        form = urlencode(ANNA | {"csrfmiddlewaretoken": token.decode()})
        joined, _, _ = site.asked(connection, "/join/cafe", "POST", form, **sent, **named)

    assert (status, joined) == (200, 303)
    # An address of the machine's own is nobody's: only the browser was marked.
    assert {trace.kind for trace in DeviceTrace.objects.all()} == {"device"}


def test_connections_to_web_are_kept_between_requests(site):
    connection = site.connect()
    site.asked(connection)
    [kept] = site.connections()

    assert {site.asked(connection)[0] for _ in range(20)} == {404}
    # Nor does another caller's request need another.
    assert site.asked(site.connect())[0] == 404
    assert site.connections() == {kept}


def test_a_body_too_large_is_refused_before_web(site):
    status, _, _ = site.asked(site.connect(), method="POST", body=b" " * (21 * 2**20))

    assert status == 413


def test_bodies_that_web_does_not_read_cost_no_other_caller_an_answer(own_database, tmp_path):
    """nginx sends the next caller's request on a connection as soon as it has the answer to the one before."""
    with proxied(tmp_path, "--workers=2") as site:

        def post(size, times):
            connection = site.connect()
            path = "/api/v1/store/loyalty/cards/1/points"
            return {site.asked(connection, path, "POST", b" " * size)[0] for _ in range(times)}

        calls = [partial(post, 200_000, 60)] * 2 + [partial(post, 2, 200)] * 4
        answers = at_once(calls)

    assert answers == [{401}] * 6


def test_a_client_that_sends_slowly_holds_no_thread_of_web(own_database, tmp_path):
    with proxied(tmp_path, "--threads=1") as site:
        slow = site.connect()
        slow.putrequest("POST", "/api/v1/store/loyalty/cards/1/points")
        slow.putheader("Content-Type", "application/json")
        slow.putheader("Content-Length", "20")
        slow.endheaders(b"{")

        assert site.asked(site.connect())[0] == 404

        slow.send(b" " * 18 + b"}")
        assert slow.getresponse().status == 401
