"""A web server that answers each request as it was told to, and keeps what came."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

from tests.peers.record import Record


class Receiver:
    """Use it as a context manager. `requests` are (path, headers, body); `answers` are (status, headers) that the next ones
    get in place of `usual`, status 0 is silence until the server stops; `says` is the body of a status.
    """

    def __init__(self) -> None:
        self.requests: Record[tuple[str, dict[str, str], bytes]] = Record()
        self.answers: list[tuple[int, dict[str, str]]] = []
        self.usual, self.says = 200, dict[int, bytes]()
        self.stopping = threading.Event()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.do_POST()

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                status, headers = receiver.answers.pop(0) if receiver.answers else (receiver.usual, {})
                said = receiver.says.get(status, b"")
                if status == 0:
                    receiver.stopping.wait(20)
                    return
                receiver.requests.add((self.path, dict(self.headers), body))
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(said)))
                self.end_headers()
                self.wfile.write(said)

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"

    def __enter__(self) -> Self:
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        self.server.shutdown()
        self.server.server_close()
