"""The phone line under load: sipp rings 20 times a second for a minute, and 150 calls talk at once.

`calls_driver`: the line driver and the least that decides; a telephone (sipp) is rung, picks up at once, the caller is
answered, the two are joined. `calls_whole`: the process `nightdesk line` with the flow and a database on disk; a caller is
answered and greeted. Yardstick in the same run: the same Asterisk, whose dialplan alone dials that telephone, half of the
calls before and half after. From INVITE to 200 as sipp measures it at the caller. CALLS_S: seconds (60).

`calls_at_once_lost`: while most talk, the share of RTP packets that are missing by their numbers where Asterisk hears callers
and telephones (whose sound is its own, echoed: so that both ways to the telephone count), and of those that it heard in a
call and did not send on to the other side. What is under way at that moment counts as lost.
"""

import asyncio
import csv
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.figure import at_least, at_most, percentile
from bench.ground import database
from tests.phone.asterisk import SECRET, USER, Asterisk, free_udp_port, new_folder
from tests.system.stack import ROOT, until

RATE, SECONDS = 20, int(os.environ.get("CALLS_S", "60"))
HOLD_S = 5
AT_ONCE = 150
LINE, PLAIN = "+442079460000", "+442079460900"
UAC = """<?xml version="1.0" encoding="UTF-8"?>
<scenario name="caller">
<send retrans="500"><![CDATA[
INVITE sip:{number}@[remote_ip]:[remote_port] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: <sip:+4477009[call_number]@[local_ip]:[local_port]>;tag=[call_number]
To: <sip:{number}@[remote_ip]:[remote_port]>
Call-ID: [call_id]
CSeq: 1 INVITE
Contact: <sip:caller@[local_ip]:[local_port]>
Max-Forwards: 70
Content-Type: application/sdp
Content-Length: [len]

v=0
o=- 1 1 IN IP4 [local_ip]
s=-
c=IN IP4 [media_ip]
t=0 0
m=audio [media_port] RTP/AVP 8
a=rtpmap:8 PCMA/8000
]]></send>
<recv response="100" optional="true"/><recv response="180" optional="true"/><recv response="183" optional="true"/>
<recv response="200" rtd="true" rrs="true"/>
<send><![CDATA[
ACK [next_url] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: <sip:+4477009[call_number]@[local_ip]:[local_port]>;tag=[call_number]
To: <sip:{number}@[remote_ip]:[remote_port]>[peer_tag_param]
Call-ID: [call_id]
CSeq: 1 ACK
Max-Forwards: 70
Content-Length: 0

]]></send>
{audio}
<pause milliseconds="{hold_ms}"/>
<send retrans="500"><![CDATA[
BYE [next_url] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: <sip:+4477009[call_number]@[local_ip]:[local_port]>;tag=[call_number]
To: <sip:{number}@[remote_ip]:[remote_port]>[peer_tag_param]
Call-ID: [call_id]
CSeq: 2 BYE
Max-Forwards: 70
Content-Length: 0

]]></send>
<recv response="200"/>
</scenario>
"""
AUDIO = '<nop><action><exec play_pcap_audio="{pcap}"/></action></nop>'
PCAP = "/usr/share/sip-tester/g711a.pcap"


@contextmanager
def _answering(folder: Path, audio: bool) -> Iterator[int]:
    """sipp as every telephone: picks up at once. Its port."""
    port = free_udp_port(2)
    echo = ["-rtp_echo"] if audio else []
    with (folder / "uas.out").open("wb") as out:
        running = subprocess.Popen(
            ["sipp", "-sn", "uas", "-i", "127.0.0.1", "-p", str(port), "-mp", str(free_udp_port(4)), "-nostdin", *echo],
            stdout=out, stderr=out, cwd=folder,
        )  # fmt: skip
    try:
        yield port
    finally:
        running.kill()
        running.wait()


