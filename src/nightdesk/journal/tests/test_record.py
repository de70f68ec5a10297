"""Writing to the record, and that nothing written is ever changed, removed or read wrongly."""

import hashlib
from datetime import UTC, datetime, timedelta

import pytest
from django.db import IntegrityError, connection, transaction

from nightdesk.base.actors import Actor, Door
from nightdesk.base.models import Promise
from nightdesk.base.months import make_months
from nightdesk.base.promises import HANDLERS, Handler
from nightdesk.base.refusals import Invalid, NotFound
from nightdesk.journal import actions, kinds, queries
from nightdesk.journal.kinds import KINDS, Kind
from nightdesk.journal.models import Entry, PersonalText

AT = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
BO = Actor("person", "7", "Bo")
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def two_kinds(monkeypatch):
    monkeypatch.setitem(KINDS, "test.taken", Kind("test.taken", 3, "{by} took {title} of {customer}"))
    monkeypatch.setitem(KINDS, "test.noted", Kind("test.noted", 1, "{by} wrote a note"))


def record(kind="test.taken", *, subject=("page", 1), at=AT, **given):
    return actions.record(kind, subject=subject, by=given.pop("by", BO), via=Door.SMS, at=at, **given)


def found(**asked):
    return [line.id for line in queries.search(**asked).lines]


class TestWriting:
    def test_an_entry_says_who_by_which_door_when_to_what_and_why(self):
        cause = record()
        entry = Entry.objects.get(id=record(facts={"title": "core1"}, brand_id=4, cause=cause))
        assert (entry.at, entry.kind, entry.version, entry.via) == (AT, "test.taken", 3, "sms")
        assert (entry.by_kind, entry.by_id, entry.by_name) == ("person", "7", "Bo")
        assert (entry.subject_kind, entry.subject_id, entry.brand_id, entry.cause) == ("page", "1", 4, cause)
        assert (entry.facts, entry.commitment) == ({"title": "core1"}, None)

    def test_what_a_person_wrote_stands_beside_under_a_salted_commitment(self):
        entry = Entry.objects.get(id=record("test.noted", text="Ring Ann's mother"))
        kept = PersonalText.objects.get(entry_id=entry.id)
        assert kept.text == "Ring Ann's mother"
        assert bytes(entry.commitment) == hashlib.sha256(bytes(kept.salt) + b"Ring Ann's mother").digest()
        other = Entry.objects.get(id=record("test.noted", text="Ring Ann's mother"))
        assert bytes(other.commitment) != bytes(entry.commitment)

    def test_a_kind_that_nobody_declared_is_not_recorded(self):
        with pytest.raises(KeyError):
            record("test.unheard")

    def test_a_kind_is_declared_once(self):
        with pytest.raises(ValueError, match="declared twice"):
            kinds.kind("test.taken", "again")

    def test_what_follows_is_promised_once_for_each_entry(self, monkeypatch):
        monkeypatch.setitem(actions.FOLLOW_UPS, "test.taken", ("test.note_owner", "test.name_fixer"))
        for name in ("test.note_owner", "test.name_fixer"):
            monkeypatch.setitem(HANDLERS, name, Handler(lambda row, at: "", lane="follow"))
        entry = record(brand_id=4)
        rows = Promise.objects.order_by("kind")
        assert [(row.kind, row.lane, row.due_at, row.cause, row.facts, row.brand_id) for row in rows] == [
            ("test.name_fixer", "follow", AT, entry, {"entry": str(entry)}, 4),
            ("test.note_owner", "follow", AT, entry, {"entry": str(entry)}, 4),
        ]


