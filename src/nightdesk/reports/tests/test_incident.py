"""What a report of an incident says and owes, as values."""

import re
import zlib
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightdesk.reports import credit, incident, pdf_letters, pdf_text, regulator
from nightdesk.reports.incident import Loss, Row, Source, Times
from nightdesk.reports.incident_document import (
    Document,
    Facts,
    Heading,
    Items,
    Paragraph,
    Table,
    as_html,
    as_markdown,
)
from nightdesk.reports.pdf_text import as_pdf, width_of, wrapped
from nightdesk.reports.regulator_packs import BUILT_IN

DOC = Path(__file__).parents[4] / "docs" / "incident-reports.md"
START = datetime(2026, 3, 27, tzinfo=UTC)
ZONES = ("Europe/London", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu")
instants = st.integers(0, 4 * 48).map(lambda halves: START + timedelta(minutes=30 * halves))
rows = st.builds(
    Row, st.sampled_from("abcdef"), instants, st.text(max_size=5), st.just(""), st.sampled_from(list(Source)[:3])
)
typed_rows = st.builds(Row, st.just("t"), instants, st.text(max_size=5), st.just(""), st.just(Source.TYPED))


@given(
    st.lists(rows, max_size=8), st.lists(typed_rows, max_size=4), st.dictionaries(st.sampled_from("abcdef"), st.text())
)
def test_no_word_moves_a_time_of_the_record(drafted: list[Row], typed: list[Row], words: dict[str, str]) -> None:
    told = incident.timeline(drafted, words=words, typed=typed, hidden={"f"})
    assert [row.at for row in told] == sorted(row.at for row in told)
    kept = [row for row in drafted if row.key != "f"]
    assert sorted((row.key, row.at, row.source) for row in told if row.source is not Source.TYPED) == sorted(
        (row.key, row.at, row.source) for row in kept
    )
    assert len(told) == len(kept) + len(typed)
    assert incident.from_stored(incident.as_stored(told)) == told


@given(instants, st.sampled_from(ZONES))
def test_a_report_stands_by_the_next_half_past_eight(ended_at: datetime, zone: str) -> None:
    found = incident.stands_by(ended_at, zone)
    assert f"{found.astimezone(ZoneInfo(zone)):%H:%M}" == "08:30"
    assert timedelta(0) < found - ended_at <= timedelta(hours=25, minutes=30)


@given(instants, st.integers(1, 20), st.sampled_from(ZONES), st.sets(st.integers(0, 30), max_size=6))
def test_working_days_are_counted_one_by_one(ended_at: datetime, days: int, zone: str, off: set[int]) -> None:
    holidays = {START.date() + timedelta(days=number) for number in off}
    due = incident.within_working_days(ended_at, days, zone, holidays).astimezone(ZoneInfo(zone))
    first = ended_at.astimezone(ZoneInfo(zone)).date()
    worked = [
        day
        for number in range(1, (due.date() - first).days + 1)
        if (day := first + timedelta(days=number)).weekday() < 5 and day not in holidays
    ]
    assert len(worked) == days
    assert worked[-1] == due.date()
    assert (due.hour, due.minute) == (17, 0)


@given(st.lists(st.tuples(st.integers(0, 900), st.integers(0, 900), st.integers(1, 50)), max_size=6))
def test_user_hours_are_those_counted_by_hand(spans: list[tuple[int, int, int]]) -> None:
    losses = [Loss("line", START + timedelta(minutes=a), START + timedelta(minutes=b), n) for a, b, n in spans]
    by_hand = sum((Decimal(max(b - a, 0)) * n for a, b, n in spans), Decimal(0)) / 60
    assert abs(incident.user_hours(losses) - by_hand) <= Decimal("0.05")


@given(instants, *[st.one_of(st.none(), instants)] * 3, instants)
def test_spans_are_never_negative(
    began: datetime, alarm: datetime | None, answered: datetime | None, told: datetime | None, ended: datetime
) -> None:
    found = incident.spans(Times(began, ended, alarm_at=alarm, answered_at=answered, told_at=told))
    assert (found.until_answered is None, found.until_told is None) == (answered is None, told is None)
    assert all(span >= timedelta(0) for span in (found.until_answered, found.until_told, found.until_fixed) if span)


# --- Regulators and credits ------------------------------------------------------------------------------------------


def size(
    users: int = 0, hours: float = 0, user_hours: int = 0, yes: frozenset[str] = frozenset(), percent: int = 0
) -> regulator.Size:
    ended = START + timedelta(hours=hours)
    return regulator.Size(
        Decimal(user_hours), users, ended - START, "major", START, START, ended, yes, Decimal(percent)
    )


def test_the_packs_that_come_with_it_can_be_read_and_say_where_they_are_from() -> None:
    packs = regulator.read_packs(BUILT_IN)
    assert len(packs) == len(BUILT_IN)
    ofcom = packs["gb-telecoms"]
    assert not regulator.owed(ofcom, size(users=9_999, hours=100))
    assert [one.due_at - START for one in regulator.owed(ofcom, size(users=10_000, hours=8))] == [timedelta(hours=72)]
    assert regulator.owed(ofcom, size(users=100_000, hours=0.1))
    assert regulator.owed(ofcom, size(users=500, hours=8, percent=25)), "a small provider is bound by the share"
    assert not regulator.owed(ofcom, size(users=500, hours=8, percent=24))
    assert not regulator.owed(packs["data-protection"], size(users=10**7, hours=99))
    nis = regulator.owed(packs["eu-nis2"], size(yes=frozenset({"eu-nis2"})))
    assert [one.due_at - START for one in nis] == [timedelta(hours=24), timedelta(hours=72), timedelta(days=28)]


@given(st.integers(0, 10**6), st.integers(0, 100), st.integers(0, 10**7), st.integers(0, 97), st.integers(0, 3))
def test_what_is_bigger_owes_no_less(users: int, hours: int, user_hours: int, percent: int, more: int) -> None:
    for pack in regulator.read_packs(BUILT_IN).values():
        small = regulator.owed(pack, size(users, hours, user_hours, percent=percent))
        big = regulator.owed(pack, size(users + more, hours + more, user_hours + more, percent=percent + more))
        assert {one.step for one in small} <= {one.step for one in big}


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"key": "a", "name": "b", "to": "c", "law": "d", "steps": []},
        {"any": [{"people": 3}]},
        {"steps": [{"key": "x"}]},
    ],
    ids=["nothing", "no-steps", "unknown", "no-time"],
)
def test_a_pack_that_is_none_is_refused_in_words(wrong: dict[str, object]) -> None:
    whole = {"key": "a", "name": "b", "to": "c", "law": "d", "steps": [{"key": "x", "name": "y", "hours": 1}]}
    with pytest.raises(ValueError, match="pack"):
        regulator.read_pack({**whole, **wrong} if wrong else {})