def _ring(
    exchange: Asterisk, number: str, calls: int, rate: float, hold_s: float, audio: bool
) -> tuple[list[float], int]:
    """(milliseconds from INVITE to 200 of each call that was answered, how many failed)."""
    folder = Path(tempfile.mkdtemp(dir=exchange.folder))
    sound = AUDIO.format(pcap=PCAP) if audio else ""
    (folder / "caller.xml").write_text(UAC.format(number=number, hold_ms=round(hold_s * 1000), audio=sound))
    done = subprocess.run(
        [
            "sipp", "-sf", "caller.xml", f"127.0.0.1:{exchange.sip}", "-i", "127.0.0.1", "-p", str(free_udp_port(2)),
            "-mp", "31000" if not audio else "30000", "-m", str(calls), "-r", str(rate), "-l", str(calls),
            "-trace_rtt", "-rtt_freq", "1",
            "-trace_stat", "-nostdin", "-timeout", f"{calls / rate + hold_s + 60:.0f}s",
        ],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    times = [
        float(row[1])
        for file in folder.glob("*rtt*.csv")
        for row in csv.reader(file.open(), delimiter=";")
        if row[0][0].isdigit()
    ]
    stat = [row for file in folder.glob("*_.csv") for row in csv.DictReader(file.open(), delimiter=";")]
    failed = int(stat[-1]["FailedCall(C)"]) if stat else calls
    if done.returncode not in (0, 1):
        print(done.stdout[-500:], done.stderr[-500:], file=sys.stderr)
    return times, failed


class Deciding:
    """The least that decides: an engineer is rung, and joined once they have picked up. No database, no words."""

    def __init__(self, asterisk: Asterisk, port: int) -> None:
        self.asterisk, self.port = asterisk, port

    def __enter__(self) -> "Deciding":
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.calls", "decide", self.asterisk.url, str(self.port)],
            env=dict(os.environ),
            cwd=ROOT,
        )
        until(lambda: "nightdesk" in self.asterisk.cli("ari show apps"), 30, "it is connected")
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()


def _decide(url: str, port: str) -> None:
    from nightdesk.lines import exchange as to
    from nightdesk.lines.asterisk.client import Ari
    from nightdesk.lines.asterisk.exchange import Asterisk as Driver
    from nightdesk.lines.speech import Speech

    async def run() -> None:
        driver = Driver(Ari(url, USER, SECRET), Speech(), trunk=f"PJSIP/anonymous/sip:{{digits}}@127.0.0.1:{port}")

        async def heard(call: Any, event: to.Event) -> None:
            match event:
                case to.Came():
                    await driver.carry_out(call, [to.Ring("e1", "+442079460111", LINE)])
                case to.PickedUp("e1"):
                    await driver.carry_out(call, [to.Answer("caller"), to.Join(["caller", "e1"])])
                case to.Gone(leg):
                    await driver.carry_out(call, [to.HangUp("caller" if leg == "e1" else "e1")])

        async with asyncio.TaskGroup() as group:
            group.create_task(driver.run(heard))
            group.create_task(driver.alive())

    asyncio.run(run())


@contextmanager
def _line_process(asterisk: Asterisk) -> Iterator[None]:
    """The product's own process, on the benchmark's database; a line whose callers are greeted and asked for a message."""
    from nightdesk.access import actions as access
    from nightdesk.base import clock
    from nightdesk.base.actors import SCHEDULER, Door
    from nightdesk.calls.models import Line

    doing: dict[str, Any] = {"by": SCHEDULER, "via": Door.CLI, "at": clock.now()}
    brand = access.make_brand(name="Quayside", slug="quayside", **doing)
    Line.objects.create(
        brand=brand, name="Main", numbers=[LINE], shown_number=LINE, pager_number=LINE, greeting="Quayside."
    )
    asked = {"NIGHTDESK_ARI_URL": asterisk.url, "NIGHTDESK_ARI_USER": USER, "NIGHTDESK_ARI_SECRET": SECRET}
    running = subprocess.Popen([sys.executable, "-m", "nightdesk", "line"], env=os.environ | asked, cwd=ROOT)
    try:
        until(lambda: "nightdesk" in asterisk.cli("ari show apps"), 60, "nightdesk line is connected")
        yield
    finally:
        running.terminate()
        running.wait(20)


def _told(name: str, ours: Sequence[float], plain: Sequence[float], failed: int) -> None:
    ours_50, ours_99 = percentile(ours, 0.5), percentile(ours, 0.99)
    plain_50, plain_99 = percentile(plain, 0.5), percentile(plain, 0.99)
    at_most(f"{name}_p50", ours_50, "ms", plain_50 + 10, plain_50, "the dialplan alone").keep()
    at_most(f"{name}_p99", ours_99, "ms", plain_99 + 50, plain_99, "the dialplan alone").keep()
    at_most(f"{name}_failed", failed, f"of {len(ours) + failed} calls", 0).keep()


