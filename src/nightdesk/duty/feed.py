"""Duty as a calendar that phones and mail programs subscribe to (RFC 5545), and the token in its secret address.

Clients look rarely (some once a day), so a calendar is never the alarm. Events are transparent, or a week of duty would
show the person as busy; each has the UID of its seat and start for as long as it exists. One that was given out and has
vanished stands as cancelled until its time is past, as a client that only adds would show it for ever; each change of one
raises its SEQUENCE.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Literal, TypeAlias

from django.core.signing import BadSignature, Signer

from nightdesk.rota.turn_file import PERSON_PROPERTY, SEAT_PROPERTY

Whose: TypeAlias = Literal["person", "rota"]

REFRESH_EVERY = "PT1H"
LINE_OCTETS = 75
_UTC = "%Y%m%dT%H%M%SZ"
_STAMP = "%Y%m%dT%H%M%S%f"


@dataclass(frozen=True, slots=True)
class FeedTurn:
    """Somebody's time in a seat, `[start, end)`; `held`: it is or was so, otherwise it is planned. `after`: who has it then."""

    seat_key: str
    seat_name: str
    rota_name: str
    name: str
    start: datetime
    end: datetime
    held: bool
    after: str = ""


@dataclass(frozen=True, slots=True)
class FeedEvent:
    """A turn as it stands in the calendar: its number of changes, and whether it is called off."""

    turn: FeedTurn
    sequence: int = 0
    off: bool = False


def events_of(
    turns: Iterable[FeedTurn], given: Mapping[str, Mapping[str, Any]], since: datetime
) -> tuple[list[FeedEvent], dict[str, dict[str, Any]]]:
    """The calendar's events, by start, and what is given out with them, to be kept for the next time.

    `given` is what was kept the last time. What was given and is not among `turns` any more is off, until it ended
    before `since`, from when on nothing is told of it.
    """
    events: list[FeedEvent] = []
    kept: dict[str, dict[str, Any]] = {}
    for turn in turns:
        uid = uid_of(turn)
        before = given.get(uid)
        said = [turn.name, turn.seat_name, turn.rota_name]
        sequence = 0
        if before is not None:
            same = before["end"] == turn.end.isoformat() and before["said"] == said and not before["off"]
            sequence = before["sequence"] + (not same)
        events.append(FeedEvent(turn, sequence))
        kept[uid] = {"end": turn.end.isoformat(), "said": said, "sequence": sequence, "off": False}
    for uid, before in given.items():
        if uid in kept or datetime.fromisoformat(before["end"]) <= since:
            continue
        sequence = before["sequence"] + (not before["off"])
        kept[uid] = {**before, "sequence": sequence, "off": True}
        events.append(FeedEvent(_turn_of(uid, before), sequence, off=True))
    return sorted(events, key=lambda event: (event.turn.start, event.turn.seat_key)), kept


def build_feed(title: str, events: Iterable[FeedEvent], at: datetime) -> bytes:
    """The calendar as it is at `at`: one event a turn, in UTC, CRLF, folded. Instants are UTC.

    Written by hand: an event has thirteen lines of known shape, and icalendar takes a hundred times as long for a year of days.
    """
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//Nightdesk//Duty//EN",
        "METHOD:PUBLISH",
        f"X-WR-CALNAME:{_text(title)}",
        f"REFRESH-INTERVAL;VALUE=DURATION:{REFRESH_EVERY}",
        f"X-PUBLISHED-TTL:{REFRESH_EVERY}",
    ]
    stamp = f"DTSTAMP:{at:{_UTC}}"
    for each in events:
        turn = each.turn
        lines += [
            "BEGIN:VEVENT",
            f"UID:{_text(uid_of(turn))}",
            f"SEQUENCE:{each.sequence}",
            stamp,
            f"DTSTART:{turn.start:{_UTC}}",
            f"DTEND:{turn.end:{_UTC}}",
            f"SUMMARY:{_text(f'{turn.seat_name}: {turn.name}')}",
            f"DESCRIPTION:{_text(f'{turn.rota_name}. Then {turn.after}.' if turn.after else turn.rota_name)}",
            "TRANSP:TRANSPARENT",
            f"STATUS:{'CANCELLED' if each.off else 'CONFIRMED'}",
            f"{SEAT_PROPERTY}:{_text(turn.seat_key)}",
            f"{PERSON_PROPERTY}:{_text(turn.name)}",
            "END:VEVENT",
        ]
    lines += ["END:VCALENDAR", ""]
    return b"\r\n".join(_folded(line) for line in lines)


def _text(words: str) -> str:
    """RFC 5545, 3.3.11."""
    return words.replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,").replace("\n", "\\n")


def _folded(line: str) -> bytes:
    """At most 75 octets a line, and no letter cut in two."""
    octets = line.encode()
    if len(octets) <= LINE_OCTETS:
        return octets
    parts, room = [], LINE_OCTETS
    while octets:
        end = min(room, len(octets))
        while end < len(octets) and octets[end] & 0xC0 == 0x80:
            end -= 1
        parts.append(octets[:end])
        octets, room = octets[end:], LINE_OCTETS - 1
    return b"\r\n ".join(parts)


def uid_of(turn: FeedTurn) -> str:
    """The same for a seat and start, whatever else changes."""
    return f"{turn.seat_key}-{turn.start:{_STAMP}}@nightdesk"


def _turn_of(uid: str, before: Mapping[str, Any]) -> FeedTurn:
    seat_key, _dash, stamp = uid.removesuffix("@nightdesk").rpartition("-")
    start = datetime.strptime(stamp, _STAMP).replace(tzinfo=UTC)
    name, seat_name, rota_name = before["said"]
    return FeedTurn(seat_key, seat_name, rota_name, name, start, datetime.fromisoformat(before["end"]), held=False)


def etag_of(title: str, events: Sequence[FeedEvent]) -> str:
    """Changes with what the calendar says, and not with when it was asked for."""
    return f'"{sha256(repr((title, tuple(events))).encode()).hexdigest()[:32]}"'


def feed_token(whose: Whose, id_: int, serial: int = 1) -> str:
    """The secret part of a calendar's address; good as long as the calendar has this serial."""
    return _signer().sign_object([whose, id_, serial])


def read_feed_token(token: str) -> tuple[Whose, int, int] | None:
    """Whose calendar it is, and its serial; None for a token that is not ours."""
    try:
        whose, id_, serial = _signer().unsign_object(token)
    except (BadSignature, ValueError):
        return None
    return whose, id_, serial


def _signer() -> Signer:
    return Signer(salt="nightdesk.duty.feed")