@given(st.integers(0, 6000), st.integers(0, 600))
def test_a_longer_loss_is_never_due_less_and_never_more_than_the_cap(minutes: int, more: int) -> None:
    rates = credit.read_rates(
        {
            "prices": {"line": "30"},
            "steps": [{"minutes": 60, "percent": 5}, {"minutes": 480, "percent": 60}],
            "cap_percent": 50,
        }
    )
    lost = [credit.Lost("A", "A1", "line", "Line", timedelta(minutes=length)) for length in (minutes, minutes + more)]
    shorter, longer = (credit.credit_for(rates, each).amount for each in lost)
    assert shorter <= longer <= 15
    assert (shorter > 0) == (minutes >= 60)


def test_compensation_by_the_day_begins_after_its_time() -> None:
    rates = credit.read_rates({"per_day": "9.76", "after_hours": 48})
    lost = [credit.Lost("A", "A1", "line", "Line", timedelta(hours=hours)) for hours in (71, 72, 97)]
    assert [str(credit.credit_for(rates, each).amount) for each in lost] == ["0.00", "9.76", "19.52"]
    with pytest.raises(ValueError, match="no rate"):
        credit.read_rates({"price": 3})


# --- The document in its forms ---------------------------------------------------------------------------------------

documents = st.builds(
    Document,
    st.text(min_size=1, max_size=20),
    st.lists(
        st.one_of(
            st.text(max_size=30).map(Heading),
            st.text(max_size=300).map(Paragraph),
            st.lists(st.text(max_size=20), max_size=3).map(lambda items: Items(tuple(items))),
            st.lists(st.tuples(st.text(max_size=9), st.text(max_size=99)), max_size=3).map(lambda p: Facts(tuple(p))),
            st.lists(st.tuples(st.text(max_size=99), st.text(max_size=9)), max_size=60).map(
                lambda cells: Table(("a", "b"), tuple(cells), (2, 1))
            ),
        ),
        max_size=6,
    ).map(tuple),
)


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert {name for name, _value in attrs} <= {"class", "scope"}
        self.tags.add(tag)


@given(documents)
def test_what_came_from_outside_is_never_markup(document: Document) -> None:
    reader = Tags()
    reader.feed(as_html(document))
    assert reader.tags <= {
        "h2",
        "p",
        "br",
        "ul",
        "li",
        "dl",
        "dt",
        "dd",
        "div",
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
    }
    for line in as_markdown(document).splitlines():
        assert not re.search(r"(?<!\\)[<`\[]", line.replace("\\\\", ""))


