"""Stand-ins for the providers of messages: real servers that check what they are given as the real ones do."""

import base64
import json
from typing import Any
from urllib.parse import parse_qs

import http_ece
import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from py_vapid.utils import b64urldecode, b64urlencode

from tests.standins import Heard, Reply, StandIn


def as_json(facts: Any, status: int = 200, **headers: str) -> Reply:
    return Reply(status, json.dumps(facts).encode(), {"Content-Type": "application/json", **headers})


class SmsProvider(StandIn):
    """Takes text messages as Twilio does. `errors`: numbers, and the code they are refused with."""

    account, token, sender = "AC" + "0" * 32, "secret", "+15005550006"

    def __init__(self) -> None:
        super().__init__()
        self.errors: dict[str, int] = {}
        self.usual = self._take

    @property
    def forms(self) -> list[dict[str, str]]:
        """What was asked for, in order."""
        return [self._form(heard) for heard in self.heard]

    def _form(self, heard: Heard) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(heard.body.decode()).items()}

    def _take(self, heard: Heard) -> Reply:
        allowed = base64.b64encode(f"{self.account}:{self.token}".encode()).decode()
        if heard.headers.get("authorization") != f"Basic {allowed}":
            return as_json({"code": 20003, "message": "Authenticate", "status": 401}, 401)
        if heard.path != f"/2010-04-01/Accounts/{self.account}/Messages.json":
            return as_json({"code": 20404, "message": "Not found", "status": 404}, 404)
        form = self._form(heard)
        if (code := self.errors.get(form["To"])) is not None:
            return as_json({"code": code, "message": f"{form['To']} is no good", "status": 400}, 400)
        return as_json({"sid": f"SM{len(self.heard):032d}", "status": "queued"}, 201)


class Fcm(StandIn):
    """Gives out access tokens for assertions of its account, and takes pushes with them."""

    def __init__(self) -> None:
        super().__init__()
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.tokens: list[str] = []
        self.valid: set[str] = set()
        self.errors: dict[str, tuple[int, str, str]] = {}
        self.usual = self._take

    @property
    def credentials(self) -> str:
        pem = self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return json.dumps(
            {
                "type": "service_account",
                "project_id": "cafe-app",
                "client_email": "push@cafe-app.example",
                "private_key_id": "k1",
                "private_key": pem.decode(),
                "token_uri": f"{self.url}/token",
            }
        )

    @property
    def pushes(self) -> list[dict[str, Any]]:
        return [json.loads(heard.body)["message"] for heard in self.heard if heard.path.endswith("messages:send")]

    def _take(self, heard: Heard) -> Reply:
        if heard.path == "/token":
            [assertion] = parse_qs(heard.body.decode())["assertion"]
            claims = jwt.decode(assertion, self.key.public_key(), algorithms=["RS256"], audience=f"{self.url}/token")
            assert claims["iss"] == "push@cafe-app.example"
            self.tokens.append(f"token-{len(self.tokens)}")
            self.valid.add(self.tokens[-1])
            return as_json({"access_token": self.tokens[-1], "expires_in": 3599, "token_type": "Bearer"})
        assert heard.path == "/v1/projects/cafe-app/messages:send"
        if heard.headers["authorization"].removeprefix("Bearer ") not in self.valid:
            return as_json({"error": {"code": 401, "status": "UNAUTHENTICATED"}}, 401)
        message = json.loads(heard.body)["message"]
        if (error := self.errors.get(message["token"])) is not None:
            status, code, text = error
            detail = {"@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", "errorCode": code}
            return as_json({"error": {"code": status, "status": "X", "message": text, "details": [detail]}}, status)
        return as_json({"name": f"projects/cafe-app/messages/{len(self.heard)}"})


class PushService(StandIn):
    """A browser maker's service, and the browser behind it, which reads what it gets."""

    def __init__(self) -> None:
        super().__init__()
        self.browser = ec.generate_private_key(ec.SECP256R1())
        self.secret = b"0123456789abcdef"
        self.usual = lambda heard: Reply(201, b"", {"Location": f"{self.url}/message/1"})

    def subscription(self, path: str = "/push/1") -> str:
        """What the browser gives the shop."""
        point = self.browser.public_key().public_bytes(
            serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
        )
        keys = {"p256dh": b64urlencode(point), "auth": b64urlencode(self.secret)}
        return json.dumps({"endpoint": f"{self.url}{path}", "expirationTime": None, "keys": keys})

    def read(self, heard: Heard) -> dict[str, Any]:
        """What the browser shows."""
        assert heard.headers["content-encoding"] == "aes128gcm"
        text = http_ece.decrypt(heard.body, private_key=self.browser, auth_secret=self.secret, version="aes128gcm")
        return json.loads(text)

    def claims(self, heard: Heard) -> dict[str, Any]:
        """Who says they sent it, by their signature."""
        scheme, _, parts = heard.headers["authorization"].partition(" ")
        assert scheme == "vapid"
        found = dict(part.split("=", 1) for part in parts.split(","))
        key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), b64urldecode(found["k"].encode()))
        return jwt.decode(found["t"], key, algorithms=["ES256"], audience=self.url)
