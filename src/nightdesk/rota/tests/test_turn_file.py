"""Turns in files as other programs write them: what is read, what is refused by its line, and our own come back the same."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from nightdesk.rota.turn_file import MOST_TURNS, Known, Planned, match_turns, read_aliases, read_turns

LONDON = ZoneInfo("Europe/London")
START, END = datetime(2026, 1, 1, tzinfo=UTC), datetime(2028, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
KNOWN = Known(
    {1: ("Anna Berg", ["anna@quay.example"]), 2: ("Bo", []), 3: ("Anna", []), 4: ("Cy Lee", []), 5: ("Cy Lee", [])},
    {"night": "Night duty", "backup": "Backup"},
)


def calendar(*events: str, zones: str = "") -> bytes:
    body = "".join(f"BEGIN:VEVENT\n{event.strip()}\nEND:VEVENT\n" for event in events)
    text = f"BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:other\n{zones}{body}END:VCALENDAR\n"
    return text.replace("\n", "\r\n").encode()


def spans(content: bytes, zone: ZoneInfo = LONDON) -> list[tuple[str, str]]:
    reading = read_turns(content, zone, START, END)
    assert not reading.problems, reading.problems
    return [(f"{each.start:%m-%d %H:%M}", f"{each.end:%m-%d %H:%M}") for each in reading.written]


def planned(content: bytes, known: Known = KNOWN, at: datetime = START) -> list[Planned]:
    matched = match_turns(read_turns(content, LONDON, START, END), known, at)
    assert not matched.problems, matched.problems
    return matched.planned


def problems(content: bytes, known: Known = KNOWN) -> list[tuple[int, str]]:
    matched = match_turns(read_turns(content, LONDON, START, END), known, START)
    return [(problem.line, problem.so) for problem in matched.problems]


RULE = """
UID:a
DTSTART;TZID="{zone}":20260327T180000
DTEND;TZID="{zone}":20260328T080000
RRULE:FREQ=DAILY;COUNT=5
EXDATE;TZID="{zone}":20260328T180000
SUMMARY:Night duty: Anna Berg
"""
MOVED = """
UID:a
RECURRENCE-ID;TZID="{zone}":20260330T180000
DTSTART;TZID="{zone}":20260330T200000
DTEND;TZID="{zone}":20260331T080000
SUMMARY:Night duty: Bo
"""


@pytest.mark.parametrize("zone", ["Europe/London", "GMT Standard Time"])
def test_repeats_with_a_day_left_out_and_one_moved_keep_their_local_time_over_the_change_of_clocks(zone: str) -> None:
    content = calendar(RULE.format(zone=zone), MOVED.format(zone=zone))
    assert spans(content) == [
        ("03-27 18:00", "03-28 08:00"),
        ("03-29 17:00", "03-30 07:00"),
        ("03-30 19:00", "03-31 07:00"),
        ("03-31 17:00", "04-01 07:00"),
    ]
    assert [each.person_id for each in planned(content)] == [1, 1, 2, 1]


def test_a_zone_that_the_file_defines_is_the_files() -> None:
    zones = (
        "BEGIN:VTIMEZONE\nTZID:Harbour\nBEGIN:STANDARD\nDTSTART:19700101T000000\nTZOFFSETFROM:+0300\nTZOFFSETTO:+0300\n"
        "END:STANDARD\nEND:VTIMEZONE\n"
    )
    event = "UID:h\nDTSTART;TZID=Harbour:20260301T120000\nDURATION:PT8H\nSUMMARY:x"
    assert spans(calendar(event, zones=zones)) == [("03-01 09:00", "03-01 17:00")]


def test_times_without_a_zone_are_the_rotas_and_days_are_whole_local_days() -> None:
    floating = "UID:f\nDTSTART:20260701T090000\nDTEND:20260701T173000\nSUMMARY:x"
    day = "UID:d\nDTSTART;VALUE=DATE:20260329\nSUMMARY:x"
    assert spans(calendar(floating, day)) == [("07-01 08:00", "07-01 16:30"), ("03-29 00:00", "03-29 23:00")]
    assert spans(calendar(floating), ZoneInfo("Australia/Lord_Howe")) == [("06-30 22:30", "07-01 07:00")]


def test_a_turn_that_was_cancelled_is_none() -> None:
    event = "UID:c\nDTSTART:20260301T180000Z\nDTEND:20260302T080000Z\nSTATUS:CANCELLED\nSUMMARY:Bo"
    assert spans(calendar(event)) == []


@pytest.mark.parametrize(
    "event",
    [
        "UID:b\nDTSTART:20260301T180000Z\nRRULE:FREQ=SECONDLY\nSUMMARY:Bo",
        "UID:b\nDTSTART:20260301T180000Z\nRRULE:FREQ=DAILY;BYSECOND=0,1\nSUMMARY:Bo",
        "UID:b\nDTSTART:19890301T180000Z\nRRULE:FREQ=DAILY\nSUMMARY:Bo",
        "UID:b\nDTSTART:20120301T180000Z\nRRULE:FREQ=HOURLY\nSUMMARY:Bo",
        "UID:b\nSUMMARY:Bo",
        "UID:b\nDTSTART:20260301T180000Z\nDTEND:20260301T170000Z\nSUMMARY:Bo",
        "UID:b\nDTSTART:20260301T180000Z\nDTEND:20280301T170000Z\nSUMMARY:Bo",
        "UID:b\nDTSTART:20260301T180000Z\nDTEND:20260302T080000Z\nRRULE:FREQ=DAILY;UNTIL=nonsense\nSUMMARY:Bo",
    ],
)
def test_one_event_that_cannot_be_used_is_named_and_the_next_is_read(event: str) -> None:
    good = "UID:g\nDTSTART:20260301T180000Z\nDTEND:20260302T080000Z\nSUMMARY:Bo, night duty"
    content = calendar(event, good)
    matched = match_turns(read_turns(content, LONDON, START, END), KNOWN, START)
    assert [each.person_id for each in matched.planned] == [2]
    assert [problem.line for problem in matched.problems] == [4]


@pytest.mark.parametrize(
    "content", [b"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\n", b"BEGIN:VCALENDAR\x00\xff", b"", b"\xff\xfe", b"x" * 99]
)
def test_what_is_no_calendar_and_no_table_is_said_to_be_none(content: bytes) -> None:
    reading = read_turns(content, LONDON, START, END)
    assert not reading.written
    assert len(reading.problems) <= 1


def test_a_table_names_seat_person_and_time_in_its_own_words_and_a_bad_line_costs_itself_only() -> None:
    table = (
        b"Schedule;Who;From;To\r\n"
        b"Night duty;Anna Berg;2026-03-28 18:00;2026-03-29 08:00\r\n"
        b"backup;bo;01/03/2026 18:00;02/03/2026 08:00\r\n"
        b"Backup;Zed;2026-03-03 18:00;2026-03-04 08:00\r\n"
        b"Reserve;Bo;2026-03-03 18:00;2026-03-04 08:00\r\n"
        b"Backup;Bo;soon;2026-03-04 08:00\r\n"
        b"Backup;Cy Lee;2026-03-05 18:00;2026-03-06 08:00\r\n"
    )
    matched = match_turns(read_turns(table, LONDON, START, END), KNOWN, START)
    assert [(each.seat_key, each.person_id, each.line) for each in matched.planned] == [
        ("backup", 2, 3),
        ("night", 1, 2),
    ]
    assert matched.planned[1].end == datetime(2026, 3, 29, 7, tzinfo=UTC)  # the night of the change is an hour shorter
    assert [(problem.line, problem.so) for problem in matched.problems] == [
        (4, "Nobody who may be on is called so."),
        (5, "The rota has no such seat."),
        (6, "It is no date and time."),
        (7, "Several people are called so."),
    ]


def test_the_longest_name_is_meant_and_an_address_is_certain() -> None:
    both = "UID:1\nDTSTART:20260301T180000Z\nDTEND:20260302T080000Z\nSUMMARY:Backup: Anna Berg"
    short = "UID:2\nDTSTART:20260303T180000Z\nDTEND:20260304T080000Z\nSUMMARY:Anna (backup)"
    mail = "UID:3\nDTSTART:20260305T180000Z\nDTEND:20260306T080000Z\nATTENDEE;CN=A:mailto:ANNA@quay.example\nSUMMARY:Backup"
    assert [each.person_id for each in planned(calendar(both, short, mail))] == [1, 3, 1]


def test_words_of_the_file_for_people_can_be_given() -> None:
    aliases = read_aliases(["cylee@old = Cy Lee", "ab=Anna Berg"], {"Cy Lee": 4, "Anna Berg": 1})
    known = Known(KNOWN.people, KNOWN.seats, aliases, only_seat="night")
    event = "UID:1\nDTSTART:20260301T180000Z\nDTEND:20260302T080000Z\nSUMMARY:On call: cylee@old"
    assert [each.person_id for each in planned(calendar(event), known)] == [4]


def test_two_at_once_in_one_seat_is_a_problem_of_the_later_line_and_what_is_over_is_left_out() -> None:
    table = (
        b"seat,person,starts_at,ends_at\n"
        b"night,Bo,2026-03-01 18:00,2026-03-02 08:00\n"
        b"night,Anna,2026-03-02 07:00,2026-03-02 18:00\n"
        b"night,Anna,2026-02-01 07:00,2026-02-01 18:00\n"
    )
    at = datetime(2026, 3, 1, 20, tzinfo=UTC)
    matched = match_turns(read_turns(table, LONDON, START, END), KNOWN, at)
    assert [(each.person_id, each.start) for each in matched.planned] == [(2, at)]
    assert matched.over == 1
    assert [problem.line for problem in matched.problems] == [3]


def test_a_file_without_measure_is_refused_whole() -> None:
    rows = b"".join(
        f"night,Bo,2026-01-01T00:00:{n % 60:02d}+00:00,2026-03-02T08:00+00:00\n".encode() for n in range(MOST_TURNS + 2)
    )
    reading = read_turns(b"seat,person,starts_at,ends_at\n" + rows, LONDON, START, END)
    assert not reading.written
    assert [problem.so for problem in reading.problems] == [f"It holds more than {MOST_TURNS} turns."]
