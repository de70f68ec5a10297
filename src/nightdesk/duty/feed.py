"""Duty as a calendar that phones and mail programs subscribe to (RFC 5545), and the token in its secret address.

Clients look rarely (some once a day), so a calendar is never the alarm. Events are transparent, or a week of duty would
show the person as busy; each has the UID of its seat and start for as long as it exists.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Literal, TypeAlias

from django.core.signing import BadSignature, Signer
from icalendar import Calendar, Event

Whose: TypeAlias = Literal["person", "rota"]

REFRESH_EVERY = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class FeedTurn:
    """Somebody's time in a seat, `[start, end)`; `held`: it is or was so, otherwise it is planned."""

    seat_key: str
    seat_name: str
    rota_name: str
    name: str
    start: datetime
    end: datetime
    held: bool


def build_feed(title: str, turns: Iterable[FeedTurn], at: datetime) -> bytes:
    """The calendar as it is at `at`: one event a turn, in UTC, CRLF, folded."""
    calendar = Calendar()
    calendar.add("prodid", "-//Nightdesk//Duty//EN")
    calendar.add("version", "2.0")
    calendar.add("method", "PUBLISH")
    calendar.add("x-wr-calname", title)
    calendar.add("refresh-interval", REFRESH_EVERY, parameters={"VALUE": "DURATION"})
    calendar.add("x-published-ttl", REFRESH_EVERY)
    for turn in turns:
        event = Event()
        event.add("uid", uid_of(turn))
        event.add("dtstamp", at)
        event.add("dtstart", turn.start)
        event.add("dtend", turn.end)
        event.add("summary", f"{turn.seat_name}: {turn.name}")
        event.add("description", turn.rota_name)
        event.add("transp", "TRANSPARENT")
        event.add("status", "CONFIRMED")
        calendar.add_component(event)
    return bytes(calendar.to_ical())


def uid_of(turn: FeedTurn) -> str:
    """The same for a seat and start, whatever else changes."""
    return f"{turn.seat_key}-{turn.start:%Y%m%dT%H%M%S%f}@nightdesk"


def etag_of(title: str, turns: Sequence[FeedTurn]) -> str:
    """Changes with what the calendar says, and not with when it was asked for."""
    return f'"{sha256(repr((title, tuple(turns))).encode()).hexdigest()[:32]}"'


def feed_token(whose: Whose, id_: int) -> str:
    """The secret part of a calendar's address. It stays good; the number in it lets a later one take its place."""
    return _signer().sign_object([whose, id_, 1])


def read_feed_token(token: str) -> tuple[Whose, int] | None:
    """Whose calendar it is; None for a token that is not ours."""
    try:
        whose, id_, _serial = _signer().unsign_object(token)
    except (BadSignature, ValueError):
        return None
    return whose, id_


def _signer() -> Signer:
    return Signer(salt="nightdesk.duty.feed")
