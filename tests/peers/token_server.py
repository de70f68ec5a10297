"""A service that signs people in for their mailboxes: RFC 6749, 7636 and 7662 as oauthlib's own server speaks them.

Tokens are fetched by HTTPS at `token_url`; whether one is good is asked by HTTP at `introspection_url`, as dovecot does.
"""

import ssl
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from oauthlib.oauth2 import RequestValidator, Server

from tests.peers.mail_servers import make_certificate

CLIENT, SECRET = "nightdesk-test", "the client's secret"


class _Rules(RequestValidator):
    """Who may what: one client, one user, tokens that can be revoked."""

    def __init__(self, user: str) -> None:
        self.user = user
        self.codes: dict[str, dict[str, Any]] = {}
        self.access: dict[str, str] = {}
        self.refresh: set[str] = set()
        self.rotates = True

    def authenticate_client(self, request: Any, *args: Any, **kwargs: Any) -> bool:
        request.client = type("Client", (), {"client_id": CLIENT})()
        return bool(request.client_id == CLIENT and request.client_secret == SECRET)

    def authenticate_client_id(self, client_id: str, request: Any, *args: Any, **kwargs: Any) -> bool:
        return False

    def client_authentication_required(self, request: Any, *args: Any, **kwargs: Any) -> bool:
        return True

    def validate_client_id(self, client_id: str, request: Any, *args: Any, **kwargs: Any) -> bool:
        return client_id == CLIENT

    def validate_redirect_uri(self, client_id: str, redirect_uri: str, request: Any, *args: Any, **kwargs: Any) -> bool:
        return redirect_uri.startswith("http")

    def validate_response_type(self, *args: Any, **kwargs: Any) -> bool:
        return True

    def validate_scopes(self, *args: Any, **kwargs: Any) -> bool:
        return True

    def get_default_scopes(self, *args: Any, **kwargs: Any) -> list[str]:
        return ["mail"]

    def is_pkce_required(self, client_id: str, request: Any) -> bool:
        return True

    def save_authorization_code(self, client_id: str, code: Any, request: Any, *args: Any, **kwargs: Any) -> None:
        self.codes[code["code"]] = {
            "challenge": request.code_challenge,
            "method": request.code_challenge_method,
            "redirect_uri": request.redirect_uri,
        }

    def validate_code(self, client_id: str, code: str, client: Any, request: Any, *args: Any, **kwargs: Any) -> bool:
        request.scopes, request.user = ["mail"], self.user
        return code in self.codes

    def get_code_challenge(self, code: str, request: Any) -> str:
        return str(self.codes[code]["challenge"])

    def get_code_challenge_method(self, code: str, request: Any) -> str:
        return str(self.codes[code]["method"])

    def confirm_redirect_uri(self, client_id: str, code: str, redirect_uri: str, *args: Any, **kwargs: Any) -> bool:
        return bool(self.codes[code]["redirect_uri"] == redirect_uri)

    def invalidate_authorization_code(self, client_id: str, code: str, request: Any, *args: Any, **kwargs: Any) -> None:
        self.codes.pop(code, None)

    def validate_grant_type(self, client_id: str, grant_type: str, *args: Any, **kwargs: Any) -> bool:
        return grant_type in ("authorization_code", "refresh_token", "client_credentials")

    def validate_refresh_token(self, refresh_token: str, client: Any, request: Any, *args: Any, **kwargs: Any) -> bool:
        request.user = self.user
        return refresh_token in self.refresh

    def get_original_scopes(self, refresh_token: str, request: Any, *args: Any, **kwargs: Any) -> list[str]:
        return ["mail"]

    def rotate_refresh_token(self, request: Any) -> bool:
        return self.rotates

    def save_bearer_token(self, token: Any, request: Any, *args: Any, **kwargs: Any) -> None:
        self.access[token["access_token"]] = self.user
        if self.rotates and request.refresh_token:
            self.refresh.discard(request.refresh_token)
        if token.get("refresh_token"):
            self.refresh.add(token["refresh_token"])

    def introspect_token(self, token: str, token_type_hint: str, request: Any, *args: Any, **kwargs: Any) -> Any:
        return {"username": self.access[token]} if token in self.access else None


class TokenServer:
    """`rules` is what it knows: put a refresh token into `rules.refresh`, or take it away as an administrator would."""

    def __init__(self, user: str) -> None:
        self.rules = _Rules(user)
        self.asked: list[dict[str, str]] = []
        self._server = Server(self.rules, token_expires_in=3600)
        self._folder = Path(tempfile.mkdtemp(prefix="nightdesk-tokens-"))
        self.certificate, key = make_certificate(self._folder, "tokens")
        answers = self._answers()
        self._secure = ThreadingHTTPServer(("127.0.0.1", 0), answers)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, key)
        self._secure.socket = context.wrap_socket(self._secure.socket, server_side=True)
        self._plain = ThreadingHTTPServer(("127.0.0.1", 0), answers)
        self.token_url = f"https://127.0.0.1:{self._secure.server_address[1]}/token"
        self.introspection_url = f"http://127.0.0.1:{self._plain.server_address[1]}/introspect"

    def __enter__(self) -> Self:
        for server in (self._secure, self._plain):
            threading.Thread(target=server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        for server in (self._secure, self._plain):
            server.shutdown()
            server.server_close()

    def sign_in(self, url: str) -> str:
        """Somebody opens `url`, agrees, and is sent back: to where. Raises what oauthlib does of a request that is none."""
        scopes, credentials = self._server.validate_authorization_request(url)
        headers, _body, _status = self._server.create_authorization_response(
            url, scopes=scopes, credentials=credentials
        )
        return str(headers["Location"])

    def _answers(self) -> type[BaseHTTPRequestHandler]:
        peer = self

        class Answers(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
                if self.path == "/token":
                    told = peer._server.create_token_response(
                        f"https://127.0.0.1{self.path}", "POST", body, dict(self.headers)
                    )
                    peer.asked.append({"body": body})
                else:
                    # Dovecot asks without a log-in; RFC 7662 wants one, so it stands for a network that it trusts.
                    body += f"&client_id={CLIENT}&client_secret={SECRET.replace(' ', '+')}"
                    told = peer._server.create_introspect_response(
                        "http://127.0.0.1/introspect", "POST", body, dict(self.headers)
                    )
                headers, answer, status = told
                content = (answer or "").encode()
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *args: object) -> None:
                return

        return Answers
