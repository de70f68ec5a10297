"""A push service on loopback, as browsers have them at Google, Mozilla and Apple: it keeps what is pushed and answers as told.

It knows browsers: each has keys of its own, and what was pushed to it can be opened. That is done here from the text of the
RFCs (8188, 8291, 8292) with nothing but `cryptography` and PyJWT: none of it is what the product uses.
"""

import base64
import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.peers.record import Record

LARGEST = 4096


def encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Browser:
    """One browser's subscription: its endpoint at the service, and the keys that only it has."""

    def __init__(self, endpoint: str, private: int | None = None, auth: bytes = b"sixteen  bytes  ") -> None:
        curve = ec.SECP256R1()
        self.endpoint, self.secret = endpoint, auth
        self._key = ec.derive_private_key(private, curve) if private else ec.generate_private_key(curve)
        self.public = self._key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)

    @property
    def subscription(self) -> dict[str, str]:
        """What `PushSubscription.toJSON` says, flat."""
        return {"endpoint": self.endpoint, "p256dh": encoded(self.public), "auth": encoded(self.secret)}

    def opened(self, body: bytes) -> bytes:
        """The plaintext of one aes128gcm record that was made for this browser. Raises where it was not."""
        salt, size, length = body[:16], int.from_bytes(body[16:20]), body[20]
        sender, sealed = body[21 : 21 + length], body[21 + length :]
        assert length == 65, "the key of RFC 8291 is an uncompressed point"
        assert len(sealed) <= size, "one record holds all"
        shared = self._key.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), sender))
        info = b"WebPush: info\0" + self.public + sender
        material = HKDF(SHA256(), 32, salt=self.secret, info=info).derive(shared)
        key = HKDF(SHA256(), 16, salt=salt, info=b"Content-Encoding: aes128gcm\0").derive(material)
        nonce = HKDF(SHA256(), 12, salt=salt, info=b"Content-Encoding: nonce\0").derive(material)
        plain = AESGCM(key).decrypt(nonce, sealed, None).rstrip(b"\0")
        assert plain[-1:] == b"\x02", "the delimiter of the last record"
        return plain[:-1]


@dataclass(frozen=True)
class Push:
    """One request that came; header names in small letters."""

    path: str
    headers: dict[str, str]
    body: bytes

    def told(self, browser: Browser) -> dict[str, Any]:
        """What the service worker of `browser` is told by it."""
        found: dict[str, Any] = json.loads(browser.opened(self.body))
        return found

    def claims(self, at: float) -> dict[str, Any]:
        """Who signed it, as of `at` (seconds since the epoch); the key is under "key". Raises jwt's errors, ValueError."""
        scheme, _, rest = self.headers["authorization"].partition(" ")
        if scheme != "vapid":
            raise ValueError(f"no RFC 8292 scheme: {scheme}")
        parts = dict(part.strip().split("=", 1) for part in rest.split(","))
        key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), decoded(parts["k"]))
        claims = jwt.decode(parts["t"], key, algorithms=["ES256"], options={"verify_exp": False, "verify_aud": False})
        if not at < claims["exp"] <= at + 86_400:
            raise ValueError(f"exp is {claims['exp'] - at} s ahead")
        return claims | {"key": parts["k"]}


@dataclass
class PushService:
    """Use it as a context manager. `answers`: (status, headers) for the next requests; status 0 hangs. Else 201, as the
    real ones say, or 413 for what is too large.
    """

    answers: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    pushes: Record[Push] = field(default_factory=Record)
    largest: int = LARGEST

    def __enter__(self) -> Self:
        service = self
        self._stopping = threading.Event()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                status, headers = service.answers.pop(0) if service.answers else service._usual(body)
                if status == 0:
                    service._stopping.wait(20)
                    return
                if status == 201:
                    service.pushes.add(
                        Push(self.path, {name.lower(): value for name, value in self.headers.items()}, body)
                    )
                self.send_response(status)
                for name, value in ({"Location": f"{service.url}/m/1"} | headers).items():
                    self.send_header(name, value)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        """The origin, which is the audience of what is signed for it."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def browser(self, name: str = "bo") -> Browser:
        """A browser that subscribed here."""
        return Browser(f"{self.url}/push/{name}")

    def _usual(self, body: bytes) -> tuple[int, dict[str, str]]:
        return (413 if len(body) > self.largest else 201), {}