@given(documents)
def test_a_pdf_is_one_that_its_readers_can_walk(document: Document) -> None:
    pdf = as_pdf(document)
    assert pdf == as_pdf(document)
    start = int(pdf.rsplit(b"startxref\n", 1)[1].split(b"\n")[0])
    assert pdf[start:].startswith(b"xref\n0 ")
    offsets = [int(entry) for entry in re.findall(rb"^(\d{10}) 00000 n $", pdf[start:], re.MULTILINE)]
    for number, offset in enumerate(offsets, 1):
        assert pdf[offset:].startswith(b"%d 0 obj\n" % number)
    lengths = re.findall(rb"/Length (\d+) /FlateDecode|/Length (\d+) /Filter /FlateDecode >>\nstream\n", pdf)
    assert len(lengths) == pdf.count(b"/Type /Page /Parent") + pdf.count(b"/ToUnicode")
    for found in re.finditer(rb"/Length (\d+) /Filter /FlateDecode >>\nstream\n", pdf):
        drawn = zlib.decompress(pdf[found.end() : found.end() + int(found[1])])
        for place in re.findall(rb"BT ([\d.]+) ([\d.]+) Td", drawn):
            assert 0 < float(place[0]) < 595
            assert 25 < float(place[1]) < 842


@given(st.text(max_size=400), st.integers(40, 480))
def test_no_line_is_wider_than_its_column(text: str, width: int) -> None:
    lines = wrapped(text, 10, width)
    assert all(width_of(line, 10) <= width or len(line) <= 1 for line in lines)
    assert "".join("".join(lines).split()) == "".join(text.split())


def test_every_number_of_a_built_in_pack_names_its_source_and_ones_own_is_set_by_you() -> None:
    written = DOC.read_text(encoding="utf-8")
    for pack in regulator.read_packs(BUILT_IN).values():
        assert f"| `{pack.key}` | {pack.checked} |" in written, "and when it was held against what"
        for what, source in regulator.sources(pack):
            assert source != regulator.SET_BY_YOU
            assert f"| `{pack.key}` | {what} | {source} |" in written
    own = {
        "key": "own",
        "name": "Ours",
        "to": "R",
        "law": "L",
        "any": [{"users": 5}],
        "steps": [{"key": "a", "name": "A", "hours": 4}],
    }
    pack = regulator.read_pack(own)
    assert pack.checked == "", "nobody has checked one's own"
    assert regulator.sources(pack) == [
        ("5 users", "set by you"), ("A: 4 hours from when it was known", "set by you")
    ]  # fmt: skip
    (owed,) = regulator.owed(pack, size(users=5))
    assert owed.why == "5 users (set by you); 4 hours (set by you)"
    assert all(len(one.why) <= 300 for each in BUILT_IN for one in regulator.owed(
        regulator.read_pack(each), size(users=10**6, hours=99, user_hours=10**7, yes=frozenset({each["key"]}))
    ))  # fmt: skip


def spoken(pdf: bytes) -> str:
    """The text of the first page, by what the file itself says that its glyphs mean."""
    streams = [zlib.decompress(one) for one in re.findall(rb"stream\n(.*?)\nendstream", pdf, re.DOTALL)]
    means = {
        glyph: chr(int(code, 16))
        for stream in streams
        for glyph, code in re.findall(rb"^<([0-9A-F]{4})> <([0-9A-F]{4})>$", stream, re.MULTILINE)
    }
    text = ""
    for plain, glyphs in re.findall(rb"\(((?:[^()\\]|\\.)*)\) Tj|<([0-9A-F]+)> Tj", streams[0]):
        text += plain.decode("cp1252")
        text += "".join(means[glyphs[place : place + 4]] for place in range(0, len(glyphs), 4))
    return text


def test_greek_and_cyrillic_stand_in_a_pdf_and_a_letter_without_a_shape_is_a_box() -> None:
    words = "Störung in Łódź – Ελλάδα, Київ, Москва: 停電 ẍ"
    pdf = as_pdf(Document("Авария", (Heading(words), Paragraph(words))))
    assert pdf == as_pdf(Document("Авария", (Heading(words), Paragraph(words))))
    read = spoken(pdf)
    assert read.startswith("Авария")
    assert read.count("Störung in Łódź – Ελλάδα, Київ, Москва: □□ x") == 2
    assert "Авария".encode("utf-16-be").hex().upper().encode() in pdf
    assert b"/F3" not in as_pdf(Document("Bericht", (Paragraph("Störung – nur Umlaute"),))), (
        "no font where none is needed"
    )
    letters = pdf_letters.letters()
    assert {*"αΩέЖяїЁłŐ□"} <= letters.glyphs.keys()
    assert [round(width_of(letter, 1000)) for letter in "Жl"] == [letters.width("Ж"), 222]


def test_a_word_without_an_end_is_cut_into_lines_at_little_cost(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = 0
    real = pdf_text._width

    def counted(letter: str) -> int:
        nonlocal asked
        asked += 1
        assert asked < 400_000
        return real(letter)

    monkeypatch.setattr(pdf_text, "_width", counted)
    text = "".join(chr(97 + number % 26) for number in range(20_000))
    lines = wrapped(text, 10, 483)
    assert "".join(lines) == text
    assert asked < 1000 * len(lines)
    assert all(width_of(line, 10) <= 483 for line in lines)
