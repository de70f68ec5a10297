"""Every parser of bytes from outside, real samples for each, and a way to spoil them; `make fuzz` and test_fuzz.py run them.

A case is a sample changed at random, from a number: the same number spoils in the same way on every machine. A parser may
answer anything, or refuse in its own way; it may not raise anything else, take more than `WITHIN_S` of the processor, or
keep more than `MEMORY_BYTES`.
"""

import asyncio
import json
import random
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs
from zoneinfo import ZoneInfo

from nightdesk.channels import smpp_pdu, smpp_text, snpp_reply, tap_block
from nightdesk.lines.asterisk.client import Ari, read_event
from nightdesk.lines.asterisk.exchange import Asterisk
from nightdesk.mailroom import mime, rtf, smime, tnef
from nightdesk.mailroom.contents import read_contents
from nightdesk.mailroom.html_safe import safe_html
from nightdesk.mailroom.invites import invite_text
from nightdesk.mailroom.letter import read_attachments, read_letter
from nightdesk.mailroom.own_words import own_words
from nightdesk.mailroom.reports import read_reports
from nightdesk.mailroom.tests import corpora
from nightdesk.mailroom.tests.test_contents import HTML, winmail
from nightdesk.outages.calendar_lines import read_events
from nightdesk.outages.maintnote import notes_in_letter, read_maintnotes
from nightdesk.outages.tests.notes import NOTES
from nightdesk.paging.formats import FORMATS, Malformed
from nightdesk.paging.tests.test_formats import VALID
from nightdesk.rota.turn_file import read_turns

WITHIN_S = 3.0
MEMORY_BYTES = 300_000_000
LARGEST = 200_000
TRICKY = (
    b"\0", b"\xff", b"\xc3\x28", b"\xef\xbb\xbf", b"\xff\xfe", b"\xed\xa0\x80", b"\r\n", b"\r\n\r\n", b"--", b'"', b"\\",
    b"{", b"[", b"}", b"]", b"<", b">", b"&#x0;", b"<!--", b"-1", b"1e999", b"NaN", b"99999999999999999999",
    b"=?utf-8?Q?", b"=?x?B?====?=", b"filename*0*=x''%", b"charset=utf-7", b"begin 644 x\r\n", b"\x78\x9f\x3e\x22",
    b"Content-Type: multipart/mixed; boundary=\r\n", b"BEGIN:VEVENT\r\n", b"END:VEVENT\r\n",
    b"RRULE:FREQ=SECONDLY\r\n", b"DTSTART:00010101T000000Z\r\n", b"\x02", b"\x03", b"\x17", b"\x1e",
)  # fmt: skip


class TooSlow(BaseException):
    """No `except Exception` of a parser may swallow it."""


@dataclass(frozen=True)
class Target:
    """One parser, with samples of what it reads; `refuses`: what it may raise."""

    name: str
    samples: Callable[[], Sequence[bytes]]
    read: Callable[[bytes], object]
    refuses: tuple[type[Exception], ...] = ()


# ---- The parsers ---------------------------------------------------------------------------------------------------------


def _mail(raw: bytes) -> object:
    letter = read_letter(raw)
    read_contents(
        mime.take_apart(raw)
    )  # once more from within: `read_letter` keeps what it can of a mail that trips it up
    read_attachments(raw)
    own_words(letter.text)
    return read_reports(raw)


def _notes_by_mail(raw: bytes) -> object:
    return notes_in_letter(read_letter(raw))


def _calendar(raw: bytes) -> object:
    text = raw.decode("utf-8", "replace")
    invite_text(text)
    read_events(text)
    return read_maintnotes(text)


def _turns(raw: bytes) -> object:
    return read_turns(
        raw, ZoneInfo("Europe/London"), datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 5, 1, tzinfo=UTC)
    )


def _smpp(raw: bytes) -> object:
    buffer = bytearray(raw)
    while (pdu := smpp_pdu.take(buffer)) is not None:
        for read in (smpp_pdu.read_sm, smpp_pdu.read_data_sm):
            try:
                sm = read(pdu.body)
            except smpp_pdu.Garbled:
                continue
            smpp_text.where_it_belongs(sm)
            smpp_text.is_receipt(sm)
            smpp_text.read_receipt(sm)
            for alphabet in ("gsm", "latin-1"):
                smpp_text.read_text(sm.text, sm.data_coding, alphabet)  # type: ignore[arg-type]
        smpp_pdu.message_id_in(pdu.body)
    return buffer


