"""Identity providers: npm's `oidc-provider`, and one whose every word a test can bend, which is how attacks are made."""

import base64
import hashlib
import json
import subprocess
import threading
from collections.abc import Callable, Mapping
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

from tools.system_parts import find_part

CLIENT, SECRET = "nightdesk", "what only we and it know, and no more"


class OidcProvider:
    """npm's, running. `issuer` is where. Use it as a context manager."""

    def __init__(self, redirect_uri: str, people: Mapping[str, Mapping[str, Any]]) -> None:
        """`people`: by the name that they type there, the claims that it makes of them."""
        self._redirect_uri, self._people = redirect_uri, people
        self.issuer = ""

    def __enter__(self) -> Self:
        library = find_part("oidc-provider")
        assert library is not None, "npm's oidc-provider is not here"
        program = str(Path(__file__).parent / "identity_provider.mjs")
        command = ["node", program, str(library.parent), CLIENT, SECRET, self._redirect_uri, json.dumps(self._people)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert self._process.stdout is not None
        self.issuer = json.loads(self._process.stdout.readline())["issuer"]
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._process.terminate()
        self._process.wait(10)


class BentProvider:
    """One that does all that the standard asks, once: `bend` changes its token's claims, `sign` how they are signed.

    `sign_in` is the browser's part of it: whom it lets in, and with which code they come back.
    """

    def __init__(self, now: Callable[[], datetime]) -> None:
        self.now = now
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.bend: dict[str, Any] = {}
        self.claims: dict[str, Any] = {}
        self.userinfo: dict[str, Any] | None = None
        self.discovery: dict[str, Any] = {}
        self.sign: Callable[[dict[str, Any]], str] = self.signed
        self.codes: dict[str, dict[str, str]] = {}
        self.asked: list[str] = []

    def __enter__(self) -> Self:
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                provider.asked.append(self.path)
                self._say(provider.told(self.path))

            def do_POST(self) -> None:
                provider.asked.append(self.path)
                sent = self.rfile.read(int(self.headers["Content-Length"])).decode()
                form = {name: values[0] for name, values in parse_qs(sent).items()}
                self._say(provider.exchanged(form, self.headers.get("Authorization", "")))

            def _say(self, told: Any) -> None:
                body = json.dumps(told if told is not None else {"error": "invalid_grant"}).encode()
                self.send_response(200 if told is not None else 400)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.issuer = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)

    def sign_in(self, url: str, sub: str, **claims: Any) -> dict[str, str]:
        """What the browser comes back with after it was sent to `url`."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        code = f"code-{len(self.codes)}"
        self.codes[code] = asked
        self.claims = {"sub": sub} | claims
        return {"code": code, "state": asked["state"], "iss": self.issuer}

    def told(self, path: str) -> Any:
        """The answer to a GET."""
        if path == "/userinfo":
            return self.userinfo or {"sub": self.claims["sub"]}
        if path == "/keys":
            jwk = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self.key.public_key()))
            return {"keys": [jwk | {"kid": "one", "use": "sig"}]}
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            "userinfo_endpoint": f"{self.issuer}/userinfo",
        } | self.discovery

    def exchanged(self, form: dict[str, str], authorization: str) -> Any:
        """The tokens for a code, once; None where anything of it is wrong."""
        asked = self.codes.pop(form.get("code", ""), None)
        made = base64.urlsafe_b64encode(hashlib.sha256(form.get("code_verifier", "").encode()).digest()).rstrip(b"=")
        user, _, password = base64.b64decode(authorization.removeprefix("Basic ")).decode().partition(":")
        known = user == CLIENT and password.replace("%20", " ").replace("%2C", ",") == SECRET
        if asked is None or not known or made.decode() != asked["code_challenge"]:
            return None
        if form["redirect_uri"] != asked["redirect_uri"] or asked["code_challenge_method"] != "S256":
            return None
        now = int(self.now().timestamp())
        claims = {"iss": self.issuer, "aud": CLIENT, "exp": now + 300, "iat": now, "nonce": asked["nonce"]}
        claims |= self.claims | self.bend
        return {"access_token": "one", "token_type": "Bearer", "id_token": self.sign(claims)}

    def signed(self, claims: dict[str, Any]) -> str:
        """As it should be."""
        return jwt.encode(claims, self.key, "RS256", headers={"kid": "one"})