def main() -> None:
    folder = new_folder("nightdesk-calls-")
    calls = RATE * SECONDS
    with _answering(folder, audio=True) as port, database():
        from nightdesk.lines.asterisk import dialplan

        plan = dialplan.extensions([], dialplan.Setting(recordings=str(folder / "spool/recording")))
        first = (
            f"[nightdesk]\nexten => {PLAIN},1,Dial(PJSIP/anonymous/sip:eng@127.0.0.1:{port},10)\n same => n,Hangup()\n"
        )
        asterisk = Asterisk(folder, first + plan.replace("[nightdesk]", "[nightdesk](+)", 1), {}, rtp_ports=3000)
        try:
            asterisk.start()
            plain, lost = _ring(asterisk, PLAIN, calls // 2, RATE, HOLD_S, audio=False)
            with Deciding(asterisk, port):
                driver, driver_failed = _ring(asterisk, LINE, calls, RATE, HOLD_S, audio=False)
                at_once = _at_once(asterisk)
            with _line_process(asterisk):
                whole, whole_failed = _ring(asterisk, LINE, calls, RATE, HOLD_S, audio=False)
            again, more = _ring(asterisk, PLAIN, calls // 2, RATE, HOLD_S, audio=False)
        finally:
            asterisk.stop()
            shutil.rmtree(folder, ignore_errors=True)
    print(f"calls: the dialplan alone lost {lost + more} of {len(plain) + len(again)}", flush=True)
    _told("calls_driver", driver, [*plain, *again], driver_failed)
    _told("calls_whole", whole, [*plain, *again], whole_failed)
    at_once.told()


_STATS = re.compile(r"^ +(\S{8}) .* (\d+K?) +(\d+) +\d+ +[\d.]+ +(\d+K?) +(\d+) +\d+ +[\d.]+ +[\d.]+ *$", re.MULTILINE)
"""A row of `pjsip show channelstats`: bridge, packets received, lost by their numbers, sent, lost as the other side says."""


@dataclass
class AtOnce:
    """What came of many calls at once. `most` were joined at one moment; of `packets` that should have come by then, `lost`."""

    answered: int = 0
    failed: int = 0
    most: int = 0
    packets: int = 0
    lost: int = 0

    def told(self) -> None:
        at_least("calls_at_once", self.most, "bridged calls with audio at once", AT_ONCE).keep()
        at_most("calls_at_once_failed", self.failed, f"of {self.answered + self.failed} calls", 0).keep()
        share = 100 * self.lost / self.packets if self.packets else 100.0
        at_most("calls_at_once_lost", share, f"% of {self.packets} RTP packets", 1).keep()


def _packets(shown: str) -> tuple[int, int, int]:
    """(calls of two, RTP packets that should have come, those that did not) of a `pjsip show channelstats`."""
    calls: dict[str, list[tuple[int, int, int]]] = {}
    for bridge, received, lost, sent, _told_lost in _STATS.findall(shown):
        calls.setdefault(bridge, []).append((_count(received), int(lost), _count(sent)))
    pairs = [pair for pair in calls.values() if len(pair) == 2]
    due = missing = 0
    for one, other in (way for pair in pairs for way in (pair, pair[::-1])):
        due += one[0] + one[1]
        missing += one[1] + max(0, one[0] - other[2])
    return len(pairs), due, missing


def _count(shown: str) -> int:
    return int(shown.removesuffix("K")) * (1000 if shown.endswith("K") else 1)


def _at_once(asterisk: Asterisk) -> AtOnce:
    """150 calls that talk (sound both ways) for some seconds."""
    found = AtOnce()
    with ThreadPoolExecutor(1) as pool:
        ringing = pool.submit(_ring, asterisk, LINE, AT_ONCE * 2, 15, AT_ONCE / 15 + 4, audio=True)
        while not ringing.done():
            count, packets, lost = _packets(asterisk.cli("pjsip show channelstats"))
            if count >= found.most:
                found.most, found.packets, found.lost = count, packets, lost
            time.sleep(0.5)
        times, found.failed = ringing.result()
    found.answered = len(times)
    return found


if __name__ == "__main__":
    if sys.argv[1:2] == ["decide"]:
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "nightdesk.settings")
        import django

        django.setup()
        _decide(*sys.argv[2:4])
    else:
        main()