def _snpp(raw: bytes) -> object:
    line = raw.decode("latin-1")
    code = int(line[:3]) if line[:3].isascii() and line[:3].isdigit() else 0
    return snpp_reply.read_status(code, line[4:]), snpp_reply.tag_of(line), snpp_reply.is_tag(line)


def _tap(raw: bytes) -> object:
    heard, answers = raw.decode("latin-1"), 0
    while True:
        answer, heard = tap_block.read_answer(heard)
        if answer is None:
            return answers
        answers += 1


def _alarm(name: str) -> Callable[[bytes], object]:
    def read(raw: bytes) -> object:
        query = {key: values[0] for key, values in parse_qs(raw[-80:].decode("latin-1")).items()}
        FORMATS[name].parse(raw, content_type="application/x-www-form-urlencoded", query=query)
        return FORMATS[name].parse(raw, content_type="application/json")

    return read


def _ari(raw: bytes) -> object:
    async def told() -> None:
        exchange = Asterisk(Ari("http://127.0.0.1:1", "u", "s"), None)  # type: ignore[arg-type]
        exchange._held = None
        for line in raw.split(b"\n"):
            event = read_event(line.decode("utf-8", "replace"))
            if event is not None:
                exchange._told(event)
        await asyncio.sleep(0)
        for task in tuple(exchange._tasks):
            task.cancel()
        await asyncio.gather(*exchange._tasks, return_exceptions=True)

    return asyncio.run(told())


# ---- The samples ---------------------------------------------------------------------------------------------------------


def _files(*paths: Path) -> Sequence[bytes]:
    return [path.read_bytes()[:LARGEST] for path in paths]


@cache
def _mails() -> Sequence[bytes]:
    return _files(*corpora.bounces(), *corpora.odd(), *corpora.answers())


@cache
def _notes() -> Sequence[bytes]:
    found = sorted(path for path in NOTES.rglob("*") if path.is_file() and path.suffix in ("", ".eml"))
    return [raw for raw in _files(*found) if b"VCALENDAR" in raw or b"Subject:" in raw]


@cache
def _calendars() -> Sequence[bytes]:
    written = (
        b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VTIMEZONE\r\nTZID:Odd\r\nBEGIN:STANDARD\r\nDTSTART:19701025T030000\r\n"
        b"RRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU\r\nTZOFFSETFROM:+0200\r\nTZOFFSETTO:+0100\r\nEND:STANDARD\r\nEND:VTIMEZONE\r\n"
        b"BEGIN:VEVENT\r\nUID:1\r\nSUMMARY:first: Bo\r\nDTSTART;TZID=Odd:20260302T080000\r\nDURATION:P1W\r\n"
        b"RRULE:FREQ=WEEKLY;INTERVAL=2;UNTIL=20260601T000000Z\r\nEXDATE:20260316T080000Z\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n",
        b"seat,who,starts_at,ends_at\r\nfirst,Bo,2026-03-01 18:00,2026-03-02 08:00\r\n",
    )
    return [*written, *(raw for raw in _notes() if raw.lstrip()[:15] == b"BEGIN:VCALENDAR")]


def _pdus() -> Sequence[bytes]:
    address = bytes([1, 1]) + b"447700900123\0"
    receipt = (
        b"id:0123456789 sub:001 dlvrd:001 submit date:2611140300 done date:2611140301 stat:DELIVRD err:000 text:hi"
    )
    said = b"\0" + address + address + bytes([4, 0, 0]) + b"\0\0" + bytes([1, 0, 0, 0, len(receipt)]) + receipt
    joined = (
        b"\0"
        + address
        + address
        + bytes([0x40, 0, 0])
        + b"\0\0"
        + bytes([0, 0, 8, 0, 10])
        + b"\x05\0\x03\x07\x02\x01\0h\0i"
    )
    tlvs = b"\0" + address + address + bytes([0, 0, 0]) + b"\x04\x24\0\x03abc\x00\x1e\0\x02a\0\x04\x27\0\x01\x02"
    return [
        smpp_pdu.Pdu(smpp_pdu.DELIVER_SM, 0, 7, said).encoded(),
        smpp_pdu.Pdu(smpp_pdu.DELIVER_SM, 0, 8, joined).encoded() + smpp_pdu.Pdu(smpp_pdu.ENQUIRE_LINK, 0, 9).encoded(),
        smpp_pdu.Pdu(smpp_pdu.DATA_SM, 0, 10, tlvs).encoded(),
    ]


