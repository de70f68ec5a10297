"""The front as a real process: granian, a small WSGI application, and clients on sockets."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from nightdesk.base.live import make_ticket

KEY = b"a key for tests, 32 bytes long.."
MAX_BODY = 100_000
MAX_STREAMS = 320


class Process:
    def __init__(self, *trusted: str) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.child = subprocess.Popen(
            [sys.executable, "-m", "nightdesk.base.tests.front_sample", str(self.port), *trusted],
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
            stderr=subprocess.PIPE,
        )
        eventually(lambda: self.get("/").status == 200)

    def request(self, method, path, body=None, headers=None, chunked=False):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, body=body, headers=headers or {}, encode_chunked=chunked)
            response = connection.getresponse()
            response.body = response.read()
            return response
        finally:
            connection.close()

    def get(self, path, **headers):
        return self.request("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})

    def said(self, path, **headers):
        return json.loads(self.get(path, **headers).body)

    def stream(self, *topics, ticket=None):
        if ticket is None:
            # A page from the future has missed nothing, so whatever the stream says is news.
            now = datetime.now(UTC)
            ticket = make_ticket(KEY, topics, now + timedelta(hours=1), issued_at=now + timedelta(minutes=1))
        return Stream(self.port, ticket)

    def stop(self) -> tuple[int, float]:
        """The exit code after SIGTERM, and how many seconds it took."""
        began = time.monotonic()
        self.child.send_signal(signal.SIGTERM)
        code = self.child.wait(timeout=60)
        return code, time.monotonic() - began


class Stream:
    """One EventSource, read by hand."""

    def __init__(self, port: int, ticket: str) -> None:
        self.socket = socket.socket()
        self.socket.settimeout(30)
        self.socket.connect(("127.0.0.1", port))
        self.socket.sendall(f"GET /live?t={ticket} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        self.seen = b""

    def until(self, wanted: bytes) -> bytes:
        """Read until `wanted` has come; socket.timeout fails the test when it does not."""
        while wanted not in self.seen:
            some = self.socket.recv(65536)
            assert some, f"the stream ended before {wanted!r}: {self.seen!r}"
            self.seen += some
        return self.seen

    def close(self) -> None:
        self.socket.close()


def eventually(claim, seconds: float = 60.0) -> None:
    """Fail unless `claim()` becomes true in time."""
    end = time.monotonic() + seconds
    while True:
        try:
            if claim():
                return
        except OSError:
            pass
        assert time.monotonic() < end, "it did not become so in time"
        time.sleep(0.02)


@contextmanager
def running(*trusted: str) -> Iterator[Process]:
    process = Process(*trusted)
    try:
        yield process
    finally:
        process.child.kill()
        process.child.communicate()


@pytest.fixture(scope="module")
def front() -> Iterator[Process]:
    with running("127.0.0.1") as process:
        yield process


def test_a_hot_page_is_answered_with_its_headers_and_then_with_304(front):
    page = front.get("/status", Host="status.example")
    assert page.body == b"<p>All is well.</p>" * 100
    assert page.headers["Cache-Control"] == "public, max-age=5"
    again = front.get("/status", Host="status.example", If_None_Match=page.headers["ETag"])
    assert (again.status, again.body, again.headers["ETag"]) == (304, b"", page.headers["ETag"])


def test_hot_pages_are_kept_apart_by_host_and_other_methods_reach_the_application(front):
    other = front.get("/status?utm=mail", Host="else.example:8443")
    assert (other.body, other.headers["X-Frame-Options"]) == (b"Any other house", "DENY")
    assert front.get("/status", Host="STATUS.example:80").body.startswith(b"<p>")
    assert json.loads(front.request("POST", "/status", body=b"12345").body)["body"] == 5


def test_head_of_a_hot_page_tells_its_length_and_sends_no_body(front):
    head = front.request("HEAD", "/status", headers={"Host": "status.example"})
    assert (head.status, head.body, head.headers["Content-Length"]) == (200, b"", "1900")


def test_a_hot_page_is_compressed_for_those_who_take_it(front):
    small = front.get("/status", Host="status.example", Accept_Encoding="br, gzip")
    assert small.headers["Content-Encoding"] == "gzip"
    assert len(small.body) < 200
    assert small.headers["ETag"] != front.get("/status", Host="status.example").headers["ETag"]


def test_the_late_variant_takes_over_by_itself(front):
    front.get("/soon-late?in=0.4")
    assert front.get("/late").body == b"on time"
    eventually(lambda: front.get("/late").body == b"late")


def test_a_change_reaches_its_listeners_at_once_and_nobody_else(front):
    page, other = front.stream("page:1"), front.stream("page:2")
    head = page.until(b"retry:")
    assert b"text/event-stream" in head
    assert b"no-store" in head
    assert b"x-accel-buffering: no" in head.lower()
    other.until(b": open")
    began = time.monotonic()
    front.get("/publish?topics=page:1")
    page.until(b"event: changed\ndata: page:1\n\n")
    assert time.monotonic() - began < 10, "a sign of life comes each 15 s"
    front.get("/publish?topics=page:2")
    assert b"page:1" not in other.until(b"data: page:2\n\n")
    page.close()
    other.close()
    eventually(lambda: front.said("/state")["streams"] == 0)


@pytest.mark.parametrize(
    ("ticket", "words"),
    [
        ("", b"not valid"),
        ("x.y", b"not valid"),
        (make_ticket(b"another key, just as long as one", ["a"], datetime(2999, 1, 1, tzinfo=UTC)), b"not valid"),
        (make_ticket(KEY, ["a"], datetime(2020, 1, 1, tzinfo=UTC)), b"expired"),
    ],
    ids=["none", "nonsense", "forged", "expired"],
)
def test_a_stream_needs_a_good_ticket(front, ticket, words):
    refused = front.get(f"/live?t={ticket}")
    assert refused.status == 403
    assert words in refused.body


def test_a_stream_ends_when_its_ticket_does(front):
    stream = front.stream(ticket=make_ticket(KEY, ["a"], datetime.now(UTC) + timedelta(seconds=0.3)))
    stream.until(b"event: end\ndata: expired\n\n")
    stream.close()


def test_a_listener_that_reads_nothing_holds_nobody_up(front):
    lazy, keen = front.stream("busy"), front.stream("busy", "last")
    keen.until(b": open")
    for _ in range(50):
        front.get("/publish?topics=" + ",".join(["busy"] * 20))
    front.get("/publish?topics=last")
    keen.until(b"data: last\n\n")
    lazy.close()
    keen.close()


def test_a_reader_that_stalls_in_an_answer_holds_no_other_request_up(front):
    lazy = [socket.create_connection(("127.0.0.1", front.port)) for _ in range(3)]
    for one in lazy:
        one.sendall(b"GET /flood HTTP/1.1\r\nHost: x\r\n\r\n")
    eventually(lambda: front.said("/state")["at_work"] == 4)  # three floods and this question
    for one in lazy:
        one.close()
    eventually(lambda: front.said("/state")["at_work"] == 1)


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunks"])
@pytest.mark.parametrize("size", [MAX_BODY + 1, 5_000_000])
def test_a_body_over_the_limit_is_refused_with_a_problem(front, chunked, size):
    body = iter([b"x" * 50_000] * (size // 50_000) + [b"x"]) if chunked else b"x" * size
    refused = front.request("POST", "/alarm", body=body, chunked=chunked)
    assert (refused.status, refused.headers["Content-Type"]) == (413, "application/problem+json")
    problem = json.loads(refused.body)
    assert (problem["status"], problem["code"]) == (413, "body_too_large")
    assert str(MAX_BODY) in problem["detail"]


def test_a_body_at_the_limit_and_a_larger_one_at_its_own_address_pass(front):
    assert json.loads(front.request("POST", "/alarm", body=b"x" * MAX_BODY).body)["body"] == MAX_BODY
    assert json.loads(front.request("POST", "/uploads/1", body=b"x" * (10 * MAX_BODY)).body)["body"] == 10 * MAX_BODY
    assert front.request("POST", "/uploads/1", body=b"x" * (10 * MAX_BODY + 1)).status == 413


def test_a_chunked_body_reaches_the_application_whole_and_with_a_length(front):
    said = json.loads(front.request("POST", "/alarm", body=iter([b"abc", b"de"]), chunked=True).body)
    assert (said["CONTENT_LENGTH"], said["body"]) == ("5", 5)


def test_half_a_body_never_reaches_the_application(front):
    stream = front.stream("half", "after")
    stream.until(b": open")
    half = socket.create_connection(("127.0.0.1", front.port))
    half.sendall(b"POST /publish?topics=half HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nonly this")
    assert front.said("/state")["at_work"] == 1  # this question alone
    half.close()
    front.get("/publish?topics=after")
    assert b"half" not in stream.until(b"data: after")
    stream.close()


def test_raw_bytes_in_a_query_and_two_cookie_lines_are_put_right(front):
    raw = socket.create_connection(("127.0.0.1", front.port), timeout=30)
    raw.sendall(b"GET /?q=caf\xc3\xa9 HTTP/1.1\r\nHost: x\r\nCookie: a=1\r\nCookie: b=2\r\nConnection: close\r\n\r\n")
    answer = raw.makefile("rb").read().decode()
    raw.close()
    said = json.loads(answer[answer.index("{") : answer.rindex("}") + 1])  # it comes in chunks
    assert (said["QUERY_STRING"], said["HTTP_COOKIE"]) == ("q=caf%C3%A9", "a=1; b=2")


CLAIMS = {
    "X-Forwarded-For": "9.9.9.9, 203.0.113.7",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "desk.example",
    "X_Forwarded_For": "6.6.6.6",
    "Forwarded": "for=6.6.6.6",
}


def test_a_trusted_proxy_is_believed_about_the_client(front):
    said = json.loads(front.request("GET", "/", headers=CLAIMS).body)
    assert (said["REMOTE_ADDR"], said["wsgi.url_scheme"], said["HTTP_HOST"]) == ("203.0.113.7", "https", "desk.example")
    assert said["forwarded"] == []


def test_background_work_that_fails_is_started_again(front):
    eventually(lambda: front.said("/state")["runs"] == ["run", "run"])


def test_three_hundred_open_streams_leave_the_other_addresses_alone_and_end_in_time():
    with running() as process:
        streams = [process.stream("tonight") for _ in range(300)]
        for stream in streams:
            stream.until(b": open")
        assert process.said("/state")["streams"] == 300
        assert process.get("/status", Host="status.example").status == 200
        began = time.monotonic()
        process.get("/publish?topics=tonight")
        for stream in streams:
            stream.until(b"data: tonight\n\n")
        assert time.monotonic() - began < 10
        more = [process.stream("tonight") for _ in range(MAX_STREAMS - 300 + 1)]
        full = [one for one in more if b" 503 " in one.until(b"\n")]
        assert len(full) == 1
        assert b"retry-after" in full[0].until(b"\r\n\r\n").lower()
        assert process.stop()[0] == 0
        assert process.child.stderr is not None
        assert b"cut off" not in process.child.stderr.read()  # the streams end by themselves, within the grace
        assert b"event: end\ndata: shutdown\n\n" in streams[0].until(b"event: end\ndata: shutdown\n\n")
        for stream in streams + more:
            stream.close()


def test_nobody_is_believed_unless_named():
    with running() as process:
        said = json.loads(process.request("GET", "/", headers=CLAIMS).body)
        assert (said["REMOTE_ADDR"], said["wsgi.url_scheme"]) == ("127.0.0.1", "http")
        assert said["HTTP_HOST"] == f"127.0.0.1:{process.port}"
        assert said["forwarded"] == []


def test_a_stop_lets_a_short_request_finish_and_cuts_a_hung_one():
    with running() as process:
        answers = {}

        def ask(seconds: str) -> None:
            try:
                answers[seconds] = process.get(f"/sleep?seconds={seconds}").status
            except OSError:
                answers[seconds] = None

        threads = [threading.Thread(target=ask, args=(seconds,)) for seconds in ("1", "45")]
        for thread in threads:
            thread.start()
        eventually(lambda: process.said("/state")["at_work"] == 3)
        code, seconds = process.stop()
        for thread in threads:
            thread.join(timeout=60)
        assert (code, seconds < 30) == (0, True)
        assert process.child.stderr is not None
        assert b"cut off" in process.child.stderr.read()
        assert answers["1"] == 200
        assert answers["45"] in (500, None)


def test_a_port_that_is_taken_is_refused_by_name():
    with running() as process:
        second = subprocess.run(
            [sys.executable, "-m", "nightdesk.base.tests.front_sample", str(process.port)],
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
            capture_output=True,
            timeout=60,
            check=False,
        )
        assert second.returncode == 1
        assert b"in use by another program" in second.stderr
