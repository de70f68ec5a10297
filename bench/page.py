"""The hot status page, while 2,000 live streams are open beside it: against nginx with the same bytes, and a plain Django view.

Five rounds, each of `wrk` with 32 connections on each of the three in turn, on the same cores; the figures are medians of the
rounds' ratios. Requests a second also say how much of the machine wrk and whatever else runs left to the server, the more so
the faster it is; so the processor time that each spends on a request stands beside, which is its own. Then how long after an
update's commit the page says it, in a web process of its own.
"""

import asyncio
import os
import re
import resource
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from bench.figure import at_least, at_most, median, percentile
from bench.ground import database
from tests.system.stack import free_port, until

ROUNDS, SECONDS, CONNECTIONS, STREAMS, UPDATES = 5, 3, 32, 2000, 40
PATH = "/status/quayside/"


@contextmanager
def running(*command: str, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """The command, until the block ends."""
    process = subprocess.Popen(command, env=os.environ | environment, stdout=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(20)


def answers(url: str) -> bool:
    """Whether the page is there, and is the page."""
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return b"Quayside Networks" in answer.read()
    except OSError:
        return False


@dataclass(frozen=True)
class Rate:
    """What one round gave: requests a second, and microseconds of processor time for each."""

    a_second: float
    cpu_us: float


def processor_s(pid: int) -> float:
    """Seconds of processor time that the process and its children, as far as they run, have used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    own = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    children = (each.read_text().split() for each in Path(f"/proc/{pid}/task").glob("*/children"))
    return own + sum(processor_s(int(child)) for row in children for child in row)


def rate_of(url: str, pid: int) -> Rate:
    """What wrk counts, and what it cost the server."""
    before = processor_s(pid)
    said = subprocess.run(
        ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s", url], capture_output=True, text=True, check=True
    ).stdout
    assert "Non-2xx" not in said, said
    found, all_of_it = re.search(r"Requests/sec:\s+([0-9.]+)", said), re.search(r"(\d+) requests in", said)
    assert found is not None, said
    assert all_of_it is not None, said
    return Rate(float(found[1]), (processor_s(pid) - before) / int(all_of_it[1]) * 1e6)


@contextmanager
def nginx(folder: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """One nginx worker that serves the folder."""
    conf = folder.parent / "nginx.conf"
    conf.write_text(
        f"daemon off; master_process off; worker_processes 1; pid {folder.parent}/nginx.pid; error_log stderr;\n"
        "events { worker_connections 4096; }\n"
        f"http {{ access_log off; types {{ text/html html; }} server {{ listen 127.0.0.1:{port}; root {folder}; }} }}\n"
    )
    found = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    assert found is not None, "nginx is not installed"
    with running(found, "-c", str(conf), "-p", str(folder.parent)) as process:
        until(lambda: answers(f"http://127.0.0.1:{port}/"), 10, "nginx answers")
        yield process


class Streams:
    """Open live streams that are read and otherwise left alone, in a process of their own."""

    @staticmethod
    async def hold(port: int, path: str, count: int) -> None:
        """Open them, say so, and read until the end of the input."""
        resource.setrlimit(resource.RLIMIT_NOFILE, (8192, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
        opened = []
        for _ in range(count):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            opened.append((reader, writer))
        for reader, _writer in opened:
            head = await reader.readuntil(b"\r\n\r\n")
            assert b" 200 " in head.split(b"\r\n")[0], head
        print(len(opened), flush=True)
        await asyncio.gather(*(reader.read() for reader, _writer in opened))


def main() -> None:
    with database():
        from nightdesk.access.models import Brand
        from nightdesk.base import clock
        from nightdesk.base.tickets import live_url
        from nightdesk.outages.models import Outage, Part, Update

        at = clock.now()
        brand = Brand.objects.create(name="Quayside Networks", slug="quayside")
        for number in range(12):
            Part.objects.create(
                brand=brand, key=f"part-{number}", name=f"part {number}", kind="site", public=True, position=number,
                public_name=f"Internet at Dock Street {number}",
            )  # fmt: skip
        outage = Outage.objects.create(
            brand=brand, number=1042, title="dock-sw-1", state="investigating", severity="major", origin="person",
            public=True, public_title="Fault at Dock Street", began_at=at, proposed_at=at, confirmed_at=at, changed_at=at,
        )  # fmt: skip

        def publish(number: int) -> None:
            now = clock.now()
            Update.objects.create(
                outage=outage, number=number, kind="update", state="investigating", written_at=now, written_by="Bo",
                written_by_id="7", approved_at=now, published_at=now,
                texts={"en-gb": f"Update {number}: a switch at Dock Street has stopped. We are looking into it. " * 3},
            )  # fmt: skip
            Outage.objects.filter(pk=outage.pk).update(changed_at=now)

        for number in range(1, 9):
            publish(number)
        ports = {"front": free_port(), "nginx": free_port(), "django": free_port()}
        scratch = Path(tempfile.mkdtemp(prefix="nightdesk-page-", dir="/var/tmp"))
        scratch.chmod(0o755)
        urls = {name: f"http://127.0.0.1:{port}{PATH if name == 'front' else '/'}" for name, port in ports.items()}
        front = urlsplit(urls["front"])
        try:
            with running(
                sys.executable, "-m", "nightdesk", "web", NIGHTDESK_PORT=str(ports["front"]),
                NIGHTDESK_STATUS_DIR=str(scratch / "files"),
            ) as web:  # fmt: skip
                until(lambda: answers(urls["front"]), 60, "the page is served")
                page = scratch / "files" / "quayside"
                same = urllib.request.urlopen(urls["front"]).read()
                assert same == (page / "index.html").read_bytes()
                with (
                    nginx(page, ports["nginx"]) as static,
                    running(
                        sys.executable, "-m", "bench.plain_view", str(ports["django"]), str(page / "index.html")
                    ) as plain,
                ):
                    until(lambda: answers(urls["django"]), 30, "the plain view answers")
                    streams = subprocess.Popen(
                        [sys.executable, "-m", "bench.page", str(ports["front"]), live_url(("page",), at=at)],
                        stdout=subprocess.PIPE,
                    )
                    try:
                        assert streams.stdout is not None
                        assert streams.stdout.readline() == f"{STREAMS}\n".encode(), "not all streams could be opened"
                        rates: dict[str, list[Rate]] = {name: [] for name in urls}
                        servers = {"front": web.pid, "nginx": static.pid, "django": plain.pid}
                        for _ in range(ROUNDS):
                            for name, url in urls.items():
                                rates[name].append(rate_of(url, servers[name]))
                        assert streams.poll() is None, "the streams ended"
                    finally:
                        streams.kill()
                        streams.wait()
                tell(rates, len(same))
                late = [
                    seconds_until_said(front.hostname or "", ports["front"], number, publish)
                    for number in range(9, 9 + UPDATES)
                ]
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        at_most("page_right_after", percentile(late, 1.0), "s from commit to the page, worst of 40", 1.0).keep()
        print(f"page: right after {statistics.median(late) * 1000:.0f} ms (median)")


def tell(rates: dict[str, list[Rate]], size: int) -> None:
    """The ratios, round by round, and what they are made of."""

    def against(name: str, what: Callable[[Rate, Rate], float]) -> float:
        return median([what(ours, theirs) for ours, theirs in zip(rates["front"], rates[name], strict=True)])

    of_nginx = against("nginx", lambda ours, theirs: ours.a_second / theirs.a_second)
    of_django = against("django", lambda ours, theirs: ours.a_second / theirs.a_second)
    work = against("django", lambda ours, theirs: theirs.cpu_us / ours.cpu_us)
    at_least("page_of_nginx", of_nginx, "of nginx with the same bytes", 0.4).keep()
    at_least("page_of_django", of_django, "times a plain Django view", 5).keep()
    at_least(
        "page_for_the_work_of_django", work, "pages for the processor time of one from a plain Django view", 5
    ).keep()
    for name, values in rates.items():
        speed, cost = [one.a_second for one in values], [one.cpu_us for one in values]
        print(
            f"page: {name} {median(speed):,.0f} requests a second ({min(speed):,.0f} to {max(speed):,.0f}),"
            f" {median(cost):,.0f} us of processor time each, {size:,} B"
        )


def seconds_until_said(host: str, port: int, number: int, publish) -> float:
    """From the commit of an update until a reader of the page sees it, looking every few milliseconds."""
    publish(number)
    committed = time.monotonic()
    with socket.create_connection((host, port)):
        while f"Update {number}:".encode() not in urllib.request.urlopen(f"http://{host}:{port}{PATH}").read():
            assert time.monotonic() - committed < 10, "the page does not say it"
            time.sleep(0.005)
    return time.monotonic() - committed


if __name__ == "__main__":
    if len(sys.argv) > 1:
        asyncio.run(Streams.hold(int(sys.argv[1]), sys.argv[2], STREAMS))
    else:
        main()
