"""A server that takes messages as three chat services do, each as its own documentation has it: ntfy (publishing as JSON),
Mattermost (incoming webhooks) and Gotify (POST /message). Whoever has not the right token is refused as there.
"""

import json
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from tests.peers.record import Record


@dataclass(frozen=True)
class ChatMessage:
    """What stands in a room: `room` is a topic of ntfy, a channel of Mattermost, "" for Gotify, which has none."""

    service: str
    room: str
    title: str
    text: str


class ChatServer:
    """Use it as a context manager; `port` says where it listens on 127.0.0.1.

    `token` is that of ntfy and Gotify, `hook` that of Mattermost. `answers` are (status, headers) that the next requests get
    in place of being taken; status 0 is silence until the server stops. `slow` is the pause before each answer.
    """

    def __init__(
        self, *, token: str = "tk_nightly29charactersofsecret00", hook: str = "hk3s7x9secrethookabcdefgh26"
    ) -> None:
        self.messages: Record[ChatMessage] = Record()
        self.requests: Record[tuple[str, str, dict[str, str]]] = Record()
        self.token, self.hook = token, hook
        self.answers: list[tuple[int, dict[str, str]]] = []
        self.stopping = threading.Event()
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                server.requests.add((self.command, self.path, dict(self.headers)))
                if server.answers:
                    status, headers = server.answers.pop(0)
                    if status == 0:
                        server.stopping.wait(30)
                        return
                    self._say(status, {}, headers)
                    return
                try:
                    told = json.loads(body)
                except ValueError:
                    self._say(400, {"error": "no JSON"})
                    return
                self._say(*server.take(self.path, dict(self.headers), told))

            def _say(self, status: int, answer: Any, headers: dict[str, str] | None = None) -> None:
                raw = answer.encode() if isinstance(answer, str) else json.dumps(answer).encode()
                self.send_response(status)
                for name, value in (headers or {}).items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(raw)))
                self.end_headers()
                self.wfile.write(raw)

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port: int = self._server.server_port

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        self._server.shutdown()
        self._server.server_close()

    def take(self, path: str, headers: dict[str, str], told: Any) -> tuple[int, Any]:
        """The status and body of the answer; the message is kept where it is taken."""
        url = urlsplit(path)
        if url.path == "/":
            return self._ntfy(headers, told)
        if url.path.startswith("/hooks/"):
            return self._mattermost(url.path, told)
        if url.path == "/message":
            given = headers.get("X-Gotify-Key") or (parse_qs(url.query).get("token") or [""])[0]
            return self._gotify(given, told)
        return 404, {"error": "not found"}

    def _ntfy(self, headers: dict[str, str], told: Any) -> tuple[int, Any]:
        if headers.get("Authorization") != f"Bearer {self.token}":
            return 401, {"code": 40101, "http": 401, "error": "unauthorized"}
        if not told.get("topic"):
            return 400, {"code": 40009, "http": 400, "error": "invalid request: topic invalid"}
        self.messages.add(ChatMessage("ntfy", told["topic"], told.get("title", ""), told.get("message", "")))
        return 200, {"id": "k9", "time": int(time.time()), "event": "message", "topic": told["topic"]}

    def _mattermost(self, path: str, told: Any) -> tuple[int, Any]:
        if path != f"/hooks/{self.hook}":
            return 400, {"id": "web.incoming_webhook.invalid.app_error", "status_code": 400}
        if not told.get("text") and not told.get("attachments"):
            return 400, {"id": "web.incoming_webhook.text.app_error", "status_code": 400}
        self.messages.add(ChatMessage("mattermost", told.get("channel") or "", "", told["text"]))
        return 200, "ok"

    def _gotify(self, given: str, told: Any) -> tuple[int, Any]:
        if given != self.token:
            return 401, {"error": "Unauthorized", "errorCode": 401}
        if not told.get("message"):
            return 400, {"error": "Bad Request", "errorCode": 400}
        self.messages.add(ChatMessage("gotify", "", told.get("title", ""), told["message"]))
        return 200, {"id": 1, "appid": 1, "message": told["message"], "title": told.get("title", "")}
