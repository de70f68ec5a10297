"""Who may do a due row, and what happens to it when they die."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from nightdesk.base import leases
from nightdesk.base.ids import uuid7
from nightdesk.base.models import Promise, Worker
from nightdesk.base.tests.other_hands import another_connection

AT = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
ANN, BEN = UUID(int=0xA), UUID(int=0xB)


def row(*, due_at=AT, lane="plain", **fields):
    return Promise.objects.create(
        id=uuid7(AT),
        kind="test.some",
        lane=lane,
        subject_kind="test",
        subject_id="1",
        due_at=due_at,
        created_at=AT,
        **fields,
    )


def claim(worker=ANN, *, lane="plain", limit=10, at=AT):
    return [claimed.id for claimed in leases.claim(Promise, lane, limit, at=at, worker=worker)]


def works(worker, *, beat_at=AT):
    Worker.objects.create(id=worker, name="test", started_at=AT, beat_at=beat_at)


@pytest.mark.django_db
class TestClaiming:
    def test_a_claimed_row_comes_back_as_it_is_now(self):
        row(facts={"a": [1]})
        (claimed,) = leases.claim(Promise, "plain", 10, at=AT, worker=ANN)
        assert (claimed.leased_by, claimed.leased_at, claimed.attempt, claimed.facts) == (ANN, AT, 1, {"a": [1]})
        assert Promise.objects.get().leased_by == ANN

    def test_a_row_is_due_at_its_instant_and_not_before(self):
        there = row()
        assert claim(at=AT - timedelta(microseconds=1)) == []
        assert claim(at=AT) == [there.id]

    def test_the_longest_overdue_come_first_and_no_more_than_asked_for(self):
        late, later, latest = (row(due_at=AT - minutes * SECOND * 60).id for minutes in (1, 2, 3))
        assert claim(limit=2) == [latest, later]
        assert claim(limit=2) == [late]

    def test_rows_of_one_instant_come_in_the_order_they_were_written(self):
        written = [row().id for _ in range(50)]
        assert claim(limit=50) == written

    def test_what_is_leased_ended_or_in_another_lane_is_left_alone(self):
        row(leased_by=BEN, leased_at=AT)
        row(ended_at=AT, ended_as="kept")
        row(lane="page")
        assert claim() == []

    def test_the_same_row_is_claimed_once(self):
        row()
        assert len(claim(ANN)) == 1
        assert claim(BEN) == []


@pytest.mark.django_db(transaction=True)
def test_a_row_that_somebody_else_is_claiming_is_skipped_and_not_waited_for():
    theirs, ours = row(due_at=AT - SECOND), row()
    with another_connection() as other:
        other.execute("SELECT 1 FROM base_promise WHERE id = %s FOR UPDATE", [theirs.id])
        assert claim() == [ours.id]


@pytest.mark.django_db
class TestWaiting:
    def test_the_next_row_that_can_be_claimed_says_how_long(self):
        row(due_at=AT + 3 * SECOND)
        row(due_at=AT + 5 * SECOND)
        row(due_at=AT + SECOND, lane="page")
        row(due_at=AT + SECOND, leased_by=BEN)
        row(due_at=AT + SECOND, ended_at=AT, ended_as="kept")
        assert leases.due_in(Promise, "plain", at=AT) == 3 * SECOND
        assert leases.due_in(Promise, "plain", at=AT + 4 * SECOND) == timedelta(0)
        assert leases.due_in(Promise, "follow", at=AT) == timedelta(days=1)


@pytest.mark.django_db
class TestDying:
    def test_a_silent_workers_leases_are_free_after_six_seconds_and_not_before(self):
        works(ANN, beat_at=AT)
        works(BEN, beat_at=AT + timedelta(days=1))
        there = row()
        claim(ANN)
        assert leases.release_dead([Promise], at=AT + leases.DEAD_AFTER) == 0
        assert claim(BEN, at=AT + leases.DEAD_AFTER) == []
        assert leases.release_dead([Promise], at=AT + leases.DEAD_AFTER + timedelta(microseconds=1)) == 1
        assert claim(BEN, at=AT + 7 * SECOND) == [there.id]
        assert leases.DEAD_AFTER == 6 * SECOND
        assert leases.BEAT_EVERY * 2 < leases.DEAD_AFTER

    def test_a_living_workers_leases_are_left_alone_however_old_they_are(self):
        works(ANN)
        row()
        claim(ANN)
        leases.beat(ANN, at=AT + timedelta(hours=1))
        assert leases.release_dead([Promise], at=AT + timedelta(hours=1)) == 0
        assert Promise.objects.get().leased_by == ANN

    def test_a_worker_that_was_struck_off_is_told_so_at_its_next_beat(self):
        works(ANN)
        assert leases.beat(ANN, at=AT + 5 * SECOND)
        leases.release_dead([Promise], at=AT + timedelta(minutes=1))
        assert not leases.beat(ANN, at=AT + timedelta(minutes=1))

    def test_what_a_worker_claimed_after_it_was_struck_off_comes_free_too(self):
        works(BEN, beat_at=AT + timedelta(minutes=1))
        row()
        claim(ANN)
        assert leases.release_dead([Promise], at=AT + timedelta(minutes=1)) == 1

    def test_ended_rows_keep_their_end_when_the_dead_are_swept(self):
        row(ended_at=AT, ended_as="kept")
        leases.release_dead([Promise], at=AT + timedelta(minutes=1))
        assert Promise.objects.get().ended_as == "kept"

    def test_whoever_leaves_frees_its_own_leases_at_once_and_nobody_elses(self):
        works(ANN)
        works(BEN, beat_at=AT - timedelta(hours=1))
        mine, theirs = row(), row()
        claim(ANN, limit=1)
        claim(BEN, limit=1)
        leases.leave([Promise], worker=ANN)
        assert Promise.objects.get(id=mine.id).leased_by is None
        assert Promise.objects.get(id=theirs.id).leased_by == BEN
        assert list(Worker.objects.values_list("id", flat=True)) == [BEN]

    def test_a_thread_gives_back_the_leases_of_its_lane(self):
        mine, other_lane = row(), row(lane="page")
        claim(ANN)
        claim(ANN, lane="page")
        assert leases.give_back(Promise, worker=ANN, lane="plain") == 1
        assert Promise.objects.get(id=mine.id).leased_by is None
        assert Promise.objects.get(id=other_lane.id).leased_by == ANN


@pytest.mark.django_db(transaction=True)
def test_one_at_a_time_strikes_off_the_dead():
    row(leased_by=ANN, leased_at=AT)
    with another_connection() as other:
        other.execute("SELECT pg_advisory_xact_lock(%s)", [leases._SWEEPING])
        assert leases.release_dead([Promise], at=AT + timedelta(minutes=1)) == 0
        other.rollback()
        assert leases.release_dead([Promise], at=AT + timedelta(minutes=1)) == 1
