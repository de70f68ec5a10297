"""A real front process for test_front.py: `python -m nightdesk.base.tests.front_sample PORT`."""

import asyncio
import json
import sys
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

from nightdesk.base.front import Front, serve

KEY = b"a key for tests, 32 bytes long.."
MAX_BODY = 100_000
MAX_STREAMS = 320
runs: list[str] = []


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    query = {name: values[0] for name, values in parse_qs(environ["QUERY_STRING"]).items()}
    path, said = environ["PATH_INFO"], {}
    if path == "/publish":
        front.hub.publish(query["topics"].split(","))
    elif path == "/soon-late":
        late_at = datetime.now(UTC) + timedelta(seconds=float(query["in"]))
        front.hot.put("/late", b"on time", late_at=late_at, late_body=b"late")
    elif path == "/sleep":
        time.sleep(float(query["seconds"]))
    elif path == "/flood":
        start_response("200 OK", [("Content-Type", "text/plain")])
        return (b"x" * 65536 for _ in range(2000))
    elif path == "/state":
        said = {"streams": front.hub.streams, "at_work": front.requests_at_work, "runs": runs}
    else:
        names = ("REMOTE_ADDR", "HTTP_HOST", "HTTP_COOKIE", "CONTENT_LENGTH", "QUERY_STRING", "wsgi.url_scheme")
        said = {name: environ.get(name) for name in names}
        said["forwarded"] = [name for name in environ if name.startswith(("HTTP_X_FORWARDED", "HTTP_FORWARDED"))]
        said["body"] = len(environ["wsgi.input"].read())
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(said).encode()]


async def fails_once(front: Front) -> None:
    runs.append("run")
    if len(runs) == 1:
        raise RuntimeError("the first try fails")
    await asyncio.Event().wait()


front = Front(
    application,
    key=KEY,
    background=[fails_once],
    threads=4,
    max_body=MAX_BODY,
    larger_bodies={"/uploads/": 10 * MAX_BODY},
    trusted_proxies=sys.argv[2:],
    max_streams=MAX_STREAMS,
)
front.hot.put("/status", b"<p>All is well.</p>" * 100, host="status.example")
front.hot.put("/status", b"Any other house", cache_control="no-cache", headers={"X-Frame-Options": "DENY"})

if __name__ == "__main__":
    serve(front, "127.0.0.1", int(sys.argv[1]))