def _alarm_samples(name: str) -> Callable[[], Sequence[bytes]]:
    if name == "email":
        return lambda: [*_mails()[:20]]
    return lambda: [json.dumps(VALID[name]).encode()]


def _ari_events() -> Sequence[bytes]:
    channel = {
        "id": "1732.1", "name": "PJSIP/trunk-1", "state": "Ring", "caller": {"name": "", "number": "+441632960001"},
        "connected": {"name": "", "number": ""}, "creationtime": "2026-11-26T19:00:00.000+0000",
        "dialplan": {"context": "in", "exten": "+442079460100", "priority": 2},
    }  # fmt: skip
    events = [
        {"type": "StasisStart", "args": ["in", "+442079460100", "allowed"], "channel": channel},
        {"type": "ChannelDtmfReceived", "digit": "5", "duration_ms": 90, "channel": channel},
        {"type": "Dial", "dialstatus": "RINGING", "peer": channel, "forward": ""},
        {"type": "ChannelStateChange", "channel": channel | {"state": "Ringing"}},
        {"type": "PlaybackFinished", "playback": {"id": "p1", "media_uri": "sound:x", "state": "done"}},
        {
            "type": "RecordingFinished",
            "recording": {"name": "r.caller.1", "format": "wav", "state": "done", "duration": 3},
        },
        {"type": "DeviceStateChanged", "device_state": {"name": "PJSIP/bo", "state": "NOT_INUSE"}},
        {"type": "StasisEnd", "channel": channel},
        {"type": "ChannelDestroyed", "cause": 16, "cause_txt": "Normal Clearing", "channel": channel},
    ]
    return [
        b"\n".join(json.dumps(event).encode() for event in events),
        *(json.dumps(event).encode() for event in events),
    ]


def _parts(kind: str) -> Callable[[], Sequence[bytes]]:
    """The parts of the mails of which the type begins so, else any sample at all."""

    @cache
    def found() -> Sequence[bytes]:
        contents = [each for raw in _mails() for each in _leaves(mime.take_apart(raw)) if each[0].startswith(kind)]
        return [content[:LARGEST] for _type, content in contents] or [b"<p>Hello</p>"]

    return found


def _leaves(entity: Any) -> Iterator[tuple[str, bytes]]:
    if entity.children:
        for part in entity.children:
            yield from _leaves(part)
    else:
        yield entity.media_type, entity.content


TARGETS = (
    Target("mail", _mails, _mail),
    Target("html of mails", _parts("text/html"), lambda raw: safe_html(raw.decode("utf-8", "replace"))),
    Target("tnef", lambda: [winmail("Plan", HTML, ("a.txt", b"", b"abc"))], tnef.unwrap),
    Target("rtf", lambda: [b"{\\rtf1\\ansi\\fromhtml1 {\\*\\htmltag64 <p>}Hello\\'e9\\u8364?{\\*\\bin3 abc}}"], rtf.read_rtf),
    Target("s/mime", lambda: [bytes.fromhex("3080060a2a864886f70d010702a080308002010131000000") * 2], smime.signed_content),
    Target("maintnote by mail", _notes, _notes_by_mail),
    Target("icalendar", _calendars, _calendar),
    Target("turns from a file", _calendars, _turns),
    Target("smpp", _pdus, _smpp, (smpp_pdu.Garbled,)),
    Target("snpp", lambda: [b"250 Page queued\r\n", b"888 0001 261114030000 07 On my way\r\n", b"960 No response\r\n"], _snpp),
    Target("tap", lambda: [b"ID=\r\x06\r\x1b[p\r", b"110 1.8\r\x06\r", b"211 Accepted\r\x15\r\x1b\x04\r", b"514\r\x1e\r"], _tap),
    *(Target(f"alarms: {name}", _alarm_samples(name), _alarm(name), (Malformed,)) for name in FORMATS),
    Target("ari", _ari_events, _ari),
)  # fmt: skip


# ---- How they are spoilt -------------------------------------------------------------------------------------------------


