"""Sealing, and what verifying finds: each way in which somebody who owns the database can alter the record."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection

from nightdesk.base import worker
from nightdesk.base.actors import Actor, Door
from nightdesk.base.months import make_months
from nightdesk.base.refusals import IllegalTransition
from nightdesk.base.tests.other_hands import another_connection
from nightdesk.journal import actions, queries, tasks
from nightdesk.journal.digests import BEFORE_THE_FIRST
from nightdesk.journal.kinds import KINDS, Kind
from nightdesk.journal.models import Entry, Seal
from nightdesk.journal.tasks import keep_xids_rising, seal_entries
from tests.emptied import empty_tables

AT = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
DECEMBER = datetime(2026, 12, 1, tzinfo=UTC)
BO = Actor("person", "7", "Bo")
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def a_kind(monkeypatch):
    monkeypatch.setitem(KINDS, "test.done", Kind("test.done", 1, "{by} did it"))
    make_months(("journal_entry",), AT)


def record(*, at=AT, **given):
    return actions.record("test.done", subject=("page", 1), by=BO, via=Door.WEB, at=at, **given)


def seal():
    return seal_entries(at=AT)


def run(sql, *values):
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return cursor.fetchall() if cursor.description else None


def as_owner(sql, *values):
    """What the database refuses everybody, its owner can allow himself."""
    tables = ("journal_entry", "journal_seal")
    for table in tables:
        run(f"ALTER TABLE {table} DISABLE TRIGGER USER")
    run(sql, *values)
    for table in tables:
        run(f"ALTER TABLE {table} ENABLE TRIGGER USER")


def breaks(**how):
    return [(broken.what, broken.seal_id) for broken in queries.verify(**how).broken]


def three_seals():
    """Three entries, each in a seal of its own: the seals."""
    for n in range(3):
        record(facts={"n": n})
        seal()
    return list(Seal.objects.all())


class TestSealing:
    def test_a_seal_covers_what_is_finished_and_chains_to_the_one_before(self):
        record()
        record()
        assert seal() == 2
        record()
        assert seal() == 1
        first, second = Seal.objects.all()
        assert (first.month, first.count, second.count) == (date(2026, 11, 1), 2, 1)
        assert bytes(first.previous) == BEFORE_THE_FIRST
        assert bytes(second.previous) == bytes(first.digest)
        assert (first.from_xid, second.from_xid) == (0, first.to_xid)

    def test_nothing_new_means_no_seal(self):
        assert seal() == 0
        record()
        seal()
        assert seal() == 0
        assert Seal.objects.count() == 1

    def test_one_seal_for_each_month_that_was_touched(self):
        record(at=DECEMBER)
        record(at=DECEMBER - timedelta(microseconds=1))
        record(at=AT + timedelta(days=9000))
        assert seal() == 3
        assert [(one.month.isoformat(), one.count) for one in Seal.objects.all()] == [
            ("2026-11-01", 1),
            ("2026-12-01", 1),
            ("2051-07-01", 1),
        ]
        assert queries.verify().sound

    def test_a_transaction_still_running_cannot_slip_an_entry_into_a_range_that_is_sealed(self):
        with another_connection() as other:
            other.execute("SELECT pg_current_xact_id()")
            record(facts={"who": "began later, ended sooner"})
            assert seal() == 0
            other.execute(
                "INSERT INTO journal_entry SELECT '01a20132-3f80-7055-af5e-9159d3f3ff8d', at, kind, version, by_kind, by_id,"
                " by_name, via, subject_kind, subject_id, brand_id, cause, facts, commitment FROM journal_entry"
            )
            other.commit()
        assert seal() == 2
        assert queries.verify().sound

    def test_one_process_at_a_time_seals(self):
        record()
        with another_connection() as other:
            other.execute("SELECT pg_advisory_xact_lock(%s)", [tasks._SEALING])
            assert seal() == 0
            other.rollback()
        assert seal() == 1

    def test_a_long_absence_is_made_up_for_in_batches_that_part_no_transaction(self, monkeypatch):
        monkeypatch.setattr(tasks, "BATCH", 3)
        for _ in range(4):
            record()
        rows = [f"(gen_random_uuid(), '{AT}', 'test.done', 1, '', '', '', '', '', '', '{{}}')"] * 5
        run(
            "INSERT INTO journal_entry (id, at, kind, version, by_kind, by_id, by_name, via, subject_kind, subject_id, facts)"
            f" VALUES {', '.join(rows)}"
        )
        assert [seal(), seal(), seal()] == [3, 6, 0]
        assert queries.verify().entries == 9

    def test_the_runner_seals_until_it_is_told_to_stop(self, monkeypatch):
        shift = worker.Shift("test")
        monkeypatch.setattr(shift.stopping, "wait", lambda seconds: shift.stopping.set())
        record()
        tasks.sealer(shift)
        assert Seal.objects.count() == 1


class TestVerifying:
    def test_an_untouched_record_is_sound_and_says_how_far_it_is_sealed(self):
        seals = three_seals()
        record(at=AT + timedelta(minutes=1), text="personal")
        verified = queries.verify()
        assert verified.sound
        assert (verified.seals, verified.entries) == (3, 3)
        assert (verified.unsealed, verified.unsealed_since) == (1, AT + timedelta(minutes=1))
        assert verified.digest == bytes(seals[-1].digest)

    def test_an_empty_record_is_sound(self):
        assert queries.verify() == queries.Verified()

    @pytest.mark.parametrize(
        "change",
        [
            "by_name = 'Al'",
            "at = at + interval '1 microsecond'",
            """facts = '{"n": 1.0}'""",
            "via = 'sms'",
            "brand_id = 2",
            "commitment = '\\x00'",
            "cause = id",
            "subject_id = '2'",
            "id = gen_random_uuid()",
        ],
    )
    def test_a_changed_entry_is_found_whatever_was_changed(self, change):
        seals = three_seals()
        as_owner(f"UPDATE journal_entry SET {change} WHERE facts->>'n' = '1'")
        assert breaks() == [("changed", seals[1].id)]

    def test_a_removed_entry_is_found(self):
        seals = three_seals()
        as_owner("DELETE FROM journal_entry WHERE facts->>'n' = '1'")
        assert breaks() == [("removed", seals[1].id)]

    def test_an_entry_put_into_a_sealed_range_is_found(self):
        seals = three_seals()
        run(COPY.format("xid"))
        assert breaks() == [("inserted", seals[1].id)]

    def test_an_entry_put_into_a_month_without_seals_is_found(self):
        three_seals()
        run(
            COPY.format("xid").replace(
                "at, kind, version, by_kind, by_id, by_name",
                "at + interval '40 days', kind, version, by_kind, by_id, by_name",
                1,
            )
        )
        assert breaks() == [("inserted", None)]

    def test_two_entries_that_changed_places_are_found(self):
        seals = three_seals()
        as_owner(
            "UPDATE journal_entry e SET facts = o.facts FROM journal_entry o"
            " WHERE e.facts->>'n' IN ('0', '2') AND o.facts->>'n' IN ('0', '2') AND o.id <> e.id"
        )
        assert breaks() == [("changed", seals[0].id), ("changed", seals[2].id)]

    def test_a_seal_cut_out_is_found(self):
        seals = three_seals()
        as_owner("DELETE FROM journal_seal WHERE id = %s", seals[1].id)
        assert breaks()[0] == ("seal-missing", seals[2].id)

    def test_a_first_seal_cut_off_is_found(self):
        seals = three_seals()
        as_owner("DELETE FROM journal_seal WHERE id = %s", seals[0].id)
        assert breaks()[0] == ("seal-missing", seals[1].id)

    @pytest.mark.parametrize("change", ["count = 2", "sealed_at = now()", "root = '\\x00'", "to_xid = to_xid + 1"])
    def test_a_changed_seal_is_found(self, change):
        seals = three_seals()
        as_owner(f"UPDATE journal_seal SET {change} WHERE id = %s", seals[1].id)
        assert ("seal-changed", seals[1].id) in breaks()

    def test_seals_cut_off_at_the_end_are_found_by_a_digest_that_was_kept_elsewhere(self):
        kept = bytes(three_seals()[2].digest)
        assert breaks(kept=kept) == []
        as_owner("DELETE FROM journal_seal WHERE id = (SELECT max(id) FROM journal_seal)")
        assert breaks() == []  # what the docs say that verifying cannot see by itself
        assert breaks(kept=kept) == [("seal-missing", None)]

    def test_a_record_made_anew_is_found_by_a_digest_that_was_kept_elsewhere(self):
        kept = bytes(three_seals()[2].digest)
        empty_tables()
        three_seals()
        assert breaks() == []
        assert breaks(kept=kept) == [("seal-missing", None)]

    def test_erasing_personal_text_leaves_the_seals_true(self):
        entry_id = record(text="Ann is ill")
        seal()
        actions.erase_text(entry_id=entry_id, by=BO, via=Door.WEB, at=AT)
        seal()
        assert queries.verify().sound

    def test_months_before_the_one_asked_for_are_not_read_again(self):
        three_seals()
        as_owner("UPDATE journal_entry SET by_name = 'Al'")
        record(at=DECEMBER)
        seal()
        assert queries.verify(date(2026, 12, 24)).entries == 1
        assert breaks(since=date(2026, 12, 24)) == []
        assert breaks(since=date(2026, 11, 30)) != []


class TestDroppingAMonth:
    def drop(self, *, month=date(2026, 11, 1), at=DECEMBER):
        actions.drop_month(month=month, by=BO, via=Door.CLI, at=at)

    def test_its_entries_and_their_words_go_and_the_seals_stay_true(self):
        entry_id = record(text="Ann is ill")
        three_seals()
        self.drop()
        seal()
        verified = queries.verify()
        assert verified.sound
        assert verified.dropped == (date(2026, 11, 1),)
        assert not Entry.objects.filter(id=entry_id).exists()
        assert run("SELECT count(*) FROM journal_personaltext") == [(0,)]
        assert [line.sentence for line in queries.search().lines] == ["Bo dropped the entries of 2026-11"]

    def test_a_month_that_went_without_a_word_is_a_breach(self):
        three_seals()
        run("DROP TABLE journal_entry_2026_11")
        assert breaks()[0][0] == "month-gone"

    def test_the_month_has_to_be_over_and_sealed_and_to_have_a_table_of_its_own(self):
        record()
        with pytest.raises(IllegalTransition, match="not sealed"):
            self.drop()
        seal()
        with pytest.raises(IllegalTransition, match="over"):
            self.drop(at=DECEMBER - timedelta(microseconds=1))
        with pytest.raises(IllegalTransition, match="no table"):
            self.drop(month=date(2020, 1, 1))
        assert Entry.objects.count() == 1


class TestRestoringElsewhere:
    @pytest.fixture
    def restored(self):
        """A database whose record knows transactions far beyond those of its server."""
        three_seals()
        run(
            "CREATE OR REPLACE FUNCTION journal_xid_offset() RETURNS bigint LANGUAGE sql STABLE AS 'SELECT 5000000::bigint'"
        )
        record(facts={"sealed": "before the dump"})
        seal()
        record(facts={"sealed": "not before the dump"})
        run("CREATE OR REPLACE FUNCTION journal_xid_offset() RETURNS bigint LANGUAGE sql STABLE AS 'SELECT 0::bigint'")
        yield
        run("CREATE OR REPLACE FUNCTION journal_xid_offset() RETURNS bigint LANGUAGE sql STABLE AS 'SELECT 0::bigint'")

    def test_sealing_goes_on_above_what_is_known(self, restored):
        assert keep_xids_rising()
        record(facts={"written": "here"})
        assert seal() == 2
        verified = queries.verify()
        assert verified.sound
        assert (verified.entries, verified.unsealed) == (6, 0)

    def test_the_sealer_notices_by_itself(self, restored):
        assert seal() == 0
        assert seal() == 1
        assert queries.verify().sound

    def test_in_the_same_server_nothing_is_moved(self):
        three_seals()
        record()
        assert not keep_xids_rising()
        assert run("SELECT journal_xid_offset()") == [(0,)]


COPY = (
    "INSERT INTO journal_entry SELECT gen_random_uuid(), at, kind, version, by_kind, by_id, by_name, via, subject_kind,"
    " subject_id, brand_id, cause, facts, commitment, {} FROM journal_entry WHERE facts->>'n' = '1'"
)
