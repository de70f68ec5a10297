"""Reading what carriers send, whatever it is, and writing what customers' programs can read."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from icalendar import Calendar

from nightdesk.mailroom.letter import read_letter
from nightdesk.outages.calendar_lines import FOLDED_AT, read_duration
from nightdesk.outages.maintnote import (
    WORSE,
    Impact,
    Maintnote,
    NoteObject,
    NotWritable,
    Problem,
    Status,
    notes_in_letter,
    read_maintnotes,
    worst,
    write_maintnote,
)
from nightdesk.outages.tests.notes import files_read_here

STARTS = datetime(2026, 12, 1, 2, tzinfo=UTC)
NOTE = Maintnote(
    provider="north.example",
    account="C-1042",
    maintenance_ids=("W-12",),
    status=Status.CONFIRMED,
    impact=Impact.OUTAGE,
    objects=(NoteObject("IC-1"), NoteObject("IC-2", Impact.REDUCED_REDUNDANCY, "https://north.example/c?a=1,2")),
    starts_at=STARTS,
    ends_at=STARTS + timedelta(hours=2),
    uid="w-12.c-1042@north.example",
    sequence=0,
    stamped_at=STARTS - timedelta(days=14),
    organizer="noc@north.example",
    organizer_name="North NOC",
    summary="Work on the fibre to Bergen",
    description="Why: new amplifiers,\nand splices; nothing else.",
)

PLAIN = """BEGIN:VCALENDAR
VERSION:2.0
BEGIN:VEVENT
SUMMARY:Work
DTSTART:20261201T020000Z
DTEND:20261201T040000Z
DTSTAMP:20261120T000000Z
UID:42
SEQUENCE:1
X-MAINTNOTE-PROVIDER:example.com
X-MAINTNOTE-ACCOUNT:1
X-MAINTNOTE-MAINTENANCE-ID:WO-1
X-MAINTNOTE-OBJECT-ID:IC-1
X-MAINTNOTE-IMPACT:OUTAGE
X-MAINTNOTE-STATUS:CONFIRMED
ORGANIZER:mailto:noc@example.com
END:VEVENT
END:VCALENDAR
"""


def read(text: str) -> Maintnote:
    (note,) = read_maintnotes(text)
    return note


def changed(old: str, new: str) -> Maintnote:
    assert old in PLAIN
    return read(PLAIN.replace(old, new))


def said(note: Maintnote, kind: str) -> str:
    return " ".join(one.words for one in note.problems if one.kind == kind)


def test_a_note_without_fault_has_no_problem() -> None:
    note = read(PLAIN)
    assert note.problems == ()
    assert note.is_usable
    assert note.objects == (NoteObject("IC-1"),)


# --- What carriers do ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "status"),
    [
        (" COMPLETED", Status.COMPLETED),
        ("Confirmed", Status.CONFIRMED),
        ("CANCELED", Status.CANCELLED),
        ("IN PROCESS", Status.IN_PROCESS),
        ("In-Progress", Status.IN_PROCESS),
        ("RESCHEDULED", Status.RE_SCHEDULED),
    ],
)
def test_a_status_is_known_however_it_is_spelt(written: str, status: Status) -> None:
    assert changed("STATUS:CONFIRMED", f"STATUS:{written}").status == status


def test_an_unknown_status_is_said_and_none_is_made_up() -> None:
    note = changed("STATUS:CONFIRMED", "STATUS:PERHAPS")
    assert note.status is None
    assert "PERHAPS" in said(note, "unreadable")


def test_a_missing_status_is_the_calendar_entrys_own() -> None:
    note = changed("X-MAINTNOTE-STATUS:CONFIRMED", "STATUS:CANCELLED")
    assert note.status == Status.CANCELLED
    assert "as the calendar entry is" in said(note, "assumed")


def test_an_impact_of_the_carriers_own_is_kept_and_taken_for_an_outage() -> None:
    note = changed("IMPACT:OUTAGE", "IMPACT:MAJOR")
    assert (note.impact, note.impact_words) == (None, "MAJOR")
    assert note.impact_on(note.objects[0]) == Impact.OUTAGE
    assert "MAJOR" in said(note, "assumed")


def test_an_object_that_is_alone_has_its_own_impact_all_the_same() -> None:
    note = changed("X-MAINTNOTE-OBJECT-ID:IC-1", "X-MAINTNOTE-OBJECT-ID;X-MAINTNOTE-OBJECT-IMPACT=NO-IMPACT:IC-1")
    assert note.impact_on(note.objects[0]) == Impact.NO_IMPACT


def test_an_object_worse_than_the_whole_is_a_contradiction() -> None:
    note = read(
        PLAIN.replace("IMPACT:OUTAGE", "IMPACT:NO-IMPACT").replace(
            "OBJECT-ID:IC-1", "OBJECT-ID;X-MAINTNOTE-OBJECT-IMPACT=OUTAGE:IC-1"
        )
    )
    assert note.contradictions == ("Its impact is NO-IMPACT, and that on IC-1 is OUTAGE.",)


def test_the_primary_id_comes_first() -> None:
    note = changed(
        "X-MAINTNOTE-MAINTENANCE-ID:WO-1",
        "X-MAINTNOTE-MAINTENANCE-ID;X-MAINTNOTE-PRECEDENCE=NON-PRIMARY:Ext-9\n"
        "X-MAINTNOTE-MAINTENANCE-ID;X-MAINTNOTE-PRECEDENCE=PRIMARY:WO-1",
    )
    assert note.maintenance_ids == ("WO-1", "Ext-9")


def test_a_name_that_swallowed_its_value_gives_the_id() -> None:
    note = changed("X-MAINTNOTE-MAINTENANCE-ID:WO-1", "X-MAINTNOTE-MAINTENANCE-090234")
    assert note.maintenance_id == "090234"
    assert "has no value" in said(note, "unreadable")


def test_a_day_without_a_time_is_its_first_instant_and_said() -> None:
    note = changed("DTSTART:20261201T020000Z", "DTSTART:20261201Z")
    assert note.starts_at == datetime(2026, 12, 1, tzinfo=UTC)
    assert "names no time of the day" in said(note, "assumed")


@pytest.mark.parametrize(
    ("line", "hour"),
    [
        ("DTSTART;TZID=Europe/Berlin:20261201T030000", 2),
        ("DTSTART;TZID=W. Europe Standard Time:20261201T030000", 2),
        ('DTSTART;TZID="UTC":20261201T020000', 2),
        ("DTSTART;TZID=/citadel.org/20190914_1/America/New_York:20261201T000000", 5),
        ("DTSTART:20261201T030000+0100", 2),
        ("DTSTART:2026-12-01 02:00 UTC", 2),
    ],
)
def test_a_time_is_read_in_its_zone(line: str, hour: int) -> None:
    note = changed("DTSTART:20261201T020000Z", line)
    assert note.starts_at == datetime(2026, 12, 1, hour, tzinfo=UTC)
    assert "DTSTART" not in said(note, "assumed")


def test_a_time_without_zone_does_not_follow_the_machine_that_reads_it() -> None:
    note = changed("DTSTART:20261201T020000Z", "DTSTART:20261201T020000")
    assert note.starts_at == STARTS
    assert "names no zone: UTC is assumed" in said(note, "assumed")


def test_a_zone_that_the_file_describes_is_heeded() -> None:
    zone = (
        "BEGIN:VTIMEZONE\nTZID:Ours\nBEGIN:STANDARD\nDTSTART:16010101T000000\nTZOFFSETFROM:+0300\nTZOFFSETTO:+0300\n"
        "END:STANDARD\nEND:VTIMEZONE\nBEGIN:VEVENT"
    )
    text = PLAIN.replace("BEGIN:VEVENT", zone).replace("DTSTART:20261201T02", "DTSTART;TZID=Ours:20261201T05")
    assert read(text.replace("T050000Z", "T050000")).starts_at == STARTS


def test_a_zone_that_changes_every_second_is_not_reckoned() -> None:
    zone = (
        "BEGIN:VTIMEZONE\nTZID:Ours\nBEGIN:STANDARD\nDTSTART:19700101T000000\nRRULE:FREQ=SECONDLY\nTZOFFSETFROM:+0300\n"
        "TZOFFSETTO:+0300\nEND:STANDARD\nEND:VTIMEZONE\nBEGIN:VEVENT"
    )
    note = read(
        PLAIN.replace("BEGIN:VEVENT", zone).replace("DTSTART:20261201T020000Z", "DTSTART;TZID=Ours:20261201T05")
    )
    assert "which nobody knows" in said(note, "assumed")


def test_a_span_gives_the_end() -> None:
    assert changed("DTEND:20261201T040000Z", "DURATION:PT1H30M").ends_at == STARTS + timedelta(minutes=90)
    assert read_duration("-PT5M") is None
    assert read_duration("P") is None


def test_text_that_was_not_folded_goes_on_in_the_next_lines() -> None:
    note = changed(
        "UID:42", "DESCRIPTION:Several windows \n (contain\ning both)\nNote: the second\n comes later\nUID:42"
    )
    assert note.description == "Several windows (contain\ning both)\nNote: the secondcomes later"
    assert note.uid == "42"


def test_an_address_without_quotation_marks_does_not_cut_the_object() -> None:
    note = changed("OBJECT-ID:IC-1", "OBJECT-ID;ALTREP=https://example.com/c/1:IC-1")
    assert note.objects == (NoteObject("IC-1", None, "https://example.com/c/1"),)


@pytest.mark.parametrize("end", ["20261201T020000Z", "20261201T010000Z"])
def test_a_window_without_length_is_a_contradiction(end: str) -> None:
    note = changed("DTEND:20261201T040000Z", f"DTEND:{end}")
    assert note.contradictions
    assert not note.is_usable


def test_announced_after_its_end_is_a_contradiction_but_completed_then_is_none() -> None:
    late = PLAIN.replace("DTSTAMP:20261120", "DTSTAMP:20261220")
    assert read(late).contradictions
    assert not read(late.replace("CONFIRMED", "COMPLETED")).contradictions


def test_a_cancelled_entry_that_is_confirmed_is_a_contradiction() -> None:
    assert changed("VERSION:2.0", "VERSION:2.0\nMETHOD:CANCEL").contradictions
    assert changed("SUMMARY:Work", "SUMMARY:CANCELLED: Work").contradictions


def test_a_file_that_breaks_off_is_read_as_far_as_it_goes() -> None:
    note = read(PLAIN[: PLAIN.index("ORGANIZER")])
    assert note.maintenance_id == "WO-1"
    assert Problem("unreadable", "It breaks off before its end.") in note.problems


def test_an_invitation_that_is_no_maintnote_is_none() -> None:
    assert read_maintnotes("\n".join(row for row in PLAIN.splitlines() if "MAINTNOTE" not in row)) == []


def test_a_note_in_a_mail_is_found_as_file_by_any_name_and_in_the_text() -> None:
    head = "From: noc@example.com\nSubject: Work\nMIME-Version: 1.0\n"
    plain = read_letter(f"{head}\nDear all,\n{PLAIN}".encode())
    named = (
        f'{head}Content-Type: multipart/mixed; boundary="b"\n\n--b\nContent-Type: text/plain\n\nHello\n'
        f'--b\nContent-Type: application/octet-stream; name="x.ICS"\nContent-Disposition: attachment\n\n{PLAIN}\n--b--\n'
    )
    assert notes_in_letter(plain) == notes_in_letter(read_letter(named.encode())) == (read(PLAIN),)


# --- What customers get ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", list(Status))
@pytest.mark.parametrize("method", ["", "PUBLISH"])
def test_what_is_written_is_read_back_the_same(status: Status, method: str) -> None:
    note = replace(NOTE, status=status, method=method)
    again = read(write_maintnote(note, method=method).decode())
    assert again == note
    assert [one for one in again.problems if one.kind != "contradiction"] == []


words = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp")), min_size=1, max_size=90)
lines = words.map(lambda text: " ".join(text.split()) or "x")
names = lines.map(lambda text: text.replace('"', "'"))
instants = st.integers(946_684_800, 3_786_912_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))


@settings(max_examples=150, deadline=None)
@given(
    provider=lines,
    account=lines,
    ids=st.lists(lines, min_size=1, max_size=3, unique=True),
    status=st.sampled_from(Status),
    objects=st.lists(
        st.builds(NoteObject, lines, st.none() | st.sampled_from(Impact)),
        min_size=1,
        max_size=6,
        unique_by=lambda one: one.id,
    ),
    impact=st.sampled_from(Impact),
    starts_at=instants,
    lasts=st.timedeltas(timedelta(minutes=1), timedelta(days=20)).map(
        lambda span: timedelta(seconds=span // timedelta(seconds=1))
    ),
    summary=lines,
    name=names,
    sequence=st.integers(0, 10**8),
)
def test_whatever_is_written_is_read_back_and_every_line_is_short(
    provider: str, account: str, ids: list[str], status: Status, objects: list[NoteObject], impact: Impact,
    starts_at: datetime, lasts: timedelta, summary: str, name: str, sequence: int,
) -> None:  # fmt: skip
    note = Maintnote(
        provider=provider, account=account, maintenance_ids=tuple(ids), status=status, impact=impact,
        objects=tuple(objects), starts_at=starts_at, ends_at=starts_at + lasts, uid="u@n.example", sequence=sequence,
        stamped_at=starts_at, organizer="noc@n.example", organizer_name=name, summary=summary,
    )  # fmt: skip
    raw = write_maintnote(note)
    assert raw.endswith(b"\r\n")
    for row in raw.removesuffix(b"\r\n").split(b"\r\n"):
        assert len(row) <= FOLDED_AT
        assert b"\n" not in row
        row.decode()
    assert read(raw.decode()) == note
    event = Calendar.from_ical(raw).walk("VEVENT")[0]
    assert event.decoded("dtstart") == note.starts_at
    assert event["sequence"] == sequence


@pytest.mark.parametrize(
    "lacking",
    [
        "provider",
        "account",
        "maintenance_ids",
        "status",
        "impact",
        "objects",
        "uid",
        "organizer",
        "starts_at",
        "sequence",
    ],
)
def test_no_file_is_written_that_says_less_than_it_must(lacking: str) -> None:
    empty = {"maintenance_ids": (), "objects": (), "status": None, "impact": None, "starts_at": None, "sequence": None}
    with pytest.raises(NotWritable):
        write_maintnote(replace(NOTE, **{lacking: empty.get(lacking, "")}))


def test_the_worst_of_impacts() -> None:
    assert worst([]) == Impact.NO_IMPACT
    assert [worst(WORSE[: n + 1]) for n in range(4)] == list(WORSE)


# --- Nothing makes it fail -------------------------------------------------------------------------------------------

SAMPLES = [path.read_bytes().decode("utf-8", "replace") for path in files_read_here()] + [PLAIN]
pieces = st.sampled_from(
    [row for text in SAMPLES for row in text.splitlines()]
    + [
        "BEGIN:VTIMEZONE",
        "END:VTIMEZONE",
        "TZID:X",
        "DTSTART;TZID=X:20260101T000000",
        "X-MAINTNOTE-",
        ";",
        ':"',
        " ",
        "\x00",
    ]
)


@settings(max_examples=300, deadline=None)
@given(st.lists(pieces | st.text(max_size=60), max_size=40).map("\n".join) | st.text())
def test_no_text_makes_the_reader_fail(text: str) -> None:
    for note in read_maintnotes(f"BEGIN:VEVENT\nX-MAINTNOTE-STATUS:X\n{text}"):
        assert note.is_usable in (True, False)
        assert "\0" not in repr(note)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(SAMPLES), st.integers(0, 2**31), st.text(max_size=8), st.integers(0, 30))
def test_no_damage_makes_the_reader_fail(text: str, place: int, put: str, cut: int) -> None:
    place %= len(text)
    read_maintnotes(text[:place] + put + text[place + cut :])


def test_a_long_file_is_read_in_a_moment() -> None:
    many = "".join(f"X-MAINTNOTE-OBJECT-ID:IC-{n}\n" for n in range(30_000))
    note = read(PLAIN.replace("X-MAINTNOTE-OBJECT-ID:IC-1\n", many))
    assert len(note.objects) <= 2_000