def spoilt(target: Target, number: int) -> bytes:
    """Case `number` of the target; the first ones are its samples as they are."""
    samples = target.samples()
    if number < len(samples) and number < 3:
        return samples[number]
    chance = random.Random(f"{target.name} {number}")
    raw = bytearray(chance.choice(samples))
    for _ in range(chance.choice((1, 1, 2, 3, 8))):
        chance.choice(CHANGES)(raw, chance, samples)
    return bytes(raw[:LARGEST])


def _flip(raw: bytearray, chance: random.Random, _samples: Sequence[bytes]) -> None:
    for _ in range(chance.choice((1, 4, 32))):
        if raw:
            raw[chance.randrange(len(raw))] ^= 1 << chance.randrange(8)


def _cut(raw: bytearray, chance: random.Random, _samples: Sequence[bytes]) -> None:
    begin, end = _span(raw, chance)
    del raw[begin:end]


def _end_early(raw: bytearray, chance: random.Random, _samples: Sequence[bytes]) -> None:
    del raw[chance.randrange(len(raw) + 1) :]


def _repeat(raw: bytearray, chance: random.Random, _samples: Sequence[bytes]) -> None:
    begin, end = _span(raw, chance)
    raw[begin:begin] = raw[begin:end] * chance.choice((1, 2, 50, 2000)) if end - begin < 200 else raw[begin:end]


def _insert(raw: bytearray, chance: random.Random, _samples: Sequence[bytes]) -> None:
    at = chance.randrange(len(raw) + 1)
    raw[at:at] = chance.choice(TRICKY) * chance.choice((1, 1, 3, 500, 20_000))


def _splice(raw: bytearray, chance: random.Random, samples: Sequence[bytes]) -> None:
    other = bytearray(chance.choice(samples))
    begin, end = _span(other, chance)
    at = chance.randrange(len(raw) + 1)
    raw[at:at] = other[begin:end]


def _other_number(raw: bytearray, chance: random.Random, _samples: Sequence[bytes]) -> None:
    digits = [at for at, octet in enumerate(raw) if 48 <= octet <= 57]
    if digits:
        at = chance.choice(digits)
        raw[at : at + 1] = chance.choice((b"0", b"9" * 30, b"-1", b"1.5", b"null", b"", b"\xd9\xa3"))


def _other_value(raw: bytearray, chance: random.Random, _samples: Sequence[bytes]) -> None:
    """Of JSON: something else stands where a value stood."""
    try:
        whole = json.loads(raw)
    except (ValueError, RecursionError):
        return
    places = list(_places(whole))
    if places:
        inside, key = chance.choice(places)
        inside[key] = chance.choice(
            (None, 0, -1.5, "", "x" * 9000, [], {}, [[]], {"": None}, True, "\x00", "\ud800", 10**30)
        )
        raw[:] = json.dumps(whole).encode()


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    keys = value.keys() if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        yield value, key
        yield from _places(value[key])


def _span(raw: bytearray, chance: random.Random) -> tuple[int, int]:
    begin = chance.randrange(len(raw) + 1)
    return begin, min(len(raw), begin + chance.choice((1, 5, 40, 400, 4000)))


CHANGES = (_flip, _cut, _end_early, _repeat, _insert, _splice, _other_number, _other_value)


# ---- How a case is tried -------------------------------------------------------------------------------------------------


@contextmanager
def _bounded(seconds: float) -> Iterator[None]:
    def stop(*_: object) -> None:
        raise TooSlow(f"more than {seconds:g} s of the processor")

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def faults_of(target: Target, numbers: Sequence[int]) -> list[str]:
    """What went wrong in which case, as one line each."""
    found = []
    for number in numbers:
        raw = spoilt(target, number)
        held = _memory_from_here()
        try:
            with _bounded(WITHIN_S):
                target.read(raw)
        except target.refuses:
            pass
        except (Exception, TooSlow) as fault:
            found.append(f"{target.name} {number}: {type(fault).__name__}: {str(fault)[:200]}")
        taken = _memory("VmHWM") - held
        if taken > MEMORY_BYTES:
            found.append(f"{target.name} {number}: took {taken >> 20} MB")
    return found


def _memory_from_here() -> int:
    """What this process holds now; from here on its peak is counted anew (proc(5), clear_refs)."""
    Path("/proc/self/clear_refs").write_text("5")
    return _memory("VmRSS")


def _memory(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name)) * 1024