class TestAppendOnly:
    @pytest.fixture
    def partition(self):
        make_months(("journal_entry",), AT)
        record()
        record(at=AT + timedelta(days=9000))  # beyond the months that are made: the default partition
        return f"journal_entry_{AT:%Y_%m}"

    @pytest.mark.parametrize("table", ["journal_entry", "journal_entry_2026_11", "journal_entry_default"])
    @pytest.mark.parametrize("how", ["UPDATE {} SET by_name = 'Al'", "DELETE FROM {}", "TRUNCATE {}"])
    def test_the_database_refuses_to_change_delete_or_empty(self, partition, table, how):
        with pytest.raises(IntegrityError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(how.format(table))
        assert Entry.objects.count() == 2

    def test_a_month_made_later_refuses_too(self, partition):
        make_months(("journal_entry",), AT + timedelta(days=4000))
        with pytest.raises(IntegrityError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("TRUNCATE journal_entry_2037_11")

    @pytest.mark.parametrize(
        "how", ["UPDATE journal_seal SET count = 0", "DELETE FROM journal_seal", "TRUNCATE journal_seal"]
    )
    def test_seals_are_refused_alike(self, how):
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO journal_seal (month, from_xid, to_xid, count, root, previous, digest, sealed_at)"
                " VALUES ('2026-11-01', 0, 1, 0, '', '', '', now())"
            )
        with pytest.raises(IntegrityError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(how)


class TestErasing:
    def test_the_words_go_the_entry_stays_and_who_erased_them_is_recorded(self):
        entry_id = record("test.noted", text="Ann is ill", brand_id=4)
        before = Entry.objects.get(id=entry_id)
        assert actions.erase_text(entry_id=entry_id, by=BO, via=Door.WEB, at=AT)
        assert not PersonalText.objects.exists()
        assert bytes(Entry.objects.get(id=entry_id).commitment) == bytes(before.commitment)
        erasure, erased = queries.search().lines
        assert (erased.id, erased.text) == (entry_id, None)
        assert (erasure.kind, erasure.facts, erasure.brand_id) == (actions.TEXT_ERASED, {"entry": str(entry_id)}, 4)
        assert erasure.subject == ("page", "1")

    def test_erasing_again_changes_nothing(self):
        entry_id = record("test.noted", text="Ann is ill")
        actions.erase_text(entry_id=entry_id, by=BO, via=Door.WEB, at=AT)
        assert not actions.erase_text(entry_id=entry_id, by=BO, via=Door.WEB, at=AT)
        assert Entry.objects.count() == 2

    def test_there_may_be_no_such_entry(self):
        with pytest.raises(NotFound):
            actions.erase_text(entry_id=BO_ID, by=BO, via=Door.WEB, at=AT)


BO_ID = "01a20132-3f80-7055-af5e-9159d3f3ff8d"


class TestReading:
    def test_a_sentence_is_made_of_the_kind_and_the_facts(self):
        record(facts={"title": "core1 down", "customer": "{by} & <Sons>"})
        (line,) = queries.search().lines
        assert line.sentence == "Bo took core1 down of {by} & <Sons>"
        assert line.text == ""

    def test_a_fact_that_is_missing_shows_as_dots(self):
        record(facts={"title": "core1"})
        assert queries.search().lines[0].sentence == "Bo took core1 of …"

    def test_facts_are_told_in_words_and_not_as_a_program_writes_them(self):
        record(facts={"title": ["core1", "core2"], "customer": True})
        assert queries.search().lines[0].sentence == "Bo took core1, core2 of yes"

    def test_an_entry_of_a_kind_that_this_version_does_not_know_is_still_told(self, monkeypatch):
        record()
        monkeypatch.delitem(KINDS, "test.taken")
        assert queries.search().lines[0].sentence == "Bo: test.taken"

    def test_pages_of_a_search_join_without_gap_or_repeat_even_within_one_instant(self):
        for n in range(7):
            record(at=AT + timedelta(seconds=n // 4))
        everything, pages, after = found(), [], None
        while True:
            page = queries.search(limit=3, after=after)
            pages += [line.id for line in page.lines]
            record(at=AT + timedelta(seconds=5))  # what comes later does not shift what is read
            if (after := page.after) is None:
                break
        assert pages == everything
        assert everything == sorted(everything, reverse=True)

    def test_the_last_page_has_no_cursor_even_when_it_is_full(self):
        record()
        record()
        assert queries.search(limit=2).after is None
        assert queries.search(limit=1).after is not None

    @pytest.mark.parametrize("cursor", ["x", "%%%", "MjAyNg", "", "é"])
    def test_a_cursor_that_is_none_is_refused_by_name(self, cursor):
        with pytest.raises(Invalid):
            queries.search(after=cursor)

    def test_each_filter_takes_only_what_fits(self):
        mine = record(brand_id=4, subject=("page", 1))
        theirs = record(
            "test.noted", brand_id=5, subject=("page", 2), by=Actor("machine", "7", "Probe"), at=AT + timedelta(1)
        )
        house = record("test.noted", at=AT + timedelta(2))
        assert found(brand_ids={4}) == [mine]
        assert found(brand_ids=set()) == []
        assert found(brand_ids=None) == [house, theirs, mine]
        assert found(kinds=["test.noted"]) == [house, theirs]
        assert found(kinds=["test."]) == [house, theirs, mine]
        assert found(kinds=["tes"]) == []
        assert found(subject=("page", 2)) == [theirs]
        assert found(by=("person", "7")) == [house, mine]
        assert found(since=AT + timedelta(1)) == [house, theirs]
        assert found(until=AT + timedelta(1)) == [mine]

    def test_words_are_found_in_facts_and_in_what_was_written_by_how_they_begin(self):
        told = record(facts={"title": "core1.lon down", "deep": {"list": ["Überspannung"]}, "number": 7})
        wrote = record("test.noted", text="Ring Ann about core1, it's urgent")
        record(facts={"title": "edge9"})
        assert found(text="core1") == [wrote, told]
        assert found(text="core1.lon") == [told]
        assert found(text="cor dow") == [told]
        assert found(text="überspannung") == [told]
        assert found(text="it's") == [wrote]
        assert found(text="core1 edge9") == []
        assert found(text="ann'); DROP TABLE journal_entry; --") == []
        assert found(text="!!! ' \\ &") == []
        assert found(text="  ") == found()

    def test_erased_words_are_not_found_any_more(self):
        entry_id = record("test.noted", text="Ann is ill")
        actions.erase_text(entry_id=entry_id, by=BO, via=Door.WEB, at=AT)
        assert found(text="Ann") == []
